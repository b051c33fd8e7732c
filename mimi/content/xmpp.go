package content

import (
	"strconv"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Namespaces of what messages carry.
const (
	nsCorrect   = "urn:xmpp:message-correct:0" // XEP-0308
	nsReply     = "urn:xmpp:reply:0"           // XEP-0461
	nsReactions = "urn:xmpp:reactions:0"       // XEP-0444
	nsRetract   = "urn:xmpp:message-retract:1" // XEP-0424
	nsFallback  = "urn:xmpp:fallback:0"        // XEP-0428
	nsOOB       = "jabber:x:oob"               // XEP-0066
	nsAddresses = "http://jabber.org/protocol/address"
	nsHints     = "urn:xmpp:hints"
	nsCarbons   = "urn:xmpp:carbons:2"
	nsModerate  = "urn:xmpp:message-moderate:1" // XEP-0425

	nsChatStates = "http://jabber.org/protocol/chatstates" // XEP-0085
)

// References translates what XMPP messages call each other into message ids. A nil function knows nothing.
type References struct {
	// ByStanzaID finds the message to which the room gave a stanza-id: what replies, reactions and retractions name.
	ByStanzaID func(id string) (MessageID, bool)
	// ByOwnID finds the sender's earlier message by the id attribute that it chose: what corrections name.
	ByOwnID func(id string) (MessageID, bool)
	// OwnReaction finds the sender's present reaction to a message, which a new one replaces.
	OwnReaction func(target MessageID) (MessageID, bool)
	// User is the user behind an address, a nick's or its own, as the group lists it: what mentions name.
	User func(xmpp.JID) (mimi.URI, bool)
}

func find[K any](f func(K) (MessageID, bool), key K) (MessageID, bool) {
	if f == nil {
		return MessageID{}, false
	}
	return f(key)
}

// FromXMPP returns the content of a groupchat message that sender sends to room; salt is random. What a reference names and
// nobody knows becomes readable text instead.
func FromXMPP(s *xmpp.Stanza, salt [SaltSize]byte, sender, room mimi.URI, refs References) *Message {
	m := &Message{Salt: salt, Sender: sender.String(), Room: room.String()}
	if topic := topicOf(s.Child(xmpp.NSClient, "thread").Text()); len(topic) <= MaxTopic {
		m.Topic = topic
	}
	if fromMarker(m, s, refs) {
		return m
	}
	if r := s.Child(nsReactions, "reactions"); r != nil {
		if fromReactions(m, r, refs) {
			m.keepBeside(s)
		} else {
			m.Body = readable(s, "Reaction: "+strings.Join(reactions(r), " "))
		}
		return m
	}
	if r := s.Child(nsRetract, "retract"); r != nil {
		if id, ok := find(refs.ByStanzaID, r.Attr("id")); ok {
			m.Replaces = id
			m.Body = Part{Disposition: Render}
			m.keepBeside(s)
		} else {
			m.Body = readable(s, "(retracted an earlier message)")
		}
		return m
	}
	stripped := ""
	if r := s.Child(nsReply, "reply"); r != nil {
		if id, ok := find(refs.ByStanzaID, r.Attr("id")); ok {
			m.InReplyTo = id
			stripped = nsReply
		}
	}
	if r := s.Child(nsCorrect, "replace"); r != nil {
		if id, ok := find(refs.ByOwnID, r.Attr("id")); ok {
			m.Replaces = id
		}
	}
	m.Body = textBody(s, stripped, refs)
	return m
}

// textBody is the bodies and files, and the whole payload beside them where that says more than one body of plain text.
func textBody(s *xmpp.Stanza, stripped string, refs References) Part {
	var parts []Part
	attached := files(s)
	more := !onlyBody(s)
	unstyled := s.Child(nsStyling, "unstyled") != nil
	for _, body := range s.Payload {
		if body.Is(xmpp.NSClient, "body") {
			lang := body.Lang()
			if lang == "" {
				lang = s.Lang
			}
			text := withoutFallback(s, body.Text(), stripped)
			if len(attached) > 0 && (strings.TrimSpace(withoutFallback(s, text, nsFiles)) == "" || isAddress(text, attached)) {
				continue // says where the file is, which the file itself does
			}
			p := Part{Disposition: Render, Language: language(lang), Cardinality: Single, ContentType: TypePlain, Content: []byte(text)}
			var links []link
			if text == body.Text() {
				links = mentions(s, text, refs)
			}
			if md, styled := toMarkdown(text, links); styled && !unstyled && len(md) <= MaxCarried {
				p.ContentType, p.Content, more = TypeMarkdown, []byte(md), true
			}
			parts = append(parts, p)
			if len(parts) == MaxBodies {
				break
			}
		}
	}
	if len(attached) > 0 {
		if len(parts) > 0 {
			attached = append(parts[:1:1], attached...)
		}
		parts = []Part{group(Render, ProcessAll, attached)}
	}
	if len(parts) == 0 {
		parts = append(parts, Part{}) // nothing to show: a receiver that does not know the other part picks this one
	}
	if more {
		xml := Carried(s, refs).AppendXML(nil, "")
		if len(xml) <= MaxCarried {
			parts = append(parts, Part{Disposition: parts[0].Disposition, Cardinality: Single, ContentType: TypeXMPP, Content: xml})
		}
	}
	return group(parts[0].Disposition, ChooseOne, parts)
}

// group is parts as one.
func group(d Disposition, s Semantics, parts []Part) Part {
	if len(parts) == 1 {
		return parts[0]
	}
	return Part{Disposition: d, Cardinality: Multi, Semantics: s, Parts: parts}
}

// isAddress says that a text is nothing but the address of a file.
func isAddress(text string, files []Part) bool {
	for i := range files {
		if strings.TrimSpace(text) == files[i].External.URL {
			return true
		}
	}
	return false
}

const (
	// MaxBodies is how many bodies of one message, in different languages, become parts.
	MaxBodies = 64
	// MaxCarried bounds the XML that rides along, in bytes; a longer payload is left out.
	MaxCarried = 256 << 10
	// MaxReactions is how many reactions of one user to one message travel, MaxReaction how long one from MIMI may be, in bytes.
	MaxReactions = 64
	MaxReaction  = 128
)

// onlyBody says whether one body with text, and a thread, which has its own field, are all that the message says.
func onlyBody(s *xmpp.Stanza) bool {
	bodies, threads := 0, 0
	for _, e := range s.Payload {
		switch {
		case e.Is(xmpp.NSClient, "body") && e.Text() != "" && language(e.Lang()) == e.Lang():
			bodies++
		case e.Is(xmpp.NSClient, "thread") && e.Attr("parent") == "" && isTopic(e.Text()):
			threads++
		case private(e):
		default:
			return false
		}
	}
	return bodies == 1 && threads <= 1 && language(s.Lang) == s.Lang
}

// private says whether a payload belongs to one hop or one address and does not travel.
func private(e *xmpp.Element) bool {
	switch e.Name.Space {
	case muc.NSStanzaID, muc.NSDelay, muc.NSOccupantID, muc.NS, muc.NSUser, nsAddresses, nsHints, nsCarbons, muc.NSMAM, muc.NSForward, nsModerate, nsChatStates:
		return true
	}
	return e.Is(xmpp.NSClient, "error") || e.Is(nsReceipts, "request")
}

// Transient says that nothing in a message lasts: chat states (XEP-0085), which MIMI has no word for, markers and receipts of messages that nobody
// knows any more, and what belongs to one hop. It stays with the occupants that the sender's own room has.
func Transient(s *xmpp.Stanza, refs References) bool {
	passing := false
	for _, e := range s.Payload {
		if _, marks := marker(e); marks {
			if _, known := find(refs.ByStanzaID, e.Attr("id")); known {
				return false
			}
			passing = true
			continue
		}
		if !private(e) && !e.Is(xmpp.NSClient, "thread") {
			return false
		}
		passing = passing || e.Name.Space == nsChatStates
	}
	return passing
}

// Carried returns the message element that rides along: the payloads without addresses, resource and ids. Mentions name users by URI.
func Carried(s *xmpp.Stanza, refs References) *xmpp.Element {
	out := xmpp.NewElement(xmpp.NSClient, "message")
	if s.Lang != "" {
		out.WithLang(s.Lang)
	}
	for _, e := range s.Payload {
		if private(e) || e.Is(xmpp.NSClient, "subject") {
			continue // a subject is room metadata
		}
		if e.Is(nsReply, "reply") && e.Attr("to") != "" {
			e = e.Clone()
			e.RemoveAttr("to")
		}
		if isMention(e) {
			uri, ok := refs.user(e.Attr("uri"))
			if !ok {
				continue
			}
			e = e.Clone()
			e.SetAttr("uri", uri)
		}
		out.With(e)
	}
	return out
}

// readable is plain text for what could not be expressed: the message's own body, else the text given.
func readable(s *xmpp.Stanza, text string) Part {
	if body, ok := s.Body(); ok && body != "" {
		text = body
	}
	return Part{Disposition: Render, Language: language(s.Lang), Cardinality: Single, ContentType: TypePlain, Content: []byte(text)}
}

func reactions(r *xmpp.Element) []string {
	var list []string
	for _, e := range r.ChildrenNamed(nsReactions, "reaction") {
		if text := strings.TrimSpace(e.Text()); text != "" && len(list) < MaxReactions {
			list = append(list, text)
		}
	}
	return list
}

// fromReactions says whether the reactions could be expressed: their target is known, and if there are none left, so is the
// reaction that goes.
func fromReactions(m *Message, r *xmpp.Element, refs References) bool {
	target, ok := find(refs.ByStanzaID, r.Attr("id"))
	if !ok {
		return false
	}
	previous, had := find(refs.OwnReaction, target)
	var parts []Part
	for _, text := range reactions(r) {
		parts = append(parts, Part{Disposition: Reaction, Cardinality: Single, ContentType: TypePlain, Content: []byte(text)})
	}
	if len(parts) == 0 && !had {
		return false
	}
	m.InReplyTo, m.Replaces = target, previous
	switch len(parts) {
	case 0:
		m.Body = Part{Disposition: Reaction}
	case 1:
		m.Body = parts[0]
	default:
		m.Body = Part{Disposition: Reaction, Cardinality: Multi, Semantics: ProcessAll, Parts: parts}
	}
	return true
}

// withoutFallback cuts out of a body what a fallback indication marks as meant for clients that do not know a feature
// (XEP-0428 §2.2): ranges in characters, or all of it.
func withoutFallback(s *xmpp.Stanza, text, feature string) string {
	if feature == "" {
		return text
	}
	for _, e := range s.Payload {
		if !e.Is(nsFallback, "fallback") || e.Attr("for") != feature {
			continue
		}
		ranges := e.ChildrenNamed(nsFallback, "body")
		if len(ranges) != 1 {
			continue
		}
		characters := []rune(text)
		from, to := 0, len(characters)
		if ranges[0].Attr("start") != "" || ranges[0].Attr("end") != "" {
			var errFrom, errTo error
			from, errFrom = strconv.Atoi(ranges[0].Attr("start"))
			to, errTo = strconv.Atoi(ranges[0].Attr("end"))
			if errFrom != nil || errTo != nil || from < 0 || from > to || to > len(characters) {
				continue
			}
		}
		return string(characters[:from]) + string(characters[to:])
	}
	return text
}
