package content

import (
	"bytes"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// node is a piece of a paragraph: text, or a row of delimiters that may open or close emphasis (CommonMark §6.2).
type node struct {
	run
	delimiter   byte // 0: text
	count       int  // of delimiters that are left
	size        int  // of delimiters at first
	open, close bool
}

// inline reads the text of a paragraph. depth counts links around it.
func (r *markdownReader) inline(s string, depth int) []run {
	p := inlineParser{r: r, s: s, depth: depth, ticks: map[int]int{}}
	for i := 0; i < len(s); {
		n := countByte(s[i:], '`')
		if n > 0 {
			p.ticks[n] = i
		}
		i += max(n, 1)
	}
	p.parse()
	p.match()
	var runs []run
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.delimiter != 0 {
			n.text = strings.Repeat(string(n.delimiter), n.count)
		}
		if n.text == "" {
			continue
		}
		if k := len(runs) - 1; k >= 0 && runs[k].style == n.style && runs[k].uri == "" && n.uri == "" {
			runs[k].text += n.text
		} else {
			runs = append(runs, n.run)
		}
	}
	return runs
}

func countByte(s string, c byte) (n int) {
	for n < len(s) && s[n] == c {
		n++
	}
	return n
}

type inlineParser struct {
	r     *markdownReader
	s     string
	depth int
	nodes []node
	plain []byte
	ticks map[int]int // the last row of so many backticks
}

func (p *inlineParser) flush() {
	if len(p.plain) > 0 {
		p.nodes = append(p.nodes, node{run: run{text: string(p.plain)}})
		p.plain = p.plain[:0]
	}
}

func (p *inlineParser) parse() {
	for i := 0; i < len(p.s); {
		c := p.s[i]
		n := 0
		switch c {
		case '\\':
			n = p.backslash(i)
		case '\n':
			p.plain = append(bytes.TrimRight(p.plain, " "), '\n')
			n = 1
		case '`':
			n = p.codeSpan(i)
		case '&':
			n = p.entity(i)
		case '<':
			n = p.autolink(i)
		case '!', '[':
			n = p.link(i)
		case '*', '_', '~':
			n = p.delimiters(i)
		}
		if n == 0 {
			p.plain = append(p.plain, c)
			n = 1
		}
		i += n
	}
	p.flush()
}

func (p *inlineParser) backslash(i int) int {
	if i+1 == len(p.s) {
		return 0
	}
	switch c := p.s[i+1]; {
	case c == '\n':
		p.plain = append(p.plain, '\n')
		return 2
	case c < utf8.RuneSelf && isPunct(rune(c)):
		p.plain = append(p.plain, c)
		return 2
	}
	return 0
}

func (p *inlineParser) codeSpan(i int) int {
	n := countByte(p.s[i:], '`')
	if p.ticks[n] <= i || p.r.delimiters >= MaxDelimiters {
		p.plain = append(p.plain, p.s[i:i+n]...)
		return n
	}
	end := i + n
	for {
		end += strings.IndexByte(p.s[end:], '`')
		k := countByte(p.s[end:], '`')
		if k == n {
			break
		}
		end += k
	}
	p.r.delimiters++
	text := strings.ReplaceAll(p.s[i+n:end], "\n", " ")
	if strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") && strings.TrimSpace(text) != "" {
		text = text[1 : len(text)-1]
	}
	p.flush()
	p.nodes = append(p.nodes, node{run: run{text: text, style: code}})
	return end + n - i
}

func (p *inlineParser) entity(i int) int {
	end := strings.IndexByte(p.s[i:min(i+33, len(p.s))], ';')
	if end < 0 {
		return 0
	}
	entity := p.s[i : i+end+1]
	text := html.UnescapeString(entity)
	if text == entity || strings.HasSuffix(text, ";") && len(text) > 1 {
		return 0
	}
	p.plain = append(p.plain, text...)
	return len(entity)
}

// autolink is an address between angle brackets, which may be that of a user. Other tags are text (GFM-MIMI).
func (p *inlineParser) autolink(i int) int {
	end := strings.IndexAny(p.s[i+1:min(i+1+MaxURL, len(p.s))], "<> \n")
	if end < 2 || p.s[i+1+end] != '>' || p.r.links >= MaxLinks {
		return 0
	}
	uri := p.s[i+1 : i+1+end]
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || len(scheme) < 2 || strings.ContainsFunc(scheme, func(c rune) bool { return !alphanumeric(c) && c != '+' && c != '-' && c != '.' }) {
		return 0
	}
	p.r.links++
	if p.r.user != nil {
		if mention, known := p.r.user(uri); known {
			p.flush()
			p.nodes = append(p.nodes, node{run: run{text: uri, uri: mention}})
			return end + 2
		}
	}
	p.plain = append(p.plain, uri...)
	return end + 2
}

// link is text in brackets and an address in parentheses; with ! before it an image.
func (p *inlineParser) link(i int) int {
	start := i
	if p.s[i] == '!' {
		i++
	}
	if i == len(p.s) || p.s[i] != '[' || p.depth > 1 || p.r.links >= MaxLinks {
		return 0
	}
	p.r.links++
	end := closingBracket(p.s[i:min(i+maxLinkText, len(p.s))])
	if end < 0 || !strings.HasPrefix(p.s[i+end+1:], "(") {
		return 0
	}
	uri, n := destination(p.s[i+end+2 : min(i+end+2+MaxURL, len(p.s))])
	if n == 0 {
		return 0
	}
	p.flush()
	text := p.s[i+1 : i+end]
	mention, known := "", false
	if start == i && p.r.user != nil {
		mention, known = p.r.user(uri)
	}
	shown := ""
	for _, x := range p.r.inline(text, p.depth+1) {
		if known {
			x.uri = mention
		}
		shown += x.text
		p.nodes = append(p.nodes, node{run: x})
	}
	switch {
	case uri == "" || strings.HasPrefix(uri, "mimi:") && shown != "":
	case shown == "":
		p.plain = append(p.plain, uri...)
	case shown != uri:
		p.plain = append(p.plain, " ("+uri+")"...)
	}
	return i + end + 2 + n - start
}

// closingBracket is where the bracket at the beginning of s closes; -1: nowhere.
func closingBracket(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			open++
		case ']':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// destination reads an address, a title and the closing parenthesis; n is 0 when there are none.
func destination(s string) (uri string, n int) {
	i := len(s) - len(strings.TrimLeft(s, " \n"))
	if i < len(s) && s[i] == '<' {
		end := strings.IndexAny(s[i+1:], "<>\n")
		if end < 0 || s[i+1+end] != '>' {
			return "", 0
		}
		uri, i = s[i+1:i+1+end], i+end+2
	} else {
		from, open := i, 0
		for ; i < len(s) && s[i] > ' ' && !(s[i] == ')' && open == 0); i++ {
			switch s[i] {
			case '\\':
				i = min(i+1, len(s)-1)
			case '(':
				open++
			case ')':
				open--
			}
		}
		uri = s[from:i]
	}
	i += len(s[i:]) - len(strings.TrimLeft(s[i:], " \n"))
	if i < len(s) && strings.IndexByte(`"'`, s[i]) >= 0 {
		end := strings.IndexByte(s[i+1:], s[i])
		if end < 0 {
			return "", 0
		}
		i += end + 2
		i += len(s[i:]) - len(strings.TrimLeft(s[i:], " \n"))
	}
	if i >= len(s) || s[i] != ')' {
		return "", 0
	}
	return uri, i + 1
}

func (p *inlineParser) delimiters(i int) int {
	c := p.s[i]
	n := countByte(p.s[i:], c)
	if c == '~' && n > 2 || p.r.delimiters >= MaxDelimiters {
		p.plain = append(p.plain, p.s[i:i+n]...)
		return n
	}
	p.r.delimiters++
	var before, after rune = ' ', ' '
	if i > 0 {
		before, _ = utf8.DecodeLastRuneInString(p.s[:i])
	}
	if i+n < len(p.s) {
		after, _ = utf8.DecodeRuneInString(p.s[i+n:])
	}
	left := !unicode.IsSpace(after) && (!isPunct(after) || unicode.IsSpace(before) || isPunct(before))
	right := !unicode.IsSpace(before) && (!isPunct(before) || unicode.IsSpace(after) || isPunct(after))
	d := node{delimiter: c, count: n, size: n, open: left, close: right}
	if c == '_' {
		d.open, d.close = left && (!right || isPunct(before)), right && (!left || isPunct(after))
	}
	p.flush()
	p.nodes = append(p.nodes, d)
	return n
}

// match lets delimiters open and close emphasis, the nearest ones first.
func (p *inlineParser) match() {
	for i := range p.nodes {
		c := &p.nodes[i]
		for c.delimiter != 0 && c.close && c.count > 0 {
			k := p.opener(i)
			if k < 0 {
				break
			}
			o := &p.nodes[k]
			n, s := 1, emphasis
			switch {
			case c.delimiter == '~':
				n, s = c.count, strike
			case o.count >= 2 && c.count >= 2:
				n, s = 2, strong
			}
			o.count, c.count = o.count-n, c.count-n
			for j := k + 1; j < i; j++ {
				p.nodes[j].style |= s
				p.nodes[j].open = false
			}
		}
	}
}

// opener is the nearest that the delimiters at i close; -1: none.
func (p *inlineParser) opener(i int) int {
	c := &p.nodes[i]
	for k := i - 1; k >= 0; k-- {
		o := &p.nodes[k]
		switch {
		case o.delimiter != c.delimiter || !o.open || o.count == 0:
		case c.delimiter == '~' && o.count != c.count:
		case (o.close || c.open) && (o.size+c.size)%3 == 0 && (o.size%3 != 0 || c.size%3 != 0):
		default:
			return k
		}
	}
	return -1
}
