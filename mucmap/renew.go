package mucmap

import (
	"errors"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/xmpp"
)

// Keys of our leaves in rooms of ours are renewed on a schedule (renewplan.go), so that whoever got hold of them reads no longer than an interval
// (RFC 9420 §16.6): some leaves send Updates and one of them commits, with new encryption keys and, less often, new signature keys.

// renews says that keys are renewed at all.
func (s *Service) renews() bool {
	return s.cfg.RenewEncryption > 0 || s.cfg.RenewSignature > 0 || s.cfg.Issue != nil
}

// renews says that keys in the room are renewed by us, or looked after.
func (r *Room) renews() bool {
	return r.hub != nil && (r.svc.renews() || r.hub.State().UpdateTimes().Limited())
}

// renewing is what a loaded room knows of its renewals.
type renewing struct {
	look  time.Time // not before; zero: at once
	asked bool      // a wish is under way

	hubLook time.Time // at the hub's own credential not before
	hub     bool      // its renewal is under way; in a room of another provider: operators know that it is late

	policy time.Time // times were seen to change last

	expel  time.Time // look for clients with old keys not before
	expels bool      // their removal is under way
}

// renewals asks for the renewal of keys that are due and returns when to look again; zero: there is no need.
func (t *turn) renewals() time.Time {
	r := t.r
	if r.hub == nil || r.pub.Closing || r.unclean || r.renewing.asked {
		return time.Time{} // whatever ends that is followed by another look
	}
	if t.now.Before(r.renewing.look) {
		return r.renewing.look
	}
	plan := r.renewalPlan()
	if plan.idle() {
		return time.Time{}
	}
	now := uint64(t.now.Unix())
	if r.renewing.look = plan.look(r.hub.Group(), now); len(plan.take(r.hub.Group(), now)) == 0 {
		return r.renewing.look
	}
	r.renewing.asked = true
	t.ask(&wish{
		what: "renewal of keys",
		plan: func(d *delta) *xmpp.StanzaError {
			d.renews = d.r.renewalPlan().take(d.r.hub.Group(), now)
			for _, l := range d.renews {
				d.touched = append(d.touched, d.r.pub.behind(leafUser(d.r.hub.Group().Public(), l.leaf)))
			}
			d.empty = len(d.renews) == 0
			return nil
		},
		done: func(t *turn) {
			t.r.renewing.asked, t.r.renewing.look = false, t.r.renewalPlan().look(t.r.hub.Group(), uint64(t.now.Unix()))
		},
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.r.renewing.asked = false
			t.note(NoteWarn, "keys are not renewed", Attr{"reason", e.Text})
		},
	})
	return time.Time{}
}

// followRenewals is renewals in a room of another provider: one leaf of ours after the other commits new keys, when nothing else is on the way to
// the hub, and again in a later window if the hub refuses.
func (t *turn) followRenewals() time.Time {
	r, f := t.r, t.r.follow
	if !r.pub.Exists || !f.room.Member() || f.room.Broken() != "" || f.room.Behind() {
		return time.Time{}
	}
	if t.now.Before(r.renewing.look) {
		return r.renewing.look
	}
	g, plan := f.room.Group(), r.followPlan()
	if plan.idle() {
		return time.Time{}
	}
	now := uint64(t.now.Unix())
	r.renewing.look = plan.look(g, now)
	for _, l := range plan.take(g, now) {
		node, ok := g.Public().Leaf(l.leaf)
		if !ok || !f.room.Idle() {
			break // the next window comes
		}
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil {
			break // the follower let nobody in without one
		}
		w := follower.Wish{Kind: follower.Renew, Client: client}
		if l.signs {
			w.Kind = follower.RenewSigned
		}
		t.wish(nil, w)
	}
	return r.renewing.look
}

// followRenewed looks for the next turn after the hub accepted a renewal.
func (t *turn) followRenewed() {
	t.r.renewing.look = t.r.followPlan().look(t.r.follow.room.Group(), uint64(t.now.Unix()))
}

func (r *Room) followPlan() *renewalPlan {
	f, since := r.follow.room, uint64(0)
	if !r.renewing.policy.IsZero() {
		since = uint64(r.renewing.policy.Unix())
	}
	plan := r.svc.planRenewals(r.uri.String(), f.State().UpdateTimes(), len(f.Group().Local()), 1)
	plan.since = func(mls.LeafIndex) uint64 { return since }
	return plan
}

func (r *Room) renewalPlan() *renewalPlan {
	plan := r.svc.planRenewals(r.uri.String(), r.hub.State().UpdateTimes(), len(r.hub.Group().Local()), MaxRenewed)
	plan.since = func(i mls.LeafIndex) uint64 {
		since, _ := r.hub.Renewed(i)
		return since
	}
	return plan
}

// renew lets leaves have new keys: the committer's come with its path, the others' by Update.
func (b *builder) renew(n int, d *delta) error {
	for _, l := range d.renews {
		seed := b.seed.Derive("renew", []byte{byte(n >> 8), byte(n)}, []byte{byte(l.leaf >> 24), byte(l.leaf >> 16), byte(l.leaf >> 8), byte(l.leaf)})
		change := b.svc.renewsCredential(b.group, l.leaf, b.now)
		if l.signs {
			var err error
			if change, err = b.svc.newSigner(seed.Derive("signer"), b.group, l.leaf, b.now); err != nil {
				return err
			}
		}
		if l.leaf == b.committer {
			b.params.ForcePath, b.params.Leaf = true, change
			continue
		}
		next, m, err := b.group.ProposeUpdate(seed, l.leaf, change, d.aad())
		if err != nil {
			return err
		}
		b.refer(next, m)
	}
	return nil
}

// newSigner is a new signature key for a leaf of ours, with the credential that vouches for it.
func (s *Service) newSigner(seed mls.Seed, g *mls.Group, leaf mls.LeafIndex, now time.Time) (*mls.LeafChange, error) {
	signer, err := mls.NewSigner(g.Public().Suite(), seed)
	if err != nil {
		return nil, err
	}
	node, ok := g.Public().Leaf(leaf)
	if !ok {
		return nil, errors.New("mucmap: the leaf whose keys are to be renewed is gone")
	}
	client, err := mimi.CredentialClient(node.Credential)
	if err != nil {
		return nil, err
	}
	credential, err := s.credential(client, signer.Suite, signer.Public, now)
	return &mls.LeafChange{Signer: &signer, Credential: &credential}, err
}

// refer lets the commit hold a proposal that next has pending.
func (b *builder) refer(next *mls.Group, m *mls.Message) {
	b.group = next
	pending := next.Public().Pending()
	b.params.ByReference = append(b.params.ByReference, pending[len(pending)-1].Ref)
	b.messages = append(b.messages, m)
}

// renewer is the leaf that commits a renewal which has the commit for itself: the one whose keys are oldest.
func renewer(deltas []*delta, keeper mls.LeafIndex) mls.LeafIndex {
	if len(deltas) == 1 && len(deltas[0].renews) > 0 {
		return deltas[0].renews[0].leaf
	}
	return keeper
}
