package mimi

import (
	"strings"
	"unicode/utf8"

	"anteroom/mls/wire"
)

// Maximum is optional<uint32>: an upper bound, or none.
type Maximum struct {
	Limited bool
	N       uint32
}

// AtMost returns the bound n.
func AtMost(n uint32) Maximum { return Maximum{Limited: true, N: n} }

// Allows says whether n is within the bound.
func (m Maximum) Allows(n int) bool { return !m.Limited || n <= int(m.N) }

func (m *Maximum) write(w *wire.Writer) {
	w.Optional(m.Limited, func(w *wire.Writer) { w.U32(m.N) })
}

func (m *Maximum) read(r *wire.Reader) {
	m.Limited = r.Optional(func(r *wire.Reader) { m.N = r.U32() })
}

// Optionality of a feature (draft-ietf-mimi-room-policy-04 §6.1). The draft calls 1 required and mandatory; both are this.
type Optionality uint8

const (
	Optional  Optionality = 0
	Required  Optionality = 1
	Forbidden Optionality = 2
)

func readOptionality(r *wire.Reader, field string) Optionality {
	v := Optionality(r.At(field).U8())
	if v > Forbidden {
		r.Failf("optionality must be 0, 1 or 2, is %d", v)
	}
	return v
}

// readText reads opaque<V> that must be UTF-8 without NUL of at most limit bytes.
func readText(r *wire.Reader, field string, limit int) string {
	b := r.At(field).Opaque()
	if len(b) > limit {
		r.Failf("longer than %d bytes", limit)
		return ""
	}
	s := string(b)
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		r.Fail("not UTF-8 without NUL")
		return ""
	}
	return s
}

// readURI reads IdentifierUri or Uri: opaque<V> holding a MIMI URI.
func readURI(r *wire.Reader, field string) URI {
	b := r.At(field).Opaque()
	if len(b) > MaxURI {
		r.Failf("uri is longer than %d bytes", MaxURI)
		return URI{}
	}
	if r.Err() != nil {
		return URI{}
	}
	u, err := ParseURI(string(b))
	if err != nil {
		r.Fail(err.Error())
	}
	return u
}

func writeURI(w *wire.Writer, u URI) { w.OpaqueString(u.s) }

// integers is a list of fixed-size integers as T<V>.
func writeIntegers[T ~uint8 | ~uint16 | ~uint32](w *wire.Writer, v []T, width int) {
	w.Varint(len(v) * width)
	for _, n := range v {
		switch width {
		case 1:
			w.U8(uint8(n))
		case 2:
			w.U16(uint16(n))
		default:
			w.U32(uint32(n))
		}
	}
}

func readIntegers[T ~uint8 | ~uint16 | ~uint32](r *wire.Reader, field string, width, limit int) []T {
	var v []T
	r.At(field).Sub(func(r *wire.Reader) {
		if r.Len()%width != 0 {
			r.Failf("length is not a multiple of %d", width)
			return
		}
		n := r.Len() / width
		if n > limit {
			r.Failf("more than %d entries", limit)
			return
		}
		if n == 0 {
			return
		}
		v = make([]T, n)
		for i := range v {
			switch width {
			case 1:
				v[i] = T(r.U8())
			case 2:
				v[i] = T(r.U16())
			default:
				v[i] = T(r.U32())
			}
		}
	})
	return v
}

// readList reads T<V> of at most limit elements.
func readList[T any](r *wire.Reader, field string, limit int, element func(r *wire.Reader, v *T)) []T {
	var list []T
	r.At(field).Vector(func(r *wire.Reader) {
		if len(list) >= limit {
			r.At(field).Failf("more than %d entries", limit)
			return
		}
		var v T
		element(r, &v)
		list = append(list, v)
	})
	if r.Err() != nil {
		return nil
	}
	return list
}

// unmarshal decodes all of b; the result does not share memory with b.
func unmarshal[T any, P interface {
	*T
	wire.Unmarshaler
}](b []byte) (P, error) {
	v := P(new(T))
	if err := wire.Unmarshal(b, v); err != nil {
		return nil, err
	}
	return v, nil
}

// readKind reads a URI that must name something of one kind.
func readKind(r *wire.Reader, field string, kind Kind) URI {
	u := readURI(r, field)
	if r.Err() == nil && u.Kind() != kind {
		r.Failf("%s is not of kind %q", u, string(rune(kind)))
	}
	return u
}
