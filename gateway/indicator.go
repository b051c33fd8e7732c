package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// bucketIndicated holds the devices that asked for indicators of activity.
const bucketIndicated = "indicated"

// Indicators is what a gateway needs of the room core for indicators of activity (XEP-0437); see *mucmap.Service.
type Indicators interface {
	IndicatorWish(st *xmpp.Stanza) (mucmap.IndicatorWish, *xmpp.StanzaError)
	Indicator(to xmpp.JID, rooms []string) xmpp.Stanza
	MayBeIndicated(user xmpp.JID) bool
}

// indicators knows who asked to be told of activity. A device is told once of each room, as long as it is not in it; having been in it counts
// as having seen what was said.
type indicators struct {
	mu      sync.Mutex
	users   map[xmpp.JID]*indicated
	rooms   map[string]map[xmpp.JID]bool // who of users belongs to a room
	devices int
	pending map[xmpp.JID]bool // devices that are to be told something
	armed   bool              // they will be

	maxDevices int // MaxIndicated
}

// indicated is a user of whom a device asked.
type indicated struct {
	devices map[xmpp.JID]*indication
	rooms   map[string]bool
}

// indication is what one device was told.
type indication struct {
	told, here map[string]bool // rooms
	owed       []string        // that it is to be told, in order
}

func newIndicators() *indicators {
	return &indicators{users: map[xmpp.JID]*indicated{}, rooms: map[string]map[xmpp.JID]bool{}, pending: map[xmpp.JID]bool{}, maxDevices: MaxIndicated}
}

// hearIndicator takes what a stanza to the service means for indicators; false: nothing.
func (g *Gateway) hearIndicator(st *xmpp.Stanza) bool {
	if g.opt.Indicators == nil {
		return false
	}
	wish, e := g.opt.Indicators.IndicatorWish(st)
	switch {
	case e != nil:
		g.refuse(st, e)
	case wish == mucmap.IndicatorEnd:
		g.endIndicators(st.From)
	case wish == mucmap.IndicatorBegin:
		device := st.From.Clone()
		if why := g.indicators.begin(device); why != "" {
			g.refuse(st, xmpp.NewError(xmpp.ResourceConstraint, why).WithType(xmpp.Wait))
			return true
		}
		g.jobs.Go(func() { g.beginIndicators(device, true) })
	}
	return e != nil || wish != mucmap.IndicatorNothing
}

// begin takes a device; a text says why not. One that asks again begins anew (XEP-0437 §4).
func (x *indicators) begin(device xmpp.JID) (why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	u := x.users[device.Bare()]
	if u == nil {
		u = &indicated{devices: map[xmpp.JID]*indication{}, rooms: map[string]bool{}}
	}
	if u.devices[device] == nil {
		switch {
		case x.devices >= x.maxDevices:
			return "too many devices ask for indicators of activity"
		case len(u.devices) >= MaxIndicatedDevices:
			return "too many of your devices ask for indicators of activity"
		}
		x.devices++
	}
	x.users[device.Bare()] = u
	u.devices[device] = &indication{told: map[string]bool{}, here: map[string]bool{}}
	return ""
}

// end forgets a device; false: it did not ask.
func (x *indicators) end(device xmpp.JID) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	u := x.users[device.Bare()]
	if u == nil || u.devices[device] == nil {
		return false
	}
	delete(u.devices, device)
	delete(x.pending, device)
	x.devices--
	if len(u.devices) == 0 {
		for room := range u.rooms {
			x.leave(room, device.Bare())
		}
		delete(x.users, device.Bare())
	}
	return true
}

func (x *indicators) leave(room string, user xmpp.JID) {
	delete(x.rooms[room], user)
	if len(x.rooms[room]) == 0 {
		delete(x.rooms, room)
	}
}

func (g *Gateway) endIndicators(device xmpp.JID) {
	if !g.indicators.end(device) {
		return
	}
	g.mu.Lock() // against Stop, which waits for jobs
	defer g.mu.Unlock()
	if !g.stopping.Load() { // otherwise it is found by its bounce
		g.jobs.Go(func() { g.keepIndicated(device, nil) })
	}
}

// keepIndicated stores that a device asks, or, without a value, that it does not. One that is lost asks again, one too many is found by its bounce.
func (g *Gateway) keepIndicated(device xmpp.JID, value []byte) {
	ctx, cancel := context.WithTimeout(g.ctx, WriteTimeout)
	defer cancel()
	if err := g.opt.Store.Update(ctx, bucketIndicated, store.Change{Key: device.String(), Value: value}); err != nil && g.ctx.Err() == nil {
		g.log.Warn("who asks for indicators of activity was not stored", "device", device.String(), "error", err)
	}
}

// beginIndicators finds out what a device that asked is to be told at once: rooms in which something was said since its user was last there.
// Without news, after a restart, only what is said from now on.
func (g *Gateway) beginIndicators(device xmpp.JID, news bool) {
	select {
	case g.readers <- struct{}{}:
		defer func() { <-g.readers }()
	case <-g.ctx.Done():
		return
	}
	if news {
		g.keepIndicated(device, []byte("{}"))
	}
	ctx, cancel := context.WithTimeout(g.ctx, IndicatorTime)
	defer cancel()
	rooms, err := g.belongings.of(ctx, device.Bare())
	if err != nil {
		g.log.Warn("the rooms of a user cannot be found", "user", device.Bare().String(), "error", err)
		return
	}
	names := make([]string, 0, len(rooms))
	for name := range rooms {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !g.dir.known(name) { // it was destroyed while nobody told
			g.belongings.note(name, []mucmap.Belonging{{User: device.Bare(), Gone: true}})
			continue
		}
		one := mucmap.Belonging{User: device.Bare(), Since: rooms[name]}
		if g.isLoaded(name) {
			seen := make(chan mucmap.Belonging, 1)
			if g.inspect(ctx, name, func(a *actor) { seen <- a.room.Belonging(device.Bare()) }) == nil {
				one = <-seen
			}
		}
		if g.indicators.belong(name, one); one.Gone || !news || len(one.Devices) > 0 {
			continue // where the user is with another device, what comes from now on is new to this one
		}
		if page, err := g.opt.Store.Archive(ctx, name, store.ArchiveQuery{Since: one.Since}); err == nil && page.Total > 0 {
			g.indicators.owe(name, device)
		}
	}
	g.armIndicators(0)
}

func (g *Gateway) isLoaded(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.actors[name] != nil
}

// belong takes what a room says of who belongs to it.
func (g *Gateway) belong(room string, all []mucmap.Belonging) {
	if len(all) == 0 {
		return
	}
	g.belongings.note(room, all)
	for _, b := range all {
		g.indicators.belong(room, b)
	}
}

// belong follows how a user belongs to a room.
func (x *indicators) belong(room string, b mucmap.Belonging) {
	x.mu.Lock()
	defer x.mu.Unlock()
	u := x.users[b.User]
	switch {
	case u == nil:
		return
	case b.Gone:
		delete(u.rooms, room)
		x.leave(room, b.User)
	case len(u.rooms) >= MaxBelonging && !u.rooms[room]:
		return
	default:
		u.rooms[room] = true
		if x.rooms[room] == nil {
			x.rooms[room] = map[xmpp.JID]bool{}
		}
		x.rooms[room][b.User] = true
	}
	for device, d := range u.devices {
		here := slices.Contains(b.Devices, device)
		if here || b.Gone {
			delete(d.told, room)
			d.owed = slices.DeleteFunc(d.owed, func(name string) bool { return name == room })
		}
		if delete(d.here, room); here {
			d.here[room] = true
		}
	}
}

// owe notes that a device is to be told of a room, unless it is there or was told.
func (x *indicators) owe(room string, device xmpp.JID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if u := x.users[device.Bare()]; u != nil && u.rooms[room] {
		x.owed(room, device, u.devices[device])
	}
}

func (x *indicators) owed(room string, device xmpp.JID, d *indication) {
	if d == nil || d.here[room] || d.told[room] {
		return
	}
	d.told[room] = true
	d.owed = append(d.owed, room)
	x.pending[device] = true
}

// spoken notes that something was said in a room.
func (g *Gateway) spoken(room string) {
	x := g.indicators
	x.mu.Lock()
	for user := range x.rooms[room] {
		for device, d := range x.users[user].devices {
			x.owed(room, device, d)
		}
	}
	owed := len(x.pending) > 0
	x.mu.Unlock()
	if owed {
		g.armIndicators(IndicatorPause)
	}
}

// armIndicators tells what is owed after a while, so that much activity makes few messages.
func (g *Gateway) armIndicators(after time.Duration) {
	x := g.indicators
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.armed && after > 0 || len(x.pending) == 0 {
		return
	}
	x.armed = true
	time.AfterFunc(after, g.tellIndicators)
}

func (g *Gateway) tellIndicators() {
	x := g.indicators
	x.mu.Lock()
	x.armed = false
	devices := make([]xmpp.JID, 0, len(x.pending))
	owed := map[xmpp.JID][]string{}
	for device := range x.pending {
		devices = append(devices, device)
		d := x.users[device.Bare()].devices[device]
		owed[device], d.owed = d.owed, nil
	}
	clear(x.pending)
	x.mu.Unlock()
	slices.SortFunc(devices, xmpp.JID.Compare)
	var out []xmpp.Broadcast
	for _, device := range devices {
		if !g.opt.Indicators.MayBeIndicated(device.Bare()) {
			g.endIndicators(device)
			continue
		}
		for rooms := range slices.Chunk(owed[device], mucmap.MaxIndicated) {
			out = append(out, single(g.opt.Indicators.Indicator(device, rooms)))
		}
	}
	if g.ctx.Err() == nil {
		g.send(out)
	}
}

// resumeIndicators goes on for those who had asked before the gateway stopped.
func (g *Gateway) resumeIndicators() {
	for after := ""; ; {
		ctx, cancel := context.WithTimeout(g.ctx, ReadTimeout)
		page, err := g.opt.Store.List(ctx, bucketIndicated, "", after, store.MaxPage)
		cancel()
		if err != nil {
			if g.ctx.Err() == nil {
				g.log.Warn("who asked for indicators of activity cannot be read; they have to ask again", "error", err)
			}
			return
		}
		for _, rec := range page {
			after = rec.Key
			if device, err := xmpp.ParseJID(rec.Key); err == nil && g.indicators.begin(device) == "" {
				g.beginIndicators(device, false)
			} else {
				g.keepIndicated(device, nil)
			}
		}
		if len(page) < store.MaxPage || g.stopping.Load() {
			return
		}
	}
}
