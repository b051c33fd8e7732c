package content

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Markdown (GFM-MIMI) as message styling of XMPP (XEP-0393). Headings become strong lines, links their text and address, links to users
// their text and a mention; lists, tables and rules stay as written. Where a directive would not be one in XMPP, inside of a word for example, the
// text stays without it; where text would be a directive, a word joiner before it prevents that.

// Bounds of the work on one message; beyond them delimiters and brackets are text.
const (
	MaxDelimiters = 2048
	MaxLinks      = 256
	maxLinkText   = 1024 // bytes
)

// wordJoiner before a directive makes it text: what opens a span stands at a beginning or behind whitespace.
const wordJoiner = "\u2060"

// style is a set of what XEP-0393 can say of text.
type style uint8

const (
	strong style = 1 << iota
	emphasis
	strike
	code
)

var directives = map[style]string{strong: "*", emphasis: "_", strike: "~", code: "`"}

// fromMarkdown returns markdown as a body with message styling, and where it mentions what user knows.
func fromMarkdown(markdown string, user func(uri string) (string, bool)) (body string, mentions []link) {
	r := markdownReader{user: user}
	r.blocks(strings.Split(strings.ReplaceAll(markdown, "\r\n", "\n"), "\n"), "", 0)
	return strings.TrimRight(r.b.String(), "\n"), r.mentions
}

type markdownReader struct {
	b        strings.Builder
	mentions []link
	user     func(uri string) (string, bool)

	delimiters, links int // so far
}

func (r *markdownReader) blocks(lines []string, prefix string, depth int) {
	for i := 0; i < len(lines); {
		text := strings.TrimLeft(lines[i], " ")
		indented := len(lines[i])-len(text) > 3
		end := i + 1
		switch {
		case text == "":
			r.b.WriteString(strings.TrimRight(prefix, " ") + "\n")
		case indented && !isItem(text):
			r.line([]run{{text: lines[i]}}, prefix)
		case fenceOf(text) != "":
			fence := fenceOf(text)
			for end < len(lines) && !closesFence(lines[end], fence) {
				end++
			}
			r.code(strings.TrimSpace(strings.TrimLeft(text, fence[:1])), lines[i+1:end], prefix)
			end = min(end+1, len(lines))
		case quotes(text) && depth < MaxQuotes:
			var child []string
			for end = i; end < len(lines); end++ {
				q := strings.TrimLeft(lines[end], " ")
				if !quotes(q) {
					break
				}
				child = append(child, strings.TrimPrefix(q[1:], " "))
			}
			r.blocks(child, prefix+"> ", depth+1)
		case isHeading(text):
			text = strings.TrimSpace(strings.TrimLeft(text, "#"))
			if cut := strings.TrimRight(text, "#"); cut == "" || strings.HasSuffix(cut, " ") {
				text = strings.TrimSpace(cut)
			}
			r.paragraph(text, prefix, strong)
		case isRule(text):
			r.b.WriteString(prefix + text + "\n")
		case isItem(text):
			for end < len(lines) && continues(lines[end]) {
				end++
			}
			r.item(lines[i:end], prefix)
		default:
			var s style
			for end < len(lines) && continues(lines[end]) {
				end++
			}
			paragraph := strings.Join(lines[i:end], "\n")
			if end < len(lines) && isUnderline(lines[end]) {
				s, end = strong, end+1
			}
			r.paragraph(paragraph, prefix, s)
		}
		i = end
	}
}

// continues says that a line goes on with the paragraph before it.
func continues(l string) bool {
	text := strings.TrimLeft(l, " ")
	return text != "" && fenceOf(text) == "" && !quotes(text) && !isHeading(text) && !isRule(text) && !isItem(text) && !isUnderline(l)
}

func fenceOf(text string) string {
	for _, c := range []string{"`", "~"} {
		if n := len(text) - len(strings.TrimLeft(text, c)); n >= 3 && (c == "~" || !strings.Contains(text[n:], "`")) {
			return text[:n]
		}
	}
	return ""
}

func closesFence(l, fence string) bool {
	text := strings.TrimSpace(l)
	return len(text) >= len(fence) && strings.Trim(text, fence[:1]) == ""
}

func isHeading(text string) bool {
	n := len(text) - len(strings.TrimLeft(text, "#"))
	return n >= 1 && n <= 6 && (len(text) == n || text[n] == ' ')
}

func isRule(text string) bool {
	bare := strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	return len(bare) >= 3 && strings.Contains("-*_", bare[:1]) && strings.Trim(bare, bare[:1]) == ""
}

func isUnderline(l string) bool {
	text := strings.TrimSpace(l)
	return text != "" && (strings.Trim(text, "=") == "" || strings.Trim(text, "-") == "")
}

// itemMarker is the length of what begins an item of a list, without the space behind it; 0: it is none.
func itemMarker(text string) int {
	n := 0
	for n < 9 && n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n == 0 && text != "" && strings.Contains("-+*", text[:1]) || n > 0 && n < len(text) && strings.Contains(".)", text[n:n+1]) {
		if n++; n < len(text) && text[n] == ' ' {
			return n
		}
	}
	return 0
}

func isItem(text string) bool { return itemMarker(text) > 0 }

// item writes an item of a list with its marker and indentation; a bullet is a dash, which no directive is.
func (r *markdownReader) item(lines []string, prefix string) {
	text := strings.TrimLeft(lines[0], " ")
	n := itemMarker(text)
	marker := text[:n]
	if n == 1 {
		marker = "-"
	}
	first := lines[0][:len(lines[0])-len(text)] + marker + " "
	r.paragraphAfter(first, strings.Join(append([]string{text[n+1:]}, lines[1:]...), "\n"), prefix, 0)
}

func (r *markdownReader) code(info string, lines []string, prefix string) {
	r.b.WriteString(prefix + "```" + info + "\n")
	for _, l := range lines {
		if l == "```" {
			l = " " + l // which does not end it
		}
		r.b.WriteString(prefix + l + "\n")
	}
	r.b.WriteString(prefix + "```\n")
}

func (r *markdownReader) paragraph(text, prefix string, s style) {
	r.paragraphAfter("", text, prefix, s)
}

// paragraphAfter writes a paragraph whose first line follows something that is no markdown any more.
func (r *markdownReader) paragraphAfter(first, text, prefix string, s style) {
	lines := [][]run{nil}
	if first != "" {
		lines[0] = append(lines[0], run{text: first})
	}
	for _, x := range r.inline(text, 0) {
		x.style |= s
		for i, part := range strings.Split(x.text, "\n") {
			if i > 0 {
				lines = append(lines, nil)
				part = strings.TrimLeft(part, " ")
			}
			x.text = part
			lines[len(lines)-1] = append(lines[len(lines)-1], x)
		}
	}
	for _, l := range lines {
		r.line(l, prefix)
	}
}

// run is text of one style; uri is what it mentions.
type run struct {
	text  string
	style style
	uri   string
}

// line writes one line. Directives cannot reach beyond it (XEP-0393 §5.2).
func (r *markdownReader) line(runs []run, prefix string) {
	l := lineWriter{}
	l.runs(runs, 0)
	text := l.b.String()
	if quotes(text) || strings.HasPrefix(text, "```") {
		l.literals = append([]int{0}, l.literals...)
	}
	r.b.WriteString(prefix)
	done, i := 0, 0
	flush := func(to int) {
		for ; i < len(l.mentions) && l.mentions[i].from < to; i++ {
			if m := l.mentions[i]; m.to <= to && len(r.mentions) < MaxMentions {
				at := r.b.Len() - done
				r.mentions = append(r.mentions, link{m.from + at, m.to + at, m.uri})
			}
		}
		r.b.WriteString(text[done:to])
		done = to
	}
	var alone [utf8.RuneSelf]bool // directives that occur once
	for _, d := range directives {
		alone[d[0]] = strings.Count(text, d) == 1
	}
	for _, at := range l.literals {
		if !alone[text[at]] {
			flush(at)
			r.b.WriteString(wordJoiner)
		}
	}
	flush(len(text))
	r.b.WriteByte('\n')
}

// lineWriter writes runs as spans of XEP-0393.
type lineWriter struct {
	b        strings.Builder
	opened   bool  // the last that was written opens a span
	literals []int // text at these places would open a span
	mentions []link
}

// mayOpen says that a directive would open a span here (XEP-0393 §5.2).
func (l *lineWriter) mayOpen() bool {
	last, n := utf8.DecodeLastRuneInString(l.b.String())
	return n == 0 || l.opened || unicode.IsSpace(last)
}

func (l *lineWriter) runs(runs []run, applied style) {
	for i := 0; i < len(runs); {
		var outer style
		end := i
		for _, s := range []style{strong, emphasis, strike, code} {
			if applied&s != 0 {
				continue
			}
			j := i
			for j < len(runs) && runs[j].style&s != 0 {
				j++
			}
			if j > end {
				outer, end = s, j
			}
		}
		if outer == 0 {
			l.text(runs[i])
			i++
			continue
		}
		l.span(runs[i:end], outer, applied|outer)
		i = end
	}
}

// span writes runs between two directives, or without them where they would be none.
func (l *lineWriter) span(runs []run, s, applied style) {
	runs = slices.Clone(runs)
	var tail string
	if s != code {
		var head string
		for len(runs) > 0 && strings.TrimSpace(runs[0].text) == "" {
			head += runs[0].text
			runs = runs[1:]
		}
		for len(runs) > 0 && strings.TrimSpace(runs[len(runs)-1].text) == "" {
			tail = runs[len(runs)-1].text + tail
			runs = runs[:len(runs)-1]
		}
		if len(runs) > 0 {
			if t := strings.TrimLeftFunc(runs[0].text, unicode.IsSpace); t != runs[0].text {
				head += runs[0].text[:len(runs[0].text)-len(t)]
				runs[0].text = t
			}
			last := &runs[len(runs)-1]
			if t := strings.TrimRightFunc(last.text, unicode.IsSpace); t != last.text {
				tail = last.text[len(t):] + tail
				last.text = t
			}
		}
		l.text(run{text: head})
	}
	d := directives[s]
	inner := 0
	clash := false
	for _, x := range runs {
		inner += len(x.text)
		clash = clash || strings.Contains(x.text, d)
	}
	spaced := inner > 0 && (strings.TrimLeftFunc(runs[0].text, unicode.IsSpace) != runs[0].text ||
		strings.TrimRightFunc(runs[len(runs)-1].text, unicode.IsSpace) != runs[len(runs)-1].text)
	if inner == 0 || clash || spaced || !l.mayOpen() {
		l.runs(runs, applied)
	} else {
		l.b.WriteString(d)
		l.opened = true
		l.runs(runs, applied)
		l.b.WriteString(d)
		l.opened = false
	}
	l.text(run{text: tail})
}

// text writes text and notes what in it would open a span.
func (l *lineWriter) text(x run) {
	if x.text == "" {
		return
	}
	base := l.b.Len()
	opens := l.mayOpen()
	if x.style&code == 0 || !l.opened {
		for i, c := range x.text {
			if opens && strings.ContainsRune("*_~`", c) {
				if after, n := utf8.DecodeRuneInString(x.text[i+1:]); n == 0 || !unicode.IsSpace(after) {
					l.literals = append(l.literals, base+i)
				}
			}
			opens = unicode.IsSpace(c)
		}
	}
	l.b.WriteString(x.text)
	l.opened = false
	if x.uri != "" {
		l.mentions = append(l.mentions, link{base, base + len(x.text), x.uri})
	}
}
