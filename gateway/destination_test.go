package gateway

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// about counts the attempts with messages of a room.
func (p *posts) about(room string) int {
	n := 0
	for _, post := range p.all() {
		if strings.Contains(post, " "+room+"-") {
			n++
		}
	}
	return n
}

// What a provider cannot take of one room does not hold up its other rooms, and what comes later in that room waits.
func TestARoomThatFailsHoldsUpNoOther(t *testing.T) {
	for _, tt := range []struct {
		why   string
		reply PeerReply
		err   error
		wait  time.Duration // that others have to bear
	}{
		{"an error that is the room's", PeerReply{Status: 500}, nil, 0},
		{"unavailable, which may be said of all", PeerReply{Status: 503, RetryAfter: 2 * time.Second}, nil, 2 * time.Second},
		{"a bad gateway", PeerReply{Status: 502}, nil, MinBackoff * 12 / 10},
		{"a request of which the provider dies", PeerReply{}, errors.New("connection reset"), MinBackoff * 12 / 10},
	} {
		t.Run(tt.why, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.posts.answer = func(_, body string, _ int) (PeerReply, error) {
					if strings.Contains(body, "garden-2") {
						return tt.reply, tt.err
					}
					return PeerReply{Status: 201}, nil
				}
				b.join("garden", juliet)
				b.join("hall", juliet)
				b.settle()
				b.say("garden", juliet, "deliver b.example")
				b.settle()
				b.say("garden", juliet, "deliver b.example")
				for n := range 100 {
					time.Sleep(7 * time.Second) // at all sorts of moments between the attempts that fail
					b.say("hall", juliet, "deliver b.example")
					time.Sleep(tt.wait)
					b.settle()
					if got := b.posts.about("hall"); got != n+1 {
						t.Fatalf("%d of %d messages of another room went out: %q", got, n+1, b.posts.all())
					}
				}
				if got := b.posts.about("garden"); got < 8 || got > 12 {
					t.Errorf("%d attempts in twelve minutes: back-off is doubled each time", got)
				}
				if slices.ContainsFunc(b.posts.all(), func(post string) bool { return strings.Contains(post, "garden-3") }) {
					t.Error("what comes later in the room went before what fails")
				}
			})
		})
	}
}

// A provider that is down gets one attempt after the other, for one room after the other, and fewer and fewer. When it is back all rooms get their turn.
func TestAProviderThatIsDownIsProbed(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(string, string, int) (PeerReply, error) {
			if down.Load() {
				return PeerReply{}, errors.New("connection refused")
			}
			return PeerReply{Status: 201}, nil
		}
		const n = 50
		for i := range n {
			room := fmt.Sprint("room", i)
			b.join(room, juliet)
			b.say(room, juliet, "deliver b.example")
		}
		b.settle()
		if got := len(b.posts.all()); got > MaxPosts {
			t.Errorf("%d attempts at once", got)
		}
		time.Sleep(time.Hour)
		tries := b.posts.all()
		if len(tries) < 15 || len(tries) > 15+MaxPosts+10 { // 2^k seconds up to MaxBackoff, which is nine in the first quarter of an hour, and twelve each hour
			t.Errorf("%d attempts in an hour", len(tries))
		}
		if got := slices.Compact(slices.Sorted(slices.Values(tries))); len(got) != len(tries) {
			t.Errorf("of %d rooms some were tried twice: %q", n, tries)
		}
		down.Store(false)
		b.posts.forget()
		time.Sleep(2 * MaxBackoff)
		b.settle()
		for i := range n {
			if got := b.posts.about(fmt.Sprint("room", i)); got != 1 {
				t.Errorf("room%d: delivered %d times", i, got)
			}
		}
		b.g.outbox.mu.Lock()
		defer b.g.outbox.mu.Unlock()
		if len(b.g.outbox.destinations) != 0 || b.g.outbox.waiting != 0 {
			t.Errorf("%d destinations are remembered, %d deliveries wait", len(b.g.outbox.destinations), b.g.outbox.waiting)
		}
	})
}

// A provider that asks for patience gets it for all rooms.
func TestPatienceIsForAllRooms(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(_, _ string, n int) (PeerReply, error) {
			if n == 1 {
				return PeerReply{Status: 429, RetryAfter: 10 * time.Minute}, nil
			}
			return PeerReply{Status: 201}, nil
		}
		b.join("garden", juliet)
		b.join("hall", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.settle()
		b.say("hall", juliet, "deliver b.example")
		b.say("hall", juliet, "deliver c.example")
		time.Sleep(9 * time.Minute)
		if got := slices.Sorted(slices.Values(b.posts.all())); !slices.Equal(got, []string{"b.example garden-2", "c.example hall-3"}) {
			t.Errorf("before the time that the provider named went %q", got)
		}
		time.Sleep(2 * time.Minute)
		b.settle()
		if b.posts.about("hall") != 2 || b.posts.about("garden") != 2 {
			t.Errorf("after it went %q", b.posts.all())
		}
	})
}

// A request that takes its time holds up its room, and not the others; no more than MaxPosts are on their way to a provider. A busy room has its turn
// when others had theirs.
func TestRoomsTakeTurns(t *testing.T) {
	inBubble(t, func(b *bench) {
		var mu sync.Mutex
		under, most, per := 0, 0, map[string]int{}
		b.posts.answer = func(_, body string, _ int) (PeerReply, error) {
			room, _, _ := strings.Cut(body, "-")
			mu.Lock()
			under++
			most = max(most, under)
			if per[room]++; per[room] > 1 {
				t.Errorf("%d requests of %s at once", per[room], room)
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			under--
			per[room]--
			mu.Unlock()
			return PeerReply{Status: 201}, nil
		}
		rooms := []string{"busy"}
		for i := range 2 * MaxPosts {
			rooms = append(rooms, fmt.Sprint("room", i))
		}
		for _, room := range rooms {
			b.join(room, juliet)
		}
		b.settle()
		for range 10 * MaxTogether {
			b.say("busy", juliet, "deliver b.example")
		}
		b.settle()
		for _, room := range rooms[1:] {
			b.say(room, juliet, "deliver b.example")
		}
		time.Sleep(3 * time.Second)
		b.settle()
		for _, room := range rooms[1:] {
			if got := b.posts.about(room); got != 1 {
				t.Errorf("%s: %d requests in the time of three turns", room, got)
			}
		}
		mu.Lock()
		if most != MaxPosts {
			t.Errorf("%d requests at once", most)
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		b.settle()
		seen := 0
		for _, post := range b.posts.all() {
			for n := range strings.SplitSeq(post, "busy-") {
				if strings.HasPrefix(n, "b.example") {
					continue
				}
				if seen++; n != fmt.Sprint(seen+1) {
					t.Fatalf("message %s of the busy room is number %d", n, seen)
				}
			}
		}
		if seen != 10*MaxTogether {
			t.Errorf("%d messages of the busy room", seen)
		}
	})
}

// Of a full outbox the room that has the most waiting loses its oldest.
func TestAFullOutboxCostsTheBusyRoom(t *testing.T) {
	d := &destination{provider: "b.example", queues: map[string]*queue{}}
	for id, room := range []string{"busy", "quiet", "busy", "quiet", "busy"} {
		d.add(delivery{room: room, id: uint64(id)})
	}
	d.queues["busy"].busy = 1
	var lost []uint64
	for {
		old, ok := d.giveUp()
		if !ok {
			break
		}
		lost = append(lost, old.id)
	}
	if !slices.Equal(lost, []uint64{1, 2, 3, 4}) {
		t.Errorf("given up in the order %d", lost)
	}
	if rooms := slices.Collect(maps.Keys(d.queues)); !slices.Equal(rooms, []string{"busy"}) || d.waiting != 1 || len(d.ready) != 1 {
		t.Errorf("left are %q, %d deliveries, %d in turn", rooms, d.waiting, len(d.ready))
	}
}

// A room that is forgotten while its request is on the way leaves nothing else behind.
func TestForgetARoom(t *testing.T) {
	d := &destination{provider: "b.example", queues: map[string]*queue{}}
	for id := range uint64(3) {
		d.add(delivery{room: "garden", id: id})
		d.add(delivery{room: "hall", id: id})
	}
	q := d.next(time.Now())
	q.busy = 1
	if n := d.forget("garden") + d.forget("hall"); n != 5 || d.waiting != 1 || len(d.ready) != 0 || len(d.queues) != 1 {
		t.Errorf("forgot %d; %d wait, in %d queues, %d in turn", n, d.waiting, len(d.queues), len(d.ready))
	}
	d.landed(q)
	if got := d.done(q, 1); len(got) != 1 || d.waiting != 0 || len(d.queues) != 0 || len(d.ready) != 0 {
		t.Errorf("the last one: %d; %d wait, in %d queues, %d in turn", len(got), d.waiting, len(d.queues), len(d.ready))
	}
}
