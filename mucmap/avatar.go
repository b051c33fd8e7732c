package mucmap

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

const (
	nsVCard        = "vcard-temp"              // XEP-0054
	infoAvatarHash = "muc#roominfo_avatarhash" // XEP-0486
	maxVCard       = 128 << 10                 // bytes of a room's vCard as it is stored
)

// pictured says that the room has another vCard, with its avatar, or none any more.
type pictured struct {
	ID    string
	VCard string // encoded; empty: none
	Hash  string // of the avatar, in hexadecimal; empty: none
}

func (e *pictured) apply(s *state, p *stage) {
	s.VCard, s.AvatarHash = e.VCard, e.Hash
	p.send(func() []xmpp.Broadcast {
		return []xmpp.Broadcast{s.here.Broadcast(xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: e.ID, Type: xmpp.TypeGroupchat,
			Payload: []*xmpp.Element{muc.User{Statuses: []muc.Status{muc.StatusConfigChanged}}.Element()}})}
	})
}

// vCard answers with the room's vCard to whoever may know the room (XEP-0486 §3.3).
func (t *turn) vCard(st *xmpp.Stanza) {
	if !t.r.pub.Exists {
		t.refuse(st, refusal(xmpp.ItemNotFound, "there is no such room"))
		return
	}
	card := xmpp.NewElement(nsVCard, "vCard")
	if t.r.pub.VCard != "" {
		if e, err := xmpp.ParseElement([]byte(t.r.pub.VCard)); err == nil {
			card = e
		}
	}
	t.result(st, card)
}

// setVCard gives the room another vCard; an empty one takes it away (XEP-0486 §3.2).
func (t *turn) setVCard(st *xmpp.Stanza) {
	if _, ok := t.owner(st); !ok {
		return
	}
	e := &pictured{ID: t.id()}
	if card := st.Payload[0]; card.FirstElement() != nil {
		e.VCard = string(card.AppendXML(nil, ""))
		if len(e.VCard) > maxVCard {
			t.refuse(st, refusal(xmpp.PolicyViolation, "the vCard is too large"))
			return
		}
		if data := card.Child(nsVCard, "PHOTO").ChildText(nsVCard, "BINVAL"); data != "" {
			image, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
			if err != nil {
				t.refuse(st, refusal(xmpp.BadRequest, "the avatar is not encoded in base64"))
				return
			}
			sum := sha1.Sum(image)
			e.Hash = hex.EncodeToString(sum[:])
		}
	}
	t.emit(e)
	t.result(st)
}
