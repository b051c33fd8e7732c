package gateway

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"anteroom/xmpp"
)

// rates bounds how many stanzas one user sends. It remembers the users of this minute and the last.
type rates struct {
	limit rate.Limit
	burst int

	mu       sync.Mutex
	now, old map[xmpp.JID]*rate.Limiter
	turned   time.Time
}

func newRates(perSecond float64, burst int) *rates {
	if perSecond <= 0 {
		return nil
	}
	return &rates{limit: rate.Limit(perSecond), burst: max(burst, 1), now: make(map[xmpp.JID]*rate.Limiter)}
}

// allow counts a stanza. What ends something (errors, results, leaving) always passes: refusing it would leave ghosts.
func (r *rates) allow(now time.Time, st *xmpp.Stanza) (wait time.Duration, ok bool) {
	if r == nil || !st.AcceptsError() {
		return 0, true
	}
	from := st.From.Bare()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.turned) > time.Minute || len(r.now) >= MaxSenders {
		r.old, r.now, r.turned = r.now, make(map[xmpp.JID]*rate.Limiter), now
	}
	l, ok := r.now[from]
	if !ok {
		if l, ok = r.old[from]; !ok {
			l, from = rate.NewLimiter(r.limit, r.burst), from.Clone()
		}
		r.now[from] = l
	}
	took := l.ReserveN(now, 1)
	if wait = took.DelayFrom(now); wait > 0 {
		took.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// refusal is what somebody is told who sends too fast.
func (r *rates) refusal(wait time.Duration) *xmpp.StanzaError {
	return xmpp.NewError(xmpp.PolicyViolation, fmt.Sprintf("you send too much: %g stanzas per second, and %d at once, are allowed to one user; try again in %d s",
		float64(r.limit), r.burst, int((wait+time.Second-1)/time.Second))).WithType(xmpp.Wait)
}
