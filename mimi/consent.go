package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// ConsentOperation is what a ConsentEntry does.
type ConsentOperation uint8

const (
	ConsentCancel  ConsentOperation = 0
	ConsentRequest ConsentOperation = 1
	ConsentGrant   ConsentOperation = 2
	ConsentRevoke  ConsentOperation = 3
)

// ConsentEntry is the body of requestConsent and updateConsent (draft-ietf-mimi-protocol-06 §5.7): Requester may or may not
// fetch key packages of Target, for all rooms or, if Room is set, for one. KeyPackages travel with a grant.
type ConsentEntry struct {
	Operation   ConsentOperation
	Requester   URI
	Target      URI
	Room        URI // zero: all rooms
	KeyPackages []mls.KeyPackage
	Extensions  mls.AppDataDictionary
}

func (c *ConsentEntry) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(c.Operation))
	writeURI(w, c.Requester)
	writeURI(w, c.Target)
	w.Optional(!c.Room.IsZero(), func(w *wire.Writer) { writeURI(w, c.Room) })
	if c.Operation == ConsentGrant {
		wire.WriteVector(w, c.KeyPackages)
	}
	c.Extensions.MarshalTLS(w)
}

func (c *ConsentEntry) UnmarshalTLS(r *wire.Reader) {
	*c = ConsentEntry{}
	c.Operation = ConsentOperation(r.At("ConsentEntry.consentOperation").U8())
	if r.Err() == nil && c.Operation > ConsentRevoke {
		r.Failf("unknown operation %d", c.Operation)
	}
	c.Requester = readKind(r, "ConsentEntry.requesterUri", KindUser)
	c.Target = readKind(r, "ConsentEntry.targetUri", KindUser)
	r.At("ConsentEntry.roomId").Optional(func(r *wire.Reader) { c.Room = readKind(r, "ConsentEntry.roomId", KindRoom) })
	if c.Operation == ConsentGrant {
		c.KeyPackages = readList(r, "ConsentEntry.clientKeyPackages", MaxKeyPackages, func(r *wire.Reader, kp *mls.KeyPackage) {
			kp.UnmarshalTLS(r)
		})
	}
	c.Extensions.UnmarshalTLS(r.At("ConsentEntry.consent_extensions"))
}
