package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// bucketBans holds the bans from all rooms of the service, by address.
const bucketBans = "bans"

// Bans is what the room core and the gateway share of the bans from all rooms: the gateway changes it, Now is for mucmap's Config.Bans. The
// zero value has none.
type Bans struct{ now atomic.Pointer[mucmap.Bans] }

// Now are the bans as they are.
func (b *Bans) Now() *mucmap.Bans { return b.now.Load() }

// ErrNotBanned: a ban is to be lifted that there is not.
var ErrNotBanned = errors.New("gateway: there is no such ban")

// loadBans reads the bans from the store.
func (g *Gateway) loadBans(ctx context.Context) error {
	var all []mucmap.ServiceBan
	for after := ""; ; {
		page, err := g.opt.Store.List(ctx, bucketBans, "", after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, rec := range page {
			var b mucmap.ServiceBan
			if err := json.Unmarshal(rec.Value, &b); err != nil {
				return fmt.Errorf("ban of %s: %w", rec.Key, err) // it must not end by itself
			}
			all, after = append(all, b), rec.Key
		}
		if len(page) < store.MaxPage {
			break
		}
	}
	g.opt.Bans.now.Store((*mucmap.Bans)(nil).With(all...))
	return nil
}

// BanList are the bans from all rooms, sorted by address.
func (g *Gateway) BanList() []mucmap.ServiceBan { return g.opt.Bans.Now().All() }

// Ban keeps somebody out of all rooms from now on, and removes who is present. Who is what ParseBan of the rooms returned. A ban of the same
// address is replaced. The ban is stored when Ban returns without error; rooms follow one by one.
func (g *Gateway) Ban(ctx context.Context, b mucmap.ServiceBan) error {
	if why := mucmap.CheckBanReason(b.Reason); why != "" {
		return &badOrder{why}
	}
	b.At = time.Now().UTC().Truncate(time.Second)
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return g.changeBans(ctx, func(now *mucmap.Bans) (*mucmap.Bans, store.Change, error) {
		if _, known := now.Of(b.Who); !known && now.Len() >= mucmap.MaxServiceBans {
			return nil, store.Change{}, &badOrder{"a service bans at most " + strconv.Itoa(mucmap.MaxServiceBans) + " users and domains"}
		}
		g.log.Info("an operator bans from all rooms", "who", b.Who.String(), "reason", b.Reason, "operator", whoOrders(b.By))
		return now.With(b), store.Change{Key: b.Who.String(), Value: value}, nil
	})
}

// Unban lets somebody in again, or is ErrNotBanned.
func (g *Gateway) Unban(ctx context.Context, who xmpp.JID, by string) error {
	return g.changeBans(ctx, func(now *mucmap.Bans) (*mucmap.Bans, store.Change, error) {
		if _, known := now.Of(who); !known {
			return nil, store.Change{}, ErrNotBanned
		}
		g.log.Info("an operator lifts a ban from all rooms", "who", who.String(), "operator", whoOrders(by))
		return now.Without(who), store.Change{Key: who.String()}, nil
	})
}

// whoOrders names, in the log, who gave an order without an address.
func whoOrders(by string) string { return cmp.Or(by, "command line") }

// changeBans stores a change, and only then makes it, one at a time.
func (g *Gateway) changeBans(ctx context.Context, change func(*mucmap.Bans) (*mucmap.Bans, store.Change, error)) error {
	g.banning.Lock()
	defer g.banning.Unlock()
	next, c, err := change(g.opt.Bans.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	if err := g.opt.Store.Update(ctx, bucketBans, c); err != nil {
		g.log.Error("a change of the bans was not stored", "who", c.Key, "error", err)
		return ErrUnavailable
	}
	g.opt.Bans.now.Store(next)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.actors { // rooms that are loaded later look by themselves
		a.box.force(item{at: time.Now()})
	}
	return nil
}

// BanOrder is the body of POST /bans and POST /bans/lift.
type BanOrder struct {
	Who    string `json:"who"`
	Reason string `json:"reason,omitempty"`
}

// BanLine is a ban in the administration's list.
type BanLine struct {
	Who    string    `json:"who"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"` // operator; empty: by the command line
	At     time.Time `json:"at"`
}

// banHandlers serves the bans at the administration's socket.
func (g *Gateway) banHandlers(mux *http.ServeMux) {
	mux.HandleFunc("GET /bans", func(w http.ResponseWriter, r *http.Request) {
		lines := []BanLine{}
		for _, b := range g.BanList() {
			lines = append(lines, BanLine{b.Who.String(), b.Reason, b.By, b.At})
		}
		answerJSON(w, lines, nil)
	})
	order := func(do func(ctx context.Context, who xmpp.JID, reason string) (string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var o BanOrder
			if !readOrder(w, r, &o) {
				return
			}
			who, err := g.opt.Rooms.ParseBan(o.Who)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			text, err := do(r.Context(), who, o.Reason)
			bad := new(badOrder)
			switch {
			case errors.As(err, &bad):
				http.Error(w, bad.why, http.StatusBadRequest)
			case errors.Is(err, ErrNotBanned):
				http.Error(w, who.String()+" is not banned", http.StatusNotFound)
			default:
				answerJSON(w, OrderAnswer{text}, err)
			}
		}
	}
	mux.HandleFunc("POST /bans", order(func(ctx context.Context, who xmpp.JID, reason string) (string, error) {
		return who.String() + " is banned from all rooms", g.Ban(ctx, mucmap.ServiceBan{Who: who, Reason: reason})
	}))
	mux.HandleFunc("POST /bans/lift", order(func(ctx context.Context, who xmpp.JID, _ string) (string, error) {
		return who.String() + " is not banned any more", g.Unban(ctx, who, "")
	}))
}
