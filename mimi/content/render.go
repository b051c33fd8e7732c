package content

import (
	"strings"
	"unicode/utf8"

	"anteroom/xmpp"
)

// Names translates message ids into what this room calls the messages in XMPP. A nil function knows nothing.
type Names struct {
	// StanzaID is the room's stanza-id of a message.
	StanzaID func(MessageID) (string, bool)
	// OwnID is the id attribute under which a message was sent here, which a correction names.
	OwnID func(MessageID) (string, bool)
	// User is the XMPP address of a user's URI, as a mention has it.
	User func(uri string) (xmpp.JID, bool)
	// Reactions is all with which the sender of a reaction reacts to the same message, by this reaction and others. Nil: there are no others.
	Reactions func() []string
	// Quoted is a message that a reply answers.
	Quoted func(MessageID) (Quoted, bool)
}

func (n Names) quoted(id MessageID) (Quoted, bool) {
	if n.Quoted == nil || id.IsZero() {
		return Quoted{}, false
	}
	return n.Quoted(id)
}

// user is the xmpp: URI of a user that a mention names.
func (n Names) user(uri string) (string, bool) {
	if n.User == nil {
		return "", false
	}
	j, ok := n.User(uri)
	return j.URI(), ok
}

func name(f func(MessageID) (string, bool), id MessageID) (string, bool) {
	if f == nil || id.IsZero() {
		return "", false
	}
	return f(id)
}

// Rendered is a message as the payload of a groupchat message.
type Rendered struct {
	Lang    string
	Payload []*xmpp.Element
}

// ToXMPP returns what a message says to XMPP clients: the payload that rides along if there is one, with its references
// translated, else the nearest thing to the content. It returns no illegal characters, and no payload only for a report that XMPP
// clients are not told of.
func (m *Message) ToXMPP(names Names) Rendered {
	if report := m.renderReport(names); report != nil {
		return Rendered{Payload: report}
	}
	var out Rendered
	if carried, ok := m.carried(); ok {
		out = Rendered{Lang: carried.Lang(), Payload: m.translate(carried, names)}
	} else {
		out = m.withBeside(m.render(names))
	}
	if len(m.Topic) > 0 && !has(out.Payload, xmpp.NSClient, "thread") {
		out.Payload = append(out.Payload, xmpp.TextElement(xmpp.NSClient, "thread", threadOf(m.Topic)))
	}
	if len(out.Payload) == 0 {
		out.Payload = bodies("(an empty message)")
	}
	return out
}

func has(payload []*xmpp.Element, space, local string) bool {
	for _, e := range payload {
		if e.Is(space, local) {
			return true
		}
	}
	return false
}

func bodies(text string) []*xmpp.Element {
	return []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", legal(text))}
}

// legal replaces what XML cannot carry.
func legal(text string) string {
	if xmpp.LegalText(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if !xmpp.LegalText(string(r)) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// carried returns the message element that rides along in a chooseOne, if there is one that parses.
func (m *Message) carried() (*xmpp.Element, bool) {
	if m.Body.Cardinality != Multi || m.Body.Semantics != ChooseOne {
		return nil, false
	}
	for i := range m.Body.Parts {
		p := &m.Body.Parts[i]
		if p.Cardinality != Single || p.ContentType != TypeXMPP || len(p.Content) > MaxCarried {
			continue
		}
		e, err := xmpp.ParseElement(p.Content)
		if err == nil && e.Is(xmpp.NSClient, "message") {
			return e, true
		}
	}
	return nil, false
}

// translate takes the payloads of a carried message. References are put into this room's words from the message's own
// fields, which every receiver can check; one that cannot be translated is left out, and so is everything private.
func (m *Message) translate(carried *xmpp.Element, names Names) []*xmpp.Element {
	var payload []*xmpp.Element
	for e := range carried.Elements() {
		if private(e) || e.Is(xmpp.NSClient, "subject") {
			continue
		}
		var id string
		known := true
		switch {
		case e.Is(nsReply, "reply"):
			id, known = name(names.StanzaID, m.InReplyTo)
		case e.Is(nsCorrect, "replace"):
			id, known = name(names.OwnID, m.Replaces)
		case isMention(e):
			if uri, ok := names.user(e.Attr("uri")); ok {
				e = e.Clone()
				e.SetAttr("uri", uri)
				payload = append(payload, e)
			}
			continue
		case e.Is(nsReactions, "reactions"), e.Is(nsRetract, "retract"), e.Is(nsMarkers, "displayed"), e.Is(nsReceipts, "received"):
			known = false // those that can be expressed have no carried payload
		default:
			payload = append(payload, e)
			continue
		}
		if known {
			e = e.Clone()
			e.RemoveAttr("to")
			e.SetAttr("id", id)
			if q, ok := names.quoted(m.InReplyTo); ok && e.Is(nsReply, "reply") {
				e.SetAttr("to", q.Author.String())
			}
			payload = append(payload, e)
		}
	}
	return payload
}

// render builds payloads from the content alone.
func (m *Message) render(names Names) Rendered {
	if m.Body.Disposition == Reaction {
		return Rendered{Payload: m.renderReactions(names)}
	}
	if m.Body.Cardinality == Null {
		return Rendered{Payload: m.renderRetraction(names)}
	}
	x := m.flat(names)
	out := Rendered{Lang: x.lang, Payload: x.payload}
	out.Payload = m.reply(out.Payload, names)
	if id, ok := name(names.OwnID, m.Replaces); ok {
		out.Payload = append(out.Payload, xmpp.NewElement(nsCorrect, "replace").WithAttr("id", id))
	}
	return out
}

// Reactions are the texts of a reaction, none of one that takes an earlier one back: each by itself, or as parts of one message (draft-ietf-mimi-content
// §5.2). Longer ones than MaxReaction are no reactions, and not in words that others know; they are left out.
func (m *Message) Reactions() (reactions []string) {
	collect := func(p *Part) {
		if p.Cardinality == Single && isText(p.ContentType) {
			if text := strings.TrimSpace(string(p.Content)); text != "" && len(text) <= MaxReaction && len(reactions) < MaxReactions {
				reactions = append(reactions, legal(text))
			}
		}
	}
	collect(&m.Body)
	for i := range m.Body.Parts {
		collect(&m.Body.Parts[i])
	}
	return reactions
}

// renderReactions: the whole set of a sender's reactions to a message, none to withdraw them (XEP-0444 §3).
func (m *Message) renderReactions(names Names) []*xmpp.Element {
	reactions := m.Reactions()
	id, ok := name(names.StanzaID, m.InReplyTo)
	if !ok {
		if len(reactions) == 0 {
			return bodies("(withdrew a reaction to a message that is not known here)")
		}
		return bodies("Reaction: " + strings.Join(reactions, " "))
	}
	if names.Reactions != nil {
		reactions = names.Reactions()
	}
	e := xmpp.NewElement(nsReactions, "reactions").WithAttr("id", id)
	for _, reaction := range reactions {
		e.With(xmpp.TextElement(nsReactions, "reaction", reaction))
	}
	return []*xmpp.Element{e}
}

// renderRetraction: a message with nothing in it deletes the one that it replaces (XEP-0424 §3).
func (m *Message) renderRetraction(names Names) []*xmpp.Element {
	const text = "(retracted an earlier message)"
	if m.Replaces.IsZero() {
		return nil
	}
	id, ok := name(names.StanzaID, m.Replaces)
	if !ok {
		return bodies(text)
	}
	return append(bodies(text),
		xmpp.NewElement(nsRetract, "retract").WithAttr("id", id),
		xmpp.NewElement(nsFallback, "fallback").WithAttr("for", nsRetract))
}
