package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/mucmap"
)

// UpdateConsent takes the word of a user of another provider about one of ours who wants to add it (draft-ietf-mimi-protocol-06 §5.7). It
// goes to the room that asked; a room that nobody knows did not.
func (g *Gateway) UpdateConsent(ctx context.Context, peer string, requester mimi.URI, body []byte) (int, []byte) {
	c, status, text := g.readConsent(mucmap.RequestUpdateConsent, body)
	switch {
	case c == nil:
		return status, text
	case c.Requester != requester:
		return http.StatusBadRequest, []byte("requesterUri: path and body name different users")
	case c.Operation != mimi.ConsentGrant && c.Operation != mimi.ConsentRevoke:
		return http.StatusBadRequest, []byte("consentOperation: is neither grant nor revoke")
	case c.Target.Provider() != peer:
		return http.StatusForbidden, []byte("targetUri: belongs to another provider")
	case requester.Provider() != g.opt.Provider:
		return http.StatusNotFound, []byte("requesterUri: is not one of our users")
	}
	names := []string{g.opt.Rooms.RoomName(c.Room)}
	switch {
	case c.Room.IsZero(): // for all rooms: each that waits for somebody looks whether it is this one
		names = g.dir.awaiting()
	case names[0] == "":
		names[0] = g.opt.Rooms.FollowedName(c.Room)
	}
	for _, name := range names {
		if name == "" || !g.dir.known(name) {
			continue
		}
		if status, answer := g.askRoom(ctx, mucmap.RequestUpdateConsent, peer, name, body); status != http.StatusCreated {
			return status, answer // and is asked again for all of them, which does no harm
		}
	}
	return http.StatusCreated, nil // also when it is of no consequence: we do not tell who asked for what
}

// RequestConsent takes the wish of a user of another provider to add one of ours (draft-ietf-mimi-protocol-06 §5.7).
func (g *Gateway) RequestConsent(ctx context.Context, peer string, target mimi.URI, body []byte) (int, []byte) {
	c, status, text := g.readConsent(mucmap.RequestRequestConsent, body)
	switch {
	case c == nil:
		return status, text
	case c.Target != target:
		return http.StatusBadRequest, []byte("targetUri: path and body name different users")
	case c.Operation != mimi.ConsentRequest && c.Operation != mimi.ConsentCancel:
		return http.StatusBadRequest, []byte("consentOperation: is neither request nor cancel")
	case c.Requester.Provider() != peer:
		return http.StatusForbidden, []byte("requesterUri: belongs to another provider")
	}
	name := g.opt.Rooms.PersonName(target)
	switch {
	case name == "":
		return http.StatusNotFound, []byte("targetUri: there is no such user")
	case !g.dir.known(name) && (!g.newcomers.take(time.Now(), peer) || g.dir.countPrefix(personPrefix) >= MaxPersons):
		return http.StatusServiceUnavailable, []byte("too many questions wait for our users")
	}
	return g.askRoom(ctx, mucmap.RequestRequestConsent, peer, name, body)
}

// newcomers counts the persons that each provider makes us remember in a day, so that none uses up MaxPersons by asking everybody.
type newcomers struct {
	mu    sync.Mutex
	since time.Time
	of    map[string]int // by provider
}

// take counts one more person of a provider; false: there were too many.
func (n *newcomers) take(now time.Time, provider string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil || now.Sub(n.since) >= 24*time.Hour {
		n.of, n.since = map[string]int{}, now
	}
	if n.of[provider] >= MaxNewPersons {
		return false
	}
	n.of[provider]++
	return true
}

// personPrefix begins the names under which rooms keep the consent of users; see mucmap.Service.PersonName.
const personPrefix = "@"

// errandsAtHome carries out a delivery of a room to our own provider: to the user or the room that it is about.
func (g *Gateway) errandsAtHome(ctx context.Context, d *delivery) int {
	kinds := map[mimi.Endpoint]mucmap.RequestKind{
		mimi.EndpointRequestConsent: mucmap.RequestRequestConsent, mimi.EndpointUpdateConsent: mucmap.RequestUpdateConsent,
		mucmap.EndpointHandOver: mucmap.RequestHandOver,
	}
	if d.endpoint == mimi.EndpointReportAbuse {
		status, _ := g.ReportAbuse(ctx, g.opt.Provider, d.uri, d.body)
		return status
	}
	name := g.opt.Rooms.PersonName(d.uri)
	if d.uri.Kind() == mimi.KindRoom {
		if name = g.opt.Rooms.RoomName(d.uri); name == "" {
			name = g.opt.Rooms.FollowedName(d.uri)
		}
	}
	if name == "" || kinds[d.endpoint] == 0 {
		return http.StatusNotFound
	}
	status, _ := g.askRoom(ctx, kinds[d.endpoint], g.opt.Provider, name, d.body)
	return status
}

// readConsent decodes a consent entry; without one it says what to answer.
func (g *Gateway) readConsent(kind mucmap.RequestKind, body []byte) (*mimi.ConsentEntry, int, []byte) {
	g.m.requests.WithLabelValues(kind.String()).Inc()
	c := new(mimi.ConsentEntry)
	if err := wire.Unmarshal(body, c); err != nil {
		return nil, http.StatusBadRequest, []byte(err.Error())
	}
	return c, 0, nil
}
