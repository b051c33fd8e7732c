package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"sync"
	"time"

	"anteroom/internal/parallel"
	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Limits and waits of the native client.
const (
	maxClientRooms  = 1024
	maxBrought      = 128                // rooms of one provider after which others bring the user into no more of them
	ownRooms        = maxClientRooms / 4 // of maxClientRooms, which only the user fills
	firstRetry      = time.Second
	maxRetry        = 30 * time.Second
	clientDevice    = "cli"
	clientSuite     = mls.SuiteX25519AES128SHA256Ed25519
	keyLifetime     = 28 * 24 * time.Hour
	keyClockSkew    = time.Hour
	maxKeyPackages  = 256 // given away and not used yet; beyond it the last resort is given
	captureEndpoint = "notify"
)

// nativeClient is the provider of one user and of its devices, each an MLS client. Its methods are safe for concurrent use.
type nativeClient struct {
	user     mimi.URI
	vouch    vouching
	http     poster
	assets   downloader // nil until it runs
	dir      *stateDir
	print    *clientPrinter
	capture  *os.File
	consent  string // consentAll or consentAsk
	findable bool
	suites   []mls.CipherSuite // of which key packages are given away

	mu      sync.Mutex
	state   *clientState
	rooms   map[mimi.URI]*nativeRoom
	ctx     context.Context // ends senders; set by start
	running map[string]bool // providers to which a goroutine sends what is owed
	senders sync.WaitGroup
}

// poster sends a request to another provider.
type poster interface {
	Post(ctx context.Context, provider string, e mimi.Endpoint, uri mimi.URI, body []byte) (mimihttp.Reply, error)
}

type nativeRoom struct {
	room    *follower.Room
	sending bool                           // a goroutine brings its requests to the hub
	wakes   time.Time                      // when a goroutine lets the room do something by itself; zero: none waits
	rest    context.CancelFunc             // ends its wait; nil: there was none
	tried   map[mimi.URI]follower.WishKind // of devices that came or went, or were refused that
	heard   []heardMessage                 // the newest last
	renews  time.Time                      // no keys of ours are renewed before
}

// newNativeClient restores a client from its directory, or makes one with a new key.
func newNativeClient(user mimi.URI, dir *stateDir, transport poster, print *clientPrinter, vouch vouching) (*nativeClient, error) {
	c := &nativeClient{user: user, suites: mls.CipherSuites(), vouch: vouch, http: transport, dir: dir, print: print, rooms: map[mimi.URI]*nativeRoom{}, running: map[string]bool{}}
	var err error
	if c.state, err = dir.load(); err != nil {
		return nil, err
	}
	if c.state == nil {
		first, err := newDevice(clientDevice)
		if err != nil {
			return nil, err
		}
		c.state = &clientState{Version: clientStateVersion, User: user, Devices: []storedDevice{first}, Using: first.Name, Rooms: map[string]map[string][]byte{}}
		if err := dir.save(c.state); err != nil {
			return nil, err
		}
	}
	if c.state.User != user {
		return nil, fmt.Errorf("the state directory belongs to %s", c.state.User)
	}
	for name, parts := range c.state.Rooms {
		room, err := follower.Load(parts, c.options(nil))
		if err != nil {
			return nil, fmt.Errorf("room %s: %w", name, err)
		}
		c.rooms[room.URI()] = &nativeRoom{room: room}
	}
	return c, nil
}

func freshSeed() (s mls.Seed) {
	rand.Read(s[:])
	return s
}

// start goes on with what was on the way when the state was stored.
func (c *nativeClient) start(ctx context.Context) {
	c.mu.Lock()
	c.ctx = ctx
	var rooms []mimi.URI
	for uri := range c.rooms {
		rooms = append(rooms, uri)
	}
	c.runErrands()
	c.mu.Unlock()
	for _, uri := range rooms {
		err := c.step(uri, func(r *follower.Room) (follower.Output, error) { return r.Resume(time.Now(), freshSeed()), nil })
		if err != nil {
			c.print.error(err)
		}
	}
	c.alignAll()
}

// wait returns when no request is on the way any more; the context given to start must have ended.
func (c *nativeClient) wait() { c.senders.Wait() }

// options gives a room our keys. Key packages that a Welcome used are noted.
func (c *nativeClient) options(used *[]int) follower.Options {
	return follower.Options{
		Parallel:     parallel.Do,
		Authenticate: c.vouch.authenticate,
		Credential:   c.renewedCredential,
		Member: func(seed mls.Seed, suite mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
			d, ours := c.device(client)
			if !ours {
				return nil, fmt.Errorf("%s is not our client", client)
			}
			return c.newKeyPackage(seed, cmp.Or(suite, clientSuite), d, now, nil)
		},
		KeyPackage: func(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) {
			i, keys := c.findKeyPackage(ref)
			if keys != nil && used != nil {
				*used = append(*used, i)
			}
			return keys, keys != nil
		},
	}
}

// step changes a room by f, and lets the devices of the user follow.
func (c *nativeClient) step(uri mimi.URI, f func(*follower.Room) (follower.Output, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stepLocked(uri, f); err != nil {
		return err
	}
	c.align(uri)
	c.forget()
	return nil
}

// stepLocked changes a room by f: what comes of it is stored, then printed, then sent. A room that does not exist yet begins with it.
func (c *nativeClient) stepLocked(uri mimi.URI, f func(*follower.Room) (follower.Output, error)) error {
	var used []int
	options := c.options(&used)
	entry, known := c.rooms[uri]
	var before *follower.Room
	if known {
		before = entry.room
	} else {
		if len(c.rooms) >= maxClientRooms {
			return fmt.Errorf("more than %d rooms", maxClientRooms)
		}
		entry = &nativeRoom{}
	}
	current := follower.New(uri, options)
	if known {
		current = before.WithOptions(options)
	}
	out, err := f(current)
	if err != nil {
		return err
	}
	if !known && out.Next.Group() == nil && out.Next.Idle() { // nothing began, as with a Welcome that leads nowhere
		for _, e := range out.Events {
			c.print.event(out.Next, e)
		}
		return nil
	}
	if err := c.store(uri, before, out.Next, used); err != nil {
		return err
	}
	entry.room = out.Next
	c.rooms[uri] = entry
	for _, e := range out.Events {
		switch e := e.(type) {
		case follower.Removed:
			entry.tried = nil // when the user is back, its devices are
		case follower.Message:
			entry.hear(uri, &e)
		case follower.Joined, follower.Epoch, follower.Refused:
			entry.restRenewals(e, time.Now())
		}
		c.print.event(out.Next, e)
	}
	if entry.room.InFlight() != nil && !entry.sending && c.ctx != nil && c.ctx.Err() == nil {
		entry.sending = true
		c.senders.Add(1)
		go c.send(c.ctx, uri)
	}
	c.wake(uri, entry)
	return nil
}

// wake lets a room do what is due when it is: a room that is behind comes back even if its hub is silent. What is due earlier than what is
// waited for takes its place.
func (c *nativeClient) wake(uri mimi.URI, entry *nativeRoom) {
	at := entry.wake()
	if at.IsZero() || !entry.wakes.IsZero() && !at.Before(entry.wakes) || c.ctx == nil || c.ctx.Err() != nil {
		return
	}
	if entry.rest != nil {
		entry.rest()
	}
	ctx, rest := context.WithCancel(c.ctx)
	entry.wakes, entry.rest = at, rest
	c.senders.Go(func() {
		defer rest()
		for wait := time.Until(at); ; wait = maxRetry {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			c.mu.Lock()
			if entry.wakes.Equal(at) {
				entry.wakes = time.Time{}
			}
			c.mu.Unlock()
			err := c.step(uri, func(r *follower.Room) (follower.Output, error) { return entry.renew(r, time.Now()), nil })
			if err == nil {
				return
			}
			c.print.error(err)
		}
	})
}

// store writes the change of a room, and forgets the key packages that it used. Without success nothing has changed.
func (c *nativeClient) store(uri mimi.URI, before, after *follower.Room, used []int) error {
	change := after.Parts(before)
	if len(change.Set) == 0 && len(change.Drop) == 0 && len(used) == 0 {
		return nil
	}
	next := *c.state
	next.Rooms = maps.Clone(c.state.Rooms)
	parts := maps.Clone(next.Rooms[uri.String()])
	if parts == nil {
		parts = map[string][]byte{}
	}
	for _, name := range change.Drop {
		delete(parts, name)
	}
	maps.Copy(parts, change.Set)
	next.Rooms[uri.String()] = parts
	next.KeyPackages = without(c.state.KeyPackages, used)
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	return nil
}

// send brings a room's requests to its hub, one after the other, each until it is answered.
func (c *nativeClient) send(ctx context.Context, uri mimi.URI) {
	defer c.senders.Done()
	wait := firstRetry
	for {
		c.mu.Lock()
		request := c.rooms[uri].room.InFlight()
		if request == nil {
			c.rooms[uri].sending = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		reply, err := c.http.Post(ctx, uri.Provider(), request.Endpoint, uri, request.Body)
		if err == nil && reply.Status != http.StatusTooManyRequests && reply.Status < http.StatusInternalServerError {
			wait = firstRetry
			err = c.step(uri, func(r *follower.Room) (follower.Output, error) {
				return r.Answer(time.Now(), freshSeed(), request, reply.Status, reply.Body), nil
			})
			if err == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("%s at %s: status %d", request.Endpoint, uri.Provider(), reply.Status)
		}
		c.print.error(fmt.Errorf("%w; trying again", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(wait, reply.RetryAfter)):
		}
		wait = min(2*wait, maxRetry)
	}
}

// wish is carried out by a device of the user.
func (c *nativeClient) wish(room mimi.URI, w follower.Wish) error {
	return c.step(room, func(r *follower.Room) (follower.Output, error) {
		w.Client = c.acting(r)
		return r.Do(time.Now(), freshSeed(), w), nil
	})
}

// mayBring says whether a hub may tell of a room: one that is known, or there is space for another, of this provider and of all.
func (c *nativeClient) mayBring(room mimi.URI) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms[room] != nil {
		return true
	}
	n := 0
	for uri := range c.rooms {
		if uri.Provider() == room.Provider() {
			n++
		}
	}
	return n < maxBrought && len(c.rooms) < maxClientRooms-ownRooms
}

// Notify takes what a hub tells about a room.
func (c *nativeClient) Notify(_ context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	c.record(room, body)
	if !c.mayBring(room) {
		return http.StatusForbidden, []byte("the user is in too many rooms")
	}
	err := c.step(room, func(r *follower.Room) (follower.Output, error) {
		return r.Notify(time.Now(), freshSeed(), peer, body)
	})
	switch {
	case err == nil:
		return http.StatusCreated, nil
	case errors.Is(err, follower.ErrAhead):
		return http.StatusServiceUnavailable, []byte(err.Error())
	case errors.Is(err, follower.ErrNotHub):
		return http.StatusForbidden, []byte(err.Error())
	case errors.Is(err, follower.ErrMalformed):
		return http.StatusBadRequest, []byte(err.Error())
	case errors.Is(err, follower.ErrNoRoom):
		return http.StatusNotFound, []byte(err.Error())
	}
	c.print.error(err)
	return http.StatusInternalServerError, []byte("the notification could not be stored")
}

// Update, SubmitMessage and GroupInfo are for hubs: this provider owns no rooms.
func (c *nativeClient) Update(context.Context, string, mimi.URI, []byte) (int, []byte) {
	return http.StatusNotFound, []byte("this provider owns no rooms")
}

// SubmitMessage refuses like Update.
func (c *nativeClient) SubmitMessage(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	return c.Update(ctx, peer, room, body)
}

// GroupInfo refuses like Update.
func (c *nativeClient) GroupInfo(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	return c.Update(ctx, peer, room, body)
}

// record appends a notify body to the capture file.
func (c *nativeClient) record(room mimi.URI, body []byte) {
	if c.capture == nil {
		return
	}
	line, err := json.Marshal(struct {
		Endpoint string   `json:"endpoint"`
		Room     mimi.URI `json:"room"`
		Body     []byte   `json:"body"`
	}{captureEndpoint, room, body})
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.capture.Write(append(line, '\n')); err != nil {
		c.print.error(err)
	}
}

// members prints who takes part.
func (c *nativeClient) members(uri mimi.URI) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.rooms[uri]
	if entry == nil || entry.room.Group() == nil {
		return fmt.Errorf("members: %s was never joined", uri)
	}
	c.print.members(entry.room)
	return nil
}

// decrypt tries to read an MLSMessage, in hexadecimal, with the keys that a room's group holds, and changes nothing. It shows that who was
// removed cannot read on, whatever it kept.
func (c *nativeClient) decrypt(uri mimi.URI, text string) error {
	encoded, err := hex.DecodeString(text)
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	var m mls.Message
	if err := wire.Unmarshal(encoded, &m); err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.rooms[uri]
	if entry == nil || entry.room.Group() == nil {
		return fmt.Errorf("decrypt: %s was never joined", uri)
	}
	if m.Private == nil {
		return errors.New("decrypt: not a PrivateMessage")
	}
	_, message, err := entry.room.Group().Unprotect(&m)
	c.print.decrypted(entry.room, message, err)
	return nil
}

// say sends a text to a room. Where the group has a franking agent we commit to the text, as ourselves and for this room, so that whoever reads it can
// prove it in a report of abuse (docs/decisions/123-franking.md).
func (c *nativeClient) say(uri mimi.URI, text string) error {
	m, err := plainContent(text)
	if err != nil {
		return err
	}
	m.Sender, m.Room = c.user.String(), uri.String()
	wish := follower.Wish{Kind: follower.Send}
	if wish.Data, err = m.Encode(); err != nil {
		return err
	}
	return c.step(uri, func(r *follower.Room) (follower.Output, error) {
		wish.Client = c.acting(r)
		if g := r.Group(); g != nil {
			wish.AAD, _ = mimi.CommittedAAD(g.Public(), m.Salt[:], wish.Data)
		}
		return r.Do(time.Now(), freshSeed(), wish), nil
	})
}

// plainContent is a MIMI content message with a text and nothing else.
func plainContent(text string) (*content.Message, error) {
	if text == "" {
		return nil, errors.New("send: no text")
	}
	m := &content.Message{Body: content.Part{Disposition: content.Render, Cardinality: content.Single, ContentType: content.TypePlain, Content: []byte(text)}}
	rand.Read(m.Salt[:])
	return m, nil
}
