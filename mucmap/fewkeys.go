package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
)

// A user may let those it has decided nothing about add it to a few rooms without being asked (draft-mahy-mimi-group-chat, access to KeyPackages: a
// small number of outstanding KeyPackages for each requester): `others few`.

// MaxUnasked is how many key packages of such a user one requester may have that nobody has used and that can still be used.
const MaxUnasked = 2

// unasked key packages are those given to somebody without consent.
type unaskedKey struct {
	Requester mimi.URI
	Room      mimi.URI
	At        time.Time
}

// mayHaveKeys decides whether a requester gets a key package for a room, and counts it if it is one of the few.
func (p *person) mayHaveKeys(now time.Time, requester, room mimi.URI) error {
	p.Unasked = slices.DeleteFunc(p.Unasked, func(k unaskedKey) bool { return !k.At.Add(keyPackageLifetime).After(now) })
	d := p.consents(requester, room)
	access := policy.KeyPackageAccess{Requester: requester, Target: p.user, Consented: d == granted, Refused: d == refused}
	if p.Default == openFew && len(p.Unasked) < MaxConsents {
		access.Small = MaxUnasked
		for _, k := range p.Unasked {
			if k.Requester == requester {
				access.Outstanding++
			}
		}
	}
	err := policy.AuthorizeKeyPackages(access)
	if err == nil && d != granted {
		p.Unasked = append(p.Unasked, unaskedKey{requester, room, now})
	}
	return err
}

// usedIn forgets a key package that somebody used for a room: it is not outstanding any more.
func (p *person) usedIn(room mimi.URI) {
	if i := slices.IndexFunc(p.Unasked, func(k unaskedKey) bool { return k.Room == room }); i >= 0 {
		p.Unasked = slices.Delete(p.Unasked, i, i+1)
	}
}

// tellUsed lets a user's person know that a key package for this room was used.
func (t *turn) tellUsed(u mimi.URI) {
	t.consent(t.r.svc.cfg.Provider, mimi.EndpointRequestConsent, u,
		&mimi.ConsentEntry{Operation: mimi.ConsentCancel, Requester: u, Target: u, Room: t.r.uri})
}
