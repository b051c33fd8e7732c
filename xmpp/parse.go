package xmpp

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// A SyntaxError is XML that is not well-formed, or that uses what RFC 6120 §11.1 forbids in a stream (comments, processing
// instructions, DTDs, other entities than the five of XML). The stream it came from cannot go on.
type SyntaxError struct {
	Offset int // octets from the start of the input
	Rule   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("xmpp: XML at octet %d: %s", e.Offset, e.Rule)
}

// A LimitError is well-formed XML, as far as it was read, that goes beyond a limit of this package. The stream can go on.
type LimitError struct {
	Rule string
}

func (e *LimitError) Error() string { return "xmpp: XML beyond a limit: " + e.Rule }

// A Scope is what surrounds an element: the default namespace and the declared prefixes.
type Scope struct {
	Default  string
	Prefixes map[string]string // prefix to namespace, without "xml"
}

// ParseElement reads exactly one element that stands alone. White space around it is allowed. Elements in [NSComponent] are
// read as [NSClient]. The error is a *[SyntaxError] or a *[LimitError].
func ParseElement(b []byte) (*Element, error) { return ParseElementIn(b, Scope{}) }

// ParseElementIn is [ParseElement] for an element inside a stream or another element.
func ParseElementIn(b []byte, scope Scope) (*Element, error) {
	if len(b) > MaxIncomingBytes {
		return nil, &LimitError{Rule: fmt.Sprintf("%d octets, the limit is %d", len(b), MaxIncomingBytes)}
	}
	p := newParser(string(b), scope)
	p.skipSpace()
	e, err := p.element(1)
	if err != nil {
		return nil, err
	}
	p.skipSpace()
	if p.i < len(p.s) {
		return nil, p.bad("more than one element")
	}
	return e, nil
}

// ParseStartTag reads one start tag, whatever follows it, and gives the element without children and the scope inside it:
// for the head of a stream, and for answering a stanza that is too large to be read.
func ParseStartTag(b []byte, scope Scope) (*Element, Scope, error) {
	p := newParser(string(b), scope)
	p.skipSpace()
	e, _, _, err := p.startTag()
	if err != nil {
		return nil, Scope{}, err
	}
	inner := Scope{Default: p.def, Prefixes: make(map[string]string, len(p.ns))}
	for _, b := range p.ns {
		inner.Prefixes[b.prefix] = b.uri
	}
	return e, inner, nil
}

type binding struct{ prefix, uri string }

type parser struct {
	s     string
	i     int
	def   string    // default namespace in force
	ns    []binding // prefixes in force, innermost last
	nodes int
	outer string    // namespace of the element around
	lent  int       // octets of namespaces that were declared elsewhere
	attrs []rawAttr // scratch, reused by every start tag
}

type rawAttr struct{ prefix, local, value string }

func newParser(s string, scope Scope) *parser {
	p := &parser{s: s, def: scope.Default}
	for prefix, uri := range scope.Prefixes {
		p.ns = append(p.ns, binding{prefix, uri})
	}
	return p
}

func (p *parser) bad(rule string) error { return &SyntaxError{Offset: p.i, Rule: rule} }

func (p *parser) count() error {
	if p.nodes++; p.nodes > MaxNodes {
		return &LimitError{Rule: fmt.Sprintf("more than %d nodes", MaxNodes)}
	}
	return nil
}

func (p *parser) skipSpace() {
	for p.i < len(p.s) && isSpace(p.s[p.i]) {
		p.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// element reads one element, p.i standing at its "<".
func (p *parser) element(depth int) (*Element, error) {
	if depth > MaxDepth {
		return nil, &LimitError{Rule: fmt.Sprintf("deeper than %d elements", MaxDepth)}
	}
	if err := p.count(); err != nil {
		return nil, err
	}
	outerDef, outerNS, outer := p.def, len(p.ns), p.outer
	e, raw, empty, err := p.startTag()
	if err == nil && !empty {
		p.outer = e.Name.Space
		err = p.content(e, raw, depth)
	}
	p.def, p.ns, p.outer = outerDef, p.ns[:outerNS], outer
	return e, err
}

// content reads children up to and with the end tag.
func (p *parser) content(e *Element, raw string, depth int) error {
	for {
		next := strings.IndexByte(p.s[p.i:], '<')
		if next < 0 {
			p.i = len(p.s)
			return p.bad("element " + strconv.Quote(raw) + " is not closed")
		}
		if next > 0 {
			text, err := p.text(p.s[p.i:p.i+next], false)
			if err != nil {
				return err
			}
			if err := p.addText(e, text); err != nil {
				return err
			}
			p.i += next
		}
		rest := p.s[p.i:]
		switch {
		case strings.HasPrefix(rest, "</"):
			return p.endTag(raw)
		case strings.HasPrefix(rest, cdataOpen):
			if err := p.cdata(e); err != nil {
				return err
			}
		case strings.HasPrefix(rest, "<!"), strings.HasPrefix(rest, "<?"):
			return p.bad("comments, processing instructions and declarations are not allowed (RFC 6120 §11.1)")
		default:
			c, err := p.element(depth + 1)
			if err != nil {
				return err
			}
			e.Children = append(e.Children, Node{Elem: c})
		}
	}
}

const cdataOpen, cdataClose = "<![CDATA[", "]]>"

func (p *parser) cdata(e *Element) error {
	p.i += len(cdataOpen)
	end := strings.Index(p.s[p.i:], cdataClose)
	if end < 0 {
		return p.bad("CDATA section is not closed")
	}
	raw := p.s[p.i : p.i+end]
	if n := legalText(raw); n < len(raw) {
		p.i += n
		return p.bad("character is not allowed in XML 1.0")
	}
	p.i += end + len(cdataClose)
	return p.addText(e, normalizeLines(raw))
}

// addText appends text as a node of its own. A CDATA section beside text gives two adjacent text nodes: joining them here
// would cost the square of the input.
func (p *parser) addText(e *Element, text string) error {
	if text == "" {
		return nil
	}
	e.Children = append(e.Children, Node{Text: text})
	return p.count()
}

func (p *parser) endTag(raw string) error {
	p.i += len("</")
	if !strings.HasPrefix(p.s[p.i:], raw) {
		return p.bad("end tag does not match " + strconv.Quote(raw))
	}
	p.i += len(raw)
	p.skipSpace()
	if p.i >= len(p.s) || p.s[p.i] != '>' {
		return p.bad("end tag does not match " + strconv.Quote(raw))
	}
	p.i++
	return nil
}

// startTag reads a start or empty-element tag and puts its namespaces in force. It gives the name as written.
func (p *parser) startTag() (e *Element, raw string, empty bool, err error) {
	if p.i >= len(p.s) || p.s[p.i] != '<' {
		return nil, "", false, p.bad("expected a start tag")
	}
	p.i++
	start := p.i
	prefix, local, err := p.qname()
	if err != nil {
		return nil, "", false, err
	}
	raw = p.s[start:p.i]
	empty, declares, err := p.attributes()
	if err != nil {
		return nil, "", false, err
	}
	e = &Element{Name: xml.Name{Space: p.def, Local: local}}
	if prefix != "" {
		if e.Name.Space, err = p.lookup(prefix); err != nil {
			return nil, "", false, err
		}
	}
	if e.Name.Space == NSComponent {
		e.Name.Space = NSClient
	}
	if e.Name.Space != p.outer && (prefix != "" || !declares) {
		if err = p.borrow(e.Name.Space); err != nil {
			return nil, "", false, err
		}
	}
	if err = p.resolve(e); err != nil {
		return nil, "", false, err
	}
	return e, raw, empty, nil
}

// borrow counts a namespace that is declared elsewhere.
func (p *parser) borrow(space string) error {
	if p.lent += len(space); p.lent > MaxBorrowed {
		return &LimitError{Rule: fmt.Sprintf("more than %d octets of namespaces by prefix", MaxBorrowed)}
	}
	return nil
}

// attributes reads up to and with the end of the tag: declarations go into force, the others into p.attrs. declares says that there is one of the default namespace.
func (p *parser) attributes() (empty, declares bool, err error) {
	p.attrs = p.attrs[:0]
	declared, mark := 0, len(p.ns)
	for {
		before := p.i
		p.skipSpace()
		rest := p.s[p.i:]
		if rest == "" {
			return false, false, p.bad("tag is not closed")
		}
		if rest[0] == '>' {
			p.i++
			return false, declares, nil
		}
		if strings.HasPrefix(rest, "/>") {
			p.i += 2
			return true, declares, nil
		}
		if p.i == before {
			return false, false, p.bad("white space is missing before an attribute")
		}
		a, err := p.attribute()
		if err != nil {
			return false, false, err
		}
		if declared+len(p.attrs) >= MaxAttrs {
			return false, false, &LimitError{Rule: fmt.Sprintf("more than %d attributes on one element", MaxAttrs)}
		}
		switch {
		case a.prefix == "" && a.local == "xmlns":
			if declares {
				return false, false, p.bad("namespace is declared twice")
			}
			declares = true
			declared++
			p.def = a.value
		case a.prefix == "xmlns":
			declared++
			if err := p.declare(mark, a); err != nil {
				return false, false, err
			}
		default:
			p.attrs = append(p.attrs, a)
		}
	}
}

// declare puts a prefix in force (Namespaces in XML 1.0 §3); mark is where this tag's own declarations begin.
func (p *parser) declare(mark int, a rawAttr) error {
	switch {
	case a.value == "", a.local == "xmlns", (a.local == "xml") != (a.value == NSXML):
		return p.bad("namespace declaration is not allowed")
	case a.local == "xml":
		return nil
	}
	for _, b := range p.ns[mark:] {
		if b.prefix == a.local {
			return p.bad("namespace is declared twice")
		}
	}
	p.ns = append(p.ns, binding{a.local, a.value})
	return nil
}

func (p *parser) attribute() (rawAttr, error) {
	prefix, local, err := p.qname()
	if err != nil {
		return rawAttr{}, err
	}
	p.skipSpace()
	if p.i >= len(p.s) || p.s[p.i] != '=' {
		return rawAttr{}, p.bad("attribute has no value")
	}
	p.i++
	p.skipSpace()
	if p.i >= len(p.s) || p.s[p.i] != '\'' && p.s[p.i] != '"' {
		return rawAttr{}, p.bad("attribute value is not quoted")
	}
	quote := p.s[p.i]
	p.i++
	end := strings.IndexByte(p.s[p.i:], quote)
	if end < 0 {
		return rawAttr{}, p.bad("attribute value is not closed")
	}
	value, err := p.text(p.s[p.i:p.i+end], true)
	if err != nil {
		return rawAttr{}, err
	}
	p.i += end + 1
	return rawAttr{prefix, local, value}, nil
}

// resolve moves p.attrs into e with their namespaces.
func (p *parser) resolve(e *Element) error {
	if len(p.attrs) == 0 {
		return nil
	}
	e.Attrs = make([]xml.Attr, len(p.attrs))
	for i, a := range p.attrs {
		name := xml.Name{Local: a.local}
		if a.prefix != "" {
			var err error
			if name.Space, err = p.lookup(a.prefix); err == nil && name.Space != NSXML {
				err = p.borrow(name.Space)
			}
			if err != nil {
				return err
			}
		}
		for _, b := range e.Attrs[:i] {
			if b.Name == name {
				return p.bad("attribute " + strconv.Quote(a.local) + " occurs twice")
			}
		}
		e.Attrs[i] = xml.Attr{Name: name, Value: a.value}
	}
	return nil
}

func (p *parser) lookup(prefix string) (string, error) {
	for i := len(p.ns) - 1; i >= 0; i-- {
		if p.ns[i].prefix == prefix {
			return p.ns[i].uri, nil
		}
	}
	if prefix == "xml" {
		return NSXML, nil
	}
	return "", p.bad("prefix " + strconv.Quote(prefix) + " is not declared")
}

// qname reads a name with an optional prefix.
func (p *parser) qname() (prefix, local string, err error) {
	start := p.i
	for p.i < len(p.s) && !isSpace(p.s[p.i]) && strings.IndexByte("=/>'\"<&", p.s[p.i]) < 0 {
		p.i++
	}
	name := p.s[start:p.i]
	prefix, local, hasPrefix := strings.Cut(name, ":")
	if !hasPrefix {
		prefix, local = "", name
	}
	if !isNCName(local) || hasPrefix && !isNCName(prefix) {
		p.i = start
		return "", "", p.bad("expected a name")
	}
	return prefix, local, nil
}

// text decodes raw character data: references replaced, line ends normalised, every character legal.
func (p *parser) text(raw string, attr bool) (string, error) {
	if n := legalText(raw); n < len(raw) {
		p.i += n
		return "", p.bad("character is not allowed in XML 1.0")
	}
	if attr && strings.IndexByte(raw, '<') >= 0 {
		return "", p.bad("\"<\" in an attribute value")
	}
	if !attr && strings.Contains(raw, cdataClose) {
		return "", p.bad("\"]]>\" in text")
	}
	if attr {
		raw = normalizeAttr(raw)
	} else {
		raw = normalizeLines(raw)
	}
	if strings.IndexByte(raw, '&') < 0 {
		return raw, nil
	}
	var b strings.Builder
	b.Grow(len(raw))
	for {
		amp := strings.IndexByte(raw, '&')
		if amp < 0 {
			b.WriteString(raw)
			return b.String(), nil
		}
		b.WriteString(raw[:amp])
		name, rest, closed := strings.Cut(raw[amp+1:], ";")
		r, ok := reference(name)
		if !closed || !ok {
			return "", p.bad("reference is none of the five of XML and no legal character (RFC 6120 §11.1)")
		}
		b.WriteRune(r)
		raw = rest
	}
}

func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	digits, isChar := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	if !isChar || len(digits) > 8 || strings.ContainsAny(digits, "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > 0x10FFFF || !legalRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// normalizeLines turns every line end into one newline (XML 1.0 §2.11).
func normalizeLines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return lineEnds.Replace(s)
}

var attrSpaces = strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\t", " ")

// normalizeAttr turns white space into blanks (XML 1.0 §3.3.3).
func normalizeAttr(s string) string {
	if strings.ContainsAny(s, "\t\r\n") {
		return attrSpaces.Replace(s)
	}
	return s
}
