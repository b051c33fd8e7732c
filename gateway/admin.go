package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"anteroom/mucmap"
)

// RoomLine is one room in the administration's list.
type RoomLine struct {
	Name       string    `json:"name"`
	Title      string    `json:"title,omitempty"`
	Public     bool      `json:"public"`
	Persistent bool      `json:"persistent"`
	Occupants  int       `json:"occupants"`
	Loaded     bool      `json:"loaded"`
	Wake       time.Time `json:"wake,omitzero"`
}

// RoomDetail is one room as the administration shows it.
type RoomDetail struct {
	RoomLine
	Description string `json:"description,omitempty"`
	Events      uint64 `json:"events"` // of its log
	Jobs        int    `json:"jobs"`   // commits under way
	Waiting     int    `json:"waiting"`
	Owed        int    `json:"owed"` // deliveries to providers
}

// ErrNoRoom: there is no such room.
var ErrNoRoom = errors.New("gateway: no such room")

// ErrUnavailable: the room cannot be loaded now.
var ErrUnavailable = errors.New("gateway: the room is not available now")

// RoomList lists all rooms, sorted by name.
func (g *Gateway) RoomList() []RoomLine {
	out := []RoomLine{}
	for s := range g.dir.all() {
		out = append(out, g.line(s))
	}
	return out
}

func (g *Gateway) line(s mucmap.Summary) RoomLine {
	g.mu.Lock()
	_, loaded := g.actors[s.Name]
	g.mu.Unlock()
	return RoomLine{Name: s.Name, Title: s.Title, Public: s.Public, Persistent: s.Persistent, Occupants: s.Occupants, Loaded: loaded, Wake: s.Wake}
}

// inspect calls f in the room's own goroutine, loading the room if need be.
func (g *Gateway) inspect(ctx context.Context, name string, f func(*actor)) error {
	if !g.dir.known(name) {
		return ErrNoRoom
	}
	done := make(chan error, 1)
	look := func(a *actor) {
		if a.room == nil {
			done <- ErrUnavailable
			return
		}
		if !a.room.Exists() {
			done <- ErrNoRoom
			return
		}
		f(a)
		done <- nil
	}
	if !g.put(name, item{ask: look, at: time.Now()}) {
		return ErrUnavailable
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RoomShow describes one room.
func (g *Gateway) RoomShow(ctx context.Context, name string) (RoomDetail, error) {
	var d RoomDetail
	err := g.inspect(ctx, name, func(a *actor) {
		s := a.room.Summary()
		d = RoomDetail{RoomLine: g.line(s), Description: s.Description, Events: a.room.Seq(), Jobs: a.jobs, Waiting: a.box.len(), Owed: a.owed}
	})
	return d, err
}

// AdminHandler serves what `anteroom room` asks for, as JSON: GET /rooms, /rooms/{name}. It is for a socket that only
// operators can open: it asks for no credentials.
func (g *Gateway) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rooms", func(w http.ResponseWriter, r *http.Request) { answerJSON(w, g.RoomList(), nil) })
	mux.HandleFunc("GET /rooms/{name}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		d, err := g.RoomShow(ctx, r.PathValue("name"))
		answerJSON(w, d, err)
	})
	return mux
}

func answerJSON(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrNoRoom):
		http.Error(w, "no such room", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client is gone
}
