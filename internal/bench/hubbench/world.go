package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"anteroom/internal/bench/process"
	"anteroom/internal/servertest"
)

const (
	hubDomain = "a.example"
	shared    = "bench" // the room that all are in
	plain     = "plain" // the room beside it without other providers
)

// world is a hub and its followers.
type world struct {
	ctx       context.Context
	dir       string
	hub       *provider
	followers []*provider
}

// provider is one anteroom and what its XMPP server got.
type provider struct {
	*process.Anteroom
	domain string
	room   string // address of the shared room at this provider

	messages, available, gone, results atomic.Int64
	heard                              chan time.Time // when a message came, if somebody waits for one
}

// start starts a hub and n followers, each with its own certificate.
func start(ctx context.Context, binary string, n, occupants int) (started *world, err error) {
	w := &world{ctx: ctx}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "hubbench-"); err != nil {
		return nil, err
	}
	domains := []string{hubDomain}
	for i := range n {
		domains = append(domains, fmt.Sprintf("f%d.example", i))
	}
	orders := [][]string{{"init"}}
	addresses := map[string]string{}
	for _, d := range domains {
		orders = append(orders, []string{"issue", d})
		if addresses[d], err = servertest.FreeAddr(); err != nil {
			return nil, err
		}
	}
	for _, args := range orders {
		if out, err := exec.CommandContext(ctx, binary, append([]string{"ca", args[0], "--dir", w.dir}, args[1:]...)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("anteroom ca %s: %w\n%s", args[0], err, out)
		}
	}
	for _, d := range domains {
		p := &provider{domain: d, room: shared + "%" + hubDomain + "@rooms." + d, heard: make(chan time.Time, 1)}
		if d == hubDomain {
			p.room = shared + "@rooms." + d
		}
		peers := ""
		for _, peer := range domains {
			if peer != d && (d == hubDomain || peer == hubDomain) {
				peers += fmt.Sprintf("%q = %q\n", peer, addresses[peer])
			}
		}
		file := func(ext string) string { return filepath.Join(w.dir, d+ext) }
		config := fmt.Sprintf(`[provider]
domain = %q
users = [%q]
listen = %q
certificate = %q
key = %q
trust = [%q]
authority = %q
authority_key = %q
[provider.peers]
%s[rooms]
locking = false
[limits]
occupants = %d
message_rate = 0
room_rate = 0
join_rate = 0
provider_requests = 0
provider_updates = 0
`, d, d, addresses[d], file(".pem"), file(".key"), filepath.Join(w.dir, "ca.pem"), file("-users.pem"), file("-users.key"), peers, occupants)
		if p.Anteroom, err = process.Start(ctx, process.Options{Binary: binary, Domain: "rooms." + d, Config: config, Seen: p.seen}); err != nil {
			return nil, err
		}
		if d == hubDomain {
			w.hub = p
		} else {
			w.followers = append(w.followers, p)
		}
	}
	return w, nil
}

func (w *world) stop() {
	for _, p := range append(w.followers, w.hub) {
		if p != nil {
			p.Stop()
		}
	}
	os.RemoveAll(w.dir)
}

var (
	bodyTag, typeAttr          = []byte("<body"), []byte(" type='")
	unavailable, errorType     = []byte(" type='unavailable'"), []byte(" type='error'")
	presenceTag, messageTag    = []byte("<presence "), []byte("<message ")
	iqTag, resultType, byARoom = []byte("<iq "), []byte(" type='result'"), []byte("/")
)

// seen counts what came. Presences of a room itself do not count.
func (p *provider) seen(b []byte) {
	tag := b[:max(0, bytes.IndexByte(b, '>'))]
	switch {
	case bytes.Contains(tag, errorType):
		fmt.Fprintf(os.Stderr, "hubbench: refused: %s\n", b)
	case bytes.HasPrefix(b, messageTag) && bytes.Contains(b, bodyTag):
		p.messages.Add(1)
		select {
		case p.heard <- time.Now():
		default:
		}
	case bytes.HasPrefix(b, presenceTag):
		_, from, _ := bytes.Cut(tag, []byte(" from='"))
		from, _, _ = bytes.Cut(from, []byte("'"))
		switch {
		case bytes.Contains(tag, unavailable):
			p.gone.Add(1)
		case !bytes.Contains(tag, typeAttr) && bytes.Contains(from, byARoom):
			p.available.Add(1)
		}
	case bytes.HasPrefix(b, iqTag) && bytes.Contains(tag, resultType):
		p.results.Add(1)
	}
}

func (p *provider) send(format string, args ...any) error {
	return p.Server.Inject(fmt.Appendf(nil, format, args...))
}

func (p *provider) user(i int) string { return fmt.Sprintf("user%d@%s/x", i, p.domain) }

func (p *provider) nick(i int) string {
	name, _, _ := strings.Cut(p.domain, ".")
	return fmt.Sprintf("%s-%d", name, i)
}

// enter lets users from to to-1 enter a room at once.
func (p *provider) enter(room string, from, to int) error {
	var all []byte
	for i := from; i < to; i++ {
		all = fmt.Appendf(all, "<presence from='%s' to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", p.user(i), room, p.nick(i))
	}
	return p.Server.Inject(all)
}

func (p *provider) say(room string, i int, text string) error {
	return p.send("<message from='%s' to='%s' type='groupchat' id='m'><body>%s</body></message>", p.user(i), room, text)
}

// setRole changes the role of a nick in a room, in the name of user 0.
func (p *provider) setRole(room, nick, role string) error {
	return p.send("<iq from='%s' to='%s' type='set' id='role'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='%s'/></query></iq>", p.user(0), room, nick, role)
}

// until waits for what counters say.
func (w *world) until(what string, met func() bool) error {
	for !met() {
		select {
		case <-w.ctx.Done():
			return fmt.Errorf("%s: %w; hub: %s", what, context.Cause(w.ctx), w.hub.counts())
		case <-time.After(100 * time.Microsecond):
		}
	}
	return nil
}

func (p *provider) counts() string {
	return fmt.Sprintf("%d messages, %d available, %d gone, %d results", p.messages.Load(), p.available.Load(), p.gone.Load(), p.results.Load())
}

// agree waits until the hub's room has so many leaves, and all providers are in its epoch and see so many occupants.
func (w *world) agree(leaves, occupants int) error {
	room, err := w.hub.Await(w.ctx, shared, func(r process.Room) bool { return r.Leaves == leaves && r.Occupants == occupants })
	if err != nil {
		return err
	}
	for _, f := range w.followers {
		if _, err := f.Await(w.ctx, shared+"%"+hubDomain, func(r process.Room) bool { return r.Epoch >= room.Epoch && r.Occupants == occupants }); err != nil {
			return fmt.Errorf("%s: %w", f.domain, err)
		}
	}
	return nil
}
