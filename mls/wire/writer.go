package wire

import "encoding/binary"

// Writer appends encodings to a byte slice. The zero value is ready to use.
type Writer struct {
	b []byte
}

// NewWriter returns a Writer that appends to b, to reuse memory or to continue an encoding.
func NewWriter(b []byte) *Writer { return &Writer{b} }

// Bytes returns everything written so far. It shares memory with the Writer.
func (w *Writer) Bytes() []byte { return w.b }

// Len returns the number of bytes written so far.
func (w *Writer) Len() int { return len(w.b) }

// Reset forgets what was written and keeps the memory.
func (w *Writer) Reset() { w.b = w.b[:0] }

// U8 appends a uint8.
func (w *Writer) U8(v uint8) { w.b = append(w.b, v) }

// U16 appends a uint16.
func (w *Writer) U16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }

// U32 appends a uint32.
func (w *Writer) U32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }

// U64 appends a uint64.
func (w *Writer) U64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Bool appends a presence or truth octet: 0 or 1.
func (w *Writer) Bool(v bool) {
	if v {
		w.U8(1)
	} else {
		w.U8(0)
	}
}

// Raw appends p without a length.
func (w *Writer) Raw(p []byte) { w.b = append(w.b, p...) }

// Varint appends v in the shortest form of RFC 9420 §2.1.2. It panics when v exceeds MaxVector.
func (w *Writer) Varint(v int) { w.b = AppendVarint(w.b, v) }

// AppendVarint appends the shortest encoding of v to b. It panics when v is negative or exceeds MaxVector.
func AppendVarint(b []byte, v int) []byte {
	switch varintSize(v) {
	case 1:
		return append(b, byte(v))
	case 2:
		return append(b, 0x40|byte(v>>8), byte(v))
	default:
		return append(b, 0x80|byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

func varintSize(v int) int {
	switch {
	case v < 0 || v > MaxVector:
		panic("wire: vector longer than 2^30-1 bytes")
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	default:
		return 4
	}
}

// Opaque appends p as opaque<V>.
func (w *Writer) Opaque(p []byte) {
	w.Varint(len(p))
	w.Raw(p)
}

// OpaqueString appends s as opaque<V>.
func (w *Writer) OpaqueString(s string) {
	w.Varint(len(s))
	w.b = append(w.b, s...)
}

// Vector appends a length and whatever body writes.
func (w *Writer) Vector(body func(w *Writer)) {
	start := len(w.b)
	w.b = append(w.b, 0)
	body(w)
	n := len(w.b) - start - 1
	if extra := varintSize(n) - 1; extra > 0 {
		w.b = append(w.b, make([]byte, extra)...)
		copy(w.b[start+1+extra:], w.b[start+1:start+1+n])
	}
	AppendVarint(w.b[start:start], n)
}

// Optional appends the presence octet of optional<T> and, when present, whatever body writes.
func (w *Writer) Optional(present bool, body func(w *Writer)) {
	w.Bool(present)
	if present {
		body(w)
	}
}

// WriteVector appends the elements of v as T<V>.
func WriteVector[T any, P interface {
	*T
	Marshaler
}](w *Writer, v []T) {
	w.Vector(func(w *Writer) {
		for i := range v {
			P(&v[i]).MarshalTLS(w)
		}
	})
}
