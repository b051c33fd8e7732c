package xmpp

// A Template is a stanza encoded once and sent to many: only the to attribute is filled in per recipient. It is immutable.
type Template struct {
	stanza Stanza
	head   []byte // up to and with the opening quote of to
	tail   []byte // from the closing quote of to
	err    error
}

// Broadcast is one template and those who get it, in order.
type Broadcast struct {
	Template *Template
	To       []JID
}

// NewTemplate encodes a stanza for many recipients; its To is ignored. The stanza is checked here, once for all recipients;
// the [Gate] refuses the template when it failed.
func NewTemplate(s Stanza) *Template {
	s.To = JID{}
	t := &Template{stanza: s}
	if t.err = s.validate(); t.err != nil {
		return t
	}
	t.head = append(append([]byte{'<'}, s.Kind.String()...), " to='"...)
	t.tail = s.appendRest([]byte{'\''})
	// What the longest escaped address adds is inside the margin of MaxStanzaBytes.
	t.err = checkSize(len(t.head) + len(t.tail))
	return t
}

// AppendTo appends the stanza addressed to one recipient.
func (t *Template) AppendTo(dst []byte, to JID) []byte {
	dst = append(dst, t.head...)
	dst = appendAttrValue(dst, to.String())
	return append(dst, t.tail...)
}

// Size is the length in octets of the stanza for a recipient whose address needs no escaping.
func (t *Template) Size(to JID) int { return len(t.head) + len(to.s) + len(t.tail) }

// Stanza is what the template was made from, without To.
func (t *Template) Stanza() Stanza { return t.stanza }

// Err says why the template cannot be sent, nil when it can.
func (t *Template) Err() error { return t.err }
