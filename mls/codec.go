package mls

import (
	"encoding/binary"

	"anteroom/mls/wire"
)

// MaxExtensions is how many extensions one list may hold. RFC 9420 sets no bound; the registry knows about a dozen.
const MaxExtensions = 128

// writeUint16s appends v as a vector of uint16.
func writeUint16s[T ~uint16](w *wire.Writer, v []T) {
	w.Varint(2 * len(v))
	for _, e := range v {
		w.U16(uint16(e))
	}
}

// readUint16s consumes a vector of uint16; nil for an empty one.
func readUint16s[T ~uint16](r *wire.Reader) []T {
	b := r.Opaque()
	if len(b)%2 != 0 {
		r.Failf("vector of uint16 with %d bytes", len(b))
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	v := make([]T, len(b)/2)
	for i := range v {
		v[i] = T(binary.BigEndian.Uint16(b[2*i:]))
	}
	return v
}

// version consumes a protocol version, of which only mls10 has a known layout.
func readVersion(r *wire.Reader) ProtocolVersion {
	v := ProtocolVersion(r.U16())
	if r.Err() == nil && v != ProtocolVersionMLS10 {
		r.Failf("protocol version %d is not mls10", v)
	}
	return v
}

// MarshalTLS implements wire.Marshaler.
func (e Extension) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(e.Type))
	w.Opaque(e.Data)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (e *Extension) UnmarshalTLS(r *wire.Reader) {
	e.Type = ExtensionType(r.At("Extension.extension_type").U16())
	e.Data = r.At("Extension.extension_data").Opaque()
}

func writeExtensions(w *wire.Writer, v []Extension) {
	w.Vector(func(w *wire.Writer) {
		for i := range v {
			v[i].MarshalTLS(w)
		}
	})
}

// readExtensions consumes a list of extensions, which never holds a type twice (RFC 9420 §13.4).
func readExtensions(r *wire.Reader, field string) []Extension {
	var list []Extension
	r.At(field).Vector(func(r *wire.Reader) {
		var e Extension
		e.UnmarshalTLS(r)
		if r.Err() != nil {
			return
		}
		r.At(field)
		if len(list) == MaxExtensions {
			r.Failf("more than %d extensions", MaxExtensions)
			return
		}
		if _, dup := findExtension(list, e.Type); dup {
			r.Failf("extension type 0x%04x twice", e.Type)
			return
		}
		list = append(list, e)
	})
	if r.Err() != nil {
		return nil
	}
	return list
}

// findExtension returns the data of the extension of the given type.
func findExtension(list []Extension, t ExtensionType) (data []byte, ok bool) {
	for i := range list {
		if list[i].Type == t {
			return list[i].Data, true
		}
	}
	return nil, false
}

// withExtension returns a copy of list in which the extension of type t has the given data; a new one goes to the end.
func withExtension(list []Extension, t ExtensionType, data []byte) []Extension {
	out := append(make([]Extension, 0, len(list)+1), list...)
	for i := range out {
		if out[i].Type == t {
			out[i].Data = data
			return out
		}
	}
	return append(out, Extension{t, data})
}

// MarshalTLS implements wire.Marshaler.
func (c HPKECiphertext) MarshalTLS(w *wire.Writer) {
	w.Opaque(c.KEMOutput)
	w.Opaque(c.Ciphertext)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *HPKECiphertext) UnmarshalTLS(r *wire.Reader) {
	c.KEMOutput = r.At("HPKECiphertext.kem_output").Opaque()
	c.Ciphertext = r.At("HPKECiphertext.ciphertext").Opaque()
}
