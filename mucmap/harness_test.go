package mucmap

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/internal/script"
	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
)

func testService(t testing.TB) *Service {
	t.Helper()
	hubKey, err := mls.NewSigner(suite, mls.Seed{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := NewService(Config{Domain: xmpp.MustParseJID("rooms.a.example"), Provider: "a.example", Users: []string{"a.example"},
		Hub: hubKey, Software: "anteroom", Version: "test", NoLock: true,
		Started: time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC), Contact: Contact{Abuse: []string{"mailto:abuse@a.example"}, Admin: []string{"xmpp:admin@a.example", "mailto:admin@a.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// locking is a service like s whose new rooms are locked.
func locking(s *Service) *Service {
	cfg := s.cfg
	cfg.NoLock = false
	return &Service{cfg}
}

// errCrash ends a process at a write.
var errCrash = errors.New("crash")

// bench runs one room as a gateway would, one input per batch.
type bench struct {
	t    testing.TB
	svc  *Service
	name string
	room *Room
	disk *disk
	now  time.Time
	n    uint64 // seeds so far

	peers func(PeerRequest) (int, []byte) // other providers; nil: they cannot be reached

	hold bool // keep jobs until told
	held []CommitJob

	writes  int
	crashAt int // number of the write that crashes, from 1; 0: none
	after   bool
	early   bool // what must not be: stanzas leave before the write that crashes
	crashed bool
	onCrash func() error // restores the room while another provider waits for an answer
	open    []Input      // whose commits are not through
	wake    time.Time    // as in Output

	others []Summary // further rooms of the service
	bans   *Bans     // from the service

	seen  func([]xmpp.Broadcast) // what leaves, if somebody looks
	check bool                   // replay after every step
	out   strings.Builder
	reply map[string]Reply
}

func newBench(t testing.TB) *bench {
	b := new(bench)
	cfg := testService(t).cfg
	cfg.Bans = func() *Bans { return b.bans }
	svc := &Service{cfg}
	*b = bench{t: t, svc: svc, name: "garden", room: svc.New("garden"), disk: newDisk(), reply: map[string]Reply{},
		now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	return b
}

// ban bans somebody from the service; the room has not heard of it yet.
func (b *bench) ban(who, reason string) {
	b.t.Helper()
	j, err := b.svc.ParseBan(who)
	if err != nil {
		b.t.Fatal(err)
	}
	b.bans = b.bans.With(ServiceBan{Who: j, Reason: reason, At: b.now})
}

func (b *bench) seed() (s mls.Seed) {
	b.n++
	binary.BigEndian.PutUint64(s[:], b.n)
	s[31] = 7
	return s
}

// step gives the room one input, and the commits that follow from it.
func (b *bench) step(in Input) error {
	b.now = b.now.Add(time.Millisecond)
	before := b.room.Seq()
	o := b.room.Step(b.now, b.seed(), in)
	b.wake = o.Wake
	if o.Durable() {
		b.writes++
		crash := b.writes == b.crashAt
		if !crash || b.after {
			if err := b.disk.write(&o); err != nil {
				return err
			}
		}
		if crash {
			if b.early {
				b.show(&o)
			}
			return errCrash
		}
	}
	b.show(&o)
	if b.check && b.disk.exists && !o.Destroyed {
		if err := b.replay(before, &o); err != nil {
			return err
		}
	}
	if !o.Destroyed {
		b.disk.sent = b.disk.seq
		b.room.MarkSent(b.disk.sent)
	}
	for _, q := range o.Queries {
		if err := b.step(q.Run(b.disk.read)); err != nil {
			return err
		}
	}
	for _, q := range o.Asks {
		status, body := 504, []byte("nobody answers")
		if b.peers != nil {
			status, body = b.peers(q)
		}
		if err := b.step(Answered{Request: q, Status: status, Body: body}); err != nil {
			return err
		}
	}
	for _, j := range o.Jobs {
		if b.hold {
			b.held = append(b.held, j)
			continue
		}
		if err := b.run(j); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) run(j CommitJob) error {
	res, err := j.Run()
	if err != nil {
		fmt.Fprintf(&b.out, "job failed: %v\n", err)
	}
	return b.step(CommitDone{Job: j.ID, Result: res, Err: err})
}

// replay restores the room from the disk, as of the last step, and compares: state, history and the stanzas to send again.
func (b *bench) replay(before uint64, o *Output) error {
	snap := b.disk.load(true)
	snap.Sent = before
	r, rec, err := b.svc.Restore(b.name, snap)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if got, want := string(r.pub.encode()), string(b.room.pub.encode()); got != want {
		return fmt.Errorf("replay differs from live:\n%s", script.Diff(strings.ReplaceAll(want, ",", ",\n"), strings.ReplaceAll(got, ",", ",\n")))
	}
	if err := b.room.mirrors(); err != nil {
		return err
	}
	if got, want := len(r.pub.history), min(len(b.room.pub.history), DefaultHistory); got < want {
		return fmt.Errorf("replay has %d messages of history, live %d", got, want)
	}
	at := 0
	for _, again := range rec.Stanzas {
		found := false
		for ; at < len(o.Stanzas) && !found; at++ {
			found = line(again) == line(o.Stanzas[at])
		}
		if !found {
			return fmt.Errorf("replay sends what live did not, or in another order:\n%s", line(again))
		}
	}
	return nil
}

// mirrors holds that the public room says of participants and configuration what the group says.
func (r *Room) mirrors() error {
	if r.hub == nil {
		return nil
	}
	state := r.hub.State()
	if got, want := len(r.pub.members), len(state.Participants()); got != want {
		return fmt.Errorf("%d members, the group lists %d", got, want)
	}
	for _, p := range state.Participants() {
		u := r.pub.behind(p.User)
		m := r.pub.members[u]
		if m == nil || m.Role != p.Role || m.Leaves != state.Clients(p.User) {
			return fmt.Errorf("%s is %+v, in the group role %d with %d clients", p.User, m, p.Role, state.Clients(p.User))
		}
		if r.pub.listed(u) != p.User {
			return fmt.Errorf("%s is listed as %s", u, p.User)
		}
		if r.job == nil && len(r.queue) == 0 && isPseudonym(p.User) != r.pub.hidden(u) {
			return fmt.Errorf("%s is listed as %s, its room is non-anonymous: %v", u, p.User, r.pub.Config.Anyone)
		}
		o := r.pub.occupant(u)
		if o == nil {
			continue
		}
		if st := standingOf(p.Role); o.Affiliation != st.affiliation || o.Role != st.role || m.Leaves == 0 {
			return fmt.Errorf("occupant %s is %s and %s with %d leaves, its role %d", o.Nick, o.Affiliation, o.Role, m.Leaves, p.Role)
		}
	}
	for _, o := range r.pub.here.Sorted() {
		if r.pub.members[userOf(o)] == nil {
			return fmt.Errorf("occupant %s is no participant", o.Nick)
		}
	}
	if cfg := r.pub.Config.follow(state); cfg != r.pub.Config {
		return fmt.Errorf("configuration is %+v, the group's %+v", r.pub.Config, cfg)
	}
	for u, i := range r.leaves {
		if leafUser(r.hub.Group().Public(), i) != u {
			return fmt.Errorf("leaf %d is not that of %s", i, u)
		}
	}
	return nil
}

// listed is the name in the group of one of our users.
func (b *bench) listed(local string) mimi.URI {
	return b.room.pub.listed(mimi.MustURI("mimi://a.example/u/" + local))
}

// restart gives the room up and restores it.
func (b *bench) restart(clean bool) error {
	b.held = nil
	r, rec, err := b.svc.Restore(b.name, b.disk.load(clean))
	if err != nil {
		return err
	}
	b.room = r
	if b.seen != nil {
		b.seen(rec.Stanzas)
	}
	for _, s := range rec.Stanzas {
		fmt.Fprintf(&b.out, "again %s\n", line(s))
	}
	b.disk.sent = b.disk.seq
	b.room.MarkSent(b.disk.sent)
	if !rec.Wake.IsZero() {
		return b.step(Timer{})
	}
	return nil
}

// line is a broadcast in a transcript.
func line(br xmpp.Broadcast) string {
	to := make([]string, len(br.To))
	for i, j := range br.To {
		to[i] = j.String()
	}
	return "to " + strings.Join(to, ", ") + "\n  " + br.Template.Stanza().String()
}

// capsHash finds the hash of a room's capabilities, which would change in every transcript with every new feature: TestCaps looks at it.
var capsHash = regexp.MustCompile(`(<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:anteroom' ver=')[^']*'`)

func (b *bench) show(o *Output) {
	if b.seen != nil {
		b.seen(o.Stanzas)
	}
	for _, ev := range o.Events {
		e, err := decodeEvent(ev)
		if err != nil {
			b.t.Fatal(err)
		}
		if c, is := e.(*committed); is {
			b.showCommit(c)
		}
	}
	for _, s := range o.Stanzas {
		if err := s.Template.Err(); err != nil {
			b.t.Errorf("unsendable stanza: %v", err)
		}
		fmt.Fprintln(&b.out, capsHash.ReplaceAllString(line(s), "$1…'"))
	}
	for _, m := range o.Bookmarks {
		fmt.Fprintf(&b.out, "bookmark of %s for %s: name %q, nick %q, autojoin %v, remove %v\n", m.Room, m.User, m.Name, m.Nick, m.Autojoin, m.Remove)
	}
	for _, m := range o.Belonging {
		fmt.Fprintf(&b.out, "%s belongs %v, here %v, else since %v\n", m.User, !m.Gone, m.Devices, m.Since.Format("15:04:05"))
	}
	if o.Spoken {
		fmt.Fprintln(&b.out, "something was said")
	}
	for _, d := range o.Outbox {
		fmt.Fprintf(&b.out, "deliver %s to %s\n", d.Endpoint, d.Provider)
	}
	for _, r := range o.Replies {
		b.reply[r.ID] = r
		fmt.Fprintf(&b.out, "reply %s: %d\n", r.ID, r.Status)
	}
	for _, n := range o.Notes {
		if n.Level >= NoteWarn {
			fmt.Fprintf(&b.out, "note: %s %v\n", n.Msg, n.Attrs)
		}
	}
	if o.Destroyed {
		fmt.Fprintln(&b.out, "room is gone")
	}
}

func (b *bench) showCommit(c *committed) {
	short := func(s string) string {
		s = strings.TrimPrefix(s, "mimi://a.example/u/")
		if strings.HasSuffix(s, "%2Fkeeper") {
			return "keeper"
		}
		return s
	}
	var by []string
	for _, p := range c.Proposers {
		by = append(by, short(p.String()))
	}
	fmt.Fprintf(&b.out, "epoch %d committed by %s, proposed by %s\n", c.Epoch, short(c.Committer.String()), strings.Join(by, " and "))
	for _, ch := range c.Changes {
		fmt.Fprintf(&b.out, "  %s: role %d to %d, %d clients\n", short(ch.User.String()), ch.From, ch.To, ch.Leaves)
		if c.Epoch > 1 && ch.From == ch.To {
			fmt.Fprintf(&b.out, "    listed as %s\n", short(cmp.Or(ch.As, ch.User).String()))
		}
	}
}

// stanzas reads the input of a step.
func stanzas(input string) ([]*xmpp.Stanza, error) {
	e, err := xmpp.ParseElement([]byte("<x xmlns='jabber:client'>" + input + "</x>"))
	if err != nil {
		return nil, err
	}
	var out []*xmpp.Stanza
	for c := range e.Elements() {
		st, err := xmpp.ParseStanza(c)
		if err != nil {
			return nil, err
		}
		out = append(out, &st)
	}
	return out, nil
}

// Do carries out a step of a transcript.
func (b *bench) Do(s *script.Step) (string, error) {
	b.out.Reset()
	err := b.do(s)
	return b.out.String(), err
}

func (b *bench) do(s *script.Step) error {
	switch s.Name {
	case "send": // stanzas to the room, one step each
		all, err := stanzas(s.Input)
		if err != nil {
			return err
		}
		for _, st := range all {
			if err := b.feed(StanzaIn{st}); err != nil {
				return err
			}
		}
	case "pinging": // silent devices are pinged after a time
		d, err := time.ParseDuration(s.Bare(0))
		if err != nil {
			return err
		}
		cfg := b.svc.cfg
		cfg.PingAfter = d
		b.svc = &Service{cfg}
		b.room = b.svc.New(b.name)
	case "renewing": // keys are renewed: encryption keys and signature keys after so long
		var every [2]time.Duration
		for i := range every {
			var err error
			if every[i], err = time.ParseDuration(s.Bare(i)); err != nil {
				return err
			}
		}
		b.svc = thatRenews(b.svc, every[0], every[1])
		b.room = b.svc.New(b.name)
	case "wake": // the room at the times that it asks for, until so long after now
		d, err := time.ParseDuration(s.Bare(0))
		if err != nil {
			return err
		}
		return b.wakes(b.now.Add(d))
	case "bookmarking": // rooms keep bookmarks
		cfg := b.svc.cfg
		cfg.Bookmarks = true
		b.svc = &Service{cfg}
		b.room = b.svc.New(b.name)
	case "indicating": // rooms say who belongs to them
		cfg := b.svc.cfg
		cfg.Indicators = true
		b.svc = &Service{cfg}
		b.room = b.svc.New(b.name)
	case "locking": // new rooms are locked, as they are by default outside of these tests
		b.svc = locking(b.svc)
		b.room = b.svc.New(b.name)
	case "hold":
		b.hold = true
	case "run": // the jobs that were held
		b.hold = false
		held := b.held
		b.held = nil
		for _, j := range held {
			if err := b.run(j); errors.Is(err, errCrash) {
				if b.after && b.room.job == nil && len(b.room.queue) == 0 {
					b.open = nil
				}
				return b.recover()
			} else if err != nil {
				return err
			}
		}
		b.open = nil
	case "advance":
		d, err := time.ParseDuration(s.Bare(0))
		if err != nil {
			return err
		}
		b.now = b.now.Add(d)
		return b.feed(Timer{})
	case "restart":
		err := b.restart(s.Bare(0) == "clean")
		if errors.Is(err, errCrash) {
			return b.recover()
		}
		return err
	case "ban": // from the service: who, and why
		b.ban(s.Bare(0), strings.Trim(s.Input, "\n"))
		return b.feed(Timer{})
	case "unban":
		j, err := b.svc.ParseBan(s.Bare(0))
		if err != nil {
			return err
		}
		b.bans = b.bans.Without(j)
		return b.feed(Timer{})
	case "shutdown":
		return b.feed(Shutdown{})
	case "room":
		b.out.WriteString(b.digest())
	case "rooms": // further rooms of the service, one summary per line
		b.others = nil
		for text := range strings.Lines(s.Input) {
			var r Summary
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				return err
			}
			b.others = append(b.others, r)
		}
	case "service":
		all, err := stanzas(s.Input)
		if err != nil {
			return err
		}
		for _, st := range all {
			answers, _ := b.svc.HandleService(b.now, st, slices.Values(append([]Summary{b.room.Summary()}, b.others...)))
			for _, a := range answers {
				fmt.Fprintln(&b.out, a.String())
			}
		}
	default:
		return fmt.Errorf("unknown directive %q", s.Name)
	}
	return nil
}

// feed gives an input; at a crash it restarts, and whoever got no answer tries again.
func (b *bench) feed(in Input) error {
	jobs, queued := b.room.jobs, len(b.room.queue)
	b.open = append(b.open, in)
	err := b.step(in)
	busy := b.room.job != nil || len(b.room.queue) > 0
	switch {
	case errors.Is(err, errCrash):
		switch {
		case b.after && !busy:
			b.open = nil
		case b.after && b.room.jobs == jobs && len(b.room.queue) == queued:
			b.open = b.open[:len(b.open)-1] // it took effect, earlier ones wait
		}
		return b.recover()
	case !busy:
		b.open = nil
	case b.room.jobs == jobs && len(b.room.queue) == queued:
		b.open = b.open[:len(b.open)-1] // it wanted no commit
	}
	return err
}

// recover restarts after a crash. Wishes are not stored: who waits for one asks again.
func (b *bench) recover() error {
	b.crashed, b.hold = true, false
	if err := b.restart(false); err != nil {
		return fmt.Errorf("after the crash: %w", err)
	}
	again := b.open
	b.open = nil
	for _, in := range again {
		if err := b.step(in); err != nil {
			return err
		}
	}
	return nil
}

// unusual is what of a configuration is not as in a new room.
func unusual(c roomConfig) string {
	out := ""
	is, def := reflect.ValueOf(c), reflect.ValueOf(defaultConfig())
	for i := range is.NumField() {
		if !is.Field(i).Equal(def.Field(i)) {
			out += fmt.Sprintf(" %s=%v", is.Type().Field(i).Name, is.Field(i))
		}
	}
	return out
}

// digest is the public room without what a recovery may change: epochs, ids and times.
func (b *bench) digest() string {
	var out strings.Builder
	s := b.room.pub
	fmt.Fprintf(&out, "exists %v, subject %q by %q, %d messages, config:%s\n", s.Exists, s.Subject.Text, s.Subject.Nick, s.Said, unusual(s.Config))
	if s.Locked {
		out.WriteString("locked\n")
	}
	for _, u := range s.users() {
		m := s.members[u]
		fmt.Fprintf(&out, "member %s role %d, %d clients, nick %q, reason %q\n", u, m.Role, m.Leaves, m.Nick, m.Reason)
		if m.Reserved != "" {
			fmt.Fprintf(&out, "  has reserved %q\n", m.Reserved)
		}
	}
	if b.svc.renews() && b.room.hub != nil {
		every := mls.RenewalInterval{Encryption: uint64(b.svc.cfg.RenewEncryption / time.Second), Signature: uint64(b.svc.cfg.RenewSignature / time.Second)}
		fmt.Fprintf(&out, "%d leaves with keys that have served too long\n", len(b.room.hub.Group().RenewalDue(uint64(b.now.Unix()), every)))
	}
	for _, d := range s.Domains {
		fmt.Fprintf(&out, "domain %s is banned by %s, reason %q\n", d.Domain, d.By, d.Reason)
	}
	for _, a := range s.Applicants {
		fmt.Fprintf(&out, "applicant %s as %q\n", a.User, a.Nick)
	}
	var here []string
	for _, o := range s.here.Sorted() {
		line := fmt.Sprintf("occupant %s %s %s", o.Nick, o.Affiliation, o.Role)
		for _, x := range o.Sessions {
			line += " " + x.JID.String() + " " + payloadText(x.Payload)
		}
		here = append(here, line+"\n")
	}
	slices.Sort(here)
	out.WriteString(strings.Join(here, ""))
	return out.String()
}
