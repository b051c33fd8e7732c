package mucmap

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/xmpp"
)

// Room is one room: its public state, its group and what is under way. It is not safe for concurrent use.
type Room struct {
	svc    *Service
	name   string
	addr   xmpp.JID
	uri    mimi.URI // zero for a name that no room can have
	keeper mimi.URI

	pub *state
	hub *hub.Room // nil while the room does not exist

	person *person // not nil: no room, but what is kept of one XMPP user
	follow *follow // not nil: a room of another provider; hub is nil then

	stored    *mls.Group                 // as the secrets that are stored, or will be with the last Output
	storedHub *hub.Room                  // likewise
	leaves    map[mimi.URI]mls.LeafIndex // of our users by their names in the group, in the present epoch; nil: not needed yet

	tomb *tombstone // of the room that had the name before

	password, storedPassword string // of a protected room: a secret, never in an event

	seq, snapAt, sent uint64

	queue        []*wish
	job          *job
	jobs         uint64
	joining      map[xmpp.JID]*join
	pendingNicks map[string]*join
	leaving      map[mimi.URI]bool
	waiting      []*xmpp.Stanza
	early        []*xmpp.Stanza // requests of who waits for the room to be made
	recalled     *record        // the message that this Step's stanza refers to, out of the archive
	asked        int            // queries of the archive under way
	flood        flood
	commands     []*commandSession     // under way, oldest first
	searches     map[string]*keySearch // for key packages of users of other providers, by PeerRequest.ID
	adding       map[mimi.URI]adding   // of users who consented to be added

	keys map[string]*outKey // key packages of our users that are out, by reference in hexadecimal

	watch *watch // nil: not begun

	suspect  bool  // restored after a crash: others may not know who belongs to the room
	enforced *Bans // the bans from the service that were last looked at

	renewing renewing

	reInit        *reInit // under way; nil: none
	reInitRefused string  // why the last one that an operator ordered did not take place

	unclean  bool // restored after a crash: the epoch must be left before anything is encrypted
	restored bool // no Step since Restore
	absent   bool // who is absent has changed since lingering was last looked at
	wake     time.Time
	summary  Summary
}

// reset makes the room one that does not exist.
func (r *Room) reset() {
	r.pub = newState(r.svc, r.addr)
	r.hub, r.stored, r.storedHub, r.leaves = nil, nil, nil, nil
	r.queue, r.job, r.waiting, r.early = nil, nil, nil, nil
	r.commands = nil
	r.keys = map[string]*outKey{}
	r.joining, r.pendingNicks, r.leaving = map[xmpp.JID]*join{}, map[string]*join{}, map[mimi.URI]bool{}
	r.asked, r.recalled, r.searches, r.adding = 0, nil, map[string]*keySearch{}, map[mimi.URI]adding{}
	r.password, r.storedPassword = "", ""
	r.absent, r.wake, r.watch, r.enforced, r.renewing = false, time.Time{}, nil, nil, renewing{}
	if r.follow != nil {
		r.follow = newFollow(r.uri)
	}
	if r.person != nil {
		r.person = &person{user: r.person.user}
	}
	r.suspect, r.reInit, r.reInitRefused = false, nil, ""
	r.unclean, r.restored, r.seq, r.snapAt, r.sent = false, false, 0, 0, 0
	r.summary = Summary{Name: r.name}
}

// Step is the only way a Room changes. It never blocks and never fails: what the sender did wrong becomes a refusal in Output.
// seed must be fresh for every Step: keys and ids are derived from it.
func (r *Room) Step(now time.Time, seed mls.Seed, in Input) Output {
	now = now.UTC().Truncate(time.Millisecond)
	t := &turn{r: r, now: now, seed: seed}
	t.snapshot()
	if r.person != nil {
		t.personStep(in)
		return t.output()
	}
	if r.follow != nil {
		t.followStep(in)
		t.putBookmarks()
		t.putBelonging()
		return t.output()
	}
	if r.restored {
		t.recover()
	}
	t.endLinks()
	switch in := in.(type) {
	case StanzaIn:
		t.stanza(in.Stanza)
	case Request:
		t.request(in)
	case CommitDone:
		t.commitDone(in)
	case ArchivePage:
		t.answered(&in)
	case Answered:
		t.keysAnswered(in)
	case Shutdown:
		t.shutdown()
	case Timer:
	}
	t.end()
	t.putBookmarks()
	t.putBelonging()
	return t.output()
}

// snapshot lets the state replace the log when that has grown long and nobody needs its stanzas any more.
func (t *turn) snapshot() {
	r := t.r
	if r.seq-r.snapAt >= SnapshotEvery && r.sent >= r.seq && r.pub.Exists {
		t.out.Snapshot, t.out.SnapshotSeq = r.pub.encode(), r.seq
		r.snapAt = r.seq
	}
}

// recover finishes what was under way when the room was last given up.
func (t *turn) recover() {
	r := t.r
	r.restored = false
	if r.hub == nil {
		return
	}
	if r.unclean {
		t.ask(&wish{
			what: "recovery",
			plan: func(d *delta) *xmpp.StanzaError { d.path = true; return nil },
			done: func(*turn) {},
			refuse: func(t *turn, e *xmpp.StanzaError) {
				t.note(NoteError, "the restored epoch cannot be left, nothing is said until it is", Attr{"reason", e.Text})
				t.r.restored = true // the next Step tries again
			},
		})
	}
	if r.pub.Closing {
		t.close(mimi.URI{})
		return
	}
	t.expelNonMembers(mimi.URI{})
	t.expelDomains(mimi.URI{})
	t.renewNames()
	t.addConsenting()
	if p := r.pub.Direct; p != nil && len(r.pub.Held) > 0 && r.pub.awaitedUser(p.Peer) == nil {
		t.reach(p.User, p.Peer)
	}
}

// end closes a Step: wishes become a commit, messages that waited are said, what changed is stored.
func (t *turn) end() {
	r := t.r
	t.release()
	t.answerEarly()
	t.enforceBans()
	wake := earlier(earlier(t.lingerers(), t.endAwaiting()), earlier(t.ghosts(), earlier(t.endKnocks(), t.endMessages())))
	t.overdue()
	wake = earlier(wake, earlier(earlier(t.renewals(), t.hubRenewal()), t.stale()))
	t.startJob()
	t.release()
	t.expire()
	t.store()
	if s := r.Summary(); s != r.summary {
		r.summary = s
		t.out.Summary = &s
	}
	if !t.out.Destroyed {
		t.out.Seq = r.seq
	}
	if end := r.lockEnd(); !end.IsZero() && (wake.IsZero() || end.Before(wake)) {
		wake = end
	}
	t.out.Wake = wake
}

// store puts out the parts of the group that changed.
func (t *turn) store() {
	r := t.r
	if r.hub == nil {
		return
	}
	set := func(name string, b []byte) {
		if t.out.SetSecrets == nil {
			t.out.SetSecrets = map[string][]byte{}
		}
		t.out.SetSecrets[name] = b
	}
	if g := r.hub.Group(); g != r.stored {
		parts := partsSince(g, r.stored)
		for name, b := range parts.Set {
			set(secretGroup+name, b)
		}
		for _, name := range parts.Drop {
			t.out.DropSecrets = append(t.out.DropSecrets, secretGroup+name)
		}
		r.stored = g
	}
	if r.hub != r.storedHub {
		parts := r.hub.Parts(r.storedHub)
		for name, b := range parts.Set {
			set(secretHub+name, b)
		}
		for _, name := range parts.Drop {
			t.out.DropSecrets = append(t.out.DropSecrets, secretHub+name)
		}
		r.storedHub = r.hub
	}
	slices.Sort(t.out.DropSecrets)
	if r.password != r.storedPassword {
		if set(secretPassword, []byte(r.password)); r.password == "" {
			delete(t.out.SetSecrets, secretPassword)
			t.out.DropSecrets = append(t.out.DropSecrets, secretPassword)
		}
		r.storedPassword = r.password
	}
}

// partsSince is what changes in the store when a group replaces an earlier value of itself, or the group that it follows.
func partsSince(g, stored *mls.Group) mls.Parts {
	if stored == nil || bytes.Equal(g.Public().GroupID(), stored.Public().GroupID()) {
		return g.Parts(stored)
	}
	parts := g.Parts(nil)
	for name := range stored.Parts(nil).Set {
		if _, kept := parts.Set[name]; !kept {
			parts.Drop = append(parts.Drop, name)
		}
	}
	return parts
}

// group is the room's group, nil while we are not in it.
func (r *Room) group() *mls.Group {
	switch {
	case r.hub != nil:
		return r.hub.Group()
	case r.follow != nil && r.follow.room.Member():
		return r.follow.room.Group()
	}
	return nil
}

// leaf is the leaf of one of our users.
func (r *Room) leaf(u mimi.URI) (mls.LeafIndex, bool) {
	if r.follow != nil {
		return r.follow.room.Leaf(r.svc.clientURI(u))
	}
	if r.leaves == nil {
		r.leaves = localLeaves(r.hub.Group())
	}
	i, ok := r.leaves[r.pub.listed(u)]
	return i, ok
}

// moveLeaves lets the map of our users' leaves follow a commit.
func (r *Room) moveLeaves(eff *mls.Effects) {
	if r.leaves == nil {
		return
	}
	for _, gone := range eff.Removed {
		if u := nodeUser(gone.Node); r.leaves[u] == gone.Index && r.svc.local(u) {
			delete(r.leaves, u)
		}
	}
	g := r.hub.Group()
	for _, i := range eff.Added {
		if u := leafUser(eff.After, i); g.IsLocal(i) {
			r.leaves[u] = i
		}
	}
}

// Exists says that the room has been created and not destroyed, or that somebody waits for it: a room that does not exist need not be kept.
func (r *Room) Exists() bool {
	return r.person != nil && (r.person.stored || len(r.person.seeks) > 0 || !r.person.seeking.full.IsZero()) || r.pub.Exists || r.job != nil || len(r.queue) > 0 || len(r.joining) > 0 || r.follow.busy() || r.follow.broken()
}

// Idle says that no job is under way, nobody is present and nothing waits: the room may be dropped and restored later. A room
// that was dropped while idle, after its last write, is restored with Snapshot.Clean.
func (r *Room) Idle() bool {
	if r.person != nil {
		return len(r.person.seeks) == 0
	}
	return r.job == nil && len(r.queue) == 0 && len(r.waiting) == 0 && len(r.joining) == 0 && len(r.searches) == 0 && r.reInit == nil && r.pub.here.Len() == 0 && !r.unclean && !r.follow.busy()
}

// Seq is the number of events so far.
func (r *Room) Seq() uint64 { return r.seq }

// MarkSent tells the room that the stanzas of the events up to seq were handed to the server.
func (r *Room) MarkSent(seq uint64) { r.sent = max(r.sent, seq) }

// Summary is the room's line in lists of rooms.
func (r *Room) Summary() Summary {
	if r.person != nil {
		return r.personSummary()
	}
	c := &r.pub.Config
	if !r.pub.Exists {
		return Summary{Name: r.name, Trouble: r.follow.trouble()}
	}
	return Summary{Name: r.name, Direct: r.talking(), Awaiting: len(r.pub.Awaiting) > 0, Title: c.Name, Description: c.Description, Public: c.Public, Persistent: c.Persistent, Locked: r.pub.Locked,
		Open: !c.MembersOnly && !c.Protected && !c.Closed, Anyone: c.Anyone, Lang: c.Lang, Occupants: r.pub.here.Occupants(), Epoch: r.pub.Epoch, Trouble: r.follow.trouble()}
}

// earlier is the first of two times of which zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

func compareURI(a, b mimi.URI) int { return strings.Compare(a.String(), b.String()) }

func sortURIs(us []mimi.URI) { slices.SortFunc(us, compareURI) }
