package follower_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls/wire"
)

// crowd is many providers that follow one room, with time that passes between them and its hub.
type crowd struct {
	*world
	rng   *rand.Rand
	rooms []*entrant
	busy  time.Time // until when the hub has something to do
}

// entrant is one provider's room: what happens to it next, and when.
type entrant struct {
	name    string
	room    *follower.Room
	request *follower.Request
	answer  []byte // on its way back, if the hub has decided
	at      time.Time
	tries   int
	done    bool
	refused string
}

// trip is how long a request or an answer is on the way.
func (c *crowd) trip() time.Duration { return time.Duration(10+c.rng.IntN(10)) * time.Millisecond }

// served is when the hub has answered a request that has just come: it does one after the other.
func (c *crowd) served() time.Time {
	if c.busy.Before(c.now) {
		c.busy = c.now
	}
	c.busy = c.busy.Add(hubTime)
	return c.busy
}

// hubTime is how long the hub takes for one request.
const hubTime = 20 * time.Millisecond

// adopt takes a step of one provider's room.
func (c *crowd) adopt(e *entrant, out follower.Output) {
	e.room, e.answer = out.Next, nil
	for _, event := range out.Events {
		switch event := event.(type) {
		case follower.Done:
			e.done = true
		case follower.Refused:
			e.done, e.refused = true, event.Text
		}
	}
	if e.request = e.room.InFlight(); e.request != nil {
		e.at = c.now.Add(c.trip())
	} else {
		e.at = e.room.Wake()
	}
}

// step lets the next thing happen. False: nothing is left to happen.
func (c *crowd) step() bool {
	var e *entrant
	for _, o := range c.rooms {
		if !o.done && !o.at.IsZero() && (e == nil || o.at.Before(e.at)) {
			e = o
		}
	}
	if e == nil {
		return false
	}
	if e.at.After(c.now) {
		c.now = e.at
	}
	switch {
	case e.request == nil:
		c.adopt(e, e.room.Tick(c.now, c.seed()))
	case e.answer == nil:
		if e.request.Endpoint == mimi.EndpointUpdate {
			e.tries++
		}
		e.answer, e.at = c.decideFor(e), c.served().Add(c.trip())
	default:
		c.adopt(e, e.room.Answer(c.now, c.seed(), e.request, 200, e.answer))
	}
	return true
}

func (c *crowd) decideFor(e *entrant) []byte {
	if e.request.Endpoint == mimi.EndpointGroupInfo {
		body, _ := c.hub.GroupInfo(c.now, e.name, e.request.Body)
		return body
	}
	accepted, body, _ := c.hub.AcceptUpdate(c.now, e.name, e.request.Body)
	if accepted != nil {
		c.hub = accepted.Next
	}
	return body
}

// Fifty providers enter a room at the same moment: each commit makes those of the others void, and all get in, none with more attempts than allowed.
func TestManyEnterAtOnce(t *testing.T) {
	const many = 50
	c := &crowd{world: newWorld(t), rng: rand.New(rand.NewPCG(1, 1))}
	for n := range many {
		e := &entrant{name: fmt.Sprintf("p%d.example", n), room: follower.New(garden, followOptions)}
		c.rooms = append(c.rooms, e)
		client := mimi.MustURI("mimi://" + e.name + "/d/user/cli")
		c.adopt(e, e.room.Do(c.now, c.seed(), follower.Wish{Kind: follower.Join, Client: client}))
	}
	began := c.now
	for c.step() {
	}
	most := 0
	for _, e := range c.rooms {
		if !e.done || e.refused != "" || !e.room.Member() {
			t.Errorf("%s: done %v, member %v after %d attempts: %s", e.name, e.done, e.room.Member(), e.tries, e.refused)
		}
		most = max(most, e.tries)
	}
	if n := leaves(c.hub.Group()); n != many+1 {
		t.Errorf("%d leaves, want %d", n, many+1)
	}
	if took := c.now.Sub(began); took > 5*time.Minute || most > follower.MaxAttempts/2 {
		t.Errorf("all are in after %v, the last with %d attempts", took, most)
	}
}

// Who loses every race pauses between attempts, longer and longer, and gives up in the end.
func TestRacesEnd(t *testing.T) {
	w := newWorld(t)
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}))
	lost := wire.Marshal(&mimi.UpdateResponse{Code: mimi.UpdateWrongEpoch, Epoch: 1})
	attempts, paused, began := 0, 0, w.now
	for steps := 0; ; steps++ {
		if steps > 1000 {
			t.Fatal("it never ends")
		}
		q := w.room.InFlight()
		if q == nil {
			at := w.room.Wake()
			if at.IsZero() {
				break
			}
			if attempts < follower.FreeAttempts {
				t.Errorf("it pauses after %d attempts", attempts)
			}
			if pause := at.Sub(w.now); pause < 0 || pause > follower.MaxPause {
				t.Fatalf("it pauses for %v", pause)
			}
			paused++
			w.tick() // too early: nothing happens
			if at.After(w.now) && w.room.InFlight() != nil {
				t.Fatal("it does not pause")
			}
			w.wait()
			continue
		}
		if q.Endpoint == mimi.EndpointUpdate {
			attempts++
			w.answer(q, 200, lost)
			continue
		}
		w.ask()
	}
	if attempts != follower.MaxAttempts || paused < attempts-follower.FreeAttempts-2 {
		t.Errorf("%d attempts, %d pauses", attempts, paused)
	}
	if took := w.now.Sub(began); took < time.Minute {
		t.Errorf("all attempts are made within %v", took)
	}
	if got := w.news(); len(got) != 1 || got[0] != fmt.Sprintf("refused given up after %d attempts: the room changes too fast", follower.MaxAttempts) {
		t.Errorf("%q", got)
	}
}

// Who falls behind while it pauses wakes when it may come back: the pause that is over meanwhile is no reason to wake again and again.
func TestPausedAndBehind(t *testing.T) {
	w := both(t)
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: mimi.MustURI("mimi://b.example/d/ben/cli")}))
	lost := wire.Marshal(&mimi.UpdateResponse{Code: mimi.UpdateWrongEpoch, Epoch: w.hub.Group().Public().Epoch()})
	for range 3 * follower.FreeAttempts {
		if q := w.room.InFlight(); q != nil && q.Endpoint == mimi.EndpointUpdate {
			w.answer(q, 200, lost)
		} else if q != nil {
			w.ask()
		}
	}
	pause := w.room.Wake()
	if !pause.After(w.now) || pause.After(w.now.Add(follower.MaxPause)) {
		t.Fatalf("it wakes at %v", pause)
	}
	w.lose()
	w.now = pause
	w.tick()
	if at := w.room.Wake(); w.room.InFlight() != nil || !at.After(w.now) {
		t.Errorf("now %v it wakes at %v", w.now, at)
	}
}
