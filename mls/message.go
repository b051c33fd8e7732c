package mls

import "anteroom/mls/wire"

// Message is an MLSMessage (§6): the field named by Format is set.
type Message struct {
	Format     WireFormat
	Public     *PublicMessage
	Private    *PrivateMessage
	Welcome    *Welcome
	GroupInfo  *GroupInfo
	KeyPackage *KeyPackage
}

// MarshalTLS implements wire.Marshaler.
func (m *Message) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(ProtocolVersionMLS10))
	w.U16(uint16(m.Format))
	switch m.Format {
	case WireFormatPublicMessage:
		m.Public.MarshalTLS(w)
	case WireFormatPrivateMessage:
		m.Private.MarshalTLS(w)
	case WireFormatWelcome:
		m.Welcome.MarshalTLS(w)
	case WireFormatGroupInfo:
		m.GroupInfo.MarshalTLS(w)
	case WireFormatKeyPackage:
		m.KeyPackage.MarshalTLS(w)
	}
}

// SizeHint implements wire.Sizer.
func (m *Message) SizeHint() int {
	var body wire.Sizer
	switch m.Format {
	case WireFormatPublicMessage:
		body = m.Public
	case WireFormatPrivateMessage:
		return 64 + len(m.Private.GroupID) + len(m.Private.AuthenticatedData) + len(m.Private.EncryptedSenderData) + len(m.Private.Ciphertext)
	case WireFormatWelcome:
		body = m.Welcome
	case WireFormatGroupInfo:
		body = m.GroupInfo
	case WireFormatKeyPackage:
		body = m.KeyPackage
	default:
		return 0
	}
	return 4 + body.SizeHint()
}

// UnmarshalTLS implements wire.Unmarshaler. An unknown wire format is an error: nothing says how long its body is.
func (m *Message) UnmarshalTLS(r *wire.Reader) {
	*m = Message{}
	readVersion(r.At("MLSMessage.version"))
	m.Format = WireFormat(r.At("MLSMessage.wire_format").U16())
	if r.Err() != nil {
		return
	}
	switch m.Format {
	case WireFormatPublicMessage:
		m.Public = new(PublicMessage)
		m.Public.UnmarshalTLS(r)
	case WireFormatPrivateMessage:
		m.Private = new(PrivateMessage)
		m.Private.UnmarshalTLS(r)
	case WireFormatWelcome:
		m.Welcome = new(Welcome)
		m.Welcome.UnmarshalTLS(r)
	case WireFormatGroupInfo:
		m.GroupInfo = new(GroupInfo)
		m.GroupInfo.UnmarshalTLS(r)
	case WireFormatKeyPackage:
		m.KeyPackage = new(KeyPackage)
		m.KeyPackage.UnmarshalTLS(r)
	default:
		r.Failf("unknown wire format %d", m.Format)
	}
}
