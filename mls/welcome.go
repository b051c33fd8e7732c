package mls

import (
	"anteroom/mls/wire"
)

// Welcome lets new members into the epoch that a commit created (§12.4.3.1).
type Welcome struct {
	Suite              CipherSuite
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}

// EncryptedGroupSecrets is one new member's share of a Welcome.
type EncryptedGroupSecrets struct {
	NewMember KeyPackageRef
	Secrets   HPKECiphertext
}

// groupSecrets is what the joiner finds in its EncryptedGroupSecrets (RFC 9420 §12.4.3.1).
type groupSecrets struct {
	JoinerSecret []byte
	PathSecret   []byte // nil if absent
	PSKs         []PreSharedKeyID
}

// MarshalTLS implements wire.Marshaler.
func (e *EncryptedGroupSecrets) MarshalTLS(w *wire.Writer) {
	w.Opaque(e.NewMember)
	e.Secrets.MarshalTLS(w)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (e *EncryptedGroupSecrets) UnmarshalTLS(r *wire.Reader) {
	e.NewMember = r.At("EncryptedGroupSecrets.new_member").Opaque()
	e.Secrets.UnmarshalTLS(r)
}

// MarshalTLS implements wire.Marshaler.
func (m *Welcome) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(m.Suite))
	wire.WriteVector(w, m.Secrets)
	w.Opaque(m.EncryptedGroupInfo)
}

// SizeHint implements wire.Sizer.
func (m *Welcome) SizeHint() int { return 64 + 192*len(m.Secrets) + len(m.EncryptedGroupInfo) }

// UnmarshalTLS implements wire.Unmarshaler.
func (m *Welcome) UnmarshalTLS(r *wire.Reader) {
	m.Suite = CipherSuite(r.At("Welcome.cipher_suite").U16())
	m.Secrets = wire.ReadVector[EncryptedGroupSecrets](r.At("Welcome.secrets"))
	m.EncryptedGroupInfo = r.At("Welcome.encrypted_group_info").Opaque()
}

// MarshalTLS implements wire.Marshaler.
func (s *groupSecrets) MarshalTLS(w *wire.Writer) {
	w.Opaque(s.JoinerSecret)
	w.Optional(s.PathSecret != nil, func(w *wire.Writer) { w.Opaque(s.PathSecret) })
	wire.WriteVector(w, s.PSKs)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (s *groupSecrets) UnmarshalTLS(r *wire.Reader) {
	*s = groupSecrets{}
	s.JoinerSecret = r.At("GroupSecrets.joiner_secret").Opaque()
	r.At("GroupSecrets.path_secret").Optional(func(r *wire.Reader) { s.PathSecret = r.Opaque() })
	s.PSKs = wire.ReadVector[PreSharedKeyID](r.At("GroupSecrets.psks"))
}
