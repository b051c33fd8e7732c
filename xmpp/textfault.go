package xmpp

import (
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

// TextFault says why a title, such as the name or the subject of a room, would deceive its readers: "" when it does not. What turns
// the direction of writing must end where the title ends, since what a client writes behind it would be turned, too; what overrides
// it, as no language needs, is refused (UAX 9 §2).
func TextFault(text string) string {
	seen := text == ""
	var open []bidi.Class // embeddings and isolates
	for _, r := range text {
		seen = seen || !unicode.IsSpace(r) && !invisible(r)
		p, _ := bidi.LookupRune(r)
		switch c := p.Class(); c {
		case bidi.LRO, bidi.RLO:
			return "it overrides the direction of writing"
		case bidi.LRE, bidi.RLE, bidi.LRI, bidi.RLI, bidi.FSI:
			open = append(open, c)
		case bidi.PDF, bidi.PDI:
			n := len(open)
			if n == 0 || (c == bidi.PDF) != (open[n-1] == bidi.LRE || open[n-1] == bidi.RLE) {
				return "it turns the direction of writing in a way that does not fit together"
			}
			open = open[:n-1]
		}
	}
	switch {
	case !seen:
		return "nothing of it is visible"
	case len(open) > 0:
		return "it turns the direction of what follows it"
	}
	return ""
}
