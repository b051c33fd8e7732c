package mls

import (
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// PublicMessage is signed, not encrypted (§6.2).
type PublicMessage struct {
	Content       FramedContent
	Auth          FramedContentAuthData
	MembershipTag []byte
}

// MarshalTLS implements wire.Marshaler.
func (m *PublicMessage) MarshalTLS(w *wire.Writer) {
	m.Content.MarshalTLS(w)
	m.Auth.marshal(w, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		w.Opaque(m.MembershipTag)
	}
}

// UnmarshalTLS implements wire.Unmarshaler. Application data is never sent in a PublicMessage (RFC 9420 §6), but decodes:
// receivers refuse it in content.
func (m *PublicMessage) UnmarshalTLS(r *wire.Reader) {
	*m = PublicMessage{}
	m.Content.UnmarshalTLS(r)
	m.Auth.unmarshal(r, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		m.MembershipTag = r.At("PublicMessage.membership_tag").Opaque()
	}
}

// SizeHint implements wire.Sizer.
func (m *PublicMessage) SizeHint() int { return m.Content.SizeHint() + 256 }

// tbm encodes AuthenticatedContentTBM, which the membership tag covers (RFC 9420 §6.2), in two parts.
func (a *authenticatedContent) tbm(groupContext []byte) (tbs, auth []byte) {
	w := wire.NewWriter(make([]byte, 0, 256))
	a.Auth.marshal(w, a.Content.ContentType)
	return a.tbs(groupContext), w.Bytes()
}

// protectPublic makes the PublicMessage of signed content. membershipKey is used for members only.
func (a *authenticatedContent) protectPublic(st *suite.Suite, membershipKey, groupContext []byte) *PublicMessage {
	m := &PublicMessage{Content: a.Content, Auth: a.Auth}
	if a.Content.Sender.Type == SenderMember {
		tbs, auth := a.tbm(groupContext)
		m.MembershipTag = st.MACOf(membershipKey, tbs, auth)
	}
	return m
}

// content returns the AuthenticatedContent without verifying anything but that a PublicMessage does not carry application data.
func (m *PublicMessage) content() (*authenticatedContent, error) {
	if m.Content.ContentType == ContentApplication {
		return nil, &ValidationError{"9420-6-application-public", "application data in a PublicMessage"}
	}
	return &authenticatedContent{WireFormat: WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}, nil
}

// unprotect checks the membership tag (RFC 9420 §6.2). The signature is still to be verified.
func (m *PublicMessage) unprotect(st *suite.Suite, membershipKey, groupContext []byte) (*authenticatedContent, error) {
	a, err := m.content()
	if err != nil {
		return nil, err
	}
	if m.Content.Sender.Type == SenderMember {
		tbs, auth := a.tbm(groupContext)
		if !st.VerifyMACOf(membershipKey, m.MembershipTag, tbs, auth) {
			return nil, &ValidationError{"9420-6.2-membership-tag", "the membership tag is wrong"}
		}
	}
	return a, nil
}
