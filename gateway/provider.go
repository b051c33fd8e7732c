package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/mucmap"
)

// Update takes an update request of another provider (draft-ietf-mimi-protocol-06 §5.3).
func (g *Gateway) Update(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	return g.ask(ctx, mucmap.RequestUpdate, peer, room, body)
}

// SubmitMessage takes a submitMessage request of another provider (draft-ietf-mimi-protocol-06 §5.4).
func (g *Gateway) SubmitMessage(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	return g.ask(ctx, mucmap.RequestSubmitMessage, peer, room, body)
}

// GroupInfo takes a groupInfo request of another provider (draft-ietf-mimi-protocol-06 §5.6).
func (g *Gateway) GroupInfo(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	return g.ask(ctx, mucmap.RequestGroupInfo, peer, room, body)
}

// Notify takes what the hub of a room of another provider tells (draft-ietf-mimi-protocol-06 §5.5). Status 201 says that it is stored.
func (g *Gateway) Notify(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	name := g.opt.Rooms.FollowedName(room)
	switch {
	case peer != room.Provider():
		g.m.requests.WithLabelValues(string(mimi.EndpointNotify)).Inc()
		return http.StatusForbidden, []byte("only the room's hub may notify")
	case name == "" || !g.dir.known(name):
		g.m.requests.WithLabelValues(string(mimi.EndpointNotify)).Inc()
		return http.StatusNotFound, []byte("this provider does not follow the room")
	}
	return g.askRoom(ctx, mucmap.RequestNotify, peer, name, body)
}

// ask puts a request into a room's mailbox and waits for the answer.
func (g *Gateway) ask(ctx context.Context, kind mucmap.RequestKind, peer string, uri mimi.URI, body []byte) (int, []byte) {
	name := g.opt.Rooms.RoomName(uri)
	if name == "" {
		g.m.requests.WithLabelValues(kind.String()).Inc()
		return http.StatusNotFound, []byte("the room is not one of this provider's")
	}
	return g.askRoom(ctx, kind, peer, name, body)
}

// askRoom puts a request into the mailbox of the room of a name.
func (g *Gateway) askRoom(ctx context.Context, kind mucmap.RequestKind, peer, name string, body []byte) (int, []byte) {
	g.m.requests.WithLabelValues(kind.String()).Inc()
	q := &request{
		Request: mucmap.Request{ID: strconv.FormatUint(g.request.Add(1), 10), Provider: peer, Kind: kind, Body: body},
		answer:  make(chan mucmap.Reply, 1),
	}
	if !g.put(name, item{request: q, at: time.Now()}) {
		return http.StatusServiceUnavailable, []byte("the room is busy")
	}
	g.outbox.stirs(peer, name)
	patience := time.NewTimer(RequestTime)
	defer patience.Stop()
	select {
	case r := <-q.answer:
		if r.InTurn {
			g.outbox.caughtUp(ctx, peer, name)
		}
		return r.Status, r.Body
	case <-patience.C:
		return http.StatusServiceUnavailable, []byte("the room did not answer in time")
	case <-ctx.Done():
		return http.StatusServiceUnavailable, []byte("the request was given up")
	}
}

// KeyMaterial relays a request for a room of ours to the provider of its target: as the hub we must see which key package belongs
// to which provider (draft-ietf-mimi-protocol-06 §5.2). A request of a room's hub for a user of ours is answered by the room that will
// get the Welcome, if the user consents.
func (g *Gateway) KeyMaterial(ctx context.Context, peer string, target mimi.URI, body []byte) (int, []byte) {
	g.m.requests.WithLabelValues(string(mimi.EndpointKeyMaterial)).Inc()
	var q mimi.KeyMaterialRequest
	err := wire.Unmarshal(body, &q)
	switch {
	case err != nil:
		return http.StatusBadRequest, []byte(err.Error())
	case q.Target != target:
		return http.StatusBadRequest, []byte("targetUser: path and body name different users")
	case target.Kind() != mimi.KindUser:
		return http.StatusBadRequest, []byte("targetUser: is not a user")
	case target.Provider() == g.opt.Provider && q.Room.Provider() == peer:
		name := g.opt.Rooms.FollowedName(q.Room)
		if name == "" {
			return http.StatusNotFound, []byte("roomId: the room has no address here")
		}
		person := g.opt.Rooms.PersonName(target)
		if person == "" {
			return http.StatusOK, wire.Marshal(&mimi.KeyMaterialResponse{Code: mimi.KeyMaterialUserUnknown, User: target})
		}
		if g.dir.known(name) { // who is in it goes on with it when the hub reinitialises it
			if status, answer := g.askRoom(ctx, mucmap.RequestReKey, peer, name, body); status != http.StatusNoContent {
				return status, answer
			}
		}
		if status, answer := g.askRoom(ctx, mucmap.RequestKeyMaterial, peer, person, body); status != http.StatusNoContent {
			return status, answer // without consent, or malformed
		}
		if !g.dir.known(name) && g.dir.countSuffix("%"+peer) >= g.maxFollowed {
			return http.StatusServiceUnavailable, []byte("too many rooms of this provider are remembered here")
		}
		return g.askRoom(ctx, mucmap.RequestKeyMaterial, peer, name, body)
	case q.Requester.Provider() != peer:
		return http.StatusForbidden, []byte("requestingUser: belongs to another provider")
	case q.Verify() != nil:
		return http.StatusForbidden, []byte("signature: does not verify")
	case g.opt.Rooms.RoomName(q.Room) == "":
		return http.StatusNotFound, []byte("roomId: the room is not one of this provider's")
	case target.Provider() == g.opt.Provider:
		return g.ownKeyMaterial(ctx, peer, &q, body)
	case !g.dir.known(g.opt.Rooms.RoomName(q.Room)):
		return http.StatusNotFound, []byte("roomId: there is no such room")
	case g.opt.Peers == nil:
		return http.StatusBadGateway, []byte("this provider has no way to others")
	}
	reply, err := g.opt.Peers.Post(ctx, target.Provider(), mimi.EndpointKeyMaterial, target, body)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return http.StatusGatewayTimeout, []byte("the target's provider did not answer in time")
		}
		g.log.Info("key material was not relayed", "provider", target.Provider(), "error", err)
		return http.StatusBadGateway, []byte("the target's provider cannot be reached")
	}
	if reply.Status != http.StatusOK {
		return reply.Status, reply.Body
	}
	return g.askRoom(ctx, mucmap.RequestRelayed, target.Provider(), g.opt.Rooms.RoomName(q.Room), reply.Body)
}

// ownKeyMaterial asks a user of ours, and then the room of ours to which somebody wants to add it.
func (g *Gateway) ownKeyMaterial(ctx context.Context, peer string, q *mimi.KeyMaterialRequest, body []byte) (int, []byte) {
	name, person := g.opt.Rooms.RoomName(q.Room), g.opt.Rooms.PersonName(q.Target)
	switch {
	case !g.dir.known(name):
		return http.StatusNotFound, []byte("roomId: there is no such room")
	case person == "":
		return http.StatusOK, wire.Marshal(&mimi.KeyMaterialResponse{Code: mimi.KeyMaterialUserUnknown, User: q.Target})
	case g.dir.hides(name): // before the user is asked for a consent that would be of no use
		return http.StatusForbidden, []byte("this room is semi-anonymous: the users of its provider enter it by themselves, or are invited by each other")
	}
	if status, answer := g.askRoom(ctx, mucmap.RequestKeyMaterial, peer, person, body); status != http.StatusNoContent {
		return status, answer // without consent
	}
	return g.askRoom(ctx, mucmap.RequestKeyMaterial, peer, name, body)
}
