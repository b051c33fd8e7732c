package content

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Major types of RFC 8949 §3.1.
const (
	majorUint   = 0
	majorNegInt = 1
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorTag    = 6
	majorSimple = 7
)

// writer appends deterministic CBOR.
type writer struct{ b []byte }

func (w *writer) head(major byte, n uint64) {
	major <<= 5
	switch {
	case n < 24:
		w.b = append(w.b, major|byte(n))
	case n < 1<<8:
		w.b = append(w.b, major|24, byte(n))
	case n < 1<<16:
		w.b = binary.BigEndian.AppendUint16(append(w.b, major|25), uint16(n))
	case n < 1<<32:
		w.b = binary.BigEndian.AppendUint32(append(w.b, major|26), uint32(n))
	default:
		w.b = binary.BigEndian.AppendUint64(append(w.b, major|27), n)
	}
}

func (w *writer) uint(n uint64) { w.head(majorUint, n) }
func (w *writer) null()         { w.b = append(w.b, 0xf6) }

func (w *writer) bool(v bool) {
	if v {
		w.b = append(w.b, 0xf5)
	} else {
		w.b = append(w.b, 0xf4)
	}
}

func (w *writer) bytes(p []byte) {
	w.head(majorBytes, uint64(len(p)))
	w.b = append(w.b, p...)
}

func (w *writer) text(s string) {
	w.head(majorText, uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) id(id MessageID) {
	if id.IsZero() {
		w.null()
	} else {
		w.bytes(id[:])
	}
}

func (w *writer) message(m *Message) {
	w.head(majorArray, 7)
	w.bytes(m.Salt[:])
	w.id(m.Replaces)
	w.bytes(m.Topic)
	if m.Expires == nil {
		w.null()
	} else {
		w.head(majorArray, 2)
		w.bool(m.Expires.Relative)
		w.uint(uint64(m.Expires.Seconds))
	}
	w.id(m.InReplyTo)
	w.extensions(m)
	w.part(&m.Body)
}

// extensions writes the map with its keys in the bytewise order of their encodings (RFC 8949 §4.2.1).
func (w *writer) extensions(m *Message) {
	entries := slices.Clone(m.Extensions)
	for key, text := range map[byte]string{keySender: m.Sender, keyRoom: m.Room} {
		if text != "" {
			value := writer{}
			value.text(text)
			entries = append(entries, Extension{[]byte{key}, value.b})
		}
	}
	slices.SortFunc(entries, func(a, b Extension) int { return bytes.Compare(a.Key, b.Key) })
	w.head(majorMap, uint64(len(entries)))
	for _, e := range entries {
		w.b = append(append(w.b, e.Key...), e.Value...)
	}
}

func (w *writer) part(p *Part) {
	w.head(majorArray, map[Cardinality]uint64{Null: 3, Single: 5, External: 15, Multi: 5}[p.Cardinality])
	w.uint(uint64(p.Disposition))
	w.text(p.Language)
	w.uint(uint64(p.Cardinality))
	switch p.Cardinality {
	case Single:
		w.text(p.ContentType)
		w.bytes(p.Content)
	case External:
		w.text(p.ContentType)
		w.external(p.External)
	case Multi:
		w.uint(uint64(p.Semantics))
		w.head(majorArray, uint64(len(p.Parts)))
		for i := range p.Parts {
			w.part(&p.Parts[i])
		}
	}
}

func (w *writer) external(e *ExternalPart) {
	if e == nil {
		e = new(ExternalPart)
	}
	w.text(e.URL)
	w.uint(uint64(e.Expires))
	w.uint(e.Size)
	w.uint(uint64(e.Encryption))
	w.bytes(e.Key)
	w.bytes(e.Nonce)
	w.bytes(e.AAD)
	w.uint(uint64(e.Hash))
	w.bytes(e.ContentHash)
	w.text(e.Description)
	w.text(e.Filename)
}
