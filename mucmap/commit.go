package mucmap

import (
	"errors"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// wish is something that somebody wants of the group. It is planned against the state in which its commit will be made, and
// again whenever the hub accepted something else meanwhile. Wishes are not stored: only what the hub accepted is.
type wish struct {
	what   string // for notes
	plan   func(d *delta) *xmpp.StanzaError
	done   func(t *turn)
	refuse func(t *turn, e *xmpp.StanzaError)

	join   *join   // of somebody who enters
	reInit *reInit // ends the group: nothing else goes with it
	config bool    // changes the configuration, whole as it is then: one such a commit
	alone  bool    // shared a commit that was refused: tried again without company
	closed bool    // given up by who wanted it; dropped if not under way yet
}

// delta is one wish as proposals of one signer.
type delta struct {
	r     *Room
	state listing

	signer     mimi.URI
	list       mimi.ParticipantListUpdate
	removes    []mls.LeafIndex
	updates    []mls.AppDataUpdate
	joiners    []joiner
	guests     []mls.KeyPackage // clients of users of other providers, listed by the same delta
	extensions []mls.Extension  // the group's with the hub's credential renewed; nil: as they are
	renews     []dueLeaf        // leaves of ours that get new keys
	touched    []mimi.URI
	path       bool
	leaves     map[mimi.URI][]mls.LeafIndex // see leavesOf

	alters map[mls.ComponentID]bool // other components than the participant list
	why    map[mimi.URI]why
	config *roomConfig // what the gateway keeps of a configuration, to take effect with it
	said   string      // id of the message that sets a subject
	empty  bool        // nothing is left to do: the wish is fulfilled already

	actor, reason, alternate string // travel with the proposals: mimi.Why
}

// joiner is an XMPP user who gets a leaf.
type joiner struct {
	user mimi.URI
	as   mimi.URI // the name in the group
	nick string
	self bool // listed already: signs its own Add as new_member_proposal
}

// why is what a presence should tell about a change.
type why struct {
	cause         cause
	actor, reason string
	ordered       bool // by another user
}

// job is a commit under way.
type job struct {
	id     uint64
	base   *hub.Room
	epoch  mls.Epoch
	deltas []*delta
	wishes []*wish
	create *creation
}

// jobResult is what a job's Run returns.
type jobResult struct {
	proposed *mls.Group // with the proposals cached
	messages []*mls.Message
	staged   *mls.Staged
	created  *mls.Group  // the group at epoch 0, when the job created it
	next     *mls.Staged // the first commit of the group that follows one that staged ends
}

// MaxWishesPerCommit bounds how many wishes share a commit.
const MaxWishesPerCommit = 512

// ask queues a wish. It starts in this turn if no commit is under way.
func (t *turn) ask(w *wish) {
	if len(t.r.queue) >= t.r.svc.cfg.Limits.Waiting {
		w.refuse(t, refusal(xmpp.ResourceConstraint, "too many changes of this room are waiting"))
		return
	}
	t.r.queue = append(t.r.queue, w)
}

// startJob plans as many wishes as fit into one commit. Called at the end of each turn.
func (t *turn) startJob() {
	r := t.r
	for r.job == nil {
		if r.hub == nil {
			t.startCreation()
			return
		}
		j := &job{base: r.hub, epoch: r.hub.Group().Public().Epoch()}
		queue, pending := r.queue, r.hub.Group().Public().Pending()
		r.queue = nil
		for i, w := range queue {
			if w.closed {
				continue
			}
			if len(j.wishes) == MaxWishesPerCommit {
				r.queue = append(r.queue, queue[i:]...)
				break
			}
			if w.config && slices.ContainsFunc(j.wishes, func(o *wish) bool { return o.config }) {
				r.queue = append(r.queue, w)
				continue
			}
			d := &delta{r: r, state: listing{r.hub.State(), r.pub}, why: map[mimi.URI]why{}, alters: map[mls.ComponentID]bool{}, signer: r.keeper}
			if e := w.plan(d); e != nil {
				w.refuse(t, e)
				continue
			}
			if d.empty {
				w.done(t)
				continue
			}
			if n := len(d.list.Added) - len(d.list.Removed); n > 0 && len(r.pub.members)+j.listed()+n > r.svc.cfg.Limits.Affiliation {
				w.refuse(t, refusal(xmpp.ResourceConstraint, fullListText))
				continue
			}
			if w.reInit != nil && len(pending) > 0 || len(j.wishes) > 0 && (w.alone || j.wishes[0].alone) || !j.fits(d) {
				r.queue = append(r.queue, w)
				continue
			}
			j.deltas, j.wishes = append(j.deltas, d), append(j.wishes, w)
		}
		if len(j.deltas) == 0 && len(pending) == 0 {
			if len(r.queue) == 0 {
				return
			}
			continue // wishes that the loop itself added
		}
		r.jobs++
		j.id = r.jobs
		r.job = j
		if len(j.wishes) == 1 && j.wishes[0].reInit != nil {
			t.startReInit(j)
			continue
		}
		group, seed := r.hub.Group().WithNow(uint64(t.now.Unix())), t.derive("commit")
		signers := map[mimi.URI]mls.LeafIndex{}
		for _, d := range append(j.deltas, &delta{signer: r.keeper}) {
			if i, ok := r.leaf(d.signer); ok {
				signers[d.signer] = i
			}
		}
		svc, deltas, keeper, now := r.svc, j.deltas, r.keeper, t.now
		t.out.Jobs = append(t.out.Jobs, CommitJob{ID: j.id, Run: func() (any, error) {
			return runCommit(svc, group, seed, now, keeper, signers, deltas, pending)
		}})
	}
}

// listed is how many users the job lists anew.
func (j *job) listed() (n int) {
	for _, d := range j.deltas {
		n += len(d.list.Added)
	}
	return n
}

// fits says whether d may share the commit: nobody is touched twice, components are replaced once, and the list of roles does not
// change together with the list of participants (draft-ietf-mimi-room-policy-04 §4).
func (j *job) fits(d *delta) bool {
	for _, have := range j.deltas {
		for _, u := range d.touched {
			if slices.Contains(have.touched, u) {
				return false
			}
		}
		if slices.Contains(have.touched, d.signer) || slices.Contains(d.touched, have.signer) {
			return false // whoever is changed by a commit does not act in it
		}
		for c := range d.alters {
			if have.alters[c] {
				return false
			}
		}
		if have.alters[mimi.ComponentRolesList] && !d.list.Empty() || d.alters[mimi.ComponentRolesList] && !have.list.Empty() {
			return false
		}
	}
	return true
}

// touch notes that the commit changes a user, and why.
func (d *delta) touch(u mimi.URI, w why) {
	d.touched = append(d.touched, u)
	d.why[u] = w
}

// setRole changes a listed user's role, or lists somebody who is not.
func (d *delta) setRole(u mimi.URI, to mimi.RoleIndex, w why) {
	d.touch(u, w)
	if at, listed := d.state.Position(u); listed {
		d.list.Changed = append(d.list.Changed, mimi.RoleChange{Index: at, Role: to})
	} else {
		d.list.Added = append(d.list.Added, mimi.Participant{User: d.r.pub.listed(u), Role: to})
	}
}

// unlist takes a listed user off the list.
func (d *delta) unlist(u mimi.URI, w why) {
	d.touch(u, w)
	if at, listed := d.state.Position(u); listed {
		d.list.Removed = append(d.list.Removed, at)
	}
}

// removeLeaves removes all clients of a user.
func (d *delta) removeLeaves(u mimi.URI) {
	if d.state.Clients(u) == 0 {
		return
	}
	if i, ok := d.r.leaf(u); ok && d.state.Clients(u) == 1 {
		d.removes = append(d.removes, i)
		return
	}
	d.removes = append(d.removes, d.leavesOf(d.r.pub.listed(u))...)
}

// leavesOf are the leaves of a user by its name in the group. All leaves are looked through once, however many users are asked about.
func (d *delta) leavesOf(as mimi.URI) []mls.LeafIndex {
	if d.leaves == nil {
		d.leaves = map[mimi.URI][]mls.LeafIndex{}
		for i, node := range d.r.hub.Group().Public().Leaves() {
			if u := nodeUser(node); !u.IsZero() {
				d.leaves[u] = append(d.leaves[u], i)
			}
		}
	}
	return d.leaves[as]
}

// replace gives a component new data.
func (d *delta) replace(id mls.ComponentID, v wire.Marshaler) {
	d.alters[id] = true
	d.updates = append(d.updates, mls.AppDataUpdate{Component: id, Update: marshal(v)})
}

func marshal(v wire.Marshaler) []byte { return wire.Marshal(v) }

// runCommit builds proposals and commit. It runs outside the room, on values only.
func runCommit(svc *Service, g *mls.Group, seed mls.Seed, now time.Time, keeper mimi.URI, signers map[mimi.URI]mls.LeafIndex, deltas []*delta, pending []mls.PendingProposal) (*jobResult, error) {
	b := builder{svc: svc, group: g, seed: seed, now: now, leaves: signers, params: mls.CommitParams{AuthenticatedData: emptyAAD}}
	var removed []mls.LeafIndex
	for _, d := range deltas {
		removed = append(removed, d.removes...)
	}
	for _, p := range pending {
		b.params.ByReference = append(b.params.ByReference, p.Ref)
		if rm, is := p.Proposal.(mls.Remove); is {
			removed = append(removed, rm.Removed)
		}
	}
	keeperLeaf, ok := b.leaves[keeper]
	if !ok {
		return nil, errors.New("mucmap: the keeper has no leaf")
	}
	if len(pending) == 0 {
		keeperLeaf = renewer(deltas, keeperLeaf)
	}
	b.committer = chooseCommitter(g, keeperLeaf, removed)
	b.params.Leaf = svc.renewsCredential(g, b.committer, now)
	for i, d := range deltas {
		if err := b.add(i, d); err != nil {
			return nil, err
		}
	}
	staged, err := b.group.Commit(seed.Derive("path"), b.committer, b.params)
	if err != nil {
		return nil, err
	}
	return &jobResult{proposed: b.group, messages: b.messages, staged: staged}, nil
}

// localLeaves maps our users, by their names in the group, to their leaves.
func localLeaves(g *mls.Group) map[mimi.URI]mls.LeafIndex {
	all := make(map[mimi.URI]mls.LeafIndex)
	pg := g.Public()
	for _, i := range g.Local() {
		node, ok := pg.Leaf(i)
		if !ok {
			continue
		}
		if c, err := mimi.CredentialClient(node.Credential); err == nil {
			all[c.ClientUser()] = i
		}
	}
	return all
}

// chooseCommitter is the local leaf that stays and shares most of its path with a removed leaf, so that the commit fills up the
// part of the tree that the removal blanks. Without removals it is the keeper.
func chooseCommitter(g *mls.Group, keeper mls.LeafIndex, removed []mls.LeafIndex) mls.LeafIndex {
	if len(removed) == 0 {
		return keeper
	}
	local := g.Local()
	gone := make(map[mls.LeafIndex]bool, len(removed))
	for _, i := range removed {
		gone[i] = true
	}
	candidates := make([]mls.LeafIndex, 1, len(local)+1)
	candidates[0] = keeper // first, for it wins among equals
	for _, i := range local {
		if i != keeper && !gone[i] {
			candidates = append(candidates, i)
		}
	}
	return g.OverlapWith(removed, candidates)
}

// builder collects the parts of one commit.
type builder struct {
	svc       *Service
	group     *mls.Group
	seed      mls.Seed
	now       time.Time
	leaves    map[mimi.URI]mls.LeafIndex
	committer mls.LeafIndex
	params    mls.CommitParams
	messages  []*mls.Message
}

// add takes in one wish: by value if its signer commits, by reference otherwise.
func (b *builder) add(n int, d *delta) error {
	b.params.ForcePath = b.params.ForcePath || d.path
	var adds, updates []mls.Proposal
	for i, j := range d.joiners {
		kp, err := b.svc.keyPackageOf(b.group.Public().Suite(), b.seed.Derive("leaf", []byte{byte(n >> 8), byte(n)}, []byte{byte(i >> 8), byte(i)}), b.now, b.svc.clientURI(j.as), j.nick)
		if err != nil {
			return err
		}
		b.params.Joiners = append(b.params.Joiners, kp)
		if !j.self {
			adds = append(adds, mls.Add{KeyPackage: kp.KeyPackage})
			continue
		}
		m, err := mls.NewMemberProposal(b.group.Public(), kp, d.aad())
		if err != nil {
			return err
		}
		next, p, err := b.group.AddProposal(m)
		if err != nil {
			return err
		}
		b.group = next
		b.messages = append(b.messages, m)
		b.params.ByReference = append(b.params.ByReference, p.Ref)
	}
	if !d.list.Empty() {
		updates = append(updates, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&d.list)})
	}
	for _, u := range d.updates {
		updates = append(updates, u)
	}
	if d.extensions != nil {
		updates = append(updates, mls.GroupContextExtensions{Extensions: d.extensions})
	}
	for _, kp := range d.guests {
		adds = append(adds, mls.Add{KeyPackage: kp})
	}
	for _, i := range d.removes {
		adds = append(adds, mls.Remove{Removed: i})
	}
	if err := b.propose(d, append(updates, adds...)); err != nil {
		return err
	}
	return b.renew(n, d)
}

func (b *builder) propose(d *delta, proposals []mls.Proposal) error {
	if len(proposals) == 0 {
		return nil
	}
	leaf, ok := b.leaves[d.signer]
	if !ok {
		return errors.New("mucmap: " + d.signer.String() + " has no leaf to sign with")
	}
	if leaf == b.committer {
		b.params.ByValue = append(b.params.ByValue, proposals...)
		if aad := d.aad(); len(aad) > len(emptyAAD) {
			b.params.AuthenticatedData = aad
		}
		return nil
	}
	for _, p := range proposals {
		next, m, err := b.group.Propose(leaf, p, d.aad())
		if err != nil {
			return err
		}
		b.refer(next, m)
	}
	return nil
}

// aad carries reason, acting nick and alternate venue.
func (d *delta) aad() []byte {
	return mimi.Why{Reason: d.reason, Actor: d.actor, Alternate: d.alternate}.AAD()
}

// emptyAAD is a SafeAAD without items.
var emptyAAD = []byte{0}
