package mls

import (
	"crypto/subtle"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

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

// aad returns PrivateContentAAD and, sharing its memory, SenderDataAAD.
func (m *PrivateMessage) aad() (content, senderData []byte) {
	w := wire.NewWriter(make([]byte, 0, 32+len(m.GroupID)+len(m.AuthenticatedData)))
	m.marshalSenderDataAAD(w)
	n := w.Len()
	w.Opaque(m.AuthenticatedData)
	return w.Bytes(), w.Bytes()[:n]
}

// senderData says which key encrypts a PrivateMessage (RFC 9420 §6.3.2).
type senderData struct {
	Leaf       LeafIndex
	Generation uint32
	Guard      [4]byte
}

const senderDataSize = 12

// MarshalTLS implements wire.Marshaler.
func (d *senderData) MarshalTLS(w *wire.Writer) {
	w.U32(uint32(d.Leaf))
	w.U32(d.Generation)
	w.Raw(d.Guard[:])
}

// UnmarshalTLS implements wire.Unmarshaler.
func (d *senderData) UnmarshalTLS(r *wire.Reader) {
	d.Leaf = LeafIndex(r.At("SenderData.leaf_index").U32())
	d.Generation = r.At("SenderData.generation").U32()
	copy(d.Guard[:], r.At("SenderData.reuse_guard").Raw(len(d.Guard)))
}

// ratchetOf returns which of a leaf's two ratchets protects a content type.
func ratchetOf(t ContentType) schedule.Ratchet {
	if t == ContentApplication {
		return schedule.ApplicationRatchet
	}
	return schedule.HandshakeRatchet
}

// protectPrivate encrypts signed content of a member with one key of its ratchet (RFC 9420 §6.3). guard must be unpredictable.
func (a *authenticatedContent) protectPrivate(st *suite.Suite, senderDataSecret []byte, key schedule.MessageKey, guard [4]byte, padding int) *PrivateMessage {
	m := &PrivateMessage{
		GroupID:           a.Content.GroupID,
		Epoch:             a.Content.Epoch,
		ContentType:       a.Content.ContentType,
		AuthenticatedData: a.Content.AuthenticatedData,
	}
	contentAAD, senderDataAAD := m.aad()
	w := wire.NewWriter(make([]byte, 0, len(a.Content.Application)+len(a.Auth.Signature)+padding+128))
	a.Content.marshalBody(w)
	a.Auth.marshal(w, a.Content.ContentType)
	w.Raw(make([]byte, padding))
	plain := w.Bytes()
	nonce := guardedNonce(key.Nonce, guard)
	m.Ciphertext = st.Seal(plain[:0], key.Key, nonce, contentAAD, plain)

	sd := senderData{a.Content.Sender.Leaf, key.Generation, guard}
	w = wire.NewWriter(make([]byte, 0, senderDataSize+32))
	sd.MarshalTLS(w)
	sdKey, sdNonce := schedule.SenderDataKey(st, senderDataSecret, m.Ciphertext)
	m.EncryptedSenderData = st.Seal(w.Bytes()[:0], sdKey, sdNonce, senderDataAAD, w.Bytes())
	return m
}

func guardedNonce(nonce []byte, guard [4]byte) []byte {
	out := append(make([]byte, 0, len(nonce)), nonce...)
	subtle.XORBytes(out, out, guard[:])
	return out
}

// openSenderData decrypts who sent m with which key (RFC 9420 §6.3.2). The caller must check that the leaf is a member.
func (m *PrivateMessage) openSenderData(st *suite.Suite, senderDataSecret []byte) (senderData, error) {
	key, nonce := schedule.SenderDataKey(st, senderDataSecret, m.Ciphertext)
	_, aad := m.aad()
	plain, err := st.Open(nil, key, nonce, aad, m.EncryptedSenderData)
	if err != nil {
		return senderData{}, &ValidationError{"9420-6.3.2-sender-data", err.Error()}
	}
	var d senderData
	if err := wire.Unmarshal(plain, &d); err != nil {
		return senderData{}, err
	}
	return d, nil
}

// openContent decrypts the content of m with the key that its sender data names (RFC 9420 §6.3.1). The signature is still to
// be verified.
func (m *PrivateMessage) openContent(st *suite.Suite, d senderData, key schedule.MessageKey) (*authenticatedContent, error) {
	aad, _ := m.aad()
	plain, err := st.Open(nil, key.Key, guardedNonce(key.Nonce, d.Guard), aad, m.Ciphertext)
	if err != nil {
		return nil, &ValidationError{"9420-6.3.1-content", err.Error()}
	}
	a := &authenticatedContent{
		WireFormat: WireFormatPrivateMessage,
		Content: FramedContent{
			GroupID:           m.GroupID,
			Epoch:             m.Epoch,
			Sender:            Sender{Type: SenderMember, Leaf: d.Leaf},
			AuthenticatedData: m.AuthenticatedData,
			ContentType:       m.ContentType,
		},
	}
	r := wire.NewReader(plain)
	a.Content.unmarshalBody(r)
	a.Auth.unmarshal(r, m.ContentType)
	for _, b := range r.At("PrivateMessageContent.padding").Rest() {
		if b != 0 {
			r.Fail("padding is not zero")
			break
		}
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	return a, nil
}
