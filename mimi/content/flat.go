package content

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"anteroom/xmpp"
)

// shown is what parts say to XMPP clients.
type shown struct {
	lang    string
	payload []*xmpp.Element

	text     string
	mentions []link // bytes of text
	plain    bool   // text in which nothing is styling
	files    []*Part
}

// flat shows the body of a message: a body for each language of a choice, else one, and its files.
func (m *Message) flat(names Names) shown {
	out := flatten(&m.Body, names)
	if m.Body.Cardinality == Multi && m.Body.Semantics == ChooseOne {
		if all := languages(m.Body.Parts); len(all) > 1 {
			for i, p := range all {
				x := flatten(p, names)
				body := bodies(x.text)[0]
				if i == 0 {
					out.lang = x.lang
				} else {
					body.WithLang(x.lang)
				}
				out.payload = append(out.payload, body)
			}
			return out
		}
	}
	fallback := false
	if out.text == "" {
		out.text, fallback = filesText(out.files)
	}
	if out.text == "" {
		out.text = "(a message without text)"
	}
	out.payload = bodies(out.text)
	if _, styled := toMarkdown(out.text, nil); styled && out.plain {
		out.payload = append(out.payload, xmpp.NewElement(nsStyling, "unstyled"))
	}
	for _, l := range out.mentions {
		out.payload = append(out.payload, xmpp.NewElement(nsReference, "reference").WithAttr("type", "mention").WithAttr("uri", l.uri).
			WithAttr("begin", strconv.Itoa(utf8.RuneCountInString(out.text[:l.from]))).WithAttr("end", strconv.Itoa(utf8.RuneCountInString(out.text[:l.to]))))
	}
	for _, p := range out.files {
		out.payload = append(out.payload, fileSharing(p)...)
	}
	if fallback {
		out.payload = append(out.payload, xmpp.NewElement(nsFallback, "fallback").WithAttr("for", nsFiles).With(xmpp.NewElement(nsFallback, "body")))
	}
	return out
}

// languages are the texts of a choice, the first of each language.
func languages(parts []Part) (all []*Part) {
	seen := map[string]bool{}
	for i := range parts {
		p := &parts[i]
		if lang := language(p.Language); p.Cardinality == Single && isText(p.ContentType) && !seen[lang] && len(all) < MaxBodies {
			seen[lang] = true
			all = append(all, p)
		}
	}
	return all
}

// isText says whether a media type is shown as text, with any parameters.
func isText(mediaType string) bool {
	switch baseType(mediaType) {
	case "text/plain", "text/markdown", "text/html":
		return true
	}
	return false
}

func baseType(mediaType string) string {
	base, _, _ := strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// language returns the first of a list of tags if it can stand in xml:lang, or nothing.
func language(tags string) string {
	tag, _, _ := strings.Cut(tags, ",")
	if tag = strings.TrimSpace(tag); len(tag) > 64 {
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

// flatten returns the text of a part, the language of the first text in it, and its files.
func flatten(p *Part, names Names) shown {
	switch p.Cardinality {
	case Single:
		out := shown{lang: language(p.Language)}
		text := legal(string(p.Content))
		switch baseType(p.ContentType) {
		case "text/plain":
			out.text, out.plain = text, true
		case "text/markdown":
			out.text, out.mentions = fromMarkdown(text, names.user)
		case "text/html":
			out.text, out.plain = withoutTags(text), true
		default:
			return shown{text: "(content of type " + legal(p.ContentType) + ", which cannot be shown here)", plain: true}
		}
		return out
	case External:
		return shown{lang: language(p.Language), files: []*Part{p}}
	case Multi:
		if p.Semantics == ChooseOne {
			return flatten(choose(p.Parts), names)
		}
		return flattenAll(p.Parts, names)
	}
	return shown{}
}

// choose picks the first text, plain or markdown before HTML, else what is external or has parts, else the first.
func choose(parts []Part) *Part {
	if len(parts) == 0 {
		return &Part{}
	}
	for _, is := range []func(*Part) bool{
		func(p *Part) bool {
			return p.Cardinality == Single && isText(p.ContentType) && baseType(p.ContentType) != "text/html"
		},
		func(p *Part) bool { return p.Cardinality == Single && isText(p.ContentType) },
		func(p *Part) bool { return p.Cardinality == External || p.Cardinality == Multi },
	} {
		for i := range parts {
			if is(&parts[i]) {
				return &parts[i]
			}
		}
	}
	return &parts[0]
}

func flattenAll(parts []Part, names Names) shown {
	out := shown{plain: true}
	for i := range parts {
		x := flatten(&parts[i], names)
		if x.text != "" {
			if out.text != "" {
				out.text += "\n"
			}
			for _, l := range x.mentions {
				out.mentions = append(out.mentions, link{l.from + len(out.text), l.to + len(out.text), l.uri})
			}
			out.text += x.text
			out.plain = out.plain && x.plain
		}
		if out.lang == "" {
			out.lang = x.lang
		}
		out.files = append(out.files, x.files...)
	}
	return out
}

// withoutTags is the text of HTML: tags are left out, and the ends of blocks are line breaks.
func withoutTags(s string) string {
	var b strings.Builder
	for s != "" {
		text, rest, found := strings.Cut(s, "<")
		b.WriteString(text)
		if !found {
			break
		}
		tag, after, closed := strings.Cut(rest, ">")
		if !closed {
			b.WriteString("<" + rest)
			break
		}
		switch strings.ToLower(strings.Trim(strings.Fields(tag + " x")[0], "/")) {
		case "br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6":
			b.WriteByte('\n')
		}
		s = after
	}
	var lines []string
	for l := range strings.SplitSeq(html.UnescapeString(b.String()), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return legal(strings.Join(lines, "\n"))
}
