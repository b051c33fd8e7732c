package content

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"anteroom/xmpp"
)

const (
	nsReference = "urn:xmpp:reference:0" // XEP-0372
	nsStyling   = "urn:xmpp:styling:0"   // XEP-0393
)

func isMention(e *xmpp.Element) bool {
	return e.Is(nsReference, "reference") && e.Attr("type") == "mention"
}

// mentions are the parts of a body that name users whom refs knows (XEP-0372 §3.2), as links to them.
func mentions(s *xmpp.Stanza, body string, refs References) (links []link) {
	if refs.User == nil {
		return nil
	}
	count := utf8.RuneCountInString(body)
	for _, e := range s.Payload {
		if !isMention(e) || len(links) == MaxMentions {
			continue
		}
		uri, ok := refs.user(e.Attr("uri"))
		from, errFrom := strconv.Atoi(e.Attr("begin"))
		to, errTo := strconv.Atoi(e.Attr("end"))
		if ok && errFrom == nil && errTo == nil && from >= 0 && from < to && to <= count {
			links = append(links, link{byteAt(body, from), byteAt(body, to), uri})
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Compare(a.from, b.from) })
	end := 0
	return slices.DeleteFunc(links, func(l link) bool {
		overlaps := l.from < end
		end = max(end, l.to)
		return overlaps
	})
}

// byteAt is the place of the n-th character.
func byteAt(s string, n int) int {
	at := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

// user is the URI of whom an xmpp: URI names.
func (r References) user(uri string) (string, bool) {
	if r.User == nil {
		return "", false
	}
	j, err := xmpp.ParseURI(uri)
	if err != nil {
		return "", false
	}
	u, ok := r.User(j)
	return u.String(), ok
}

// binaryTopic begins the threads that stand for topics which are no text.
const binaryTopic = "mimi-topic:"

// threadOf is a topic as a thread; topicOf undoes it.
func threadOf(topic []byte) string {
	if s := string(topic); utf8.Valid(topic) && xmpp.LegalText(s) && !strings.HasPrefix(s, binaryTopic) && strings.TrimSpace(s) == s {
		return s
	}
	return binaryTopic + base64.RawURLEncoding.EncodeToString(topic)
}

// isTopic says that a thread survives as a topic.
func isTopic(thread string) bool {
	topic := topicOf(thread)
	return len(topic) > 0 && len(topic) <= MaxTopic && threadOf(topic) == thread
}

func topicOf(thread string) []byte {
	if rest, ok := strings.CutPrefix(thread, binaryTopic); ok {
		if b, err := base64.RawURLEncoding.DecodeString(rest); err == nil {
			return b
		}
	}
	return []byte(thread)
}
