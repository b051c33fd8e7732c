package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"anteroom/mucmap"
)

// maxOrder bounds the body of an order at the administration's socket, in bytes.
const maxOrder = 4 * mucmap.MaxAnnouncement

// DestroyOrder is the body of POST /rooms/{name}/destroy.
type DestroyOrder struct {
	Reason   string `json:"reason,omitempty"`
	Venue    string `json:"venue,omitempty"` // address or mimi:// URI of a room to go to instead
	Password string `json:"password,omitempty"`
}

// AnnounceOrder is the body of POST /announce.
type AnnounceOrder struct {
	Text string `json:"text"`
}

// OrderAnswer says what came of an order.
type OrderAnswer struct {
	Text string `json:"text"`
}

// orderHandlers adds what changes something to the administration's handler.
func (g *Gateway) orderHandlers(mux *http.ServeMux) {
	mux.HandleFunc("POST /rooms/{name}/destroy", func(w http.ResponseWriter, r *http.Request) {
		var o DestroyOrder
		if !readOrder(w, r, &o) {
			return
		}
		d := mucmap.Destruction{Reason: o.Reason, Password: o.Password}
		if o.Venue != "" {
			venue, err := g.opt.Rooms.ParseVenue(o.Venue)
			if err != nil {
				http.Error(w, "venue: "+err.Error(), http.StatusBadRequest)
				return
			}
			d.Venue = venue
		}
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		status, text := g.RoomDestroy(ctx, g.roomNamed(r), d)
		answerOrder(w, "destroyed", status, text)
	})
	mux.HandleFunc("POST /rooms/{name}/move", func(w http.ResponseWriter, r *http.Request) {
		var o MoveOrder
		if !readOrder(w, r, &o) {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		status, text := g.RoomMove(ctx, g.roomNamed(r), o)
		answerOrder(w, "moved to "+o.To, status, text)
	})
	mux.HandleFunc("POST /rooms/{name}/reinit", func(w http.ResponseWriter, r *http.Request) {
		var o mucmap.ReInitOrder
		if !readOrder(w, r, &o) {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		status, body := g.RoomReInit(ctx, g.roomNamed(r), o)
		answerBody(w, status, body)
	})
	mux.HandleFunc("POST /announce", func(w http.ResponseWriter, r *http.Request) {
		var o AnnounceOrder
		if !readOrder(w, r, &o) {
			return
		}
		a, err := g.Announce(o.Text)
		var bad *badOrder
		if errors.As(err, &bad) {
			http.Error(w, bad.why, http.StatusBadRequest)
			return
		}
		answerJSON(w, a, err)
	})
}

// answerOrder says that an order was carried out, and what else there is to say of it.
func answerOrder(w http.ResponseWriter, done string, status int, text string) {
	switch {
	case status >= http.StatusBadRequest:
		http.Error(w, text, status)
	case text == "":
		answerJSON(w, OrderAnswer{done}, nil)
	default:
		answerJSON(w, OrderAnswer{done + "; " + text}, nil)
	}
}

func readOrder(w http.ResponseWriter, r *http.Request, order any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	d.DisallowUnknownFields()
	if err := d.Decode(order); err != nil {
		http.Error(w, "order: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
