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
// translated, else the nearest thing to the content. It never returns an empty payload and no illegal characters.
func (m *Message) ToXMPP(names Names) Rendered {
	var out Rendered
	if carried, ok := m.carried(); ok {
		out = Rendered{Lang: carried.Lang(), Payload: m.translate(carried, names)}
	} else {
		out = m.render(names)
	}
	if len(m.Topic) > 0 && !has(out.Payload, xmpp.NSClient, "thread") && utf8.Valid(m.Topic) && xmpp.LegalText(string(m.Topic)) {
		out.Payload = append(out.Payload, xmpp.TextElement(xmpp.NSClient, "thread", string(m.Topic)))
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
		case e.Is(nsReactions, "reactions"), e.Is(nsRetract, "retract"):
			known = false // those that can be expressed have no carried payload
		default:
			payload = append(payload, e)
			continue
		}
		if known {
			e = e.Clone()
			e.RemoveAttr("to")
			e.SetAttr("id", id)
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
	text, lang, urls := flatten(&m.Body)
	if text == "" {
		text = "(a message without text)"
	}
	out := Rendered{Lang: language(lang), Payload: bodies(text)}
	if id, ok := name(names.StanzaID, m.InReplyTo); ok {
		out.Payload = append(out.Payload, xmpp.NewElement(nsReply, "reply").WithAttr("id", id))
	}
	if id, ok := name(names.OwnID, m.Replaces); ok {
		out.Payload = append(out.Payload, xmpp.NewElement(nsCorrect, "replace").WithAttr("id", id))
	}
	for _, url := range urls {
		out.Payload = append(out.Payload, xmpp.NewElement(nsOOB, "x").With(xmpp.TextElement(nsOOB, "url", url)))
	}
	return out
}

// renderReactions: the whole set of a sender's reactions to a message, none to withdraw them (XEP-0444 §3).
func (m *Message) renderReactions(names Names) []*xmpp.Element {
	var reactions []string
	collect := func(p *Part) {
		if p.Cardinality == Single && isText(p.ContentType) {
			if text := strings.TrimSpace(string(p.Content)); text != "" && len(reactions) < MaxReactions {
				reactions = append(reactions, legal(text))
			}
		}
	}
	collect(&m.Body)
	for i := range m.Body.Parts {
		collect(&m.Body.Parts[i])
	}
	id, ok := name(names.StanzaID, m.InReplyTo)
	if !ok {
		if len(reactions) == 0 {
			return bodies("(withdrew a reaction to a message that is not known here)")
		}
		return bodies("Reaction: " + strings.Join(reactions, " "))
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

// isText says whether a media type is shown as text: plain or markdown, with any parameters.
func isText(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	switch strings.ToLower(strings.TrimSpace(base)) {
	case "text/plain", "text/markdown":
		return true
	}
	return false
}

// language returns a tag that can stand in xml:lang, or nothing.
func language(tag string) string {
	if len(tag) > 64 {
		return ""
	}
	for i := range len(tag) {
		c := tag[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return ""
		}
	}
	return tag
}

// flatten returns the text of a part, the language of the first text in it, and the URLs that a client may open as they are.
func flatten(p *Part) (text, lang string, urls []string) {
	switch p.Cardinality {
	case Single:
		if isText(p.ContentType) {
			return string(p.Content), p.Language, nil
		}
		return "(content of type " + p.ContentType + ", which cannot be shown here)", "", nil
	case External:
		return flattenExternal(p)
	case Multi:
		if p.Semantics == ChooseOne {
			return flatten(choose(p.Parts))
		}
		return flattenAll(p.Parts)
	}
	return "", "", nil
}

// choose picks the first text, else the first external part, else the first part.
func choose(parts []Part) *Part {
	if len(parts) == 0 {
		return &Part{}
	}
	for i := range parts {
		if parts[i].Cardinality == Single && isText(parts[i].ContentType) {
			return &parts[i]
		}
	}
	for i := range parts {
		if parts[i].Cardinality == External || parts[i].Cardinality == Multi {
			return &parts[i]
		}
	}
	return &parts[0]
}

func flattenAll(parts []Part) (text, lang string, urls []string) {
	var texts []string
	for i := range parts {
		t, l, u := flatten(&parts[i])
		if t != "" {
			texts = append(texts, t)
		}
		if lang == "" {
			lang = l
		}
		urls = append(urls, u...)
	}
	return strings.Join(texts, "\n"), lang, urls
}

// flattenExternal shows a URL that can be opened; encrypted content needs a key that no XMPP client would be given in the clear.
func flattenExternal(p *Part) (text, lang string, urls []string) {
	e := p.External
	label := e.Description
	if label == "" {
		label = e.Filename
	}
	if label == "" {
		label = p.ContentType
	}
	web := strings.HasPrefix(e.URL, "https://") || strings.HasPrefix(e.URL, "http://")
	if e.Encryption != 0 || !web || !xmpp.LegalText(e.URL) {
		return "(attachment that cannot be opened here: " + label + ")", p.Language, nil
	}
	if label == p.ContentType {
		return e.URL, p.Language, []string{e.URL}
	}
	return label + "\n" + e.URL, p.Language, []string{e.URL}
}
