package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/fakexmpp"
	"anteroom/xmpp"
)

const domain = "rooms.a.example"

var juliet = xmpp.MustParseJID("juliet@a.example/balcony")

// recorder is a handler that keeps what it is told.
type recorder struct {
	up      chan struct{}
	down    chan error
	stanzas chan xmpp.Stanza // its capacity is the room there is
	written chan Seq
}

func newRecorder(room int) *recorder {
	return &recorder{make(chan struct{}, 100), make(chan error, 1000), make(chan xmpp.Stanza, room), make(chan Seq, 1)}
}

func (r *recorder) Up()            { keep(r.up, struct{}{}) }
func (r *recorder) Down(err error) { keep(r.down, err) }
func (r *recorder) HandleStanza(s xmpp.Stanza) *xmpp.StanzaError {
	select {
	case r.stanzas <- s:
		return nil
	default:
		return xmpp.NewError(xmpp.ResourceConstraint, "no room for it")
	}
}

func (r *recorder) Written(s Seq) { keep(r.written, s) }

// keep puts v into c, the oldest giving way when it is full: a handler must not block. Only one goroutine may keep in c.
func keep[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
		select {
		case <-c:
		default:
		}
		c <- v
	}
}

// fixture is a fake server and a connection to it that runs until the test ends.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	server *fakexmpp.Server
	conn   *Conn
	rec    *recorder
	log    *lockedBuffer
	stop   func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, change func(*fakexmpp.Options, *Config)) *fixture {
	t.Helper()
	opts := fakexmpp.Options{Domain: domain, Secret: "s3cret"}
	f := &fixture{t: t, ctx: testContext(t), rec: newRecorder(1000), log: &lockedBuffer{}}
	cfg := Config{
		Domain: xmpp.MustParseJID(domain), Secret: "s3cret", MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond,
		Log: slog.New(slog.NewJSONHandler(f.log, nil)),
	}
	if change != nil {
		change(&opts, &cfg)
	}
	var err error
	if f.server, err = fakexmpp.Start(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.server.Stop)
	if cfg.Addr == "" {
		cfg.Addr = f.server.Addr()
	}
	if f.conn, err = New(cfg, f.rec); err != nil {
		t.Fatal(err)
	}
	run, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() { done <- f.conn.Run(run) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run ended with %v", err)
			}
		case <-time.After(3 * time.Minute):
			panic("Run does not end")
		}
	})
	t.Cleanup(f.stop)
	return f
}

func get[T any](f *fixture, what string, c <-chan T) T {
	f.t.Helper()
	select {
	case v := <-c:
		return v
	case <-f.ctx.Done():
		f.t.Fatalf("%s did not come; log:\n%s", what, f.log)
		panic("unreachable")
	}
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("%v; log:\n%s", err, f.log)
	}
}

func message(id, body string) xmpp.Stanza {
	return xmpp.Stanza{
		Kind: xmpp.Message, From: xmpp.MustParseJID("garden@" + domain + "/romeo"), To: juliet, ID: id, Type: xmpp.TypeGroupchat,
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", body)},
	}
}

func TestBothWays(t *testing.T) {
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	f.must(f.server.Inject([]byte(`<message from='juliet@a.example/balcony' to='garden@rooms.a.example' type='groupchat' id='1'><body>hi</body></message>`)))
	in := get(f, "the stanza", f.rec.stanzas)
	if body, _ := in.Body(); in.From != juliet || body != "hi" {
		t.Errorf("got %s", in)
	}
	seq, err := f.conn.Send(f.ctx, message("2", "there"))
	f.must(err)
	f.must(f.conn.Flush(f.ctx, seq))
	f.must(f.server.WaitDelivered(f.ctx, 1))
	if got, want := f.server.Stanzas()[0], message("2", "there").String(); got != want {
		t.Errorf("the server got %s, want %s", got, want)
	}
	for f.conn.Written() != seq || get(f, "Written", f.rec.written) != seq {
		t.Log("an earlier place was reported first")
	}
	to := []xmpp.JID{juliet, xmpp.MustParseJID("nurse@a.example/x"), xmpp.MustParseJID("romeo@b.example")}
	_, err = f.conn.Broadcast(f.ctx, xmpp.Broadcast{Template: xmpp.NewTemplate(message("3", "all")), To: to})
	f.must(err)
	f.must(f.server.WaitDelivered(f.ctx, 4))
	for i, j := range to {
		want := message("3", "all")
		want.To = j
		if got := f.server.Stanzas()[1+i]; got != want.String() {
			t.Errorf("recipient %d got %s", i, got)
		}
	}
}

func TestNothingBadLeaves(t *testing.T) {
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	foreign := message("1", "x")
	foreign.From = juliet
	for i, bad := range []xmpp.Stanza{message("1", "\x00"), foreign, {Kind: xmpp.Message, From: xmpp.MustParseJID(domain)}} {
		if _, err := f.conn.Send(f.ctx, bad); err == nil {
			t.Errorf("bad stanza %d was accepted", i)
		}
		_, err := f.conn.Broadcast(f.ctx, xmpp.Broadcast{Template: xmpp.NewTemplate(bad), To: []xmpp.JID{bad.To}})
		f.must(err)
	}
	if _, err := f.conn.SendBytes(f.ctx, []byte("<message>")); err == nil {
		t.Error("half a stanza was accepted")
	}
	_, err := f.conn.SendBytes(f.ctx, []byte(message("2", "good").String()))
	f.must(err)
	f.must(f.server.WaitDelivered(f.ctx, 1))
	if s := f.conn.Stats(); s.Dropped != 7 || s.Queued != 1 || s.Connects != 1 {
		t.Errorf("counted %+v", s)
	}
	if n := strings.Count(f.log.String(), "outgoing stanza dropped"); n != 7 {
		t.Errorf("%d log lines for 7 stanzas", n)
	}
}

func TestUnreadableStanzas(t *testing.T) {
	deep := strings.Repeat("<x>", xmpp.MaxDepth) + strings.Repeat("</x>", xmpp.MaxDepth)
	huge := strings.Repeat("x", xmpp.MaxIncomingBytes)
	attrs := ""
	for i := range xmpp.MaxAttrs + 1 {
		attrs += fmt.Sprintf(" a%d=''", i)
	}
	const to = " to='garden@rooms.a.example' id='q'"
	const jabber = " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
	tests := []struct{ comment, in, want string }{
		{"malformed from", `<message from='a b@c.example'` + to + `/>`, "<message to='a b@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><jid-malformed" + jabber},
		{"from that only stringprep allows", `<presence from='♥@c.example/x'` + to + `/>`, "<presence to='♥@c.example/x' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><jid-malformed" + jabber},
		{"malformed to", `<iq type='get' id='q' from='a@c.example' to='a b@rooms.a.example'/>`, "<iq to='a@c.example' from='a b@rooms.a.example' id='q' type='error'><error type='modify'><jid-malformed" + jabber},
		{"unknown type of iq", `<iq type='push' from='a@c.example'` + to + `/>`, "<iq to='a@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><bad-request" + jabber},
		{"for somebody else", `<message from='a@c.example' to='other.example' id='q'/>`, "<message to='a@c.example' from='rooms.a.example' id='q' type='error'><error type='modify'><bad-request" + jabber},
		{"too deep", `<message from='a@c.example'` + to + `>` + deep + `</message>`, "<message to='a@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><policy-violation" + jabber},
		{"too large", `<message from='a@c.example'` + to + `><body>` + huge + `</body></message>`, "<message to='a@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><policy-violation" + jabber},
		{"too many elements", `<message from='a@c.example'` + to + `>` + strings.Repeat("<x/>", xmpp.MaxNodes) + `</message>`, "<message to='a@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><policy-violation" + jabber},
		{"too many attributes", `<message from='a@c.example'` + to + `><x` + attrs + `/></message>`, "<message to='a@c.example' from='garden@rooms.a.example' id='q' type='error'><error type='modify'><policy-violation" + jabber},
		{"too large, for the service", `<iq type='set' from='a@c.example' to='rooms.a.example' id='q'><query xmlns='urn:x'>` + huge + `</query></iq>`, "<iq to='a@c.example' from='rooms.a.example' id='q' type='error'><error type='modify'><policy-violation" + jabber},
		{"too large, an error", `<message type='error' from='a@c.example'` + to + `><body>` + huge + `</body></message>`, ""},
		{"an error", `<message type='error' from='a b@c.example'` + to + `/>`, ""},
		{"a result", `<iq type='result' from='a b@c.example'` + to + `/>`, ""},
		{"presence of somebody gone", `<presence type='unavailable' from='a b@c.example'` + to + `/>`, ""},
		{"no from", `<message` + to + `/>`, ""},
		{"no stanza", `<db from='a@c.example'` + to + `/>`, ""},
		{"another namespace", `<message xmlns='urn:x' from='a@c.example'` + to + `/>`, ""},
	}
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	answers := int64(0)
	for i, tt := range tests {
		f.must(f.server.Inject([]byte(tt.in)))
		if tt.want != "" {
			answers++
			f.must(f.server.WaitDelivered(f.ctx, answers))
			if got := f.server.Stanzas()[answers-1]; !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s: answered %s\nwant %s", tt.comment, got, tt.want)
			}
		}
		// The stream lives: the next stanza arrives, and no answer came in between.
		f.must(f.server.Inject(fmt.Appendf(nil, `<message from='a@c.example' to='garden@rooms.a.example' id='after %d'/>`, i)))
		if s := get(f, "the stanza after: "+tt.comment, f.rec.stanzas); s.ID != fmt.Sprintf("after %d", i) {
			t.Errorf("%s: handed over %s", tt.comment, s)
		}
	}
	seq, err := f.conn.Send(f.ctx, message("last", ""))
	f.must(err)
	f.must(f.conn.Flush(f.ctx, seq))
	f.must(f.server.WaitDelivered(f.ctx, answers+1))
	if got := f.server.Stanzas(); len(got) != int(answers)+1 {
		t.Errorf("%d answers, want %d", len(got)-1, answers)
	}
	if s := f.conn.Stats(); s.Unreadable != int64(len(tests)) || s.Connects != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestFullHandlerRefuses(t *testing.T) {
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	f.rec.stanzas <- xmpp.Stanza{}
	for len(f.rec.stanzas) < cap(f.rec.stanzas) {
		f.rec.stanzas <- xmpp.Stanza{}
	}
	const a = " from='juliet@a.example/balcony' to='garden@rooms.a.example' id='q'/>"
	answered := []string{"<iq type='get'", "<iq type='set'", "<message", "<message type='groupchat'", "<presence"}
	silent := []string{"<iq type='result'", "<iq type='error'", "<message type='error'", "<presence type='error'", "<presence type='unavailable'"}
	for _, head := range append(silent, answered...) {
		f.must(f.server.Inject([]byte(head + a)))
	}
	f.must(f.server.WaitDelivered(f.ctx, int64(len(answered))))
	for i, got := range f.server.Stanzas() {
		kind, _, _ := strings.Cut(answered[i], " ")
		if !strings.HasPrefix(got, kind+" to='juliet@a.example/balcony' from='garden@rooms.a.example' id='q' type='error'><error type='wait'><resource-constraint") || !strings.Contains(got, "no room for it") {
			t.Errorf("%s was answered with %s", answered[i], got)
		}
	}
	if s := f.conn.Stats(); s.Overloaded != int64(len(answered)+len(silent)) || s.Received != 0 {
		t.Errorf("counted %+v", s)
	}
	if n := strings.Count(f.log.String(), "no room for it"); n != len(answered)+len(silent) {
		t.Errorf("%d log lines for %d refusals", n, len(answered)+len(silent))
	}
}

func TestFailuresAreTold(t *testing.T) {
	nobody, err := servertest.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		comment string
		change  func(*fakexmpp.Options, *Config)
		server  func(*fakexmpp.Server)
		want    Cause
		names   string // what the log line must name
	}{
		{"wrong port", func(_ *fakexmpp.Options, c *Config) { c.Addr = nobody }, nil, Refused, "component_ports"},
		{"wrong secret", func(_ *fakexmpp.Options, c *Config) { c.Secret = "guess" }, nil, WrongSecret, "component_secret"},
		{"wrong domain", func(_ *fakexmpp.Options, c *Config) { c.Domain = xmpp.MustParseJID("other.a.example") }, nil, WrongDomain, "Component block"},
		{"conflict", nil, func(s *fakexmpp.Server) { s.RefuseWith("conflict") }, SecondOne, "component_conflict_resolve"},
		{"HTTP port", nil, func(s *fakexmpp.Server) { s.AnswerWith("HTTP/1.1 400 Bad Request\r\n\r\n") }, NotComponents, "component_ports"},
		{"TLS port", nil, func(s *fakexmpp.Server) { s.AnswerWith("\x15\x03\x01\x00\x02\x02\x46") }, NotComponents, "component_ports"},
		{"client port", nil, func(s *fakexmpp.Server) {
			s.AnswerWith("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
		}, NotComponents, "not a client"},
		{"mail port", nil, func(s *fakexmpp.Server) { s.AnswerWith("220 mail.example ESMTP\r\n") }, NotComponents, "component_ports"},
		{"shutdown", nil, func(s *fakexmpp.Server) { s.RefuseWith("system-shutdown") }, ShuttingDown, "nothing to do"},
		{"another stream error", nil, func(s *fakexmpp.Server) { s.RefuseWith("resource-constraint") }, StreamError, "server's log"},
		{"no answer", func(_ *fakexmpp.Options, c *Config) { c.HandshakeTimeout = 20 * time.Millisecond },
			func(s *fakexmpp.Server) { s.Pause() }, TimedOut, "firewall"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			up := make(chan struct{})
			f := start(t, func(o *fakexmpp.Options, c *Config) {
				if tt.change != nil {
					tt.change(o, c)
				}
				dial := new(net.Dialer).DialContext
				c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					<-up // the server is told first how to behave
					return dial(ctx, network, addr)
				}
			})
			if tt.server != nil {
				tt.server(f.server)
			}
			close(up)
			for range 2 { // it is tried again
				err := get(f, "Down", f.rec.down)
				var e *Error
				if !errors.As(err, &e) || e.Cause != tt.want {
					t.Fatalf("got %v, want %s", err, tt.want)
				}
			}
			f.stop()
			lines := strings.Split(strings.TrimSpace(f.log.String()), "\n")
			if !strings.Contains(lines[0], tt.names) || !strings.Contains(lines[0], tt.want.String()) {
				t.Errorf("the log line is %s", lines[0])
			}
			if s := f.conn.Stats(); s.Connects != 0 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestReconnects(t *testing.T) {
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	ends := []struct {
		comment string
		end     func()
		want    Cause
	}{
		{"cut", f.server.Drop, ServerClosed},
		{"shutdown", func() { f.server.CloseStream("system-shutdown", "") }, ShuttingDown},
		{"thrown out", func() { f.server.CloseStream("conflict", "") }, SecondOne},
		{"end of stream", func() { f.must(f.server.Inject([]byte("</stream:stream>"))) }, ServerClosed},
		{"not well-formed", func() { f.must(f.server.Inject([]byte("<message></presence>"))) }, NotWellFormed},
		{"not allowed", func() { f.must(f.server.Inject([]byte("<!-- -->"))) }, NotWellFormed},
	}
	for i, tt := range ends {
		f.must(f.server.WaitConnects(f.ctx, i+1))
		tt.end()
		var e *Error
		for {
			// While the server still holds the old connection it answers with conflict.
			if err := get(f, "Down", f.rec.down); errors.As(err, &e) && (e.Cause == tt.want || e.Text != "a component is connected already") {
				break
			}
		}
		if e.Cause != tt.want {
			t.Errorf("%s: %v, want %s", tt.comment, e, tt.want)
		}
		get(f, "Up", f.rec.up)
		_, err := f.conn.Send(f.ctx, message(fmt.Sprint(i), ""))
		f.must(err)
		f.must(f.server.WaitDelivered(f.ctx, int64(i+1)))
	}
}

// What was queued while the server was away, or written in part, arrives whole, once and in order on the next connection.
func TestQueueOutlivesTheConnection(t *testing.T) {
	f := start(t, func(_ *fakexmpp.Options, c *Config) { c.WriteTimeout = 50 * time.Millisecond })
	get(f, "Up", f.rec.up)
	f.server.Stop()
	get(f, "Down", f.rec.down)
	const n = 300
	for i := range n {
		_, err := f.conn.Send(f.ctx, message(fmt.Sprint(i), strings.Repeat("x", 5000)))
		f.must(err)
	}
	f.must(f.server.Restart())
	f.must(f.server.WaitDelivered(f.ctx, n))
	for i, s := range f.server.Stanzas() {
		if st, err := xmpp.ParseStanzaXML([]byte(s)); err != nil || st.ID != fmt.Sprint(i) {
			t.Fatalf("stanza %d is %.100s, %v", i, s, err)
		}
	}
}

func TestWholeStanzas(t *testing.T) {
	one, two := message("1", "<![CDATA[").String(), message("2", "b").String()
	chunk := []byte(one + two)
	for n := range len(chunk) + 1 {
		want := 0
		if n >= len(one) {
			want = len(one)
		}
		if n == len(chunk) {
			want = n
		}
		if got := wholeStanzas(chunk, n); got != want {
			t.Fatalf("%d octets hold %d octets of whole stanzas, want %d", n, got, want)
		}
	}
}

func TestFullQueue(t *testing.T) {
	f := start(t, func(_ *fakexmpp.Options, c *Config) { c.MaxQueue = 1000; c.Addr = "127.0.0.1:1" })
	get(f, "Down", f.rec.down)
	_, err := f.conn.Send(f.ctx, message("1", strings.Repeat("x", 1000)))
	f.must(err)
	short, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := f.conn.Send(short, message("2", "")); !errors.Is(err, ErrFull) || !errors.Is(err, context.Canceled) {
		t.Errorf("sending into a full queue: %v", err)
	}
	_, err = f.conn.Broadcast(short, xmpp.Broadcast{Template: xmpp.NewTemplate(message("3", "")), To: []xmpp.JID{juliet}})
	if !errors.Is(err, ErrFull) {
		t.Errorf("broadcasting into a full queue: %v", err)
	}
	// Answers to what is refused meanwhile still find room, up to a bound.
	answer, taken := []byte(strings.Repeat("x", 1000)), 0
	for ; f.conn.queue.tryAdd(answer); taken++ {
		if taken > answerRoom/len(answer) {
			t.Fatal("a full queue takes answers without end")
		}
	}
	if taken < answerRoom/len(answer) {
		t.Errorf("a full queue took %d answers only", taken)
	}
	if err := f.conn.Flush(short, f.conn.queue.end()); !errors.Is(err, context.Canceled) {
		t.Errorf("flushing with nobody there: %v", err)
	}
	f.stop()
	if _, err := f.conn.Send(f.ctx, message("4", "")); !errors.Is(err, ErrClosed) {
		t.Errorf("sending after the end: %v", err)
	}
	if err := f.conn.Flush(f.ctx, f.conn.queue.end()); !errors.Is(err, ErrClosed) {
		t.Errorf("flushing after the end: %v", err)
	}
}

func TestCleanClose(t *testing.T) {
	f := start(t, nil)
	get(f, "Up", f.rec.up)
	const n = 1000
	for i := range n {
		_, err := f.conn.Send(f.ctx, message(fmt.Sprint(i), "bye"))
		f.must(err)
	}
	f.stop()
	f.must(f.server.WaitGone(f.ctx))
	if got := f.server.Delivered(); got != n {
		t.Errorf("%d of %d stanzas arrived before the stream ended", got, n)
	}
	select {
	case err := <-f.rec.down:
		t.Errorf("a clean close was reported as %v", err)
	default:
	}
	if f.conn.IsUp() {
		t.Error("up after the end")
	}
}

func TestPing(t *testing.T) {
	f := start(t, func(_ *fakexmpp.Options, c *Config) {
		c.PingAfter = 5 * time.Millisecond
		c.PingTimeout = 20 * time.Millisecond
	})
	get(f, "Up", f.rec.up)
	// Pings come back from a server that lives, and are not handed over.
	f.must(f.server.WaitDelivered(f.ctx, 3))
	if len(f.rec.stanzas) != 0 || strings.Contains(f.log.String(), "shares the domain") {
		t.Errorf("the handler saw a ping, or it seemed to be another's: %s", f.log.String())
	}
	// A server that stands still is found.
	f.server.Pause()
	var e *Error
	for e == nil || e.Text != "no answer to a ping" {
		err := get(f, "Down", f.rec.down)
		if !errors.As(err, &e) || e.Cause != TimedOut && e.Cause != SecondOne {
			t.Fatalf("got %v", err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{{}, {Domain: juliet, Addr: "x:1"}, {Domain: juliet.Bare(), Addr: "x:1"}, {Domain: juliet.DomainJID()}} {
		if _, err := New(cfg, newRecorder(0)); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func BenchmarkFanOut(b *testing.B) {
	server, err := fakexmpp.Start(fakexmpp.Options{Domain: domain, Secret: "s3cret", CountOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Stop()
	rec := newRecorder(1)
	conn, err := New(Config{Domain: xmpp.MustParseJID(domain), Secret: "s3cret", Addr: server.Addr(), Log: slog.New(slog.DiscardHandler)}, rec)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- conn.Run(ctx) }()
	defer func() { cancel(); <-done }()
	<-rec.up
	to := make([]xmpp.JID, 1000)
	for i := range to {
		to[i] = xmpp.MustParseJID(fmt.Sprintf("user%d@a.example/phone", i))
	}
	sent := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Broadcast(ctx, xmpp.Broadcast{Template: xmpp.NewTemplate(message("1", "Wherefore art thou, Romeo?")), To: to}); err != nil {
			b.Fatal(err)
		}
		sent += int64(len(to))
	}
	if err := server.WaitDelivered(ctx, sent); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "deliveries/s")
}
