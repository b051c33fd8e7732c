package hub_test

import (
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.4.1: the hub stamps messages whose sender has committed to them, for its answer and for the followers; they believe
// a stamp that the group's agent signed for this sender, room and time.
func TestFranking(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	tag := mimi.FrankingTag([]byte("salt"), []byte("hello"))
	w.received("b.example")

	group, err := w.room.Group().Reserve(w.leaf(alice), 8)
	w.must(err)
	w.room = w.room.WithGroup(group)
	group, m, err := group.Protect(w.seed(), w.leaf(alice), []byte("hello"), mimi.FrankingAAD(tag))
	w.must(err)
	accepted, err := w.room.AcceptLocalMessage(w.now, group, m, alice.ClientUser())
	w.must(err)
	c := &mimi.FrankingContext{Sender: alice.ClientUser(), Room: garden, AcceptedAt: accepted.AcceptedAt}
	if f := accepted.Frank; f == nil || !f.Own(w.options.FrankKey, tag, c) || f.Verify(w.options.Sender.SignatureKey, c) != nil {
		t.Fatalf("stamp %+v", f)
	}
	messages, err := mimi.ParseFanout(accepted.Fanout[0].Body)
	w.must(err)
	hear := func(change func(*mimi.FanoutMessage)) (franked bool, dropped int) {
		t.Helper()
		f := *messages[0]
		stamp := *f.Frank
		stamp.Signature = slices.Clone(stamp.Signature)
		f.Frank = &stamp
		if change != nil {
			change(&f)
		}
		out, err := w.rooms["b.example"].Notify(w.now, w.seed(), "a.example", wire.Marshal(&f))
		w.must(err)
		heard := 0
		for _, e := range out.Events {
			switch e := e.(type) {
			case follower.Message:
				heard++
				franked = e.Frank != nil
			case follower.Dropped:
				dropped++
			}
		}
		if heard != 1 {
			t.Errorf("%d messages", heard)
		}
		return franked, dropped
	}
	for _, test := range []struct {
		why     string
		change  func(*mimi.FanoutMessage)
		franked bool
		dropped int
	}{
		{"as the hub made it", nil, true, 0},
		{"without", func(f *mimi.FanoutMessage) { f.Frank = nil }, false, 0},
		{"another time", func(f *mimi.FanoutMessage) { f.Timestamp++ }, false, 1},
		{"another stamp", func(f *mimi.FanoutMessage) { f.Frank.ServerFrank[0] ^= 1 }, false, 1},
		{"another signature", func(f *mimi.FanoutMessage) { f.Frank.Signature[0] ^= 1 }, false, 1},
		{"another cipher suite", func(f *mimi.FanoutMessage) { f.Frank.Suite = 3 }, false, 1},
	} {
		if franked, dropped := hear(test.change); franked != test.franked || dropped != test.dropped {
			t.Errorf("%s: franked %t, dropped %d", test.why, franked, dropped)
		}
	}
	w.take(accepted, nil)

	answer := func(aad []byte) *mimi.Frank {
		t.Helper()
		group, leaf := bobsGroup(w)
		_, m, err := group.Protect(w.seed(), leaf, []byte("hello"), aad)
		w.must(err)
		accepted, answer, err := w.room.AcceptSubmit(w.now, "b.example", wire.Marshal(&mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}))
		w.must(err)
		var a mimi.SubmitMessageResponse
		w.must(wire.Unmarshal(answer, &a))
		if (a.Frank == nil) != (accepted.Frank == nil) {
			t.Error("answer and event differ")
		}
		if a.Frank != nil && !a.Frank.Own(w.options.FrankKey, tag, &mimi.FrankingContext{Sender: bob.ClientUser(), Room: garden, AcceptedAt: a.AcceptedAt}) {
			t.Error("the stamp in the answer is not ours")
		}
		return a.Frank
	}
	if answer(mimi.FrankingAAD(tag)) == nil {
		t.Error("a message with a commitment is not stamped")
	}
	if answer(aad()) != nil {
		t.Error("a message without a commitment is stamped")
	}
}
