package follower

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// A room that has lost a commit, or cannot apply one, is entered anew: by the hub's GroupInfo and an external commit that puts the old leaf out
// (RFC 9420 §12.4.3.2), first for one of our clients, then for the others into the group that this one holds. Only clients that the hub's tree still
// lists come back, so nobody returns who was put out meanwhile. After MaxResyncs attempts the room is given up (Broken).

// resync is a kind of wish that the room has itself.
const resync WishKind = 0x80

// back is the kind of a resync that failed while the room was behind again: it waits until the room is not.
const back WishKind = 0x82

// own says that a wish is the room's own.
func (k WishKind) own() bool { return k >= resync }

var errExpelled = errors.New("follower: the room has put this client out")

// Trouble says, for operators, why the room was given up or what it does to come back; empty: all is well.
func (r *Room) Trouble() string {
	switch {
	case r.broken != "":
		return r.broken
	case !r.Behind() || r.lost == "" && r.tries == 0:
		return ""
	case r.failure != "":
		return fmt.Sprintf("touch was lost, attempt %d of %d to come back: %s", r.tries, MaxResyncs, r.failure)
	}
	return fmt.Sprintf("touch was lost, attempt %d of %d to come back", r.tries, MaxResyncs)
}

// Wake returns when Tick is to be called; zero: there is no need.
func (r *Room) Wake() time.Time {
	var at time.Time
	look := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if r.trail != nil {
		look(r.trail.ends)
	}
	if r.flight == nil && len(r.queue) > 0 && (!r.Behind() || r.resyncing()) {
		look(r.pause)
	}
	if r.Behind() && r.flight == nil && !r.since.IsZero() && !r.resyncing() {
		look(r.due())
	}
	return at
}

// Tick does what is due.
func (r *Room) Tick(now time.Time, seed mls.Seed) Output {
	t := r.turn(now, seed)
	t.start()
	return t.done()
}

// due is when a room that is behind tries to come back.
func (r *Room) due() time.Time {
	at := r.since
	if r.lost == "" {
		at = at.Add(cmp.Or(r.options.GapPatience, GapPatience))
	}
	if r.retry.After(at) {
		at = r.retry
	}
	return at
}

func (r *Room) resyncing() bool { return len(r.queue) > 0 && r.queue[0].wish.Kind == resync }

// comeBack puts the room's own wish first if it is time.
func (t *turn) comeBack() {
	r := t.r
	if !r.Behind() || r.flight != nil || r.resyncing() || t.now.Before(r.due()) {
		return
	}
	client, ok := t.returning()
	if !ok {
		t.outside()
		return
	}
	if r.tries >= MaxResyncs {
		why := r.lost
		if why == "" {
			why = "what the hub told is not complete"
		}
		if r.failure != "" {
			why += "; the last attempt: " + r.failure
		}
		t.breakDown("touch was lost and %d attempts to come back failed: %s", r.tries, why)
		return
	}
	r.retry = t.now.Add(ResyncPause << r.tries)
	r.tries++
	t.tell(Lost{Text: fmt.Sprintf("attempt %d to come back, as %s", r.tries, client)})
	r.queue = slices.Insert(slices.Clone(r.queue), 0, t.queued(Wish{Kind: resync, Client: client}))
}

// returning is the client that comes back first.
func (t *turn) returning() (mimi.URI, bool) {
	for _, client := range t.r.clients() {
		if !slices.Contains(t.r.expelled, client) {
			return client, true
		}
	}
	return mimi.URI{}, false
}

// clients are our clients that are members.
func (r *Room) clients() []mimi.URI {
	var all []mimi.URI
	for _, i := range r.group.Local() {
		if leaf, ok := r.group.Public().Leaf(i); ok {
			if client, err := mimi.CredentialClient(leaf.Credential); err == nil {
				all = append(all, client)
			}
		}
	}
	return all
}

// outside says that the hub lets none of our clients in any more.
func (t *turn) outside() {
	r := t.r
	r.member, r.lost, r.kept, r.waitFor, r.missing, r.leaving, r.expelled = false, "", nil, 0, nil, nil, nil
	t.tell(Removed{At: uint64(t.now.UnixMilli())})
}

// buildResync makes the request by which a client comes back.
func (t *turn) buildResync(w *Wish) (*flight, error) {
	_, in := t.r.Leaf(w.Client)
	switch {
	case t.r.Behind():
		joiner, err := t.r.options.Member(t.fresh("member"), t.r.suite(), w.Client, t.now)
		if err != nil {
			return nil, err
		}
		return t.askGroupInfo(joiner, nil)
	case in || !listsClient(t.r.group.Public(), w.Client):
		return nil, nil
	}
	return t.buildJoin(w)
}

// clientsOf are the clients of a group's leaves: for asking about many of them.
func clientsOf(pg *mls.PublicGroup) map[mimi.URI]bool {
	all := map[mimi.URI]bool{}
	for _, node := range pg.Leaves() {
		if client, err := mimi.CredentialClient(node.Credential); err == nil {
			all[client] = true
		}
	}
	return all
}

func listsClient(pg *mls.PublicGroup, client mimi.URI) bool {
	for _, node := range pg.Leaves() {
		if mimi.Asserts(node.Credential, client) {
			return true
		}
	}
	return false
}

// stillThere holds that the hub's group lists the client that comes back, and forgets what came before the hub answered and belongs to epochs that it
// has not reached: nothing will ever close that gap.
func (t *turn) stillThere(f *flight, pg *mls.PublicGroup) error {
	if client := t.r.queue[0].wish.Client; !listsClient(pg, client) {
		return fmt.Errorf("%w: %s", errExpelled, client)
	}
	held := t.r.group.Public().GroupID()
	t.r.kept = slices.DeleteFunc(slices.Clone(t.r.kept), func(k keptMessage) bool {
		group, epoch, ok := epochOf(k.message)
		if w := k.message.Message.Welcome; w != nil {
			if group, epoch, ok = t.welcomeFollows(w); !ok {
				group, epoch, ok = t.welcomeEpoch(w)
			}
		}
		switch {
		case !ok || k.n > f.kept:
		case !bytes.Equal(group, pg.GroupID()) && bytes.Equal(group, held) && t.r.lost == "": // the trail's
		case !bytes.Equal(group, pg.GroupID()):
			t.tell(Dropped{"a message of another group than the room's"})
			return true
		case epoch > pg.Epoch():
			t.tell(Dropped{fmt.Sprintf("a message of epoch %d, when the room was in epoch %d", epoch, pg.Epoch())})
			return true
		}
		return false
	})
	return nil
}

func epochOf(m *mimi.FanoutMessage) (group []byte, epoch mls.Epoch, ok bool) {
	switch {
	case m.Message.Public != nil:
		return m.Message.Public.Content.GroupID, m.Message.Public.Content.Epoch, true
	case m.Message.Private != nil:
		return m.Message.Private.GroupID, m.Message.Private.Epoch, true
	}
	return nil, 0, false
}

// returned takes up the group in which the first of our clients is again.
func (t *turn) returned(f *flight, client mimi.URI, after *policy.State, at uint64) {
	r, before := t.r, t.r.state
	var wishes []queued
	listed := clientsOf(f.staged.Public())
	for _, other := range r.clients() {
		if other != client && listed[other] {
			wishes = append(wishes, t.queued(Wish{Kind: resync, Client: other}))
		}
	}
	r.queue = append(wishes, r.queue...)
	n := len(wishes)
	for _, gone := range r.leaving { // the external commit has made their proposals void
		if listed[gone] {
			t.queue(Wish{Kind: Leave, Client: gone})
		}
	}
	t.leaveTrail(f.staged.Public().GroupID(), f.staged.Public().Epoch())
	r.group, r.state, r.waitFor = f.staged, after, 0
	r.lost, r.missing, r.leaving, r.expelled = "", nil, nil, nil
	r.queue = slices.Insert(r.queue, n, t.strays()...)
	t.tell(Resynced{Client: client, Before: before, After: after, Epoch: f.staged.Public().Epoch(), At: at})
}

// resyncRefused goes on when an attempt to come back fails.
func (t *turn) resyncRefused(why Refused) {
	r := t.r
	first := r.queue[0]
	wish := *first.wish
	why.Wish = wish
	r.queue = r.queue[1:]
	asked := why.Endpoint == mimi.EndpointGroupInfo
	_, counted := r.Leaf(wish.Client) // as one of tries: comeBack lets none come back but those whose leaves are here
	switch {
	case !r.Behind(): // another client has come back already
		t.tell(why)
	case why.Status == 404, why.Status == 410, asked && why.Code == uint8(mimi.GroupInfoNoSuchRoom):
		t.tell(why)
		t.outside()
	case asked && why.Code == uint8(mimi.GroupInfoNotAuthorized), errors.Is(why.Err, ErrInvitationOnly), errors.Is(why.Err, errExpelled):
		r.expelled = append(slices.Clip(r.expelled), wish.Client)
		if counted && r.tries > 0 {
			r.tries--
			r.retry = time.Time{} // the next of our clients, at once; there are only so many
		}
	default:
		r.failure = why.Text
		if why.Status != 0 {
			r.failure = fmt.Sprintf("status %d %s", why.Status, why.Text)
		}
		t.tell(Lost{Text: "coming back failed: " + r.failure})
		if !counted { // another of our clients is back already, and the next attempt is that one's
			again := t.queued(Wish{Kind: back, Client: wish.Client})
			again.attempts = first.attempts
			r.queue = slices.Insert(slices.Clone(r.queue), 0, again)
		}
	}
}
