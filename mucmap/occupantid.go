package mucmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// occupantIDSize is the length of an occupant id in bytes, before it is written in hexadecimal.
const occupantIDSize = 20

// occupantID names a user in this room, whatever nick it has and however often it comes back (XEP-0421 §4): nobody who does not
// know the room's secret learns the address behind it, or finds the same user in another room. It is empty in a room that was
// made without such a secret.
func (s *state) occupantID(u mimi.URI) string {
	if len(s.Secret) == 0 || u.IsZero() {
		return ""
	}
	h := hmac.New(sha256.New, s.Secret)
	h.Write([]byte(s.svc.UserJID(u).Bare().String()))
	return hex.EncodeToString(h.Sum(nil)[:occupantIDSize])
}

// withOccupantID is a payload that names its author.
func (s *state) withOccupantID(payload []*xmpp.Element, u mimi.URI) []*xmpp.Element {
	if id := s.occupantID(u); id != "" {
		payload = append(payload, muc.OccupantID(id))
	}
	return payload
}
