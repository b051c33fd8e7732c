package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/mucmap"
	"anteroom/xmpp"
)

// RoomDocument answers another provider's GET of a room (draft-mahy-mimi-group-chat, "Example Use"). The room decides who may see it.
func (g *Gateway) RoomDocument(ctx context.Context, peer string, room mimi.URI) (int, []byte) {
	name := g.opt.Rooms.RoomName(room)
	if name == "" || !g.dir.known(name) {
		return http.StatusNotFound, []byte("there is no such room")
	}
	return g.askRoom(ctx, mucmap.RequestDocument, peer, name, nil)
}

// roomDocument is RoomDocument for operators, or with ?to=PROVIDER the document of which that provider can make the room again.
func (g *Gateway) roomDocument(w http.ResponseWriter, r *http.Request) {
	name := g.roomNamed(r)
	if !g.dir.known(name) {
		answerJSON(w, nil, ErrNoRoom)
		return
	}
	status, body := g.askRoom(r.Context(), mucmap.RequestDocument, g.opt.Provider, name, []byte(r.URL.Query().Get("to")))
	answerBody(w, status, body)
}

// createRoom makes a room of a document.
func (g *Gateway) createRoom(w http.ResponseWriter, r *http.Request) {
	name := g.roomNamed(r)
	if jid, err := xmpp.NewJID(name, "rooms.invalid", ""); err != nil || jid.Local() != name || strings.ContainsAny(name, "@%") {
		http.Error(w, "no room can have this name", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, roomdoc.MaxDocument))
	if err != nil {
		http.Error(w, "the document could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	status, answer := g.askRoom(r.Context(), mucmap.RequestCreate, g.opt.Provider, name, body)
	answerBody(w, status, answer)
}

func answerBody(w http.ResponseWriter, status int, body []byte) {
	if status >= http.StatusBadRequest {
		http.Error(w, string(body), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone
}
