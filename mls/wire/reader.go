package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Reader consumes an encoding. The first failure sticks: from then on every method returns zero values, so that a decoder
// reads a whole structure and asks once at the end. Byte slices that a Reader returns share the memory of its input.
type Reader struct {
	b     []byte // what is left of the innermost vector
	outer int    // bytes of the input that follow b
	size  int    // of the whole input
	field string
	err   *Error
}

// NewReader returns a Reader of b. What it returns shares memory with b, which must not change while that is in use.
func NewReader(b []byte) *Reader { return &Reader{b: b, size: len(b)} }

// At names the field that the next read sets, for the error: r.At("KeyPackage.init_key").Opaque().
func (r *Reader) At(field string) *Reader {
	r.field = field
	return r
}

// Fail records that the current field breaks rule, unless there was an earlier failure.
func (r *Reader) Fail(rule string) {
	if r.err != nil {
		return
	}
	r.err = &Error{Field: r.field, Rule: rule, Offset: r.Offset()}
	r.b = nil
}

// Failf is Fail with a formatted rule.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.Fail(fmt.Sprintf(format, args...))
	}
}

// Err returns the first failure as a *Error, or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Done fails unless the input is used up, and returns the first failure.
func (r *Reader) Done() error {
	if r.err == nil && len(r.b) > 0 {
		r.Failf("%d bytes after the end", len(r.b))
	}
	return r.Err()
}

// Len returns the number of bytes left in the innermost vector, or in the input outside of all vectors.
func (r *Reader) Len() int { return len(r.b) }

// Offset returns the number of bytes consumed since NewReader.
func (r *Reader) Offset() int { return r.size - r.outer - len(r.b) }

// Mark returns a position for Since.
func (r *Reader) Mark() []byte { return r.b }

// Since returns the bytes consumed since Mark returned mark within the same vector, or nil after a failure. It lets a
// structure keep the very bytes that a signature or a reference covers.
func (r *Reader) Since(mark []byte) []byte {
	if r.err != nil || len(mark) < len(r.b) {
		return nil
	}
	n := len(mark) - len(r.b)
	return mark[:n:n]
}

// Raw consumes n bytes.
func (r *Reader) Raw(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.Failf("needs %d bytes, %d left", n, len(r.b))
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// Rest consumes everything that is left of the innermost vector or of the input.
func (r *Reader) Rest() []byte { return r.Raw(len(r.b)) }

// U8 consumes a uint8.
func (r *Reader) U8() uint8 {
	if p := r.Raw(1); p != nil {
		return p[0]
	}
	return 0
}

// U16 consumes a uint16.
func (r *Reader) U16() uint16 {
	if p := r.Raw(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

// U32 consumes a uint32.
func (r *Reader) U32() uint32 {
	if p := r.Raw(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// U64 consumes a uint64.
func (r *Reader) U64() uint64 {
	if p := r.Raw(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// Bool consumes an octet that must be 0 or 1.
func (r *Reader) Bool() bool {
	v := r.U8()
	if v > 1 {
		r.Failf("octet must be 0 or 1, is %d", v)
		return false
	}
	return v == 1
}

// Varint consumes a variable-length integer. RFC 9420 §2.1.2 forbids the prefix 3 and any form longer than needed.
func (r *Reader) Varint() int {
	first := r.U8()
	if r.err != nil {
		return 0
	}
	v := int(first & 0x3f)
	switch first >> 6 {
	case 0:
		return v
	case 1:
		v = v<<8 | int(r.U8())
		if r.err == nil && v < 1<<6 {
			r.Fail("length not in its shortest form")
		}
	case 2:
		p := r.Raw(3)
		if p != nil {
			v = v<<24 | int(p[0])<<16 | int(p[1])<<8 | int(p[2])
		}
		if r.err == nil && v < 1<<14 {
			r.Fail("length not in its shortest form")
		}
	default:
		r.Fail("length with the invalid prefix 3")
	}
	if r.err != nil {
		return 0
	}
	return v
}

// Opaque consumes opaque<V>. The result shares the input's memory and is nil only after a failure.
func (r *Reader) Opaque() []byte {
	n := r.Varint()
	return r.Raw(n)
}

// String consumes opaque<V> as a string.
func (r *Reader) String() string { return string(r.Opaque()) }

// Sub consumes a length and calls body once with the Reader limited to that many bytes, all of which body must consume.
func (r *Reader) Sub(body func(r *Reader)) {
	n := r.Varint()
	if r.err != nil {
		return
	}
	if n > len(r.b) {
		r.Failf("needs %d bytes, %d left", n, len(r.b))
		return
	}
	rest := r.b[n:]
	r.b = r.b[:n:n]
	r.outer += len(rest)
	body(r)
	if r.err != nil {
		return
	}
	if len(r.b) > 0 {
		r.Failf("%d bytes after the end of the vector's content", len(r.b))
		return
	}
	r.outer -= len(rest)
	r.b = rest
}

// Vector consumes T<V>: a length, then elements until that many bytes are used up. element is called for each and must
// consume at least one byte.
func (r *Reader) Vector(element func(r *Reader)) {
	r.Sub(func(r *Reader) {
		for len(r.b) > 0 {
			before := len(r.b)
			element(r)
			if r.err != nil {
				return
			}
			if len(r.b) == before {
				r.Fail("vector element of no bytes")
				return
			}
		}
	})
}

// Optional consumes the presence octet of optional<T> and calls body when it is 1. It returns whether the value is present.
func (r *Reader) Optional(body func(r *Reader)) bool {
	if !r.Bool() || r.err != nil {
		return false
	}
	body(r)
	return r.err == nil
}

// sample is after how many elements ReadVector estimates how many there are.
const sample = 16

// ReadVector consumes T<V> into a slice, which is nil for an empty vector.
func ReadVector[T any, P interface {
	*T
	Unmarshaler
}](r *Reader) []T {
	var v []T
	total := 0
	r.Vector(func(r *Reader) {
		var e T
		if v == nil {
			total = r.Len()
		}
		P(&e).UnmarshalTLS(r)
		if r.err != nil {
			return
		}
		if len(v) == sample {
			// The rest is likely to be of the same size. In the worst case that reserves what as many elements of this size would need.
			if used := total - r.Len(); used > 0 {
				v = slices.Grow(v, 1+(total-used)*(sample+1)/used)
			}
		}
		v = append(v, e)
	})
	if r.err != nil {
		return nil
	}
	return v
}
