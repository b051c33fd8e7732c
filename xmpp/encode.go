package xmpp

import (
	"strconv"
)

// AppendXML appends the encoded element to dst. parentNS is the default namespace in force around it: xmlns is written
// only where an element's namespace differs from its parent's. The encoder escapes but does not check; [Element.Validate]
// and the [Gate] check.
func (e *Element) AppendXML(dst []byte, parentNS string) []byte {
	dst = append(dst, '<')
	dst = append(dst, e.Name.Local...)
	if e.Name.Space != parentNS {
		dst = append(dst, " xmlns='"...)
		dst = appendAttrValue(dst, e.Name.Space)
		dst = append(dst, '\'')
	}
	dst = e.appendAttrs(dst)
	if len(e.Children) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for i := range e.Children {
		if n := &e.Children[i]; n.Elem != nil {
			dst = n.Elem.AppendXML(dst, e.Name.Space)
		} else {
			dst = appendText(dst, n.Text)
		}
	}
	dst = append(dst, "</"...)
	dst = append(dst, e.Name.Local...)
	return append(dst, '>')
}

func (e *Element) appendAttrs(dst []byte) []byte {
	for i := range e.Attrs {
		a := &e.Attrs[i]
		dst = append(dst, ' ')
		switch a.Name.Space {
		case "":
		case NSXML:
			dst = append(dst, "xml:"...)
		default:
			// A prefix of its own for each such attribute: rare, and correct whatever surrounds it.
			prefix := "a" + strconv.Itoa(i)
			dst = append(dst, "xmlns:"...)
			dst = append(dst, prefix...)
			dst = append(dst, "='"...)
			dst = appendAttrValue(dst, a.Name.Space)
			dst = append(dst, "' "...)
			dst = append(dst, prefix...)
			dst = append(dst, ':')
		}
		dst = append(dst, a.Name.Local...)
		dst = append(dst, "='"...)
		dst = appendAttrValue(dst, a.Value)
		dst = append(dst, '\'')
	}
	return dst
}

// special are the octets that text or an attribute value may have to escape.
var special = [256]bool{'<': true, '>': true, '&': true, '\'': true, '\t': true, '\n': true, '\r': true}

// appendText escapes character data. A carriage return would not survive the reader's line-end handling, so it is
// written as a reference (XML 1.0 §2.11).
func appendText(dst []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); i++ {
		if !special[s[i]] {
			continue
		}
		var esc string
		switch s[i] {
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '&':
			esc = "&amp;"
		case '\r':
			esc = "&#xD;"
		default:
			continue
		}
		dst = append(dst, s[last:i]...)
		dst = append(dst, esc...)
		last = i + 1
	}
	return append(dst, s[last:]...)
}

// appendAttrValue escapes an attribute value for single quotes. White space other than a blank is written as a reference,
// because a reader normalises it (XML 1.0 §3.3.3).
func appendAttrValue(dst []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); i++ {
		if !special[s[i]] {
			continue
		}
		var esc string
		switch s[i] {
		case '<':
			esc = "&lt;"
		case '>':
			esc = "&gt;"
		case '&':
			esc = "&amp;"
		case '\'':
			esc = "&apos;"
		case '\t':
			esc = "&#x9;"
		case '\n':
			esc = "&#xA;"
		case '\r':
			esc = "&#xD;"
		default:
			continue
		}
		dst = append(dst, s[last:i]...)
		dst = append(dst, esc...)
		last = i + 1
	}
	return append(dst, s[last:]...)
}
