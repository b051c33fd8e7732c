package mimi

import (
	"encoding/base64"
	"strings"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// JoinLink is a joining code of the rooms that this program owns: the "join link" of draft-mahy-mimi-group-chat, which its successors
// keep as canUseJoinCode and GroupInfoRequest.joiningCode without a format. An admin or owner of the room signs it with the key of its
// leaf; the room's hub alone says whether it is still good (docs/decisions/125-join-links.md). ID is secret: who has the link has the right.
type JoinLink struct {
	ID        [JoinLinkID]byte
	Room      URI
	Role      RoleIndex // in which it lets in
	Expires   uint64    // seconds since 1970
	Uses      uint32    // at most so many users
	Password  bool      // it takes a password, too
	Issuer    URI       // the user who signed, by its name in the group
	Signature []byte
}

// JoinLinkID is the length of a JoinLink's ID in bytes.
const JoinLinkID = 16

const (
	joinLinkFormat = 1
	joinLinkLabel  = "join link"
	passwordMark   = "." // between a link's text and a password: not in the alphabet of base64url
)

func (l *JoinLink) tbs(w *wire.Writer) {
	w.U8(joinLinkFormat)
	w.Raw(l.ID[:])
	writeURI(w, l.Room)
	w.U32(uint32(l.Role))
	w.U64(l.Expires)
	w.U32(l.Uses)
	w.Bool(l.Password)
	writeURI(w, l.Issuer)
}

func (l *JoinLink) MarshalTLS(w *wire.Writer) {
	l.tbs(w)
	w.Opaque(l.Signature)
}

func (l *JoinLink) UnmarshalTLS(r *wire.Reader) {
	*l = JoinLink{}
	if v := r.At("JoinLink.format").U8(); r.Err() == nil && v != joinLinkFormat {
		r.Failf("unknown format %d", v)
	}
	copy(l.ID[:], r.At("JoinLink.id").Raw(JoinLinkID))
	l.Room = readKind(r, "JoinLink.room", KindRoom)
	l.Role = RoleIndex(r.At("JoinLink.role").U32())
	if l.Role == RoleNone || l.Role == RoleBanned {
		r.Fail("nobody joins as role 0 or 1")
	}
	l.Expires = r.At("JoinLink.expires").U64()
	if l.Uses = r.At("JoinLink.uses").U32(); l.Uses == 0 {
		r.Fail("a link is good for one user at least")
	}
	l.Password = r.At("JoinLink.password").Bool()
	l.Issuer = readKind(r, "JoinLink.issuer", KindUser)
	l.Signature = r.At("JoinLink.signature").Opaque()
}

// Sign fills in the signature, by the key of the issuer's leaf.
func (l *JoinLink) Sign(s mls.Signer) error {
	var w wire.Writer
	l.tbs(&w)
	signature, err := s.SafeSignWithLabel(ComponentJoinLinks, joinLinkLabel, w.Bytes())
	l.Signature = signature
	return err
}

// Verify checks the signature.
func (l *JoinLink) Verify(cs mls.CipherSuite, key mls.SignaturePublicKey) error {
	var w wire.Writer
	l.tbs(&w)
	return mls.SafeVerifyWithLabel(cs, key, ComponentJoinLinks, joinLinkLabel, w.Bytes(), l.Signature)
}

// String is the link as people pass it on: unpadded base64url. Its password, if there is one, is told another way.
func (l *JoinLink) String() string { return base64.RawURLEncoding.EncodeToString(wire.Marshal(l)) }

// ParseJoinLink reads a joining code: a link's text and, after a dot, its password.
func ParseJoinLink(code string) (link *JoinLink, password string, err error) {
	if len(code) > MaxJoiningCode {
		return nil, "", &RuleError{"join-link", "longer than a joining code may be"}
	}
	text, password, _ := strings.Cut(code, passwordMark)
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, "", &RuleError{"join-link", err.Error()}
	}
	link, err = unmarshal[JoinLink](b)
	return link, password, err
}
