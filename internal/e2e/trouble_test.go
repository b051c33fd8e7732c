package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// What servers and networks do to a component: nobody has to join again, what was said is heard or comes back, who is gone disappears.
func TestServerTrouble(t *testing.T) {
	onServers(t, func(t *testing.T, server string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Server: server, Via: true, Config: "[limits]\nmailbox = 64\nunsent = 4\nmessage_rate = 0\nroom_rate = 0\n",
			Users: map[string]string{"juliet": password, "romeo": password, "nurse": password}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		w := &trouble{ctx: ctx, s: s}
		w.juliet, w.romeo = w.client(t, "juliet", "tests"), w.client(t, "romeo", "tests")
		w.create(t)
		w.join(t, w.romeo, "romeo")
		for _, step := range []struct {
			name string
			run  func(*trouble, *testing.T)
		}{
			{"connection cut", (*trouble).cut},
			{"stream error", (*trouble).streamError},
			{"stream closed", (*trouble).streamClosed},
			{"ghost while disconnected", (*trouble).ghost},
			{"server frozen", (*trouble).frozen},
			{"gateway killed while server frozen", (*trouble).frozenAndKilled},
			{"slow server", (*trouble).slow},
			{"server killed", (*trouble).killed},
		} {
			if !t.Run(step.name, func(t *testing.T) { step.run(w, t) }) {
				t.Fatalf("anteroom:\n%s\nserver:\n%s", tail(s.Anteroom.Output()), tail(s.XMPP.Log()))
			}
		}
	})
}

// tail is the end of a log.
func tail(log string) string { return log[max(0, len(log)-4096):] }

// trouble is a room with two people who enter once.
type trouble struct {
	ctx           context.Context
	s             *stack.Stack
	juliet, romeo *xmppclient.Client
	said          int
}

const troubled = "garden@" + stack.Rooms

func (w *trouble) client(t *testing.T, name, resource string) *xmppclient.Client {
	t.Helper()
	c, err := xmppclient.Dial(w.ctx, w.s.XMPP.ClientAddr(), xmpp.MustParseJID(name+"@"+stack.Domain), resource, password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// create lets juliet make the room, one that outlives its occupants.
func (w *trouble) create(t *testing.T) {
	t.Helper()
	w.join(t, w.juliet, "juliet")
	_, err := w.juliet.Request(w.ctx, troubled, "set", `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>`+
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>`+
		`<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>`)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *trouble) join(t *testing.T, c *xmppclient.Client, nick string) {
	t.Helper()
	if _, err := c.Join(w.ctx, troubled, nick); err != nil {
		t.Fatal(err)
	}
}

// isHeard lets romeo speak and juliet hear, without anybody joining.
func (w *trouble) isHeard(t *testing.T) {
	t.Helper()
	w.said++
	text := fmt.Sprintf("heard %d", w.said)
	if err := w.romeo.Say(troubled, text); err != nil {
		t.Fatal(err)
	}
	if _, err := w.juliet.Hear(w.ctx, troubled, "romeo", text); err != nil {
		t.Fatal(err)
	}
}

// comesBack lets romeo speak while there is no component, until the server has noticed and answers him: what he says now, not what he said at an earlier
// interruption and was answered late.
func (w *trouble) comesBack(t *testing.T) {
	t.Helper()
	w.said++
	id := fmt.Sprintf("nobody there %d", w.said)
	for {
		if err := w.romeo.Send("<message to='" + troubled + "' type='groupchat' id='" + id + "'><body>nobody there</body></message>"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		_, err := w.romeo.Expect(ctx, "an error of the server", func(st *xmpp.Stanza) bool {
			return st.Kind == xmpp.Message && st.Type == xmpp.TypeError && st.ID == id
		})
		cancel()
		if err == nil {
			return
		}
		if w.ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// unready waits until anteroom knows that its connection is gone, ready until it has another one.
func (w *trouble) unready(t *testing.T) {
	t.Helper()
	for w.status(t) == http.StatusOK {
		w.pause(t)
	}
}

func (w *trouble) ready(t *testing.T) {
	t.Helper()
	if err := w.s.Ready(w.ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *trouble) status(t *testing.T) int {
	t.Helper()
	resp, err := http.Get("http://" + w.s.AdminAddr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// pause is the interval of polling.
func (w *trouble) pause(t *testing.T) {
	t.Helper()
	select {
	case <-w.ctx.Done():
		t.Fatal(w.ctx.Err())
	case <-time.After(20 * time.Millisecond):
	}
}

func (w *trouble) cut(t *testing.T) { w.interrupt(t, w.s.Proxy.Cut) }
func (w *trouble) streamClosed(t *testing.T) {
	w.interrupt(t, func() { w.s.Proxy.EndStream("</stream:stream>") })
}

func (w *trouble) streamError(t *testing.T) {
	w.interrupt(t, func() {
		w.s.Proxy.EndStream("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
	})
}

// interrupt takes the connection away: what is said meanwhile comes back from the server, afterwards everything is as before.
func (w *trouble) interrupt(t *testing.T, end func()) {
	w.isHeard(t)
	end()
	w.unready(t)
	w.comesBack(t)
	w.s.Proxy.Mend()
	w.ready(t)
	w.isHeard(t)
}

// ghost: the nurse goes while the server cannot tell; the next message finds that she is gone.
func (w *trouble) ghost(t *testing.T) {
	nurse := w.client(t, "nurse", "tests")
	w.join(t, nurse, "nurse")
	w.s.Proxy.Cut()
	w.unready(t)
	if err := nurse.Close(); err != nil {
		t.Fatal(err)
	}
	w.comesBack(t) // the server has seen what came before it, too
	w.s.Proxy.Mend()
	w.ready(t)
	w.isHeard(t)
	w.seesGhostGo(t, w.juliet, "nurse")
}

func (w *trouble) seesGhostGo(t *testing.T, c *xmppclient.Client, nick string) {
	t.Helper()
	if _, err := c.Expect(w.ctx, nick+" disappears", func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Presence && st.From.String() == troubled+"/"+nick && st.Type == xmpp.TypeUnavailable && xmppclient.HasStatus(st, "333")
	}); err != nil {
		t.Fatal(err)
	}
}

// burst lets romeo say many things at once and returns them.
func (w *trouble) burst(t *testing.T, n int) (texts []string) {
	t.Helper()
	for range n {
		w.said++
		texts = append(texts, fmt.Sprintf("burst %d", w.said))
		if err := w.romeo.Say(troubled, texts[len(texts)-1]); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// frozen: the server does nothing for a while; everything arrives, in order.
func (w *trouble) frozen(t *testing.T) {
	if err := w.s.XMPP.Freeze(); err != nil {
		t.Fatal(err)
	}
	texts := w.burst(t, 50)
	if err := w.s.XMPP.Thaw(); err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		st, err := w.juliet.Expect(w.ctx, "the next message", func(st *xmpp.Stanza) bool {
			body, ok := st.Body()
			return ok && st.Type == xmpp.TypeGroupchat && strings.HasPrefix(body, "burst")
		})
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := st.Body(); body != text {
			t.Fatalf("juliet heard %q, next was %q", body, text)
		}
	}
}

// frozenAndKilled: the gateway dies and starts again while the server does nothing, so that its handshake has to wait.
func (w *trouble) frozenAndKilled(t *testing.T) {
	if err := w.s.XMPP.Freeze(); err != nil {
		t.Fatal(err)
	}
	w.s.Anteroom.Kill()
	started := make(chan error, 1)
	go func() { started <- w.s.StartAnteroom(w.ctx) }()
	if err := w.s.XMPP.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	w.isHeard(t)
}

const (
	crowd       = 20       // people in the room of the slow server
	longMessage = 6 << 10  // bytes of what they say
	outgoing    = 4 << 20  // octets that may wait for the server, by limits.unsent
	overhead    = 96 << 20 // all else that anteroom has in memory
)

// slow: the server takes nothing for a while, but goes on to bring messages. Anteroom keeps within its bounds, refuses what is too much,
// and goes on as before when the server does.
func (w *trouble) slow(t *testing.T) {
	var all []*xmppclient.Client
	for i := range crowd {
		c := w.client(t, "nurse", fmt.Sprintf("crowd%d", i))
		defer c.Close()
		w.join(t, c, "nurse")
		all = append(all, c)
	}
	long := strings.Repeat("long ", longMessage/5)
	w.s.Proxy.Stall()
	for n := 0; w.metric(t, "anteroom_component_overloaded_total") == 0; n++ {
		if n*crowd*longMessage > 64*outgoing {
			t.Fatalf("%d messages were taken without a refusal", n)
		}
		for range 5 {
			if err := w.romeo.Say(troubled, long); err != nil {
				t.Fatal(err)
			}
		}
		w.pause(t)
	}
	if size := residentSize(t, w.s.Anteroom.PID()); size > outgoing+overhead {
		t.Errorf("anteroom has %d MiB, more than %d", size>>20, (outgoing+overhead)>>20)
	}
	w.s.Proxy.Flow()
	w.said++
	last := fmt.Sprintf("heard %d", w.said)
	for heard := false; !heard; { // it is refused as long as the room is busy
		if err := w.romeo.Say(troubled, last); err != nil {
			t.Fatal(err)
		}
		st, err := w.romeo.Expect(w.ctx, "an echo or a refusal", func(st *xmpp.Stanza) bool {
			body, _ := st.Body()
			return st.Kind == xmpp.Message && (st.Type == xmpp.TypeError || body == last)
		})
		if err != nil {
			t.Fatal(err)
		}
		heard = st.Type == xmpp.TypeGroupchat
	}
	for _, c := range append(all, w.juliet) {
		if _, err := c.Hear(w.ctx, troubled, "romeo", last); err != nil {
			t.Fatal(err)
		}
	}
}

// metric is the sum of a counter's lines.
func (w *trouble) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	resp, err := http.Get("http://" + w.s.AdminAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok && (rest[0] == ' ' || rest[0] == '{') {
			v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum, found = sum+v, true
		}
	}
	if !found {
		t.Fatalf("/metrics has no %s:\n%s", name, text)
	}
	return sum
}

func residentSize(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// killed: with a server that dies all sessions end. The room is still there, and nobody in it who is gone.
func (w *trouble) killed(t *testing.T) {
	if err := w.s.XMPP.Kill(); err != nil { // a server that stops in order says who is offline, as Prosody does
		t.Fatal(err)
	}
	if err := w.s.XMPP.Start(); err != nil {
		t.Fatal(err)
	}
	w.ready(t)
	again := w.client(t, "juliet", "again")
	defer again.Close()
	w.join(t, again, "juliet")
	if err := again.Say(troubled, "who is here?"); err != nil {
		t.Fatal(err)
	}
	w.seesGhostGo(t, again, "romeo")
	nurse := w.client(t, "nurse", "again")
	defer nurse.Close()
	var others []string
	nurse.Watch(func(st *xmpp.Stanza) {
		if st.Kind == xmpp.Presence && st.From.Bare().String() == troubled && st.From.Resource() != "" && st.Type == "" {
			others = append(others, st.From.Resource())
		}
	})
	w.join(t, nurse, "nurse")
	if want := []string{"juliet", "nurse"}; !slices.Equal(others, want) {
		t.Errorf("the nurse sees %q, want %q", others, want)
	}
	var refused *xmpp.StanzaError
	_, err := again.Request(w.ctx, troubled+"/romeo", "get", "<ping xmlns='urn:xmpp:ping'/>")
	if !errors.As(err, &refused) || refused.Condition != xmpp.ItemNotFound {
		t.Errorf("a ping to who is gone: %v", err)
	}
}
