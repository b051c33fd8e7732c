package xmpp

import (
	"encoding/xml"
	"slices"
	"strings"
)

// Namespaces that the stanza layer itself needs.
const (
	NSClient    = "jabber:client"
	NSComponent = "jabber:component:accept"
	NSStream    = "http://etherx.jabber.org/streams"
	NSStreams   = "urn:ietf:params:xml:ns:xmpp-streams"
	NSStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas"
	NSXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// An Element is one XML element as a value. Namespace declarations are not attributes here: a name carries its namespace.
type Element struct {
	Name     xml.Name
	Attrs    []xml.Attr // without xmlns declarations; at most one per name
	Children []Node
}

// A Node is one child: an element, or text when Elem is nil.
type Node struct {
	Elem *Element
	Text string
}

// NewElement is an empty element.
func NewElement(space, local string) *Element {
	return &Element{Name: xml.Name{Space: space, Local: local}}
}

// TextElement is an element that holds only text.
func TextElement(space, local, text string) *Element {
	return NewElement(space, local).WithText(text)
}

// With appends child elements, leaving out nil ones, and returns e.
func (e *Element) With(children ...*Element) *Element {
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, Node{Elem: c})
		}
	}
	return e
}

// WithText appends text, if there is any, and returns e.
func (e *Element) WithText(text string) *Element {
	if text != "" {
		e.Children = append(e.Children, Node{Text: text})
	}
	return e
}

// WithAttr sets an attribute without namespace and returns e. An empty value leaves the attribute out.
func (e *Element) WithAttr(local, value string) *Element {
	if value != "" {
		e.SetAttr(local, value)
	}
	return e
}

// WithLang sets xml:lang and returns e. An empty tag leaves the attribute out.
func (e *Element) WithLang(tag string) *Element {
	if tag != "" {
		e.setAttr(xml.Name{Space: NSXML, Local: "lang"}, tag)
	}
	return e
}

// Is says that e has this name; false for nil.
func (e *Element) Is(space, local string) bool {
	return e != nil && e.Name.Local == local && e.Name.Space == space
}

// Attr is the value of an attribute without namespace, "" when absent.
func (e *Element) Attr(local string) string {
	v, _ := e.LookupAttr("", local)
	return v
}

// Lang is the element's own xml:lang, "" when absent.
func (e *Element) Lang() string {
	v, _ := e.LookupAttr(NSXML, "lang")
	return v
}

// LookupAttr is the value of an attribute and whether it is there.
func (e *Element) LookupAttr(space, local string) (string, bool) {
	if e == nil {
		return "", false
	}
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Name.Local == local && a.Name.Space == space {
			return a.Value, true
		}
	}
	return "", false
}

// SetAttr sets an attribute without namespace, also to the empty string.
func (e *Element) SetAttr(local, value string) { e.setAttr(xml.Name{Local: local}, value) }

func (e *Element) setAttr(name xml.Name, value string) {
	for i := range e.Attrs {
		if e.Attrs[i].Name == name {
			e.Attrs[i].Value = value
			return
		}
	}
	e.Attrs = append(e.Attrs, xml.Attr{Name: name, Value: value})
}

// RemoveAttr removes an attribute without namespace.
func (e *Element) RemoveAttr(local string) {
	e.Attrs = slices.DeleteFunc(e.Attrs, func(a xml.Attr) bool { return a.Name == xml.Name{Local: local} })
}

// Text is the text directly in e, all runs joined; "" for nil.
func (e *Element) Text() string {
	if e == nil {
		return ""
	}
	switch len(e.Children) {
	case 0:
		return ""
	case 1:
		if e.Children[0].Elem == nil {
			return e.Children[0].Text
		}
		return ""
	}
	var b strings.Builder
	for _, n := range e.Children {
		if n.Elem == nil {
			b.WriteString(n.Text)
		}
	}
	return b.String()
}

// Child is the first child element of this name, nil when there is none. An empty local name matches every local name.
func (e *Element) Child(space, local string) *Element {
	if e == nil {
		return nil
	}
	for i := range e.Children {
		if c := e.Children[i].Elem; c != nil && c.Name.Space == space && (local == "" || c.Name.Local == local) {
			return c
		}
	}
	return nil
}

// ChildText is the text of the first child of this name, "" when there is none.
func (e *Element) ChildText(space, local string) string { return e.Child(space, local).Text() }

// ChildrenNamed are all child elements of this name, in order.
func (e *Element) ChildrenNamed(space, local string) []*Element {
	var found []*Element
	for c := range e.Elements() {
		if c.Is(space, local) {
			found = append(found, c)
		}
	}
	return found
}

// Elements ranges over the child elements in order, leaving out text.
func (e *Element) Elements() func(yield func(*Element) bool) {
	return func(yield func(*Element) bool) {
		if e == nil {
			return
		}
		for i := range e.Children {
			if c := e.Children[i].Elem; c != nil && !yield(c) {
				return
			}
		}
	}
}

// FirstElement is the first child element, nil when there is none.
func (e *Element) FirstElement() *Element {
	for c := range e.Elements() {
		return c
	}
	return nil
}

// RemoveChildren removes all child elements of this name. It changes e: clone an element that others may hold.
func (e *Element) RemoveChildren(space, local string) {
	e.Children = slices.DeleteFunc(e.Children, func(n Node) bool { return n.Elem.Is(space, local) })
}

// Clone is a deep copy.
func (e *Element) Clone() *Element {
	if e == nil {
		return nil
	}
	c := &Element{Name: e.Name, Attrs: slices.Clone(e.Attrs)}
	if e.Children != nil {
		c.Children = make([]Node, len(e.Children))
		for i, n := range e.Children {
			c.Children[i] = Node{Elem: n.Elem.Clone(), Text: n.Text}
		}
	}
	return c
}

// Equal says that two trees have the same names, attributes (in any order), texts and children (in the same order).
func (e *Element) Equal(o *Element) bool {
	if e == nil || o == nil {
		return e == o
	}
	if e.Name != o.Name || len(e.Attrs) != len(o.Attrs) || len(e.Children) != len(o.Children) {
		return false
	}
	for _, a := range e.Attrs {
		if v, ok := o.LookupAttr(a.Name.Space, a.Name.Local); !ok || v != a.Value {
			return false
		}
	}
	for i := range e.Children {
		if e.Children[i].Text != o.Children[i].Text || !e.Children[i].Elem.Equal(o.Children[i].Elem) {
			return false
		}
	}
	return true
}

// String is the encoded element, for logs and tests.
func (e *Element) String() string {
	if e == nil {
		return ""
	}
	return string(e.AppendXML(nil, ""))
}
