package relay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"anteroom/mimi"
	"anteroom/mls"
)

// Fate is what becomes of a request.
type Fate int

const (
	Deliver    Fate = iota
	Lose            // it never arrives, and who asked gets no answer
	LoseAnswer      // it arrives, and who asked does not learn of it
	Repeat          // it arrives twice, one after the other; the second answer is the one that goes back
	Keep            // of notify only: the relay takes it in the receiver's place. Its messages arrive, each by itself, when the test hands them over (Hand)
)

// Request is something that From asks of To.
type Request struct {
	Endpoint mimi.Endpoint // "" for the directory and other documents
	URI      string        // of the room or user that it is about
	Body     []byte

	method string
	url    *url.URL
	header http.Header
}

func newRequest(in *http.Request, body []byte) *Request {
	q := &Request{Body: body, method: in.Method, url: in.URL, header: in.Header.Clone()}
	if parts := strings.SplitN(in.URL.EscapedPath(), "/", 4); len(parts) == 4 && in.Method == http.MethodPost { // "", version, endpoint, value
		q.Endpoint = mimi.Endpoint(parts[2])
		q.URI, _ = url.PathUnescape(parts[3])
	}
	return q
}

// String names the request, and what a notification tells.
func (q *Request) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", q.Endpoint, q.URI, strings.Join(q.Tells(), " ")))
}

// What a notification can tell.
const (
	Welcome  = "welcome"
	Commit   = "commit"
	Proposal = "proposal"
	Message  = "message"
)

// Tells is what the messages of a notification are.
func (q *Request) Tells() (list []string) {
	if q.Endpoint != mimi.EndpointNotify {
		return nil
	}
	messages, err := mimi.ParseFanout(q.Body)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		list = append(list, tells(m.Message))
	}
	return list
}

func tells(m *mls.Message) string {
	switch {
	case m.Welcome != nil:
		return Welcome
	case m.Public != nil && m.Public.Content.Commit != nil:
		return Commit
	case m.Public != nil:
		return Proposal
	}
	return Message
}

// About matches the requests to an endpoint about a room or user.
func About(e mimi.Endpoint, uri string) func(*Request) bool {
	return func(q *Request) bool { return q.Endpoint == e && q.URI == uri }
}

// Rule gives requests a fate. The first rule that matches counts.
type Rule struct {
	relay *Relay
	what  Fate
	match func(*Request) bool

	mu    sync.Mutex
	left  int // so many more; negative: all
	under int // of those taken, so many have not met their fate yet
	kept  []*Request
	more  chan struct{} // closed and replaced when something is kept
	done  chan struct{} // closed when the last has met its fate
}

// Next gives the next n requests that match a fate.
func (r *Relay) Next(n int, what Fate, match func(*Request) bool) *Rule { return r.add(n, what, match) }

// All gives all requests that match a fate, until End.
func (r *Relay) All(what Fate, match func(*Request) bool) *Rule { return r.add(-1, what, match) }

func (r *Relay) add(n int, what Fate, match func(*Request) bool) *Rule {
	rule := &Rule{relay: r, what: what, match: match, left: n, more: make(chan struct{}), done: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = append(r.rules, rule)
	return rule
}

// ruleFor finds the rule of a request, nil: none.
func (r *Relay) ruleFor(q *Request) *Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range r.rules {
		if rule.take(q) {
			return rule
		}
	}
	return nil
}

func (u *Rule) take(q *Request) bool {
	if u.what == Keep && q.Endpoint != mimi.EndpointNotify || !u.match(q) {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.left == 0 {
		return false
	}
	if u.left > 0 {
		u.left--
	}
	u.under++
	return true
}

func (u *Rule) fate() Fate {
	if u == nil {
		return Deliver
	}
	return u.what
}

// befell notes that a request has met its fate.
func (u *Rule) befell() {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.under--; u.left == 0 && u.under == 0 {
		close(u.done)
	}
}

// Done is closed when all requests that the rule is for have met their fate. A rule for all has no last one.
func (u *Rule) Done() <-chan struct{} { return u.done }

// End takes the rule away. What it kept stays kept.
func (u *Rule) End() {
	u.relay.mu.Lock()
	defer u.relay.mu.Unlock()
	u.relay.rules = slices.DeleteFunc(u.relay.rules, func(o *Rule) bool { return o == u })
}

// keep takes the messages of a notification and answers as a receiver does (draft-ietf-mimi-protocol-06 §5.5). Nil: it cannot be read.
func (u *Rule) keep(q *Request) *answer {
	_, encoded, err := mimi.SplitFanout(q.Body)
	if err != nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, body := range encoded {
		one := *q
		one.Body = body
		u.kept = append(u.kept, &one)
	}
	close(u.more)
	u.more = make(chan struct{})
	return &answer{status: http.StatusCreated}
}

// Kept waits until something has been kept, or all of it, as enough says, and returns everything kept so far, in the order in which it came.
func (u *Rule) Kept(ctx context.Context, enough func([]*Request) bool) ([]*Request, error) {
	for {
		u.mu.Lock()
		kept, more := slices.Clone(u.kept), u.more
		u.mu.Unlock()
		if enough(kept) {
			return kept, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("relay: not enough was kept of what %s tells %s: %v", u.relay.from, u.relay.to, kept)
		}
	}
}
