package mls

import (
	"cmp"
	"slices"

	"anteroom/mls/wire"
)

// Extension is a typed byte string (§13). Unknown types are preserved.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// RequiredCapabilities is the body of the required_capabilities extension (§11.1).
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// ExternalSender may send proposals from outside the group (§12.1.8.1).
type ExternalSender struct {
	SignatureKey SignaturePublicKey
	Credential   Credential
}

// ComponentData is one entry of an AppDataDictionary (draft-ietf-mls-extensions, app_data_dictionary).
type ComponentData struct {
	ID   ComponentID
	Data []byte
}

// AppDataDictionary is sorted by component and without duplicates.
type AppDataDictionary []ComponentData

// MarshalTLS implements wire.Marshaler.
func (c RequiredCapabilities) MarshalTLS(w *wire.Writer) {
	writeUint16s(w, c.Extensions)
	writeUint16s(w, c.Proposals)
	writeUint16s(w, c.Credentials)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *RequiredCapabilities) UnmarshalTLS(r *wire.Reader) {
	c.Extensions = readUint16s[ExtensionType](r.At("RequiredCapabilities.extension_types"))
	c.Proposals = readUint16s[ProposalType](r.At("RequiredCapabilities.proposal_types"))
	c.Credentials = readUint16s[CredentialType](r.At("RequiredCapabilities.credential_types"))
}

// MarshalTLS implements wire.Marshaler.
func (s ExternalSender) MarshalTLS(w *wire.Writer) {
	w.Opaque(s.SignatureKey)
	s.Credential.MarshalTLS(w)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (s *ExternalSender) UnmarshalTLS(r *wire.Reader) {
	s.SignatureKey = r.At("ExternalSender.signature_key").Opaque()
	s.Credential.UnmarshalTLS(r)
}

// ExternalSenders is the body of the external_senders extension (RFC 9420 §12.1.8.1).
type ExternalSenders []ExternalSender

// MarshalTLS implements wire.Marshaler.
func (s ExternalSenders) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for i := range s {
			s[i].MarshalTLS(w)
		}
	})
}

// UnmarshalTLS implements wire.Unmarshaler.
func (s *ExternalSenders) UnmarshalTLS(r *wire.Reader) {
	*s = wire.ReadVector[ExternalSender](r.At("external_senders"))
}

// MarshalTLS implements wire.Marshaler.
func (d AppDataDictionary) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, c := range d {
			w.U16(uint16(c.ID))
			w.Opaque(c.Data)
		}
	})
}

// UnmarshalTLS implements wire.Unmarshaler. Entries must be in strictly ascending order of their component.
func (d *AppDataDictionary) UnmarshalTLS(r *wire.Reader) {
	*d = nil
	r.At("AppDataDictionary.component_data").Vector(func(r *wire.Reader) {
		var c ComponentData
		c.ID = ComponentID(r.At("ComponentData.component_id").U16())
		if r.Err() == nil && len(*d) > 0 && (*d)[len(*d)-1].ID >= c.ID {
			r.Fail("components not sorted, or one twice")
			return
		}
		c.Data = r.At("ComponentData.data").Opaque()
		*d = append(*d, c)
	})
}

// Get returns the data of a component.
func (d AppDataDictionary) Get(id ComponentID) (data []byte, ok bool) {
	i, ok := slices.BinarySearchFunc(d, id, compareComponent)
	if !ok {
		return nil, false
	}
	return d[i].Data, true
}

// With returns a copy of d in which the component has the given data.
func (d AppDataDictionary) With(id ComponentID, data []byte) AppDataDictionary {
	i, ok := slices.BinarySearchFunc(d, id, compareComponent)
	out := slices.Clone(d)
	if ok {
		out[i].Data = data
		return out
	}
	return slices.Insert(out, i, ComponentData{id, data})
}

// Without returns a copy of d that lacks the component.
func (d AppDataDictionary) Without(id ComponentID) AppDataDictionary {
	return slices.DeleteFunc(slices.Clone(d), func(c ComponentData) bool { return c.ID == id })
}

func compareComponent(c ComponentData, id ComponentID) int { return cmp.Compare(c.ID, id) }

// ComponentsList is the body of the components app_components and safe_aad (draft-ietf-mls-extensions, negotiation).
type ComponentsList []ComponentID

// MarshalTLS implements wire.Marshaler.
func (l ComponentsList) MarshalTLS(w *wire.Writer) { writeUint16s(w, l) }

// UnmarshalTLS implements wire.Unmarshaler.
func (l *ComponentsList) UnmarshalTLS(r *wire.Reader) {
	*l = readUint16s[ComponentID](r.At("ComponentsList.component_ids"))
}

// SafeAADItem is one component's share of the authenticated data of a message (draft-ietf-mls-extensions, safe_aad).
type SafeAADItem struct {
	Component ComponentID
	Data      []byte
}

// SafeAAD is the whole authenticated data of messages in a group whose context has the component safe_aad: items in
// strictly ascending order of their component.
type SafeAAD []SafeAADItem

// MarshalTLS implements wire.Marshaler.
func (s SafeAAD) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, item := range s {
			w.U16(uint16(item.Component))
			w.Opaque(item.Data)
		}
	})
}

// UnmarshalTLS implements wire.Unmarshaler.
func (s *SafeAAD) UnmarshalTLS(r *wire.Reader) {
	*s = nil
	r.At("SafeAAD.aad_items").Vector(func(r *wire.Reader) {
		var item SafeAADItem
		item.Component = ComponentID(r.At("SafeAADItem.component_id").U16())
		if r.Err() == nil && len(*s) > 0 && (*s)[len(*s)-1].Component >= item.Component {
			r.Fail("components not sorted, or one twice")
			return
		}
		item.Data = r.At("SafeAADItem.aad_item_data").Opaque()
		*s = append(*s, item)
	})
}
