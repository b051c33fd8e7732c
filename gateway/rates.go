package gateway

import (
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
func (r *rates) allow(now time.Time, st *xmpp.Stanza) bool {
	if r == nil || !st.AcceptsError() {
		return true
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
	return l.AllowN(now, 1)
}
