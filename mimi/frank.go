package mimi

import (
	"crypto/hmac"
	"crypto/sha256"

	"anteroom/mls"
	"anteroom/mls/wire"
)

const frankLabel = "FrankingIntegrityTBS"

// FrankingContext is what the hub vouches for with a Frank: ServerFrankingContext of draft-ietf-mimi-protocol-06 §5.4.1.
type FrankingContext struct {
	Sender     URI // user
	Room       URI
	AcceptedAt uint64 // milliseconds since 1970
}

func (c *FrankingContext) MarshalTLS(w *wire.Writer) {
	writeURI(w, c.Sender)
	writeURI(w, c.Room)
	w.U64(c.AcceptedAt)
}

func (c *FrankingContext) UnmarshalTLS(r *wire.Reader) {
	*c = FrankingContext{}
	c.Sender = readKind(r, "ServerFrankingContext.sender_uri", KindUser)
	c.Room = readKind(r, "ServerFrankingContext.room_uri", KindRoom)
	c.AcceptedAt = r.At("ServerFrankingContext.accepted_timestamp").U64()
}

// FrankingTag is the sender's commitment to a message: HMAC-SHA256 of the application data under the message's salt. It is
// the item of ComponentFrankAAD.
func FrankingTag(salt, applicationData []byte) [32]byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write(applicationData)
	return [32]byte(mac.Sum(nil))
}

func serverFrank(hubKey []byte, tag [32]byte, c *FrankingContext) [32]byte {
	mac := hmac.New(sha256.New, hubKey)
	mac.Write(tag[:])
	mac.Write(wire.Marshal(c))
	return [32]byte(mac.Sum(nil))
}

func (f *Frank) tbs(c *FrankingContext) func(w *wire.Writer) {
	return func(w *wire.Writer) {
		w.Raw(f.ServerFrank[:])
		w.U16(uint16(f.Suite))
		c.MarshalTLS(w)
	}
}

// NewFrank stamps a message as the hub: hubKey is its secret, agent the key that franking_agent names.
func NewFrank(hubKey []byte, agent mls.Signer, tag [32]byte, c *FrankingContext) (*Frank, error) {
	f := &Frank{ServerFrank: serverFrank(hubKey, tag, c), Suite: agent.Suite}
	signature, err := sign(agent, frankLabel, f.tbs(c))
	f.Signature = signature
	return f, err
}

// Verify checks the hub's signature, as a receiver does.
func (f *Frank) Verify(agent mls.SignaturePublicKey, c *FrankingContext) error {
	return verify(f.Suite, agent, frankLabel, f.tbs(c), f.Signature)
}

// Own says whether the stamp on a message with this tag is the hub's own, as the hub checks a report of abuse.
func (f *Frank) Own(hubKey []byte, tag [32]byte, c *FrankingContext) bool {
	want := serverFrank(hubKey, tag, c)
	return hmac.Equal(want[:], f.ServerFrank[:])
}
