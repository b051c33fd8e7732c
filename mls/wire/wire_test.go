package wire

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
)

// The four examples and the boundaries of RFC 9420 §2.1.2 (RFC 9000 §16 without the 8-byte form).
func TestVarint(t *testing.T) {
	for _, c := range []struct {
		v   int
		enc []byte
	}{
		{0, []byte{0}},
		{37, []byte{0x25}},
		{63, []byte{0x3f}},
		{64, []byte{0x40, 0x40}},
		{15293, []byte{0x7b, 0xbd}},
		{16383, []byte{0x7f, 0xff}},
		{16384, []byte{0x80, 0x00, 0x40, 0x00}},
		{494878333, []byte{0x9d, 0x7f, 0x3e, 0x7d}},
		{MaxVector, []byte{0xbf, 0xff, 0xff, 0xff}},
	} {
		var w Writer
		w.Varint(c.v)
		if !bytes.Equal(w.Bytes(), c.enc) {
			t.Errorf("Varint(%d) = %x, want %x", c.v, w.Bytes(), c.enc)
		}
		r := NewReader(c.enc)
		if v := r.Varint(); v != c.v || r.Done() != nil {
			t.Errorf("reading %x = %d, %v; want %d", c.enc, v, r.Err(), c.v)
		}
	}
	for _, v := range []int{-1, MaxVector + 1, math.MaxInt64} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Varint(%d) did not panic", v)
				}
			}()
			new(Writer).Varint(v)
		}()
	}
}

func TestRejects(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		read func(r *Reader)
		rule string
	}{
		{"2-byte form of 63", []byte{0x40, 0x3f}, func(r *Reader) { r.Varint() }, "shortest"},
		{"4-byte form of 16383", []byte{0x80, 0, 0x3f, 0xff}, func(r *Reader) { r.Varint() }, "shortest"},
		{"8-byte form", []byte{0xc0, 0, 0, 0, 0, 0, 0, 0}, func(r *Reader) { r.Varint() }, "prefix 3"},
		{"cut varint", []byte{0x80, 0, 0x40}, func(r *Reader) { r.Varint() }, "needs 3 bytes"},
		{"opaque longer than input", []byte{5, 1, 2}, func(r *Reader) { r.Opaque() }, "needs 5 bytes, 2 left"},
		{"huge opaque", []byte{0xbf, 0xff, 0xff, 0xff, 1}, func(r *Reader) { r.Opaque() }, "needs 1073741823"},
		{"vector longer than input", []byte{5, 1, 2}, func(r *Reader) { r.Vector(func(r *Reader) { r.U8() }) }, "needs 5 bytes"},
		{"element across the vector's end", []byte{3, 0, 1, 0, 2}, func(r *Reader) { r.Vector(func(r *Reader) { r.U16() }) }, "needs 2 bytes, 1 left"},
		{"element of no bytes", []byte{1, 0}, func(r *Reader) { r.Vector(func(r *Reader) {}) }, "no bytes"},
		{"content shorter than its vector", []byte{2, 0, 0}, func(r *Reader) { r.Sub(func(r *Reader) { r.U8() }) }, "after the end"},
		{"presence octet", []byte{2}, func(r *Reader) { r.Optional(func(r *Reader) {}) }, "0 or 1"},
		{"trailing byte", []byte{1, 2}, func(r *Reader) { r.U8() }, "1 bytes after the end"},
	} {
		r := NewReader(c.in)
		c.read(r.At("Test.field"))
		err := r.Done()
		var e *Error
		if !errors.As(err, &e) || e.Field != "Test.field" || !strings.Contains(e.Rule, c.rule) {
			t.Errorf("%s: error %v, want field Test.field and rule %q", c.name, err, c.rule)
		}
	}
}

// The first failure stays and later reads return nothing.
func TestStickyError(t *testing.T) {
	r := NewReader([]byte{1, 2, 3})
	r.At("a").U32()
	first := r.Err()
	if v := r.At("b").U8(); v != 0 || r.Err() != first || r.Len() != 0 {
		t.Errorf("after a failure: value %d, error %v, %d left", v, r.Err(), r.Len())
	}
	called := false
	r.Vector(func(*Reader) { called = true })
	r.Optional(func(*Reader) { called = true })
	if called {
		t.Error("a body was called after a failure")
	}
}

func TestOffsetAndSince(t *testing.T) {
	r := NewReader([]byte{9, 4, 1, 2, 3, 4, 8})
	r.U8()
	var since []byte
	r.Sub(func(r *Reader) {
		r.U8()
		m := r.Mark()
		r.U16()
		since = r.Since(m)
		if r.Offset() != 5 {
			t.Errorf("offset within the vector = %d, want 5", r.Offset())
		}
		r.U8()
	})
	if !bytes.Equal(since, []byte{2, 3}) || r.Offset() != 6 || r.U8() != 8 || r.Done() != nil {
		t.Errorf("since %x, offset %d, error %v", since, r.Offset(), r.Err())
	}
}

// Bodies around each size of the length prefix keep their content when the prefix grows after the fact.
func TestVectorRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 16383, 16384, 70000} {
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(i * 7)
		}
		var w Writer
		w.U16(0xabcd)
		w.Vector(func(w *Writer) { w.Vector(func(w *Writer) { w.Raw(want) }) })
		w.U8(0xef)
		var got []byte
		r := NewReader(w.Bytes())
		if r.U16() != 0xabcd {
			t.Fatal("prefix damaged")
		}
		r.Sub(func(r *Reader) { got = r.Opaque() })
		if r.U8() != 0xef || r.Done() != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %v", n, r.Err())
		}
	}
}

type pair struct {
	a uint8
	b []byte
}

func (p *pair) MarshalTLS(w *Writer)   { w.U8(p.a); w.Opaque(p.b) }
func (p *pair) UnmarshalTLS(r *Reader) { p.a = r.At("pair.a").U8(); p.b = r.At("pair.b").Opaque() }

type everything struct {
	Pairs []pair
	Name  string
	Opt   *uint64
	Tail  []byte
}

func (e *everything) MarshalTLS(w *Writer) {
	WriteVector(w, e.Pairs)
	w.OpaqueString(e.Name)
	w.Optional(e.Opt != nil, func(w *Writer) { w.U64(*e.Opt) })
	w.Raw(e.Tail)
}

func (e *everything) UnmarshalTLS(r *Reader) {
	e.Pairs = ReadVector[pair](r.At("everything.pairs"))
	e.Name = r.At("everything.name").String()
	r.At("everything.opt").Optional(func(r *Reader) { v := r.U64(); e.Opt = &v })
	e.Tail = r.At("everything.tail").Rest()
}

// Unmarshal copies once, so that a caller may reuse its buffer.
func TestUnmarshalCopies(t *testing.T) {
	in := Marshal(&pair{7, []byte("abc")})
	var p pair
	if err := Unmarshal(in, &p); err != nil {
		t.Fatal(err)
	}
	clear(in)
	if string(p.b) != "abc" {
		t.Errorf("value changed with the input: %q", p.b)
	}
}

// FuzzReader decodes anything: no panic, an exact round trip of what is accepted, and memory bounded by the input.
func FuzzReader(f *testing.F) {
	opt := uint64(5)
	f.Add(Marshal(&everything{Pairs: []pair{{1, []byte("x")}, {2, nil}}, Name: "name", Opt: &opt, Tail: []byte("t")}))
	f.Add([]byte{0xbf, 0xff, 0xff, 0xff})
	f.Add([]byte{0x06, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var e everything
		err := Unmarshal(in, &e)
		runtime.ReadMemStats(&after)
		// 32 bytes per pair of at least 2 input bytes, doubled by growth, and the copy; the rest is the runtime's own.
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*len(in)+1<<16); got > limit {
			t.Fatalf("%d bytes allocated for %d of input", got, len(in))
		}
		if err == nil && !bytes.Equal(Marshal(&e), in) {
			t.Fatalf("%x encodes again as %x", in, Marshal(&e))
		}
	})
}

func TestNoAllocationInReader(t *testing.T) {
	in := Marshal(&pair{1, make([]byte, 100)})
	r := NewReader(in)
	if n := testing.AllocsPerRun(100, func() {
		*r = Reader{b: in, size: len(in)}
		var p pair
		p.UnmarshalTLS(r)
	}); n != 0 {
		t.Errorf("%v allocations to read a pair", n)
	}
	w := NewWriter(make([]byte, 0, 256))
	if n := testing.AllocsPerRun(100, func() {
		w.Reset()
		w.Vector(func(w *Writer) { w.Opaque(in) })
	}); n != 0 {
		t.Errorf("%v allocations to write into a large enough buffer", n)
	}
}
