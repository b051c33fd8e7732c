package mimihttp

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	"anteroom/mimi"
)

func TestFloods(t *testing.T) {
	now := time.Unix(1000, 0)
	until := func(f *floods, peer string, e mimi.Endpoint, subject string) (taken int, wait time.Duration) {
		for {
			end, wait, why := f.begin(now, peer, e, subject)
			if why != "" {
				return taken, wait
			}
			end()
			taken++
		}
	}
	f := newFloods(Rates{RequestRate, ChangeRate})
	if n, wait := until(f, "b.example", mimi.EndpointUpdate, "garden"); n != ChangeBurst || wait <= 0 {
		t.Errorf("%d updates of a room at once, wait %v, want %d", n, wait, ChangeBurst)
	}
	if n, _ := until(f, "b.example", mimi.EndpointUpdate, "hall"); n != ChangeBurst {
		t.Errorf("%d updates of another room, want %d", n, ChangeBurst)
	}
	if n, _ := until(f, "c.example", mimi.EndpointUpdate, "garden"); n != ChangeBurst {
		t.Errorf("%d updates of another provider, want %d", n, ChangeBurst)
	}
	for _, e := range []mimi.Endpoint{mimi.EndpointIdentifierQuery, mimi.EndpointReportAbuse, mimi.EndpointProxyDownload} {
		if n, _ := until(f, "b.example", e, "x"); n != RareBurst {
			t.Errorf("%d requests for %s, want %d", n, e, RareBurst)
		}
	}
	f = newFloods(Rates{RequestRate, ChangeRate})
	if n, wait := until(f, "b.example", mimi.EndpointNotify, "garden"); n != RequestBurst || wait <= 0 {
		t.Errorf("%d requests at once, wait %v, want %d", n, wait, RequestBurst)
	}
	now = now.Add(time.Second)
	if n, _ := until(f, "b.example", mimi.EndpointNotify, "garden"); n != RequestRate {
		t.Errorf("%d requests after a second, want %d", n, RequestRate)
	}

	f = newFloods(Rates{RequestRate, ChangeRate})
	var ends []func()
	for range MaxRequests {
		end, _, why := f.begin(now, "b.example", mimi.EndpointNotify, "garden")
		if why != "" {
			t.Fatal(why)
		}
		ends = append(ends, end)
	}
	if _, wait, why := f.begin(now, "b.example", mimi.EndpointNotify, "garden"); why == "" || wait <= 0 {
		t.Errorf("one more than %d at the same time is taken", MaxRequests)
	}
	if end, _, why := f.begin(now, "c.example", mimi.EndpointNotify, "garden"); why != "" {
		t.Errorf("another provider waits: %s", why)
	} else {
		end()
	}
	ends[0]()
	if _, _, why := f.begin(now, "b.example", mimi.EndpointNotify, "garden"); why != "" {
		t.Errorf("after one was answered: %s", why)
	}

	f = newFloods(Rates{Updates: 1})
	if n, _ := until(f, "b.example", mimi.EndpointUpdate, "garden"); n != ChangeBurst/ChangeRate {
		t.Errorf("%d updates at once with a rate of one, want %d", n, ChangeBurst/ChangeRate)
	}
	for i := range 2 * RequestBurst {
		if end, _, why := f.begin(now, "b.example", mimi.EndpointNotify, "garden"); why != "" {
			t.Fatalf("request %d is refused without a limit: %s", i, why)
		} else {
			end()
		}
	}

	m := meters{limit: 1, burst: 1, max: 2}
	for name, want := range map[string]bool{"a": true, "b": true} {
		if got := m.take(now, name) == 0; got != want {
			t.Errorf("%s: taken is %t", name, got)
		}
	}
	if m.take(now, "c") == 0 || len(m.now) > 2 {
		t.Error("more names than the limit are watched")
	}
	if m.take(now.Add(2*time.Minute), "c") != 0 {
		t.Error("a new name waits although the minute is over")
	}
}

// However many rooms, or users, a provider names, others are not refused for it: it uses up what is watched of itself alone.
func TestFloodOfNamesHarmsNobodyElse(t *testing.T) {
	now := time.Unix(1000, 0)
	f := newFloods(Rates{Updates: ChangeRate}) // no limit on all of its requests, the worst case
	for i := range 3 * MaxWatched {
		for _, e := range []mimi.Endpoint{mimi.EndpointUpdate, mimi.EndpointRequestConsent} {
			if end, _, why := f.begin(now, "b.example", e, fmt.Sprint("name", i)); why == "" {
				end()
			}
		}
	}
	for _, e := range []mimi.Endpoint{mimi.EndpointUpdate, mimi.EndpointRequestConsent} {
		if end, wait, why := f.begin(now, "c.example", e, "garden"); why != "" {
			t.Errorf("%s of another provider is refused for %v: %s", e, wait, why)
		} else {
			end()
		}
	}
}

// Questions that reach a user are few, whoever they are said to come from: each may be a message to it.
func TestQuestionsToOneUserAreFew(t *testing.T) {
	now := time.Unix(1000, 0)
	f := newFloods(Rates{})
	asked := func(peer, target string) (n int) {
		for range 10 * AskBurst {
			if end, _, why := f.begin(now, peer, mimi.EndpointRequestConsent, target); why == "" {
				end()
				n++
			}
		}
		return n
	}
	if n := asked("b.example", "juliet"); n != AskBurst {
		t.Errorf("%d questions to one user at once, want %d", n, AskBurst)
	}
	if n := asked("b.example", "nurse"); n != AskBurst {
		t.Errorf("%d questions to another user, want %d", n, AskBurst)
	}
	if n := asked("c.example", "juliet"); n != AskBurst {
		t.Errorf("%d questions of another provider, want %d", n, AskBurst)
	}
}

// Over the wire a flood is answered with 429 and Retry-After, and others are served.
func TestFloodIsAnswered(t *testing.T) {
	ca := newAuthority(t)
	h := handler()
	h.floods.changes.limit, h.floods.changes.burst = 0.001, 1
	address := listen(t, ca.issue("a.example"), h)
	b := clientOf(t, ca.issue("b.example"), "b.example", "a.example", address)
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		reply, err := b.Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil)
		if err != nil || reply.Status != want {
			t.Fatalf("request %d: %d %v, want %d", i, reply.Status, err, want)
		}
		if want == http.StatusTooManyRequests && reply.RetryAfter < time.Minute {
			t.Errorf("Retry-After %v, want the time until there is a token", reply.RetryAfter)
		}
	}
	c := clientOf(t, ca.issue("c.example"), "c.example", "a.example", address)
	if reply, err := c.Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil); err != nil || reply.Status != http.StatusOK {
		t.Errorf("another provider: %d %v", reply.Status, err)
	}
}

// A body that does not come ends its request; it does not hold a place for ever.
func TestSlowBody(t *testing.T) {
	ca := newAuthority(t)
	h := handler()
	h.bodyTimeout = time.Millisecond
	address := listen(t, ca.issue("a.example"), h)
	config := ca.issue("b.example").ClientTLS()
	config.ServerName, config.NextProtos = "a.example", []string{"http/1.1"}
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/update/mimi%%3A%%2F%%2Fa.example%%2Fr%%2Fgarden HTTP/1.1\r\nHost: a.example\r\nFrom: mimi@b.example\r\nContent-Length: 10\r\n\r\nhalf")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d, want 408", response.StatusCode)
	}
	server := NewServer(ca.issue("a.example"), h, h.log)
	if server.ReadHeaderTimeout <= 0 || server.ReadTimeout < BodyTimeout || server.WriteTimeout <= 0 || server.MaxHeaderBytes != MaxHeaderBytes {
		t.Error("the server waits for ever")
	}
}
