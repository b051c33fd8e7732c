package xmpp

import (
	"encoding/xml"
	"fmt"
	"unicode/utf8"
)

// legalText is the length of the longest prefix of s that is UTF-8 and holds only characters of XML 1.0 §2.2.
func legalText(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n <= 1 || !legalRune(r) {
			return i
		}
		i += n
	}
	return len(s)
}

func legalRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		' ' <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0x10FFFF
}

// LegalText says that s is UTF-8 and every character may stand in XML 1.0. Text that may not must not become a stanza: one
// such character closes a component's stream.
func LegalText(s string) bool { return legalText(s) == len(s) }

// isNCName says that s is a name without colon (Namespaces in XML 1.0 §3).
func isNCName(s string) bool {
	for i, r := range s {
		if !(isNameStart(r) || i > 0 && isNameRest(r)) || r == utf8.RuneError {
			return false
		}
	}
	return s != ""
}

func isNameStart(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '_':
		return true
	case r < 0xC0:
		return false
	}
	return r <= 0xD6 || 0xD8 <= r && r <= 0xF6 || 0xF8 <= r && r <= 0x2FF || 0x370 <= r && r <= 0x37D ||
		0x37F <= r && r <= 0x1FFF || r == 0x200C || r == 0x200D || 0x2070 <= r && r <= 0x218F ||
		0x2C00 <= r && r <= 0x2FEF || 0x3001 <= r && r <= 0xD7FF || 0xF900 <= r && r <= 0xFDCF ||
		0xFDF0 <= r && r <= 0xFFFD || 0x10000 <= r && r <= 0xEFFFF
}

func isNameRest(r rune) bool {
	return '0' <= r && r <= '9' || r == '-' || r == '.' || r == 0xB7 || 0x300 <= r && r <= 0x36F || r == 0x203F || r == 0x2040
}

// An InvalidError says where a tree or a stanza breaks a rule of the stream.
type InvalidError struct {
	Where string // path of the element, and the attribute after "@"
	Rule  string
}

func (e *InvalidError) Error() string { return fmt.Sprintf("xmpp: %s: %s", e.Where, e.Rule) }

// Validate checks that the tree can be written: names are names, every text is legal in XML 1.0, and the tree keeps to the
// limits of this package. The error is an *[InvalidError].
func (e *Element) Validate() error {
	nodes := 0
	return e.validate("", 1, &nodes)
}

func (e *Element) validate(path string, depth int, nodes *int) error {
	bad := func(at, rule string) error { return &InvalidError{Where: path + "/" + at, Rule: rule} }
	if *nodes++; *nodes > MaxNodes {
		return bad(e.Name.Local, fmt.Sprintf("more than %d nodes", MaxNodes))
	}
	if depth > MaxDepth {
		return bad(e.Name.Local, fmt.Sprintf("deeper than %d elements", MaxDepth))
	}
	if !isNCName(e.Name.Local) {
		return bad(fmt.Sprintf("%.40q", e.Name.Local), "element name is not an XML name")
	}
	if !LegalText(e.Name.Space) {
		return bad(e.Name.Local+"@xmlns", "namespace holds a character that XML 1.0 does not allow")
	}
	if len(e.Attrs) > MaxAttrs {
		return bad(e.Name.Local, fmt.Sprintf("more than %d attributes", MaxAttrs))
	}
	for i, a := range e.Attrs {
		if rule := attrRule(a); rule != "" {
			return bad(fmt.Sprintf("%s@%.40q", e.Name.Local, a.Name.Local), rule)
		}
		for _, b := range e.Attrs[:i] {
			if a.Name == b.Name {
				return bad(e.Name.Local+"@"+a.Name.Local, "attribute occurs twice")
			}
		}
	}
	for _, n := range e.Children {
		if n.Elem != nil {
			if err := n.Elem.validate(path+"/"+e.Name.Local, depth+1, nodes); err != nil {
				return err
			}
			continue
		}
		if *nodes++; *nodes > MaxNodes {
			return bad(e.Name.Local, fmt.Sprintf("more than %d nodes", MaxNodes))
		}
		if !LegalText(n.Text) {
			return bad(e.Name.Local, "text holds a character that XML 1.0 does not allow")
		}
	}
	return nil
}

// attrRule is the rule that an attribute breaks, "" when none.
func attrRule(a xml.Attr) string {
	switch {
	case !isNCName(a.Name.Local):
		return "attribute name is not an XML name"
	case a.Name.Space == "" && a.Name.Local == "xmlns", a.Name.Space == nsXMLNS:
		return "a namespace declaration is not an attribute"
	case !LegalText(a.Name.Space), !LegalText(a.Value):
		return "attribute holds a character that XML 1.0 does not allow"
	}
	return ""
}
