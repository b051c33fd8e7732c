package content

import (
	"bytes"

	"anteroom/xmpp"
)

// What an XMPP client says beside a reaction or a retraction, above all the words for clients that know neither (XEP-0428), has no place in the part
// that is one. It rides along in an extension of the message, which others ignore: docs/decisions/164-beside-reactions.md.

// MaxBeside bounds it, in bytes of XML. More is left out.
const MaxBeside = 4000

// keyBeside is the extension's key.
var keyBeside = func() []byte {
	var w writer
	w.text(TypeXMPP)
	return w.b
}()

// isBeside says whether a payload may stand beside a reaction or a retraction. Files are parts, which policies judge; a thread has its own field.
func isBeside(e *xmpp.Element) bool {
	switch e.Name.Space {
	case nsReactions, nsRetract, nsMarkers, nsReceipts, nsReply, nsCorrect, nsOOB, nsFiles, nsReference:
		return false
	}
	return !private(e) && !e.Is(xmpp.NSClient, "subject") && !e.Is(xmpp.NSClient, "thread")
}

// besides is a message element with those payloads alone; nil: there are none.
func besides(lang string, payload func(func(*xmpp.Element) bool)) *xmpp.Element {
	out := xmpp.NewElement(xmpp.NSClient, "message")
	if lang != "" {
		out.WithLang(lang)
	}
	for e := range payload {
		if isBeside(e) {
			out.With(e)
		}
	}
	if out.FirstElement() == nil {
		return nil
	}
	return out
}

// keepBeside lets what s says beside a reaction or a retraction ride along.
func (m *Message) keepBeside(s *xmpp.Stanza) {
	e := besides(s.Lang, func(yield func(*xmpp.Element) bool) {
		for _, e := range s.Payload {
			if !yield(e) {
				return
			}
		}
	})
	if e == nil {
		return
	}
	if xml := e.AppendXML(nil, ""); len(xml) <= MaxBeside {
		var w writer
		w.bytes(xml)
		m.Extensions = append(m.Extensions, Extension{keyBeside, w.b})
	}
}

// beside is what rides along; nil: nothing that parses.
func (m *Message) beside() *xmpp.Element {
	for _, x := range m.Extensions {
		if !bytes.Equal(x.Key, keyBeside) {
			continue
		}
		var r reader
		xml := r.bytes(x.Value, "beside", MaxBeside)
		if e, err := xmpp.ParseElement(xml); r.err == nil && err == nil && e.Is(xmpp.NSClient, "message") {
			return besides(e.Lang(), e.Elements())
		}
	}
	return nil
}

// withBeside puts what rode along beside a reaction or a retraction as it is shown, in the place of the words that we have for it.
func (m *Message) withBeside(shown Rendered) Rendered {
	e := m.beside()
	for _, first := range shown.Payload {
		if e != nil && (first.Is(nsReactions, "reactions") || first.Is(nsRetract, "retract")) {
			shown = Rendered{Lang: e.Lang(), Payload: []*xmpp.Element{first}}
			for other := range e.Elements() {
				shown.Payload = append(shown.Payload, other)
			}
			return shown
		}
	}
	return shown
}
