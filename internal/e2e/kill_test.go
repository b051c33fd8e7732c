package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// kill -9 at any moment: the next process goes on with rooms, occupants, epochs and history, and nobody has to join again.
func TestKilledServiceGoesOn(t *testing.T) {
	for _, on := range []struct{ server, store string }{{"prosody", "bolt"}, {"prosody", "redis"}, {"ejabberd", "bolt"}} {
		t.Run(on.server+"/"+on.store, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Server: on.server, Store: on.store,
				Users: map[string]string{"juliet": "secret", "romeo": "secret", "nurse": "secret"}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			k := &killing{t: t, ctx: ctx, s: s, room: "garden@" + stack.Rooms}
			k.juliet, k.romeo = k.client("juliet"), k.client("romeo")
			k.join(k.juliet, "juliet")
			k.join(k.romeo, "romeo")
			for round := range 4 {
				before := k.show()
				k.burst(round, 5*round)
				after := k.show()
				if after.Group != before.Group || after.Leaves != before.Leaves || after.Epoch <= before.Epoch {
					t.Errorf("round %d: the group went on as %+v after %+v; a path commit in the same group was due", round, after, before)
				}
			}
			k.history()
		})
	}
}

type killing struct {
	t             *testing.T
	ctx           context.Context
	s             *stack.Stack
	room          string
	juliet, romeo *xmppclient.Client
	heard         []string // bodies that juliet heard, in order
}

func (k *killing) client(name string) *xmppclient.Client {
	k.t.Helper()
	c, err := xmppclient.Dial(k.ctx, k.s.XMPP.ClientAddr(), xmpp.MustParseJID(name+"@"+stack.Domain), "tests", "secret")
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { c.Close() })
	return c
}

func (k *killing) join(c *xmppclient.Client, nick string) {
	k.t.Helper()
	if _, err := c.Join(k.ctx, k.room, nick); err != nil {
		k.t.Fatalf("%v\n%s", err, k.s.Anteroom.Output())
	}
}

type shown struct {
	Group     string
	Epoch     uint64
	Leaves    int
	Occupants int
}

// show asks the running gateway by its socket.
func (k *killing) show() (v shown) {
	k.t.Helper()
	out, err := exec.CommandContext(k.ctx, anteroomBinary, "room", "show", "--config", k.s.ConfigFile(), "--json", "garden").Output()
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil || v.Occupants != 2 {
		k.t.Fatalf("room show: %v %s\n%s", err, out, k.s.Anteroom.Output())
	}
	return v
}

// burst lets romeo talk, kills anteroom behind the n-th message that juliet hears, starts it again, and lets romeo talk on without
// joining. Juliet must hear messages once and in order; those that anteroom had not taken when it was killed may be missing.
func (k *killing) burst(round, n int) {
	k.t.Helper()
	const said = 20
	for i := range said {
		if err := k.romeo.Say(k.room, fmt.Sprintf("%d/%02d", round, i)); err != nil {
			k.t.Fatal(err)
		}
	}
	for len(k.heard) < n {
		k.hear()
	}
	if err := k.s.Anteroom.Kill(); err != nil && !strings.Contains(err.Error(), "signal: killed") {
		k.t.Fatal(err)
	}
	if err := k.s.StartAnteroom(k.ctx); err != nil {
		k.t.Fatal(err)
	}
	last := fmt.Sprintf("%d/end", round)
	if err := k.romeo.Say(k.room, last); err != nil {
		k.t.Fatal(err)
	}
	for {
		if body := k.hear(); body == last {
			return
		}
	}
}

// hear takes the next new message that juliet gets.
func (k *killing) hear() string {
	k.t.Helper()
	for {
		st, err := k.juliet.Expect(k.ctx, "a message of romeo's", func(st *xmpp.Stanza) bool {
			_, ok := st.Body()
			return ok && st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat
		})
		if err != nil {
			k.t.Fatalf("%v\n%s", err, k.s.Anteroom.Output())
		}
		body, _ := st.Body()
		if n := len(k.heard); n > 0 && body <= k.heard[n-1] {
			known := false
			for _, h := range k.heard {
				known = known || h == body
			}
			if !known {
				k.t.Errorf("juliet heard %q after %q", body, k.heard[n-1])
			}
			continue // sent again because the process died before it noted that it had been sent
		}
		k.heard = append(k.heard, body)
		return body
	}
}

// shownAtJoin is how many messages a new room shows to who enters.
const shownAtJoin = 20

// history: somebody who enters now is shown everything that juliet heard, once and in order.
func (k *killing) history() {
	k.t.Helper()
	nurse := k.client("nurse")
	k.join(nurse, "nurse")
	var got []string
	for len(got) == 0 || got[len(got)-1] != k.heard[len(k.heard)-1] {
		st, err := nurse.Expect(k.ctx, "history", func(st *xmpp.Stanza) bool {
			_, ok := st.Body()
			return ok && st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat
		})
		if err != nil {
			k.t.Fatalf("%v: so far %q", err, got)
		}
		body, _ := st.Body()
		got = append(got, body)
	}
	if want := k.heard[max(0, len(k.heard)-shownAtJoin):]; strings.Join(got, " ") != strings.Join(want, " ") {
		k.t.Errorf("history is %q, juliet heard %q", got, want)
	}
}
