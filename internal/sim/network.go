package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/mucmap"
)

// post is a POST on its way from one provider to another.
type post struct {
	from, to string
	endpoint string
	room     string
	body     []byte
}

// ask is one of a room's requests to other providers beside asking.
type ask struct {
	mucmap.PeerRequest
	at time.Time
}

func (w *World) post(n *Node, out *mucmap.Output) {
	for _, d := range out.Outbox {
		key := [2]string{n.p.Name, d.Provider}
		w.mail[key] = append(w.mail[key], post{n.p.Name, d.Provider, d.Endpoint, d.Room, d.Body})
	}
}

// ask brings a room's request to its hub.
func (n *Node) ask() {
	q := *n.asking
	n.p.w.bring(n, q, n.asked, func(status int, body []byte) {
		n.asking = nil
		n.step(mucmap.Answered{Request: q, Status: status, Body: body})
	})
}

// askNext brings one of a room's other requests to its provider.
func (n *Node) askNext() {
	i := n.p.w.rng.IntN(len(n.asks))
	q := n.asks[i]
	n.p.w.bring(n, q.PeerRequest, q.at, func(status int, body []byte) {
		n.asks = slices.Delete(n.asks, i, i+1)
		n.step(mucmap.Answered{Request: q.PeerRequest, Status: status, Body: body})
	})
}

// bring carries a request, asked at a time, to its provider and the answer to give.
func (w *World) bring(n *Node, q mucmap.PeerRequest, asked time.Time, give func(status int, body []byte)) {
	hub := w.Providers[q.Provider]
	away := func() {
		w.Now = w.Now.Add(time.Second)
		if q.Patience > 0 && w.Now.Sub(asked) > q.Patience {
			give(504, []byte("down"))
		}
	}
	if hub == nil || hub.down {
		away()
		return
	}
	if w.chance(w.Faults.LoseRequest) {
		return
	}
	p := post{n.p.Name, q.Provider, q.Endpoint, q.Room, q.Body}
	reply, ok := w.receive(p)
	if reply.Status == 502 {
		away()
		return
	}
	if !ok || reply.Status >= 500 || w.chance(w.Faults.LoseReply) {
		return
	}
	if w.chance(w.Faults.Late) {
		w.late = append(w.late, p)
	}
	give(reply.Status, reply.Body)
}

// notify brings the first delivery of a queue to its receiver.
func (w *World) notify(key [2]string) {
	if w.chance(w.Faults.LoseRequest) {
		return
	}
	i := 0
	if w.chance(w.Faults.Reorder) {
		i = w.rng.IntN(min(4, len(w.mail[key])))
	}
	p := w.mail[key][i]
	if p.endpoint == string(mimi.EndpointNotify) && w.chance(w.Faults.LoseNews) {
		w.trace("lost: %s tells %s", p.from, p.to)
		w.mail[key] = slices.Delete(w.mail[key], i, i+1)
		return
	}
	reply, ok := w.receive(p)
	if !ok || reply.Status >= 500 || w.chance(w.Faults.LoseReply) {
		return
	}
	w.trace("%s tells %s: %d", p.from, p.to, reply.Status)
	w.mail[key] = slices.Delete(w.mail[key], i, i+1)
	if w.chance(w.Faults.Late) {
		w.late = append(w.late, p)
	}
}

var kinds = map[string]mucmap.RequestKind{
	string(mimi.EndpointUpdate): mucmap.RequestUpdate, string(mimi.EndpointSubmitMessage): mucmap.RequestSubmitMessage,
	string(mimi.EndpointGroupInfo): mucmap.RequestGroupInfo, string(mimi.EndpointNotify): mucmap.RequestNotify,
	string(mimi.EndpointKeyMaterial):    mucmap.RequestKeyMaterial,
	string(mimi.EndpointRequestConsent): mucmap.RequestRequestConsent, string(mimi.EndpointUpdateConsent): mucmap.RequestUpdateConsent,
	mucmap.EndpointHandOver: mucmap.RequestHandOver,
}

// receive gives a POST to the room, or the person, that it is about. False: no answer comes.
func (w *World) receive(p post) (mucmap.Reply, bool) {
	to := w.Providers[p.to]
	uri := mimi.MustURI(p.room)
	kind := kinds[p.endpoint]
	if kind == mucmap.RequestKeyMaterial { // about a user; the room that gets the Welcome is in the request
		var q mimi.KeyMaterialRequest
		if err := wire.Unmarshal(p.body, &q); err != nil {
			panic(err)
		}
		if uri.Provider() != p.to { // the hub passes it on
			if next := w.Providers[uri.Provider()]; next == nil || next.down {
				return mucmap.Reply{Status: 502}, true
			}
			reply, ok := w.receive(post{p.to, uri.Provider(), p.endpoint, p.room, p.body})
			if !ok || reply.Status != 200 {
				return reply, ok
			}
			return to.ask(post{uri.Provider(), p.to, p.endpoint, p.room, reply.Body}, mucmap.RequestRelayed, to.svc.RoomName(q.Room))
		}
		if refuse := w.noKeys[p.to]; refuse != nil {
			return refuse(p.body), true
		}
		if name := to.svc.FollowedName(q.Room); to.Rooms[name] != nil {
			if reply, ok := to.ask(p, mucmap.RequestReKey, name); !ok || reply.Status != 204 {
				return reply, ok
			}
		}
		if reply, ok := to.ask(p, kind, to.svc.PersonName(uri)); !ok || reply.Status != 204 {
			return reply, ok
		}
		uri = q.Room
	}
	name := to.svc.PersonName(uri)
	if uri.Kind() == mimi.KindRoom {
		if name = to.svc.RoomName(uri); name == "" {
			name = to.svc.FollowedName(uri)
		}
	}
	if kind == mucmap.RequestUpdateConsent && p.from != p.to { // about whoever asked; goes to the room
		var c mimi.ConsentEntry
		if err := wire.Unmarshal(p.body, &c); err != nil {
			panic(err)
		}
		if name = to.svc.RoomName(c.Room); name == "" {
			name = to.svc.FollowedName(c.Room)
		}
		if c.Room.IsZero() {
			return to.askAwaiting(p, kind)
		}
		if to.Rooms[name] == nil {
			return mucmap.Reply{Status: 201}, true
		}
	}
	return to.ask(p, kind, name)
}

// askAwaiting gives a word about all rooms to each that waits for somebody's consent.
func (to *Provider) askAwaiting(p post, kind mucmap.RequestKind) (mucmap.Reply, bool) {
	for _, name := range slices.Sorted(maps.Keys(to.Rooms)) {
		if !to.Rooms[name].room.Summary().Awaiting {
			continue
		}
		if reply, ok := to.ask(p, kind, name); !ok || reply.Status != 201 {
			return reply, ok
		}
	}
	return mucmap.Reply{Status: 201}, true
}

func (to *Provider) ask(p post, kind mucmap.RequestKind, name string) (mucmap.Reply, bool) {
	if name == "" {
		return mucmap.Reply{Status: 404}, true
	}
	w := to.w
	w.ids++
	id := fmt.Sprintf("r%d", w.ids)
	for _, r := range to.node(name).step(mucmap.Request{ID: id, Provider: p.from, Kind: kind, Body: p.body}) {
		if r.ID == id {
			return r, true
		}
	}
	return mucmap.Reply{}, false
}
