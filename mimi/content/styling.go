package content

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Message styling of XMPP (XEP-0393) as markdown (GFM-MIMI). Both directions work line by line, in time that grows with the length
// of the text; what one has and the other does not stays in the text as it was written.

const (
	// MaxQuotes is how many levels of quotation are understood; deeper ones are text.
	MaxQuotes = 8
	// MaxMentions is how many mentions of one message travel.
	MaxMentions = 64
)

// link is a part of a text that names something; from and to are bytes.
type link struct {
	from, to int
	uri      string
}

// ToMarkdown returns a body with message styling as markdown. styled is false when the body has no styling: then it says the same as
// plain text. links are made links of the markdown; they must be in order and not overlap.
func toMarkdown(body string, links []link) (markdown string, styled bool) {
	var lines []line
	at := 0
	for text := range strings.SplitSeq(body, "\n") {
		lines = append(lines, line{text, at})
		at += len(text) + 1
	}
	w := markdownWriter{links: links}
	w.blocks(lines, "", 0)
	return strings.TrimRight(w.b.String(), "\n"), w.styled
}

// line is a line, or what is left of one inside quotations; at is its place in the body.
type line struct {
	text string
	at   int
}

type markdownWriter struct {
	b      strings.Builder
	links  []link
	styled bool
}

// blocks writes what XEP-0393 §5.1 calls blocks, each line behind prefix.
func (w *markdownWriter) blocks(lines []line, prefix string, depth int) {
	blank := strings.TrimRight(prefix, " ") + "\n"
	for i := 0; i < len(lines); {
		end := i + 1
		switch {
		case strings.HasPrefix(lines[i].text, "```"):
			for end < len(lines) && lines[end].text != "```" {
				end++
			}
			w.preformatted(lines[i:end], prefix)
			i = end + 1
		case quotes(lines[i].text) && depth < MaxQuotes:
			for end < len(lines) && quotes(lines[end].text) {
				end++
			}
			w.styled = true
			w.blocks(unquoted(lines[i:end]), prefix+"> ", depth+1)
			if end < len(lines) && strings.TrimSpace(lines[end].text) != "" {
				w.b.WriteString(blank) // else the next line would belong to the quotation
			}
			i = end
		default:
			text := strings.TrimRightFunc(lines[i].text, unicode.IsSpace)
			if text == "" {
				w.b.WriteString(blank)
			} else {
				w.b.WriteString(prefix)
				w.plain(text, lines[i].at)
				if end < len(lines) && strings.TrimSpace(lines[end].text) != "" {
					w.b.WriteString("  ") // a line break that is one
				}
				w.b.WriteByte('\n')
			}
			i = end
		}
	}
}

func quotes(text string) bool { return strings.HasPrefix(text, ">") }

func unquoted(lines []line) []line {
	child := make([]line, len(lines))
	for i, l := range lines {
		child[i] = line{l.text[1:], l.at + 1}
		if r, n := utf8.DecodeRuneInString(child[i].text); n > 0 && unicode.IsSpace(r) {
			child[i] = line{child[i].text[n:], child[i].at + n}
		}
	}
	return child
}

// preformatted writes a fenced code block; its first line is the fence.
func (w *markdownWriter) preformatted(lines []line, prefix string) {
	w.styled = true
	fence := "```"
	for _, l := range lines[1:] {
		if text := strings.TrimLeft(l.text, " "); strings.HasPrefix(text, fence) {
			fence = strings.Repeat("`", len(text)-len(strings.TrimLeft(text, "`"))+1)
		}
	}
	w.b.WriteString(prefix + fence + strings.ReplaceAll(lines[0].text[3:], "`", "") + "\n")
	for _, l := range lines[1:] {
		w.b.WriteString(prefix + l.text + "\n")
	}
	w.b.WriteString(prefix + fence + "\n")
}

// plain writes a line that is neither quotation nor preformatted.
func (w *markdownWriter) plain(text string, at int) {
	indent := len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	for _, r := range text[:indent] {
		if r == '\t' {
			w.b.WriteString("\u00a0\u00a0\u00a0\u00a0")
		} else {
			w.b.WriteRune('\u00a0') // spaces would be cut off, or make it code
		}
	}
	text, at = text[indent:], at+indent
	heading := strings.TrimLeft(text, "#")
	switch {
	case strings.Trim(text, "-=:|*_+# \t") == "", len(heading) < len(text) && strings.HasPrefix(heading, " "),
		strings.HasPrefix(text, "|"), strings.HasPrefix(text, ">"), strings.HasPrefix(text, "~~~"):
		w.b.WriteString(`\` + text[:1]) // else a heading, a rule, part of a table, a quotation or code
		text, at = text[1:], at+1
	}
	w.spans(text, at)
}

// spans writes text with the spans of XEP-0393 §5.2. The nearest directive closes, so that no more than four spans are in each other.
func (w *markdownWriter) spans(text string, at int) {
	const directives = "*_~`"
	var dead [len(directives)]bool // nothing closes it in the rest of the text
	var next [len(directives)]int  // where the last one that was looked for closes: what lies before it was looked at
	done, opens := 0, true
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		d := strings.IndexRune(directives, r)
		if d < 0 || !opens || dead[d] {
			opens = unicode.IsSpace(r)
			i += n
			continue
		}
		opens = false
		end, none := closing(text, i, next[d])
		dead[d], next[d] = none, max(end, next[d])
		if end < 0 || r != '`' && !closesInMarkdown(text, end) {
			i++
			continue
		}
		w.literal(text, done, i, at)
		w.span(text[i+1:end], at+i+1, text[i], text[end+1:])
		i, done = end+1, end+1
	}
	w.literal(text, done, len(text), at)
}

// closing finds the directive that closes the one at i; -1: nothing does. none says that nothing later can be closed either. known is what was
// found for an earlier one, which is the nearest for this one, too, if it lies behind it.
func closing(text string, i, known int) (end int, none bool) {
	first, n := utf8.DecodeRuneInString(text[i+1:])
	if n == 0 {
		return -1, true
	}
	if unicode.IsSpace(first) || text[i+1] == text[i] {
		return -1, false
	}
	if known >= i+1+n {
		return known, false
	}
	for j := i + 1 + n; j < len(text); j++ {
		if text[j] == text[i] {
			if before, _ := utf8.DecodeLastRuneInString(text[:j]); !unicode.IsSpace(before) {
				return j, false
			}
		}
	}
	return -1, true
}

// closesInMarkdown says that the delimiter in place of the directive at end closes emphasis: CommonMark wants no letter behind it when
// there is punctuation before.
func closesInMarkdown(text string, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:end])
	after, n := utf8.DecodeRuneInString(text[end+1:])
	return !isPunct(before) || n == 0 || unicode.IsSpace(after) || isPunct(after)
}

func isPunct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

func (w *markdownWriter) span(inner string, at int, directive byte, rest string) {
	w.styled = true
	delimiter := string(directive)
	switch directive {
	case '`':
		w.b.WriteString("`" + inner + "`")
		return
	case '*':
		delimiter = "**"
	case '~':
		delimiter = "~~"
	case '_':
		if r, n := utf8.DecodeRuneInString(rest); n > 0 && !unicode.IsSpace(r) && !isPunct(r) {
			delimiter = "*" // an underscore does not close before a letter
		}
	}
	w.b.WriteString(delimiter)
	w.spans(inner, at)
	w.b.WriteString(delimiter)
}

// literal writes text[from:to], which lies at place at, with its links.
func (w *markdownWriter) literal(text string, from, to, at int) {
	i, _ := slices.BinarySearchFunc(w.links, at+from, func(l link, place int) int { return cmp.Compare(l.from, place) })
	for ; i < len(w.links) && w.links[i].to <= at+to; i++ {
		l := w.links[i]
		w.escape(text, from, l.from-at, false)
		w.b.WriteByte('[')
		w.escape(text, l.from-at, l.to-at, true)
		if strings.ContainsAny(l.uri, "() ") {
			w.b.WriteString("](<" + l.uri + ">)")
		} else {
			w.b.WriteString("](" + l.uri + ")")
		}
		w.styled = true
		from = l.to - at
	}
	w.escape(text, from, to, false)
}

// escape writes text[from:to] so that markdown takes nothing in it for more than text. It escapes no more than that: many show
// markdown as it is written.
func (w *markdownWriter) escape(text string, from, to int, inLink bool) {
	for i := from; i < to; i++ {
		var before, after rune = ' ', ' '
		if i > 0 {
			before, _ = utf8.DecodeLastRuneInString(text[:i])
		}
		if i+1 < len(text) {
			after, _ = utf8.DecodeRuneInString(text[i+1:])
		}
		switch c := text[i]; c {
		case '*', '~':
			if !unicode.IsSpace(before) || !unicode.IsSpace(after) {
				w.b.WriteByte('\\')
			}
			w.b.WriteByte(c)
		case '_':
			if !alphanumeric(before) || !alphanumeric(after) {
				w.b.WriteByte('\\')
			}
			w.b.WriteByte(c)
		case '\\', '`', '[':
			w.b.WriteString(`\` + string(c))
		case ']':
			if inLink {
				w.b.WriteByte('\\')
			}
			w.b.WriteByte(c)
		case '<':
			if unicode.IsLetter(after) || strings.ContainsRune("/!?", after) {
				w.b.WriteString("&lt;")
			} else {
				w.b.WriteByte(c)
			}
		case '&':
			if unicode.IsLetter(after) || after == '#' {
				w.b.WriteString("&amp;")
			} else {
				w.b.WriteByte(c)
			}
		default:
			w.b.WriteByte(c)
		}
	}
}

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
