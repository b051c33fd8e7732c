package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"anteroom/mucmap"
	"anteroom/xmpp"
)

// What operators want done to rooms, by ad-hoc command (XEP-0050) or by the administration's socket.

// Announcement says how many rooms will hear an announcement.
type Announcement struct {
	Rooms int `json:"rooms"`
}

// ErrAnnouncing: one announcement is still on its way.
var ErrAnnouncing = errors.New("another announcement is on its way to the rooms; try again later")

// obey carries out an order and sends its answer. It does not wait: some take commits.
func (g *Gateway) obey(o *mucmap.Order) {
	select {
	case g.orders <- struct{}{}:
	default:
		g.tell(o, mucmap.OrderResult{Status: http.StatusServiceUnavailable, Text: "the service has too much to do; try again later"})
		return
	}
	g.jobs.Go(func() {
		defer func() { <-g.orders }()
		defer func() {
			if p := recover(); p != nil {
				g.panicked("carrying out an order", p, "command", o.Kind.String())
			}
		}()
		ctx, cancel := context.WithTimeout(g.ctx, RequestTime)
		defer cancel()
		g.log.Info("an operator uses a command", "operator", o.By.String(), "command", o.Kind.String(), "room", o.Room)
		g.tell(o, g.carryOut(ctx, o))
	})
}

func (g *Gateway) tell(o *mucmap.Order, res mucmap.OrderResult) {
	g.send([]xmpp.Broadcast{single(o.Answer(res))})
}

func (g *Gateway) carryOut(ctx context.Context, o *mucmap.Order) (res mucmap.OrderResult) {
	res.Status = http.StatusOK
	var err error
	switch o.Kind {
	case mucmap.OrderShow:
		found := make(chan mucmap.Description, 1)
		if err = g.inspect(ctx, o.Room, func(a *actor) { found <- a.room.Describe() }); err == nil {
			d := <-found
			res.Room = &d
		}
	case mucmap.OrderDestroy:
		res.Status, res.Text = g.RoomDestroy(ctx, o.Room, o.Destroy)
	case mucmap.OrderAnnounce:
		var a Announcement
		a, err = g.Announce(o.Text)
		res.Rooms = a.Rooms
	case mucmap.OrderBan:
		err = g.Ban(ctx, mucmap.ServiceBan{Who: o.Who, Reason: o.Text, By: o.By.String()})
	case mucmap.OrderUnban:
		err = g.Unban(ctx, o.Who, o.By.String())
	}
	bad := new(badOrder)
	switch {
	case errors.As(err, &bad):
		res.Status, res.Text = http.StatusBadRequest, bad.why
	case errors.Is(err, ErrNotBanned):
		res.Status, res.Text = http.StatusNotFound, o.Who.String()+" is not banned"
	case errors.Is(err, ErrNoRoom):
		res.Status, res.Text = http.StatusNotFound, "there is no such room"
	case err != nil:
		res.Status, res.Text = http.StatusServiceUnavailable, err.Error()
	}
	return res
}

// RoomDestroy destroys a room, whoever owns it. Status 202 says that users of other providers are still being removed.
func (g *Gateway) RoomDestroy(ctx context.Context, name string, d mucmap.Destruction) (status int, text string) {
	if !g.dir.known(name) || strings.HasPrefix(name, personPrefix) {
		return http.StatusNotFound, "there is no such room"
	}
	g.log.Info("an operator destroys a room", "room", name, "reason", d.Reason, "venue", d.Venue.String())
	order, err := json.Marshal(d)
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	status, body := g.askRoom(ctx, mucmap.RequestDestroy, "", name, order)
	return status, string(body)
}

// RoomReInit gives the group of a room of ours another cipher suite, or says how that stands if the order names none. Status 202 says that it is under
// way.
func (g *Gateway) RoomReInit(ctx context.Context, name string, o mucmap.ReInitOrder) (status int, answer []byte) {
	if !g.dir.known(name) || strings.HasPrefix(name, personPrefix) {
		return http.StatusNotFound, []byte("there is no such room")
	}
	if o.Suite != "" {
		g.log.Info("an operator reinitialises a room", "room", name, "suite", o.Suite)
	}
	order, err := json.Marshal(o)
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	return g.askRoom(ctx, mucmap.RequestReInit, "", name, order)
}

// Announce tells all who are in a room something, in the room's name: one room after the other, AnnouncePace apart, so that it is no flood. It
// returns at once; what was not said when the gateway stops is not said.
func (g *Gateway) Announce(text string) (Announcement, error) {
	if why := mucmap.CheckAnnouncement(text); why != "" {
		return Announcement{}, &badOrder{why}
	}
	var names []string
	for s := range g.dir.all() {
		if s.Occupants > 0 && !s.Direct && !strings.HasPrefix(s.Name, personPrefix) {
			names = append(names, s.Name)
		}
	}
	g.mu.Lock() // against Stop, which waits for jobs
	defer g.mu.Unlock()
	switch {
	case g.stopping.Load():
		return Announcement{}, ErrUnavailable
	case g.announcing:
		return Announcement{}, ErrAnnouncing
	}
	g.announcing = true
	g.jobs.Go(func() { g.announce(names, text) })
	return Announcement{len(names)}, nil
}

func (g *Gateway) announce(names []string, text string) {
	g.log.Info("an operator makes an announcement", "rooms", len(names), "text", text)
	defer func() {
		g.mu.Lock()
		g.announcing = false
		g.mu.Unlock()
	}()
	tick := time.NewTicker(AnnouncePace)
	defer tick.Stop()
	told := 0
	for _, name := range names {
		ctx, cancel := context.WithTimeout(g.ctx, AnnounceTime)
		status, _ := g.askRoom(ctx, mucmap.RequestAnnounce, "", name, []byte(text))
		cancel()
		if status == http.StatusOK {
			told++
		}
		select {
		case <-tick.C:
		case <-g.stop:
			g.log.Warn("announcement is interrupted", "told", told, "rooms", len(names))
			return
		}
	}
	g.log.Info("announcement is made", "told", told, "rooms", len(names))
}

// badOrder is what is wrong with an order itself.
type badOrder struct{ why string }

func (e *badOrder) Error() string { return e.why }
