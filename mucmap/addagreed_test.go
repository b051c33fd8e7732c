package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
)

// bob has consented and his provider cannot be reached: the inviter hears no decline, and bob is added when it can, also after a restart; ever more
// rarely it is tried (draft-ietf-mimi-protocol-06 §5.7).
func TestAddAgreedLater(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b, h := atHome(t, membersOnlyField)
		h.consent = false
		b.send(t, inviteBob("juliet@a.example/balcony"))
		h.consent = true
		calls, good := 0, b.peers
		b.peers = func(PeerRequest) (int, []byte) { calls++; return 504, nil }
		tick := func(d time.Duration) string {
			t.Helper()
			b.now = b.now.Add(d)
			b.out.Reset()
			h.bob.must(b.step(Timer{}))
			return b.out.String()
		}
		if out := h.tell("b.example", h.grant()); strings.Contains(out, "<decline") || calls != 1 {
			t.Fatalf("after the first attempt of %d:\n%s", calls, out)
		}
		if restart {
			h.bob.must(b.restart(true))
			if tick(0); calls != 2 {
				t.Fatalf("%d attempts after a restart", calls)
			}
		}
		began := calls
		tick(addPauseMin - time.Second)
		if calls != began {
			t.Error("it does not wait")
		}
		for range 1000 {
			if out := tick(b.wake.Sub(b.now)); strings.Contains(out, "<decline") {
				t.Fatalf("declined:\n%s", out)
			}
			if calls == began+20 {
				break
			}
		}
		if tried := b.now.Sub(b.room.pub.Awaiting[0].AgreedAt); tried < 10*time.Hour || tried > 15*time.Hour {
			t.Errorf("20 attempts in %v, want them to become rare, and not too rare", tried)
		}
		b.peers = good
		if out := tick(addPauseMax); !strings.Contains(out, "mimi://b.example/u/bob: role 0 to 2, 1 clients") {
			t.Errorf("bob can be added and is not:\n%s", out)
		}
		if !h.join() || len(b.room.pub.Awaiting) != 0 || len(b.room.adding) != 0 {
			t.Errorf("bob is not in, or waited for: %v %v", b.room.pub.Awaiting, b.room.adding)
		}
	}
}

// What ends the attempts reaches the inviter as a decline, once: a final answer, bob's second thoughts, also while his provider is asked, and the end of patience.
func TestAddAgreedEnds(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(*bench, *guestHouse) string
		want string
	}{
		"a final answer": {func(b *bench, h *guestHouse) string {
			b.peers, h.code = h.answer, mimi.KeyMaterialUserDeleted
			b.now = b.now.Add(addPauseMin)
			b.out.Reset()
			h.bob.must(b.step(Timer{}))
			return b.out.String()
		}, "does not exist any more"},
		"second thoughts": {func(_ *bench, h *guestHouse) string {
			c := h.grant()
			c.Operation = mimi.ConsentRevoke
			return h.tell("b.example", c)
		}, "does not want to be added"},
		"second thoughts while the provider is asked": {func(b *bench, h *guestHouse) string {
			inner, said := false, ""
			b.peers = func(q PeerRequest) (int, []byte) {
				if !inner {
					inner = true
					c := h.grant()
					c.Operation = mimi.ConsentRevoke
					h.bob.must(b.step(Request{ID: "revoked", Provider: "b.example", Kind: RequestUpdateConsent, Body: marshal(&c)}))
					said = b.out.String()
				}
				return h.answer(q)
			}
			b.now = b.now.Add(addPauseMin)
			b.out.Reset()
			h.bob.must(b.step(Timer{}))
			if strings.Contains(b.out.String(), "bob: role") || b.room.pub.members[h.bob.client.ClientUser()] != nil {
				h.t.Errorf("bob was added:\n%s", b.out.String())
			}
			return said
		}, "does not want to be added"},
		"the end of patience": {func(b *bench, h *guestHouse) string {
			b.now = b.now.Add(consentPatience)
			b.out.Reset()
			h.bob.must(b.step(Timer{}))
			if owed := h.owed(); len(owed) != 2 || owed[1].Operation != mimi.ConsentCancel {
				h.t.Errorf("owed %+v", owed)
			}
			return b.out.String()
		}, "cannot be added: b.example does not answer"},
	} {
		b, h := atHome(t, membersOnlyField)
		h.consent = false
		b.send(t, inviteBob("juliet@a.example/balcony"))
		h.consent = true
		b.peers = func(PeerRequest) (int, []byte) { return 504, nil }
		h.tell("b.example", h.grant())
		out := c.end(b, h)
		wantIn(t, what, out, "to juliet@a.example/balcony", "<decline from='"+bobJID+"'>", c.want)
		if strings.Count(out, "<decline") != 1 || len(b.room.pub.Awaiting) != 0 || len(b.room.adding) != 0 {
			t.Errorf("%s: told %d times, waiting %v %v", what, strings.Count(out, "<decline"), b.room.pub.Awaiting, b.room.adding)
		}
	}
}
