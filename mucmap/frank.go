package mucmap

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Franking (draft-ietf-mimi-protocol-06 §5.4.1): a sender commits to what it says, the hub stamps it unread, and who could read it can prove to the
// hub later what was said, by whom and when (docs/decisions/123-franking.md).

// maxProof bounds, in bytes, what is kept with a message to prove it.
const maxProof = 64 << 10

// frankingAgent is the hub as the franking agent of a room of ours, with the credential that it has as an external sender.
func frankingAgent(hub mls.ExternalSender) *mimi.FrankingAgent {
	return &mimi.FrankingAgent{SignatureKey: hub.SignatureKey, Credential: hub.Credential}
}

// frankKey is the secret behind our stamps: it is derived from the hub's key, so that both live equally long.
func (s *Service) frankKey() []byte {
	mac := hmac.New(sha256.New, s.cfg.Hub.Private)
	mac.Write([]byte("anteroom franking"))
	return mac.Sum(nil)
}

// frankingTag is a sender's commitment to MIMI content.
func frankingTag(data []byte) (tag [32]byte, m *content.Message, err error) {
	if m, err = content.Decode(data); err != nil {
		return tag, nil, err
	}
	return mimi.FrankingTag(m.Salt[:], data), m, nil
}

// committedAAD is the authenticated data of a message: its sender's commitment where the group has a franking agent, otherwise none.
func committedAAD(pg *mls.PublicGroup, data, none []byte) []byte {
	m, err := content.Decode(data)
	if err != nil {
		return none
	}
	if aad, ok := mimi.CommittedAAD(pg, m.Salt[:], data); ok {
		return aad
	}
	return none
}

// committed is the authenticated data of a message in a room of another provider; nil: whatever the group demands.
func (r *Room) committed(data []byte) []byte {
	if g := r.follow.room.Group(); g != nil {
		return committedAAD(g.Public(), data, nil)
	}
	return nil
}

// proofOf is what proves a message to its hub: nil if the sender has not committed to just this content, as itself and in this room, or the hub
// has not stamped it. The hub's signature was verified before.
func (r *Room) proofOf(sender mimi.URI, message *mls.ApplicationMessage, frank *mimi.Frank, at uint64) []byte {
	if frank == nil || len(message.Data) > maxProof {
		return nil
	}
	tag, m, err := frankingTag(message.Data)
	committed, ok := mimi.TagOf(message.AuthenticatedData)
	if err != nil || !ok || !bytes.Equal(tag[:], committed[:]) || m.Sender != sender.String() || m.Room != r.uri.String() {
		return nil
	}
	return wire.Marshal(&mimi.AbusiveMessage{Content: message.Data, Frank: *frank, AcceptedAt: at})
}

// Verdict is what the hub finds of a message in a report of abuse.
type Verdict struct {
	Proved bool
	Why    string // not proved: what is wrong
	Text   string // what a reader of plain text gets of the message
}

// Judge holds a message of a report about a room of ours against our stamp on it.
func (s *Service) Judge(room, abuser mimi.URI, m *mimi.AbusiveMessage) Verdict {
	tag, said, err := frankingTag(m.Content)
	if err != nil {
		return Verdict{Why: "the content cannot be read"}
	}
	v := Verdict{}
	if shown := said.ToXMPP(content.Names{}); len(shown.Payload) > 0 {
		v.Text = clipText(bodyOf(shown.Payload))
	}
	c := &mimi.FrankingContext{Room: room, Sender: abuser, AcceptedAt: m.AcceptedAt}
	switch hub := s.hubKey(m.Frank.Suite); {
	case said.Sender != abuser.String():
		err = errors.New("the message is said to be of somebody else: " + clipText(said.Sender))
	case said.Room != room.String():
		err = errors.New("the message was sent to another room")
	case !m.Frank.Own(s.frankKey(), tag, c):
		err = errors.New("the stamp is not ours on this message")
	default:
		err = m.Frank.Verify(hub.SignatureKey, c)
	}
	if err != nil {
		v.Why = err.Error()
		return v
	}
	v.Proved = true
	return v
}
