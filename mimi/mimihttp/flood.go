package mimihttp

import (
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"anteroom/mimi"
)

// Bounds on the requests of one provider. What exceeds them is answered with 429 and Retry-After before its body is read.
const (
	RequestRate  = 1000 // requests per second, of all kinds
	RequestBurst = 2000 // at once
	ChangeRate   = 20   // update requests per second for one room: commits and proposals
	ChangeBurst  = 200
	RareRate     = 5 // requests per second for endpoints of which a provider needs few: identifierQuery, reportAbuse, proxyDownload
	RareBurst    = 50
	AskRate      = 0.2 // requestConsent per second for one user, who may get a message of each
	AskBurst     = 20

	// MaxRequests is how many requests of one provider are worked on at the same time. With the bodies' limits it bounds their memory.
	MaxRequests = 64
	// MaxWatched is how many providers, and how many buckets of providers' rooms or users, are watched in the same minute.
	MaxWatched = 20_000
	// MaxBuckets is how many buckets the rooms, or users, that one provider names are shared out to. It may name any that it likes.
	MaxBuckets = 1024
)

// Rates take the place of RequestRate and ChangeRate, with bursts in the same proportion; 0 is no limit.
type Rates struct{ Requests, Updates float64 }

// SetRates replaces the default rates. It is called before the handler serves.
func (h *Handler) SetRates(r Rates) { h.floods = newFloods(r) }

// floods bounds what each provider asks of us.
type floods struct {
	requests, changes, rare, asks meters

	mu     sync.Mutex
	active map[string]int // requests that are being worked on, by provider
}

func newFloods(r Rates) *floods {
	return &floods{
		requests: meters{limit: limitOf(r.Requests), burst: burstOf(r.Requests, RequestBurst/RequestRate), max: MaxWatched},
		changes:  meters{limit: limitOf(r.Updates), burst: burstOf(r.Updates, ChangeBurst/ChangeRate), max: MaxWatched},
		rare:     meters{limit: RareRate, burst: RareBurst, max: MaxWatched},
		asks:     meters{limit: AskRate, burst: AskBurst, max: MaxWatched},
		active:   map[string]int{},
	}
}

func limitOf(perSecond float64) rate.Limit {
	if perSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// bucket is the name of the bucket of a provider in which a room or user is counted. Those that share one harm nobody but their provider.
func bucket(peer, subject string) string {
	h := fnv.New32a()
	h.Write([]byte(subject))
	return peer + " " + strconv.Itoa(int(h.Sum32()%MaxBuckets))
}

func burstOf(perSecond, seconds float64) int { return max(1, int(perSecond*seconds)) }

// begin counts a request. If it is refused the text says what there is too much of, and wait when to try again; otherwise end must be
// called when it was answered.
func (f *floods) begin(now time.Time, peer string, e mimi.Endpoint, subject string) (end func(), wait time.Duration, why string) {
	if wait := f.requests.take(now, peer); wait > 0 {
		return nil, wait, "too many requests of this provider"
	}
	switch e {
	case mimi.EndpointUpdate:
		if wait := f.changes.take(now, bucket(peer, subject)); wait > 0 {
			return nil, wait, "too many updates of this provider for the room"
		}
	case mimi.EndpointRequestConsent:
		if wait := f.asks.take(now, bucket(peer, subject)); wait > 0 {
			return nil, wait, "too many questions of this provider for the user"
		}
	case mimi.EndpointIdentifierQuery, mimi.EndpointReportAbuse, mimi.EndpointProxyDownload:
		if wait := f.rare.take(now, peer+" "+string(e)); wait > 0 {
			return nil, wait, "too many requests of this kind"
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active[peer] >= MaxRequests {
		return nil, DefaultRetryAfter, "too many requests of this provider at the same time"
	}
	f.active[peer]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.active[peer]--; f.active[peer] == 0 {
			delete(f.active, peer)
		}
	}, 0, ""
}

// meters are token buckets by name. They remember the names of this minute and the last.
type meters struct {
	limit rate.Limit
	burst int
	max   int

	mu       sync.Mutex
	now, old map[string]*rate.Limiter
	turned   time.Time
}

// take takes a token, or says how long to wait for one. When too many names are watched a new one waits too.
func (m *meters) take(at time.Time, name string) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil || at.Sub(m.turned) > time.Minute {
		m.old, m.now, m.turned = m.now, map[string]*rate.Limiter{}, at
	}
	l, ok := m.now[name]
	if !ok {
		if l, ok = m.old[name]; !ok {
			l = rate.NewLimiter(m.limit, m.burst)
		}
		if len(m.now) >= m.max {
			return time.Minute
		}
		m.now[name] = l
	}
	took := l.ReserveN(at, 1)
	wait := took.DelayFrom(at)
	if wait > 0 {
		took.CancelAt(at)
	}
	return wait
}
