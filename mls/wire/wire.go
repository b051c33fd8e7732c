// Package wire reads and writes the TLS presentation language as MLS uses it: RFC 8446 §3 with the variable-size vectors
// and the optional<T> of RFC 9420 §2.1.
//
// Integers are big-endian. Every vector carries its length in bytes as a variable-length integer of 1, 2 or 4 bytes, which
// must be the shortest that holds the value; a length above 2^30-1 does not exist. Decoding never allocates more than a
// small multiple of the input's own size, whatever the length prefixes claim.
//
// Vectors with a fixed-size length field and the select of RFC 8446 are not part of MLS; structures write their variants
// by hand.
//
// A Reader or Writer belongs to one goroutine. The package keeps no state of its own.
package wire

import (
	"bytes"
	"fmt"
)

// MaxVector is the largest body of a vector in bytes, RFC 9420 §2.1.2.
const MaxVector = 1<<30 - 1

// Error says which field of the input broke which rule. It is the only error type that this package returns.
type Error struct {
	Field  string // as "Structure.field", empty when the decoder named none
	Rule   string // what does not hold
	Offset int    // byte offset in the decoded input at which decoding stopped
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("wire: %s (at byte %d)", e.Rule, e.Offset)
	}
	return fmt.Sprintf("wire: %s: %s (at byte %d)", e.Field, e.Rule, e.Offset)
}

// Marshaler is a structure that appends its encoding to a Writer.
type Marshaler interface {
	MarshalTLS(w *Writer)
}

// Unmarshaler is a structure that sets itself from a Reader. After a failure of the Reader its contents are unspecified.
type Unmarshaler interface {
	UnmarshalTLS(r *Reader)
}

// Sizer is what a Marshaler may offer besides: about how long its encoding is, so that one allocation holds it.
type Sizer interface {
	SizeHint() int
}

// Marshal returns the encoding of v. It panics when a vector is longer than MaxVector.
func Marshal(v Marshaler) []byte {
	var w Writer
	if s, ok := v.(Sizer); ok {
		w.b = make([]byte, 0, s.SizeHint())
	}
	v.MarshalTLS(&w)
	return w.Bytes()
}

// Unmarshal sets v from exactly the bytes b and fails when some are left over. The result does not share memory with b.
// The error is a *Error.
func Unmarshal(b []byte, v Unmarshaler) error {
	r := NewReader(bytes.Clone(b))
	v.UnmarshalTLS(r)
	return r.Done()
}
