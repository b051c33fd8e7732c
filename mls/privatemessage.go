package mls

import "anteroom/mls/wire"

// PrivateMessage is signed and encrypted (§6.3).
type PrivateMessage struct {
	GroupID             []byte
	Epoch               Epoch
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// MarshalTLS implements wire.Marshaler.
func (m *PrivateMessage) MarshalTLS(w *wire.Writer) {
	m.marshalAAD(w)
	w.Opaque(m.EncryptedSenderData)
	w.Opaque(m.Ciphertext)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (m *PrivateMessage) UnmarshalTLS(r *wire.Reader) {
	*m = PrivateMessage{}
	m.GroupID = r.At("PrivateMessage.group_id").Opaque()
	m.Epoch = Epoch(r.At("PrivateMessage.epoch").U64())
	m.ContentType = readContentType(r.At("PrivateMessage.content_type"))
	m.AuthenticatedData = r.At("PrivateMessage.authenticated_data").Opaque()
	m.EncryptedSenderData = r.At("PrivateMessage.encrypted_sender_data").Opaque()
	m.Ciphertext = r.At("PrivateMessage.ciphertext").Opaque()
}

// marshalSenderDataAAD writes the first three fields, which the sender data's encryption authenticates (RFC 9420 §6.3.2).
func (m *PrivateMessage) marshalSenderDataAAD(w *wire.Writer) {
	w.Opaque(m.GroupID)
	w.U64(uint64(m.Epoch))
	w.U8(uint8(m.ContentType))
}

// marshalAAD writes PrivateContentAAD: the first four fields (RFC 9420 §6.3.1).
func (m *PrivateMessage) marshalAAD(w *wire.Writer) {
	m.marshalSenderDataAAD(w)
	w.Opaque(m.AuthenticatedData)
}
