package content

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Error says which field of a message breaks which rule.
type Error struct{ Field, Rule string }

func (e *Error) Error() string { return "content: " + e.Field + ": " + e.Rule }

func bad(field, format string, args ...any) error { return &Error{field, fmt.Sprintf(format, args...)} }

// decoding is immutable once made.
var decoding = must(cbor.DecOptions{
	DupMapKey:        cbor.DupMapKeyEnforcedAPF,
	IndefLength:      cbor.IndefLengthForbidden,
	UTF8:             cbor.UTF8RejectInvalid,
	MaxNestedLevels:  16,
	MaxArrayElements: MaxParts + 1,
	MaxMapPairs:      1024,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	keySender = 1
	keyRoom   = 2
)

// Encode returns the deterministic encoding (RFC 8949 §4.2.1). It fails when the message breaks a rule of the format.
func (m *Message) Encode() ([]byte, error) {
	w := writer{}
	w.message(m)
	if _, err := Decode(w.b); err != nil {
		return nil, err
	}
	return w.b, nil
}

// Decode reads a message. It accepts nothing but the deterministic encoding; the result does not share memory with b.
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxMessage {
		return nil, bad("mimiContent", "longer than %d bytes", MaxMessage)
	}
	fields, err := array(b, "mimiContent")
	if err != nil {
		return nil, err
	}
	if len(fields) != 7 {
		return nil, bad("mimiContent", "an array of %d instead of 7", len(fields))
	}
	m := new(Message)
	r := reader{}
	salt := r.bytes(fields[0], "salt", SaltSize)
	if r.err == nil && len(salt) != SaltSize {
		r.err = bad("salt", "is %d bytes instead of %d", len(salt), SaltSize)
	}
	copy(m.Salt[:], salt)
	m.Replaces = r.id(fields[1], "replaces")
	m.Topic = r.bytes(fields[2], "topicId", MaxTopic)
	m.Expires = r.expiration(fields[3])
	m.InReplyTo = r.id(fields[4], "inReplyTo")
	r.extensions(fields[5], m)
	m.Body = r.part(fields[6], 1)
	if r.err != nil {
		return nil, r.err
	}
	w := writer{b: make([]byte, 0, len(b))}
	w.message(m)
	if !bytes.Equal(w.b, b) {
		return nil, bad("mimiContent", "not in deterministic encoding")
	}
	return m, nil
}

// reader keeps the first error.
type reader struct {
	err   error
	parts int
}

func array(b []byte, field string) ([]cbor.RawMessage, error) {
	var list []cbor.RawMessage
	if len(b) == 0 || b[0]>>5 != majorArray {
		return nil, bad(field, "not an array")
	}
	if err := decoding.Unmarshal(b, &list); err != nil {
		return nil, bad(field, "%v", err)
	}
	return list, nil
}

func isNull(b []byte) bool { return len(b) == 1 && b[0] == 0xf6 }

// value decodes b into v, which must have the CBOR major type given.
func (r *reader) value(b []byte, field string, major byte, v any) bool {
	if r.err != nil {
		return false
	}
	if len(b) == 0 || b[0]>>5 != major {
		r.err = bad(field, "has the wrong type")
		return false
	}
	if err := decoding.Unmarshal(b, v); err != nil {
		r.err = bad(field, "%v", err)
		return false
	}
	return true
}

func (r *reader) bytes(b []byte, field string, limit int) []byte {
	var v []byte
	if r.value(b, field, majorBytes, &v) && len(v) > limit {
		r.err = bad(field, "longer than %d bytes", limit)
	}
	if len(v) == 0 {
		return nil
	}
	return v
}

func (r *reader) text(b []byte, field string, limit int) string {
	var v string
	if r.value(b, field, majorText, &v) && len(v) > limit {
		r.err = bad(field, "longer than %d bytes", limit)
	}
	return v
}

func (r *reader) uint(b []byte, field string, limit uint64) uint64 {
	var v uint64
	if r.value(b, field, majorUint, &v) && v > limit {
		r.err = bad(field, "is %d, more than %d", v, limit)
	}
	return v
}

func (r *reader) id(b []byte, field string) MessageID {
	if isNull(b) || r.err != nil {
		return MessageID{}
	}
	v := r.bytes(b, field, len(MessageID{}))
	if r.err == nil && len(v) != len(MessageID{}) {
		r.err = bad(field, "is %d bytes instead of %d", len(v), len(MessageID{}))
		return MessageID{}
	}
	var id MessageID
	copy(id[:], v)
	switch {
	case r.err != nil:
	case id.IsZero():
		r.err = bad(field, "is all zero, which is no message id")
	case id[0] != hashSHA256:
		r.err = bad(field, "begins with %d, which is no hash algorithm for message ids", id[0]) // draft-ietf-mimi-content, Security Considerations, General handling
	}
	return id
}

func (r *reader) expiration(b []byte) *Expiration {
	if isNull(b) || r.err != nil {
		return nil
	}
	fields, err := array(b, "expires")
	if err != nil {
		r.err = err
		return nil
	}
	if len(fields) != 2 {
		r.err = bad("expires", "an array of %d instead of 2", len(fields))
		return nil
	}
	e := new(Expiration)
	r.value(fields[0], "expires.relative", majorSimple, &e.Relative)
	e.Seconds = uint32(r.uint(fields[1], "expires.time", 1<<32-1))
	return e
}

func (r *reader) part(b []byte, level int) Part {
	var p Part
	if r.err != nil {
		return p
	}
	if r.parts++; r.parts > MaxParts {
		r.err = bad("nestedPart", "more than %d parts", MaxParts)
		return p
	}
	if level > MaxDepth {
		r.err = bad("nestedPart", "nested more than %d levels deep", MaxDepth)
		return p
	}
	fields, err := array(b, "nestedPart")
	if err != nil {
		r.err = err
		return p
	}
	if len(fields) < 3 {
		r.err = bad("nestedPart", "an array of %d", len(fields))
		return p
	}
	p.Disposition = Disposition(r.uint(fields[0], "disposition", 255))
	p.Language = r.text(fields[1], "language", MaxType)
	p.Cardinality = Cardinality(r.uint(fields[2], "cardinality", uint64(Multi)))
	if r.err != nil {
		return p
	}
	if want := [...]int{Null: 3, Single: 5, External: 15, Multi: 5}[p.Cardinality]; len(fields) != want {
		r.err = bad("nestedPart", "an array of %d instead of %d", len(fields), want)
		return p
	}
	switch p.Cardinality {
	case Single:
		p.ContentType = r.text(fields[3], "contentType", MaxType)
		p.Content = r.bytes(fields[4], "content", MaxMessage)
	case External:
		p.ContentType = r.text(fields[3], "contentType", MaxType)
		p.External = r.external(fields[4:])
	case Multi:
		r.multi(&p, fields[3:], level)
	}
	return p
}

func (r *reader) external(f []cbor.RawMessage) *ExternalPart {
	return &ExternalPart{
		URL:         r.text(f[0], "url", MaxURL),
		Expires:     uint32(r.uint(f[1], "expires", 1<<32-1)),
		Size:        r.uint(f[2], "size", 1<<64-1),
		Encryption:  uint16(r.uint(f[3], "encAlg", 1<<16-1)),
		Key:         r.bytes(f[4], "key", MaxURL),
		Nonce:       r.bytes(f[5], "nonce", MaxURL),
		AAD:         r.bytes(f[6], "aad", MaxURL),
		Hash:        uint8(r.uint(f[7], "hashAlg", 255)),
		ContentHash: r.bytes(f[8], "contentHash", MaxURL),
		Description: r.text(f[9], "description", MaxURL),
		Filename:    r.text(f[10], "filename", MaxType),
	}
}

func (r *reader) multi(p *Part, f []cbor.RawMessage, level int) {
	p.Semantics = Semantics(r.uint(f[0], "partSemantics", uint64(ProcessAll)))
	if r.err != nil {
		return
	}
	parts, err := array(f[1], "parts")
	switch {
	case err != nil:
		r.err = err
		return
	case len(parts) < 2:
		r.err = bad("parts", "%d parts, at least 2 are needed", len(parts))
		return
	case len(parts) > MaxParts:
		r.err = bad("parts", "more than %d parts", MaxParts)
		return
	}
	for _, part := range parts {
		p.Parts = append(p.Parts, r.part(part, level+1))
		if r.err != nil {
			return
		}
	}
}

func (r *reader) extensions(b []byte, m *Message) {
	if r.err != nil {
		return
	}
	entries, err := mapEntries(b)
	if err != nil {
		r.err = err
		return
	}
	for _, e := range entries {
		switch {
		case bytes.Equal(e.Key, []byte{keySender}):
			m.Sender = r.text(e.Value, "senderUri", MaxURL)
		case bytes.Equal(e.Key, []byte{keyRoom}):
			m.Room = r.text(e.Value, "roomUri", MaxURL)
		default:
			m.Extensions = append(m.Extensions, e)
		}
	}
	if r.err == nil && (m.Sender == "" && hasKey(entries, keySender) || m.Room == "" && hasKey(entries, keyRoom)) {
		r.err = bad("extensions", "an empty sender or room uri")
	}
}

func hasKey(entries []Extension, key byte) bool {
	return slices.ContainsFunc(entries, func(e Extension) bool { return bytes.Equal(e.Key, []byte{key}) })
}
