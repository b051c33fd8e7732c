package mucmap

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"anteroom/internal/conform"
)

const instant = "<iq from='user0@a.example/x' to='" + room + "' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>"

// Other providers are answered as if there was no room, until it is unlocked.
func TestLockedRoomIsUnknownToProviders(t *testing.T) {
	b := newBench(t)
	b.svc = locking(b.svc)
	b.room = b.svc.New(b.name)
	ask := func() (answers map[RequestKind]Reply) {
		answers = map[RequestKind]Reply{}
		for _, kind := range []RequestKind{RequestUpdate, RequestSubmitMessage, RequestGroupInfo} {
			if err := b.step(Request{ID: kind.String(), Provider: "b.example", Kind: kind, Body: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			answers[kind] = b.reply[kind.String()]
		}
		return answers
	}
	absent := ask()
	b.send(t, enter(0))
	if !b.room.pub.Locked {
		t.Fatal("a new room is not locked")
	}
	for kind, got := range ask() {
		if want := absent[kind]; got.Status != want.Status || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("%s of a locked room: %d %x, want %d %x", kind, got.Status, got.Body, want.Status, want.Body)
		}
	}
	b.send(t, instant)
	for kind, got := range ask() {
		if got.Status == absent[kind].Status && bytes.Equal(got.Body, absent[kind].Body) {
			t.Errorf("%s of an open room is answered as if there was none", kind)
		}
	}
}

// The owner sees the locked room, and its form says what it is for (XEP-0045 §10.1.3).
func TestLockedRoomAnswersItsOwner(t *testing.T) {
	conform.Holds(t, "0045-10.1.1-5", "0045-10.1.3-1")
	b := newBench(t)
	b.svc = locking(b.svc)
	b.room = b.svc.New(b.name)
	b.send(t, enter(0))
	ask := func(from, space string) string {
		return b.send(t, "<iq from='"+from+"' to='"+room+"' type='get' id='q'><query xmlns='"+space+"'/></iq>")
	}
	for space, want := range map[string]string{"http://jabber.org/protocol/disco#info": "muc_public", "http://jabber.org/protocol/muc#owner": "new and locked"} {
		wantIn(t, "owner asks for "+space, ask("user0@a.example/x", space), want)
		wantIn(t, "somebody else asks for "+space, ask("user1@a.example/x", space), "item-not-found")
	}
	b.send(t, instant)
	if out := ask("user0@a.example/x", "http://jabber.org/protocol/muc#owner"); strings.Contains(out, "locked") || !strings.Contains(out, "roomconfig") {
		t.Errorf("form of an open room: %s", out)
	}
}

// A locked room asks to be woken when its time is up, also after a restart, and an open one does not.
func TestLockWakes(t *testing.T) {
	b := newBench(t)
	b.svc = locking(b.svc)
	b.room = b.svc.New(b.name)
	b.send(t, enter(0))
	end := b.room.pub.Created.Add(DefaultLockTimeout)
	if o := b.room.Step(b.now, b.seed(), Timer{}); !o.Wake.Equal(end) {
		t.Errorf("wakes at %v, want %v", o.Wake, end)
	}
	if _, rec, err := b.svc.Restore(b.name, b.disk.load(true)); err != nil || !rec.Wake.Equal(end) {
		t.Errorf("restored: wakes at %v, want %v (%v)", rec.Wake, end, err)
	}
	if s := b.room.Summary(); !s.Locked {
		t.Error("the summary does not say that the room is locked")
	}
	b.send(t, instant)
	b.now = end.Add(time.Hour)
	if o := b.room.Step(b.now, b.seed(), Timer{}); !o.Wake.IsZero() || o.Destroyed || b.room.Summary().Locked {
		t.Errorf("an open room: wakes at %v, destroyed %v", o.Wake, o.Destroyed)
	}
}

// An owner who submits the form and leaves while its commit is under way has configured the room: it stays, and it is open.
func TestLockedRoomStaysForWhatWasSubmitted(t *testing.T) {
	b := newBench(t)
	b.svc, b.check = locking(b.svc), true
	b.room = b.svc.New(b.name)
	b.send(t, enter(0))
	b.hold = true
	b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>"+
		"<presence from='user0@a.example/x' to='"+room+"/nick0' type='unavailable'/>")
	b.now = b.now.Add(DefaultLockTimeout)
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	if !b.room.pub.Exists || len(b.held) != 1 {
		t.Fatal("the room did not wait for the commit")
	}
	b.hold = false
	if err := b.run(b.held[0]); err != nil {
		t.Fatal(err)
	}
	if !b.room.pub.Exists || b.room.pub.Locked || !b.room.pub.Config.Persistent {
		t.Errorf("afterwards:\n%s", b.digest())
	}
}

// A flood into a locked room, before and after it is made, costs one commit and leaves nothing behind: everybody is refused at once.
func TestFloodOfALockedRoom(t *testing.T) {
	const flood = 200
	b := newBench(t)
	b.svc = locking(b.svc)
	b.room = b.svc.New(b.name)
	var all strings.Builder
	for i := range flood {
		all.WriteString(enter(i))
	}
	b.hold = true
	b.send(t, all.String()) // the first makes the room, the others wait for it
	b.hold = false
	held := b.held
	b.held, b.out = nil, strings.Builder{}
	for _, j := range held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	first := b.out.String()
	second := b.send(t, strings.TrimPrefix(all.String(), enter(0)))
	for what, out := range map[string]string{"who waited": first, "who came later": second} {
		if n := strings.Count(out, "item-not-found"); n != flood-1 {
			t.Errorf("%s: %d of %d are refused", what, n, flood-1)
		}
	}
	r := b.room
	if r.pub.Epoch != 1 || len(r.joining) > 0 || len(r.pendingNicks) > 0 || len(r.queue) > 0 || r.job != nil || r.pub.here.Len() != 1 {
		t.Errorf("epoch %d, %d joining, %d nicks pending, %d wishes, %d present", r.pub.Epoch, len(r.joining), len(r.pendingNicks), len(r.queue), r.pub.here.Len())
	}
}
