package content

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"anteroom/xmpp"
)

// Replies of clients that do not speak XMPP come without a quotation. XMPP clients that do not know replies get one before the body, marked so that all
// others leave it out (XEP-0461 §3.1, XEP-0428 §2.2).

// What a quotation holds at most; the rest is left out.
const (
	MaxQuotedLines      = 5
	MaxQuotedCharacters = 300
)

// Quoted is a message that another one answers, as the room shows it.
type Quoted struct {
	Author  xmpp.JID     // occupant address
	Message *xmpp.Stanza // nil: no more is known than the author
}

// quotation is the text that stands for a message, ending in a line break; empty: there is nothing to quote.
func (q *Quoted) quotation() string {
	if q.Message == nil {
		return ""
	}
	body, _ := q.Message.Body()
	body = strings.TrimSpace(withoutFallback(q.Message, body, nsReply))
	if body == "" {
		return ""
	}
	cut := false
	if r := []rune(body); len(r) > MaxQuotedCharacters {
		body, cut = string(r[:MaxQuotedCharacters]), true
	}
	lines := strings.Split(body, "\n")
	if len(lines) > MaxQuotedLines {
		lines, cut = lines[:MaxQuotedLines], true
	}
	var b strings.Builder
	if nick := q.Author.Resource(); nick != "" {
		b.WriteString("> " + nick + " wrote:\n")
	}
	for i, line := range lines {
		if cut && i == len(lines)-1 {
			line += "…"
		}
		b.WriteString("> " + line + "\n")
	}
	return b.String()
}

// reply makes a payload one that answers a message.
func (m *Message) reply(payload []*xmpp.Element, names Names) []*xmpp.Element {
	id, ok := name(names.StanzaID, m.InReplyTo)
	if !ok {
		return payload
	}
	e := xmpp.NewElement(nsReply, "reply").WithAttr("id", id)
	q, known := names.quoted(m.InReplyTo)
	if known {
		e.WithAttr("to", q.Author.String())
	}
	payload = append(payload, e)
	quotation := ""
	if known {
		quotation = q.quotation()
	}
	bodies, at := 0, 0
	for i := range payload {
		if payload[i].Is(xmpp.NSClient, "body") {
			bodies, at = bodies+1, i
		}
	}
	if quotation == "" || bodies != 1 || has(payload, nsFallback, "fallback") {
		return payload
	}
	n := utf8.RuneCountInString(quotation)
	payload[at] = xmpp.TextElement(xmpp.NSClient, "body", quotation+payload[at].Text())
	for _, e := range payload {
		if isMention(e) {
			for _, end := range []string{"begin", "end"} {
				if was, err := strconv.Atoi(e.Attr(end)); err == nil {
					e.SetAttr(end, strconv.Itoa(was+n))
				}
			}
		}
	}
	return append(payload, xmpp.NewElement(nsFallback, "fallback").WithAttr("for", nsReply).With(
		xmpp.NewElement(nsFallback, "body").WithAttr("start", "0").WithAttr("end", strconv.Itoa(n))))
}
