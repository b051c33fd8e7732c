package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

// tally is a small room for tests of the gateway: it follows the contract of mucmap.Room (state is the fold of its events, stanzas
// follow from events with fixed ids) and can be told to misbehave, which the real core cannot. Presence joins, unavailable leaves,
// a message is an event that is broadcast to all, and "deliver PROVIDER" in a body owes that provider a delivery.
type tally struct {
	svc    *tallies
	name   string
	seq    uint64
	here   []string
	texts  []string
	sent   uint64
	gone   bool
	wakeAt time.Time
	job    uint64
	asked  []*xmpp.Stanza // requests that wait for another provider
}

// tallyEvent is the one kind of event.
type tallyEvent struct {
	N              uint64
	Join, Leave    string
	Who, Say       string
	Created, Ended bool
	Wake           *time.Time
}

type tallies struct {
	mu       sync.Mutex
	panicOn  func(room, body string) bool
	restored []mucmap.Snapshot
	damaged  bool
}

func (s *tallies) New(name string) Room { return &tally{svc: s, name: name} }

func (s *tallies) RoomName(uri mimi.URI) string {
	if uri.Kind() != mimi.KindRoom || uri.Provider() != "a.example" {
		return ""
	}
	return uri.Name()
}

func (s *tallies) FollowedName(uri mimi.URI) string {
	if uri.Kind() != mimi.KindRoom || uri.Provider() == "a.example" {
		return ""
	}
	return uri.Name() + "%" + uri.Provider()
}

func (s *tallies) PersonName(uri mimi.URI) string {
	if uri.Kind() != mimi.KindUser || uri.Provider() != "a.example" {
		return ""
	}
	return personPrefix + uri.Name()
}

func (s *tallies) DirectName(user, peer mimi.URI) string { return "" }

func (s *tallies) ParseBan(who string) (xmpp.JID, error) { return xmpp.ParseJID(who) }

func (s *tallies) ParseVenue(text string) (xmpp.JID, error) { return xmpp.ParseJID(text) }

func (s *tallies) RoomURI(string, string) (mimi.URI, bool) { return mimi.URI{}, false }

func (s *tallies) Route(st *xmpp.Stanza, _ func(string) bool) string {
	if st.To.Local() == "nowhere" {
		panic("told to")
	}
	return st.To.Local()
}

func (s *tallies) Restore(name string, snap mucmap.Snapshot) (Room, mucmap.Recovery, error) {
	s.mu.Lock()
	s.restored = append(s.restored, snap)
	damaged := s.damaged
	s.mu.Unlock()
	if damaged {
		return nil, mucmap.Recovery{}, errors.New("damaged")
	}
	r := &tally{svc: s, name: name, sent: snap.Sent}
	var rec mucmap.Recovery
	for _, b := range snap.Events {
		var e tallyEvent
		if err := json.Unmarshal(b, &e); err != nil {
			return nil, rec, err
		}
		out := r.apply(e)
		if r.seq > snap.Sent {
			rec.Stanzas = append(rec.Stanzas, out...)
		}
	}
	rec.Summary = r.Summary()
	rec.Wake = r.wakeAt
	return r, rec, nil
}

func (s *tallies) Judge(room, abuser mimi.URI, m *mimi.AbusiveMessage) mucmap.Verdict {
	return mucmap.Verdict{Why: "nothing is stamped here"}
}

func (s *tallies) IdentifierQuery(body []byte, rooms iter.Seq[mucmap.Summary]) (int, []byte) {
	return 404, nil
}

func (s *tallies) HandleService(now time.Time, st *xmpp.Stanza, rooms iter.Seq[mucmap.Summary]) ([]xmpp.Stanza, *mucmap.Order) {
	if body, _ := st.Body(); body == "panic" {
		panic("asked to")
	}
	n := 0
	for range rooms {
		n++
	}
	answer := st.Reply()
	answer.ID = fmt.Sprintf("%d rooms", n)
	return []xmpp.Stanza{answer}, nil
}

// apply folds one event and renders its stanzas.
func (r *tally) apply(e tallyEvent) []xmpp.Broadcast {
	r.seq++
	if e.Wake != nil {
		r.wakeAt = *e.Wake
	}
	text := ""
	to := r.here
	switch {
	case e.Join != "":
		r.here = append(append([]string(nil), r.here...), e.Join)
		to, text = r.here, "joined "+e.Join
	case e.Leave != "":
		var rest []string
		for _, h := range r.here {
			if h != e.Leave {
				rest = append(rest, h)
			}
		}
		r.here, text = rest, "left "+e.Leave
	case e.Ended:
		r.gone, r.here, text = true, nil, "ended"
	default:
		r.texts = append(r.texts, e.Say)
		text = e.Who + ": " + e.Say
	}
	st := xmpp.Stanza{Kind: xmpp.Message, From: xmpp.MustParseJID(r.name + "@rooms.a.example"), ID: fmt.Sprintf("%s-%d", r.name, e.N), Type: xmpp.TypeGroupchat,
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}}
	b := xmpp.Broadcast{Template: xmpp.NewTemplate(st)}
	for _, h := range to {
		b.To = append(b.To, xmpp.MustParseJID(h))
	}
	return []xmpp.Broadcast{b}
}

func (r *tally) Step(now time.Time, _ [32]byte, in mucmap.Input) mucmap.Output {
	out := mucmap.Output{Wake: r.wakeAt}
	emit := func(e tallyEvent) {
		e.N = r.seq + 1
		b, _ := json.Marshal(e)
		out.Events = append(out.Events, b)
		out.Stanzas = append(out.Stanzas, r.apply(e)...)
	}
	switch in := in.(type) {
	case mucmap.StanzaIn:
		r.stanza(now, in.Stanza, &out, emit)
	case mucmap.Request:
		if strings.HasPrefix(r.name, personPrefix) { // of somebody who consents to what b.example asks for
			out.Replies = append(out.Replies, mucmap.Reply{ID: in.ID, Status: map[bool]int{true: 204, false: 200}[in.Kind == mucmap.RequestKeyMaterial && in.Provider != "refused.example"]})
			break
		}
		if !r.Exists() {
			out.Replies = append(out.Replies, mucmap.Reply{ID: in.ID, Status: 404})
			break
		}
		emit(tallyEvent{Who: in.Provider, Say: string(in.Body)})
		status := map[bool]int{true: 201, false: 200}[in.Kind == mucmap.RequestUpdateConsent && in.Provider != "a.example"]
		out.Replies = append(out.Replies, mucmap.Reply{ID: in.ID, Status: status, Body: []byte("took " + string(in.Body)), InTurn: in.Kind == mucmap.RequestSubmitMessage})
	case mucmap.Answered:
		if in.Request.ID != "" {
			for _, st := range r.asked {
				answer := st.Reply(xmpp.TextElement(xmpp.NSClient, "body", string(in.Body)))
				out.Stanzas = append(out.Stanzas, xmpp.Broadcast{Template: xmpp.NewTemplate(answer), To: []xmpp.JID{answer.To}})
			}
			r.asked = nil
		}
		emit(tallyEvent{Who: in.Request.Provider, Say: fmt.Sprintf("answers %d %s", in.Status, in.Body)})
	case mucmap.CommitDone:
		if in.Job == r.job && in.Err == nil {
			emit(tallyEvent{Who: "job", Say: fmt.Sprint(in.Result)})
		}
	case mucmap.Timer:
		if !r.wakeAt.IsZero() && !now.Before(r.wakeAt) {
			emit(tallyEvent{Who: "clock", Say: "woken", Wake: &time.Time{}})
			out.Wake = r.wakeAt
		}
	}
	if len(out.Events) > 0 {
		s := r.Summary()
		out.Summary = &s
	}
	if !out.Destroyed {
		out.Seq = r.seq
	}
	return out
}

func (r *tally) stanza(now time.Time, st *xmpp.Stanza, out *mucmap.Output, emit func(tallyEvent)) {
	body, _ := st.Body()
	r.svc.mu.Lock()
	bad := r.svc.panicOn != nil && r.svc.panicOn(r.name, body)
	r.svc.mu.Unlock()
	if bad {
		panic("told to")
	}
	from := st.From.String()
	switch {
	case st.Kind == xmpp.Presence && st.Type == xmpp.TypeUnavailable:
		emit(tallyEvent{Leave: from})
	case st.Kind == xmpp.Presence:
		emit(tallyEvent{Join: from, Created: !r.Exists()})
	case !r.Exists():
		e := st.ErrorReply(xmpp.NewError(xmpp.ItemNotFound, ""))
		out.Stanzas = append(out.Stanzas, xmpp.Broadcast{Template: xmpp.NewTemplate(e), To: []xmpp.JID{e.To}})
	case st.Kind == xmpp.IQ:
		r.asked = append(r.asked, st)
		out.Asks = append(out.Asks, mucmap.PeerRequest{ID: st.ID, Provider: "b.example", Endpoint: "keyMaterial", Room: "mimi://b.example/u/bob", Body: []byte(body), Patience: time.Hour})
	case strings.HasPrefix(body, "deliver "):
		emit(tallyEvent{Who: from, Say: body})
		_, provider, _ := strings.Cut(body, " ")
		out.Outbox = append(out.Outbox, mucmap.Delivery{Provider: provider, Endpoint: "notify", Room: "mimi://a.example/r/" + r.name, Body: []byte(fmt.Sprintf("%s-%d", r.name, r.seq))})
	case body == "bulk":
		emit(tallyEvent{Who: from, Say: body})
		out.Outbox = append(out.Outbox, mucmap.Delivery{Provider: "b.example", Endpoint: "notify", Room: "mimi://a.example/r/" + r.name, Body: make([]byte, 1<<20)})
	case strings.HasPrefix(body, "tell everybody"):
		emit(tallyEvent{Who: from, Say: body})
		news := fmt.Appendf(make([]byte, 1<<20), "%s-%d", r.name, r.seq)
		for i := range 40 {
			out.Outbox = append(out.Outbox, mucmap.Delivery{Provider: fmt.Sprintf("p%02d.example", i), Endpoint: "notify", Room: "mimi://a.example/r/" + r.name, Body: news})
		}
	case body == "search badly":
		emit(tallyEvent{Who: from, Say: body})
		out.Archive = append(out.Archive, mucmap.ArchiveEntry{ID: fmt.Sprint(r.seq), Time: now, Data: []byte("said")})
		out.Queries = append(out.Queries, mucmap.Query{Limit: 10, Match: func(*mucmap.ArchiveEntry) bool { panic("told to") }})
	case strings.HasPrefix(body, "forward "):
		emit(tallyEvent{Who: from, Say: body})
		fwd := *st
		fwd.To = xmpp.MustParseJID(body[8:] + "@rooms.a.example")
		fwd.Payload = []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "forwarded")}
		out.Forward = append(out.Forward, &fwd)
	case strings.HasPrefix(body, "request "):
		emit(tallyEvent{Who: from, Say: body})
		q := mucmap.PeerRequest{Provider: "b.example", Endpoint: "update", Room: "mimi://b.example/r/garden", Body: []byte(body)}
		if body == "request impatiently" {
			q.Patience = 20 * time.Second
		}
		out.Requests = append(out.Requests, q)
	case strings.HasPrefix(body, "work"):
		r.job++
		out.Jobs = append(out.Jobs, mucmap.CommitJob{ID: r.job, Run: func() (any, error) {
			if body == "work badly" {
				panic("told to")
			}
			return "worked", nil
		}})
	case strings.HasPrefix(body, "wake "):
		d, _ := time.ParseDuration(body[5:])
		at := now.Add(d)
		emit(tallyEvent{Who: from, Say: body, Wake: &at})
		out.Wake = r.wakeAt
	case body == "end":
		emit(tallyEvent{Ended: true})
		out.Destroyed, out.Tombstone, out.Seq = true, []byte("moved"), r.seq
		*r = tally{svc: r.svc, name: r.name}
	default:
		emit(tallyEvent{Who: from, Say: body})
	}
}

func (r *tally) Exists() bool { return r.seq > 0 && !r.gone }
func (r *tally) Belonging(user xmpp.JID) mucmap.Belonging {
	return mucmap.Belonging{User: user, Gone: true}
}
func (r *tally) Idle() bool          { return len(r.here) == 0 }
func (r *tally) Seq() uint64         { return r.seq }
func (r *tally) MarkSent(seq uint64) { r.sent = seq }
func (r *tally) Describe() mucmap.Description {
	d := mucmap.Description{Summary: r.Summary()}
	d.Epoch = r.seq
	for _, h := range r.here {
		u, _ := mimi.UserURI("a.example", h)
		d.Participants = append(d.Participants, mucmap.Participant{User: u, Sessions: 1})
	}
	return d
}
func (r *tally) Summary() mucmap.Summary {
	return mucmap.Summary{Name: r.name, Public: true, Occupants: len(r.here), Wake: r.wakeAt, Awaiting: strings.HasPrefix(r.name, "waiting")}
}

// line is a fake component connection: it keeps what was sent, in order.
type line struct {
	mu      sync.Mutex
	got     []xmpp.Stanza
	down    bool // queues but nothing leaves
	mark    Mark
	written Mark
}

func (l *line) Send(_ context.Context, stanzas []xmpp.Broadcast) (Mark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range stanzas {
		for _, to := range b.To {
			st := b.Template.Stanza()
			st.To = to
			l.got = append(l.got, st)
			l.mark++
		}
	}
	if !l.down {
		l.written = l.mark
	}
	return l.mark, nil
}

func (l *line) Written() Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

func (l *line) Flush(ctx context.Context, m Mark) error {
	if l.Written() < m {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// to lists what a user got: bodies, or the conditions of errors.
func (l *line) to(user string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, st := range l.got {
		if st.To.String() != user {
			continue
		}
		if e := st.Err(); e != nil {
			out = append(out, "error "+string(e.Condition)+" "+string(e.Type))
			continue
		}
		body, _ := st.Body()
		out = append(out, body)
	}
	return out
}

func (l *line) ids(user string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, st := range l.got {
		if st.To.String() == user {
			out = append(out, st.ID)
		}
	}
	return out
}

// post is a fake way to providers.
type posts struct {
	mu     sync.Mutex
	got    []string
	answer func(provider, body string, n int) (PeerReply, error)
}

func (p *posts) Post(_ context.Context, provider string, _ mimi.Endpoint, _ mimi.URI, body []byte) (PeerReply, error) {
	p.mu.Lock()
	p.got = append(p.got, provider+" "+string(body))
	answer, n := p.answer, len(p.got)
	p.mu.Unlock()
	if answer != nil {
		return answer(provider, string(body), n) // which may take its time, and be asked for several rooms at once
	}
	return PeerReply{Status: 201}, nil
}

func (p *posts) Document(context.Context, mimi.URI) (PeerReply, error) {
	return PeerReply{Status: 404}, nil
}

func (p *posts) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = nil
}

func (p *posts) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.got...)
}

// bench is a gateway under test, with everything around it in memory.
type bench struct {
	t     *testing.T
	g     *Gateway
	line  *line
	posts *posts
	core  *tallies
	store *memstore.Store
	opt   Options
	logs  *strings.Builder
}

// inBubble runs a test in a synctest bubble.
func inBubble(t *testing.T, f func(b *bench), change ...func(*Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logs := &strings.Builder{}
		b := &bench{t: t, line: &line{}, posts: &posts{}, core: &tallies{}, store: memstore.New(), logs: logs}
		b.opt = Options{Rooms: b.core, Store: b.store, Server: b.line, Peers: b.posts, Provider: "a.example", Workers: 2,
			Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		for _, c := range change {
			c(&b.opt)
		}
		b.start()
		f(b)
		b.stop()
	})
}

func (b *bench) start() {
	b.t.Helper()
	g, err := New(b.opt)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := g.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.g = g
	synctest.Wait()
}

func (b *bench) stop() {
	if b.g == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.g.Stop(ctx); err != nil {
		b.t.Errorf("stop: %v", err)
	}
	b.g = nil
}

// crash ends the gateway as kill -9 does: nothing more reaches the store. A new line is what the next process has.
func (b *bench) crash() {
	b.t.Helper()
	b.store.SetFaults(func(uint64) memstore.Fault { return memstore.Before })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.g.Stop(ctx)
	b.store.SetFaults(nil)
	b.g = nil
	b.line = &line{}
	b.opt.Server = b.line
}

// settle lets everything happen that needs no time to pass.
func (b *bench) settle() { synctest.Wait() }

// say delivers a message to a room.
func (b *bench) say(room, from, body string) bool {
	return b.g.Deliver(&xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, ID: "m", From: xmpp.MustParseJID(from), To: xmpp.MustParseJID(room + "@rooms.a.example"),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", body)}}) == nil
}

func (b *bench) join(room, from string) bool {
	return b.g.Deliver(&xmpp.Stanza{Kind: xmpp.Presence, From: xmpp.MustParseJID(from), To: xmpp.MustParseJID(room + "@rooms.a.example/nick")}) == nil
}

func (b *bench) leave(room, from string) bool {
	return b.g.Deliver(&xmpp.Stanza{Kind: xmpp.Presence, Type: xmpp.TypeUnavailable, From: xmpp.MustParseJID(from), To: xmpp.MustParseJID(room + "@rooms.a.example/nick")}) == nil
}

// want compares what a user got.
func (b *bench) want(why, user string, texts ...string) {
	b.t.Helper()
	b.settle()
	got := b.line.to(user)
	if strings.Join(got, "|") != strings.Join(texts, "|") {
		b.t.Errorf("%s: %s got %q, want %q\n%s", why, user, got, texts, b.logs)
	}
}
