// Package sim runs several providers, each with its room cores, in one goroutine and by a seed: stanzas, requests, notifications and
// crashes in an order that the seed chooses, with deliveries that are lost, late or doubled. It is for tests; nothing of it is in the
// binary. A World is not safe for concurrent use.
package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mucmap"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// How long keys serve in a World: as short as can be.
const (
	RenewEncryption = mucmap.MinRenewal
	RenewSignature  = 3 * mucmap.MinRenewal
)

// Faults are probabilities, each of one kind of harm at one step.
type Faults struct {
	LoseRequest float64 // a POST does not arrive and is repeated
	LoseReply   float64 // a POST arrives, its answer does not, and it is repeated
	Late        float64 // a POST that was answered arrives once more, any time later
	LoseNews    float64 // a notify is answered 201 and nothing comes of it, as when a hub has given up on us
	Reorder     float64 // a delivery overtakes those before it
	Partition   float64 // a provider goes off the network for a while
	Crash       float64 // a room is lost at a write, before or after it took effect, and restored
}

// World is all providers and what is between them.
type World struct {
	Now       time.Time
	Faults    Faults
	Providers map[string]*Provider
	Trace     []string // what happened, for who looks into a failure

	rng  *rand.Rand
	mail map[[2]string][]post // by sender and receiver, in order
	late []post
	open []xmpp.Stanza // what clients of new rooms are about to send
	ids  int

	credentials Credentials

	noKeys map[string]func(body []byte) mucmap.Reply // of providers that give no key packages: what they answer
}

// Provider is one gateway and its XMPP server.
type Provider struct {
	Name  string
	Rooms map[string]*Node
	Inbox map[string][]xmpp.Stanza // by full JID, what was sent to it, in order

	w    *World
	svc  *mucmap.Service
	down bool
}

// Node is one room at one provider.
type Node struct {
	p      *Provider
	name   string
	room   *mucmap.Room
	disk   disk
	asking *mucmap.PeerRequest
	asked  time.Time
	asks   []ask
	wake   time.Time // as in mucmap.Output
	jobs   []mucmap.CommitJob
}

// Credentials are how all providers of a World vouch for their clients, as mucmap.Config has it. Without functions they are basic.
type Credentials struct {
	Issue        func(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error)
	Authenticate mimi.Authenticate
}

// New makes a world with the named providers, whose components are rooms.NAME.
func New(seed uint64, names ...string) *World { return NewWith(seed, Credentials{}, names...) }

// NewWith is New with credentials.
func NewWith(seed uint64, c Credentials, names ...string) *World {
	w := &World{Now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC), Providers: map[string]*Provider{}, rng: rand.New(rand.NewPCG(seed, 1)),
		mail: map[[2]string][]post{}, credentials: c}
	for _, name := range names {
		w.Add(name)
	}
	return w
}

// Add brings another provider into the world.
func (w *World) Add(name string) {
	key, err := mls.NewSigner(mls.SuiteX25519AES128SHA256Ed25519, mls.Seed{1, byte(len(w.Providers))})
	if err != nil {
		panic(err)
	}
	svc, err := mucmap.NewService(mucmap.Config{Domain: xmpp.MustParseJID("rooms." + name), Provider: name, Users: []string{name}, Hub: key,
		Software: "anteroom", Version: "sim", RenewEncryption: RenewEncryption, RenewSignature: RenewSignature,
		Issue: w.credentials.Issue, Authenticate: w.credentials.Authenticate})
	if err != nil {
		panic(err)
	}
	w.Providers[name] = &Provider{Name: name, Rooms: map[string]*Node{}, Inbox: map[string][]xmpp.Stanza{}, w: w, svc: svc}
}

func (w *World) seed() (s mls.Seed) {
	for i := 0; i < len(s); i += 8 {
		n := w.rng.Uint64()
		for j := range 8 {
			s[i+j] = byte(n >> (8 * j))
		}
	}
	return s
}

func (w *World) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (w *World) trace(format string, args ...any) {
	w.Trace = append(w.Trace, fmt.Sprintf(format, args...))
}

// Down takes a provider off the network, or brings it back.
func (w *World) Down(name string, down bool) { w.Providers[name].down = down }

// ID is a fresh stanza id.
func (w *World) ID() string {
	w.ids++
	return fmt.Sprintf("s%d", w.ids)
}

// Send gives a stanza of a user to its own provider's component.
func (w *World) Send(st xmpp.Stanza) {
	p := w.Providers[strings.TrimPrefix(st.To.Domain(), "rooms.")]
	w.trace("%s", st.String())
	if name := p.svc.Route(&st, p.direct); name != "" {
		p.node(name).step(mucmap.StanzaIn{Stanza: &st})
	}
}

func (p *Provider) direct(name string) bool {
	n := p.Rooms[name]
	return n != nil && n.room.Summary().Direct
}

func (p *Provider) node(name string) *Node {
	n := p.Rooms[name]
	if n == nil {
		n = &Node{p: p, name: name, room: p.svc.New(name), disk: newDisk()}
		p.Rooms[name] = n
	}
	return n
}

// step gives a room one input. A crash loses it; what then was lost is repeated by whoever waits for an answer, stanzas are not.
func (n *Node) step(in mucmap.Input) []mucmap.Reply {
	w := n.p.w
	w.Now = w.Now.Add(time.Millisecond)
	out := n.room.Step(w.Now, w.seed(), in)
	n.wake = out.Wake
	for _, note := range out.Notes {
		if note.Level >= mucmap.NoteInfo {
			w.trace("  %s %s: %s %v", n.p.Name, n.name, note.Msg, note.Attrs)
		}
	}
	if out.Durable() {
		_, stanza := in.(mucmap.StanzaIn)
		before := !stanza && w.chance(w.Faults.Crash)
		if before {
			n.restore()
			return nil
		}
		n.disk.write(&out)
		if w.chance(w.Faults.Crash) {
			n.p.w.post(n, &out)
			n.restore()
			return nil
		}
	}
	n.deliver(out.Stanzas)
	w.post(n, &out)
	for _, st := range out.Forward {
		w.Send(*st)
	}
	if len(out.Requests) > 0 {
		q := out.Requests[0]
		n.asking, n.asked = &q, w.Now
	}
	for _, q := range out.Asks {
		n.asks = append(n.asks, ask{q, w.Now})
	}
	n.jobs = append(n.jobs, out.Jobs...)
	if out.Destroyed {
		n.asking, n.asks = nil, nil
	} else {
		n.disk.sent = n.disk.seq
		n.room.MarkSent(n.disk.sent)
		n.leave()
	}
	return out.Replies
}

// leave forgets a room that need not be kept in memory, as the gateway does at once.
func (n *Node) leave() {
	if n.room.Exists() || len(n.jobs) > 0 {
		return
	}
	if n.disk.seq == 0 && len(n.disk.secrets) == 0 && n.disk.tombstone == nil {
		n.room = n.p.svc.New(n.name)
		return
	}
	snapshot := n.disk.load()
	snapshot.Clean = true
	room, _, err := n.p.svc.Restore(n.name, snapshot)
	if err != nil {
		panic(err)
	}
	n.room, n.asking, n.asks = room, nil, nil
}

// unlockID is the id of the request by which a client unlocks a room; its user does not see the answer.
const unlockID = "unlock"

// unlock lets the client of who created a room ask for an instant room, as clients do (XEP-0045 §10.1.2).
func (w *World) unlock(st xmpp.Stanza) {
	if st.Kind != xmpp.Presence {
		return
	}
	if x, err := muc.ParseUser(st.Child(muc.NSUser, "x")); err != nil || !x.Has(muc.StatusRoomCreated) {
		return
	}
	w.open = append(w.open, xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: st.To, To: st.From.Bare(), ID: unlockID,
		Payload: []*xmpp.Element{muc.OwnerQuery{Form: &muc.Form{Type: muc.FormSubmit}}.Element()}})
}

func (n *Node) deliver(stanzas []xmpp.Broadcast) {
	w := n.p.w
	for _, b := range stanzas {
		if err := b.Template.Err(); err != nil {
			panic(err)
		}
		for _, to := range b.To {
			st := b.Template.Stanza()
			st.To = to
			if st.ID == unlockID {
				continue
			}
			n.p.Inbox[to.String()] = append(n.p.Inbox[to.String()], st)
			w.unlock(st)
		}
	}
}

func (n *Node) restore() {
	w := n.p.w
	w.trace("  %s %s: crash", n.p.Name, n.name)
	if n.disk.seq == 0 && len(n.disk.secrets) == 0 && n.disk.tombstone == nil {
		n.room = n.p.svc.New(n.name)
		n.asking, n.asks, n.jobs = nil, nil, nil
		return
	}
	room, recovery, err := n.p.svc.Restore(n.name, n.disk.load())
	if err != nil {
		panic(err)
	}
	n.room, n.asking, n.asks, n.jobs = room, nil, nil, nil
	n.deliver(recovery.Stanzas)
	n.disk.sent = n.disk.seq
	n.room.MarkSent(n.disk.sent)
	if !recovery.Wake.IsZero() {
		n.step(mucmap.Timer{})
	}
}

// actions are all things that can happen next.
func (w *World) actions() []func() {
	var all []func()
	for _, name := range slices.Sorted(maps.Keys(w.Providers)) {
		p := w.Providers[name]
		for _, room := range slices.Sorted(maps.Keys(p.Rooms)) {
			n := p.Rooms[room]
			if len(n.jobs) > 0 {
				all = append(all, n.work)
			}
			if n.asking != nil && !p.down {
				all = append(all, n.ask)
			}
			if len(n.asks) > 0 && !p.down {
				all = append(all, n.askNext)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(w.mail), func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	for _, key := range keys {
		if len(w.mail[key]) > 0 && !w.Providers[key[0]].down && !w.Providers[key[1]].down {
			all = append(all, func() { w.notify(key) })
		}
	}
	if len(w.open) > 0 {
		all = append(all, func() {
			st := w.open[0]
			w.open = w.open[1:]
			w.Send(st)
		})
	}
	for i := range w.late {
		all = append(all, func() {
			q := w.late[i]
			w.late = slices.Delete(w.late, i, i+1)
			w.trace("late: %s from %s to %s", q.endpoint, q.from, q.to)
			w.receive(q)
		})
	}
	return all
}

// Step lets one thing happen. False: nothing is left to happen.
func (w *World) Step() bool {
	all := w.actions()
	if len(all) == 0 {
		return false
	}
	all[w.rng.IntN(len(all))]()
	return true
}

// Settle lets everything happen that is under way, also in rooms that pause after they lost races.
func (w *World) Settle() error {
	for range 100_000 {
		if w.Step() {
			continue
		}
		n := w.paused()
		if n == nil {
			return nil
		}
		if n.wake.After(w.Now) {
			w.Now = n.wake
		}
		n.step(mucmap.Timer{})
	}
	return fmt.Errorf("sim: the world does not come to rest")
}

// paused is the room that pauses for the shortest time before it asks its hub again; nil: none does.
func (w *World) paused() (first *Node) {
	for _, name := range slices.Sorted(maps.Keys(w.Providers)) {
		p := w.Providers[name]
		for _, room := range slices.Sorted(maps.Keys(p.Rooms)) {
			n := p.Rooms[room]
			if p.down || n.wake.IsZero() || n.wake.After(w.Now.Add(follower.MaxPause)) || first != nil && !n.wake.Before(first.wake) {
				continue
			}
			if r := n.follower(); r != nil && !r.Idle() && r.InFlight() == nil && !r.Behind() {
				first = n
			}
		}
	}
	return first
}

// follower is what is stored of a room of another provider; nil: nothing.
func (n *Node) follower() *follower.Room {
	parts := map[string][]byte{}
	for key, b := range n.disk.secrets {
		if rest, ok := strings.CutPrefix(key, "follow/"); ok {
			parts[rest] = b
		}
	}
	if len(parts) == 0 {
		return nil
	}
	r, err := follower.Load(parts, follower.Options{})
	if err != nil {
		panic(err)
	}
	return r
}

// Wait lets time pass, and every room look at the clock.
func (w *World) Wait(d time.Duration) {
	w.Now = w.Now.Add(d)
	for _, name := range slices.Sorted(maps.Keys(w.Providers)) {
		p := w.Providers[name]
		for _, room := range slices.Sorted(maps.Keys(p.Rooms)) {
			p.Rooms[room].step(mucmap.Timer{})
		}
	}
}

// Wake lets time pass until the first room wants to look at the clock, at most for so long, and lets it. False: none wants to.
func (w *World) Wake(most time.Duration) bool {
	var first *Node
	for _, name := range slices.Sorted(maps.Keys(w.Providers)) {
		p := w.Providers[name]
		for _, room := range slices.Sorted(maps.Keys(p.Rooms)) {
			if n := p.Rooms[room]; !n.wake.IsZero() && !n.wake.After(w.Now.Add(most)) && (first == nil || n.wake.Before(first.wake)) {
				first = n
			}
		}
	}
	if first == nil {
		return false
	}
	if first.wake.After(w.Now) {
		w.Now = first.wake
	}
	first.step(mucmap.Timer{})
	return true
}

func (n *Node) work() {
	j := n.jobs[0]
	n.jobs = n.jobs[1:]
	res, err := j.Run()
	n.step(mucmap.CommitDone{Job: j.ID, Result: res, Err: err})
}
