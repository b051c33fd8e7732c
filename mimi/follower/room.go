package follower

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// Options is what a Room does not carry in its stored form. The functions must be pure.
type Options struct {
	// Member makes a fresh key package of a suite for a client of ours, signed with the client's key, to join by external commit. Suite 0 leaves the
	// choice: the room's is not known yet.
	Member func(seed mls.Seed, suite mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error)
	// KeyPackage finds the secrets of a key package that we gave away, for a Welcome. Nil: there are none.
	KeyPackage func(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool)
	// Invited says that key packages of ours are out, so that a Welcome may come: what comes before it is kept.
	Invited bool
	// Provider is ours: members who have the name of a client of ours, and whose leaf is not here, are not believed. Empty: there is no such check.
	Provider string
	// Authenticate decides whether a member's key belongs to its credential. Nil: basic credentials that name a client are believed, since
	// the provider vouches for the key by handing out the key package or submitting the commit over TLS, and no others.
	Authenticate mimi.Authenticate
	// Credential returns a new credential for the key of a leaf of ours if its present one is to be renewed. Nil: none ever is. It must be pure.
	Credential func(leaf *mls.LeafNode, now time.Time) (c mls.Credential, due bool)
	// GapPatience takes the place of the constant of this name; 0 leaves it.
	GapPatience time.Duration
	// Parallel is mls.Config.Parallel for the room's group; nil does one thing after the other.
	Parallel func(n int, do func(int))
}

// Room is a room of another provider.
type Room struct {
	uri     mimi.URI
	options Options

	group   *mls.Group // nil until the first join; after a removal the last epoch that could be read
	former  *mls.Group // the one that ended with a ReInit, for its late messages; nil: none, or long ago
	state   *policy.State
	member  bool // group holds a leaf that is a member now
	broken  string
	flight  *flight // of the first wish
	queue   []queued
	count   uint64      // of the wishes that there ever were
	leaving []mimi.URI  // clients whose leave the hub accepted; it takes effect with the next commit
	waitFor mls.Epoch   // the hub's epoch, which notify will bring us to, before anything else is tried
	missing [][]byte    // references of proposals that the hub holds and notify will bring, in this epoch
	seen    mimi.Recent // digests of messages of notify bodies

	kept     []keptMessage // of later epochs, in order of arrival
	keptLast uint64        // the number of the newest that was ever kept
	lost     string        // why group cannot go on; empty: it can
	since    time.Time     // since when the room has been behind without moving on; zero: it is not
	tries    int           // attempts to come back
	retry    time.Time     // not before then
	failure  string        // why the last attempt failed
	expelled []mimi.URI    // clients of ours that the hub does not let come back
	pause    time.Time     // not before then the first wish is tried again; zero: at once. Not stored
	trail    *trail        // what is left of the time before the room was entered anew; nil: nothing

	old bool // just as an earlier version stored it
}

// New begins with a room in which none of our clients is a member.
func New(uri mimi.URI, o Options) *Room { return &Room{uri: uri, options: o} }

// WithOptions replaces the options.
func (r *Room) WithOptions(o Options) *Room {
	next := *r
	next.options = o
	return &next
}

// URI returns the room's name.
func (r *Room) URI() mimi.URI { return r.uri }

// Hub returns the provider that owns the room.
func (r *Room) Hub() string { return r.uri.Provider() }

// Member says whether one of our clients is a member.
func (r *Room) Member() bool { return r.member }

// Group returns the group value, nil before the first join. After a removal it is the last epoch that could be read.
func (r *Room) Group() *mls.Group { return r.group }

// State returns the policy of the group's epoch, nil before the first join.
func (r *Room) State() *policy.State { return r.state }

// Broken says why the room was given up; empty if it was not.
func (r *Room) Broken() string { return r.broken }

// Leaf returns the leaf of a client of ours.
func (r *Room) Leaf(client mimi.URI) (mls.LeafIndex, bool) {
	if !r.member {
		return 0, false
	}
	for _, i := range r.group.Local() {
		if leaf, ok := r.group.Public().Leaf(i); ok {
			if mimi.Asserts(leaf.Credential, client) {
				return i, true
			}
		}
	}
	return 0, false
}

// turn is one call: a copy of the room that may be changed, and what comes of it.
type turn struct {
	r    *Room
	now  time.Time
	seed mls.Seed
	n    byte
	out  Output

	began mls.Epoch // when the turn began
}

func (r *Room) turn(now time.Time, seed mls.Seed) *turn {
	next := *r
	next.old = false
	next.queue = slices.Clone(r.queue)
	next.leaving = slices.Clone(r.leaving)
	t := &turn{r: &next, now: now, seed: seed}
	if r.group != nil {
		t.began = r.group.Public().Epoch()
	}
	return t
}

// fresh returns a seed for one operation.
func (t *turn) fresh(label string) mls.Seed {
	t.n++
	return t.seed.Derive("follower "+label, []byte{t.n})
}

func (t *turn) tell(e Event) { t.out.Events = append(t.out.Events, e) }

func (t *turn) done() Output {
	t.out.Next = t.r
	return t.out
}

func (t *turn) config() mls.Config {
	c := t.r.options.config()
	c.Now = uint64(t.now.Unix())
	return c
}

// config is how group values behave.
func (o *Options) config() mls.Config {
	authenticate := o.Authenticate
	if authenticate == nil {
		authenticate = mimi.AuthenticateBasic
	}
	return mls.Config{Authenticate: authenticate, AuthenticateSender: mimi.AuthenticateSender(authenticate), Successor: mimi.SameClient,
		Components: mimi.Components{}, PastEpochs: pastEpochs, Parallel: o.Parallel}
}

// Do queues a wish and starts it if nothing else is on the way. A wish that cannot be queued is answered with Refused.
func (r *Room) Do(now time.Time, seed mls.Seed, w Wish) Output {
	t := r.turn(now, seed)
	switch {
	case r.broken != "":
		t.tell(Refused{Wish: w, Text: "the room was given up: " + r.broken})
	case len(r.queue) >= MaxQueue:
		t.tell(Refused{Wish: w, Text: fmt.Sprintf("%d wishes wait already", MaxQueue)})
	default:
		t.queue(w)
		t.start()
	}
	return t.done()
}

// Resume returns the request that is on the way, for instance after Load, or starts what waits.
func (r *Room) Resume(now time.Time, seed mls.Seed) Output {
	t := r.turn(now, seed)
	if t.out.Request = r.InFlight(); t.out.Request == nil {
		t.start()
	}
	return t.done()
}

// Idle says that no request is on the way and no wish waits.
func (r *Room) Idle() bool { return r.flight == nil && len(r.queue) == 0 }

// InFlight returns the request that is on the way and must be sent again until it is answered; nil if none is.
func (r *Room) InFlight() *Request {
	if r.flight == nil {
		return nil
	}
	return &Request{r.flight.endpoint, r.flight.body}
}

// start builds requests from the queue until one is on the way.
func (t *turn) start() {
	t.catchUp()
	t.endTrail()
	t.watch()
	for t.r.flight == nil && t.r.broken == "" {
		t.comeBack()
		if len(t.r.queue) == 0 || t.r.Behind() && !t.r.resyncing() || t.now.Before(t.r.pause) {
			return
		}
		t.r.pause = time.Time{}
		head := &t.r.queue[0]
		if head.attempts >= MaxAttempts {
			t.refuseHead(Refused{Text: fmt.Sprintf("given up after %d attempts: the room changes too fast", head.attempts)})
			continue
		}
		head.attempts++
		f, err := t.build(head.wish)
		if err != nil {
			t.refuseHead(Refused{Text: err.Error(), Err: err})
			continue
		}
		if f == nil { // nothing left to do
			if !head.wish.Kind.own() {
				t.tell(Done{*head.wish})
			}
			t.r.queue = t.r.queue[1:]
			continue
		}
		t.depart(f)
	}
}

// depart puts a request on the way.
func (t *turn) depart(f *flight) {
	t.r.flight = f
	t.out.Request = t.r.InFlight()
}

// refuseHead drops the first wish and says why.
func (t *turn) refuseHead(why Refused) {
	if t.r.resyncing() {
		t.resyncRefused(why)
		return
	}
	why.Wish = *t.r.queue[0].wish
	t.r.queue = t.r.queue[1:]
	t.tell(why)
}

func (t *turn) breakDown(format string, args ...any) {
	t.r.broken = fmt.Sprintf(format, args...)
	t.r.flight, t.r.kept, t.r.trail = nil, nil, nil
	t.out.Request = nil
	t.tell(Broken{t.r.broken})
	for _, q := range t.r.queue {
		if q.wish.Kind.own() {
			continue
		}
		t.tell(Refused{Wish: *q.wish, Text: "the room was given up: " + t.r.broken})
	}
	t.r.queue = nil
}

func digest(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:]
}
