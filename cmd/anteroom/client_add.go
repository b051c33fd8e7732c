package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// maxWanted bounds the users who are to be added as soon as they consent. The oldest is forgotten first.
const maxWanted = 64

// storedAddition is a user who was asked for consent and is added to a room when it is given.
type storedAddition struct {
	Room, User mimi.URI
	Role       mimi.RoleIndex
}

// addCommand carries out: add URI USER [NUMBER]. The key packages come from the user's provider by way of the room's hub; where the user has not
// consented it is asked, and added when it does (draft-mahy-mimi-group-chat, "Basic Operations", ways 1 and 2).
func (c *nativeClient) addCommand(room mimi.URI, rest string) error {
	name, number, _ := strings.Cut(rest, " ")
	user, err := mimi.ReadURI(name)
	if err != nil || user.Kind() != mimi.KindUser {
		return fmt.Errorf("add: %q is not a user", name)
	}
	a := storedAddition{Room: room, User: user}
	if number = strings.TrimSpace(number); number != "" {
		role, err := strconv.ParseUint(number, 10, 32)
		if err != nil || role <= uint64(mimi.RoleBanned) {
			return fmt.Errorf("add: %q is not the number of a role for somebody who takes part", number)
		}
		a.Role = mimi.RoleIndex(role)
	}
	return c.seek(a)
}

// seek asks for key packages, in the name of the device that will add.
func (c *nativeClient) seek(a storedAddition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.rooms[a.Room]
	if entry == nil || !entry.room.Member() {
		return fmt.Errorf("add: we are not in %s", a.Room)
	}
	r := entry.room
	if a.Role == mimi.RoleNone {
		role, ok := addedRole(r.State(), c.user)
		if !ok {
			return fmt.Errorf("add: our role in %s lets nobody in", a.Room)
		}
		a.Role = role
	}
	if r.State().RoleOf(a.User) != mimi.RoleNone {
		return fmt.Errorf("add: %s takes part in %s already", a.User, a.Room)
	}
	leaf, ok := r.Leaf(c.acting(r))
	if !ok {
		return fmt.Errorf("add: no device of ours is in %s", a.Room)
	}
	node, _ := r.Group().Public().Leaf(leaf)
	q := &mimi.KeyMaterialRequest{Requester: c.user, Target: a.User, Room: a.Room, Suites: []mls.CipherSuite{r.Group().Public().Suite()}, Required: required(r.Group().Public()),
		Credential: node.Credential}
	signer, err := r.Group().Signer(leaf)
	if err != nil {
		return err
	}
	if err := q.Sign(signer); err != nil {
		return err
	}
	if c.ctx == nil {
		return errors.New("add: the client has not started")
	}
	body, ctx := wire.Marshal(q), c.ctx
	c.senders.Go(func() {
		if err := c.add(ctx, a, body); err != nil && ctx.Err() == nil {
			c.print.error(err)
		}
	})
	return nil
}

// add brings the request to the hub, and wishes for the addition, or for consent.
func (c *nativeClient) add(ctx context.Context, a storedAddition, body []byte) error {
	reply, err := c.http.Post(ctx, a.Room.Provider(), mimi.EndpointKeyMaterial, a.User, body)
	if err != nil {
		return fmt.Errorf("add: %w", err)
	}
	if reply.Status != http.StatusOK {
		c.print.notAdded(a, clientEvent{Status: reply.Status, Text: string(reply.Body[:min(len(reply.Body), mimi.MaxErrorText)])})
		return nil
	}
	var answer mimi.KeyMaterialResponse
	if err := wire.Unmarshal(reply.Body, &answer); err != nil {
		return fmt.Errorf("add: the answer about %s: %w", a.User, err)
	}
	code := uint8(answer.Code)
	switch answer.Code {
	case mimi.KeyMaterialSuccess, mimi.KeyMaterialPartial:
	case mimi.KeyMaterialNoConsent, mimi.KeyMaterialNoConsentForRoom:
		return c.askFirst(a)
	case mimi.KeyMaterialUserUnknown, mimi.KeyMaterialUserDeleted:
		c.print.notAdded(a, clientEvent{Code: &code, Text: "there is no such user"})
		return nil
	default:
		c.print.notAdded(a, clientEvent{Code: &code, Text: "no client of the user's fits this room"})
		return nil
	}
	addition := follower.Addition{User: a.User, Role: a.Role}
	for i := range answer.Clients {
		if kp := answer.Clients[i].KeyPackage; kp != nil {
			addition.Packages = append(addition.Packages, *kp)
		}
	}
	return c.step(a.Room, func(r *follower.Room) (follower.Output, error) {
		if s := r.State(); s != nil && !s.Base().MultiDevice && len(addition.Packages) > 1 {
			addition.Packages = addition.Packages[:1]
		}
		return r.Do(time.Now(), freshSeed(), follower.Wish{Kind: follower.Change, Client: c.acting(r), Adds: []follower.Addition{addition}}), nil
	})
}

// askFirst asks a user for its consent, and remembers what for.
func (c *nativeClient) askFirst(a storedAddition) error {
	err := c.want(func(all []storedAddition) []storedAddition {
		all = slices.DeleteFunc(all, func(s storedAddition) bool { return s.Room == a.Room && s.User == a.User })
		return append(all[max(0, len(all)-maxWanted+1):], a)
	})
	if err != nil {
		return err
	}
	c.print.asked(a)
	return c.owe(mimi.EndpointRequestConsent, a.User, &mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: c.user, Target: a.User, Room: a.Room})
}

// want stores a change of who is to be added.
func (c *nativeClient) want(change func([]storedAddition) []storedAddition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.state
	next.Wanted = change(slices.Clone(c.state.Wanted))
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	return nil
}

// decided goes on when a user has answered: who consents is added to the rooms that it was asked for.
func (c *nativeClient) decided(q *mimi.ConsentEntry) {
	var due []storedAddition
	err := c.want(func(all []storedAddition) []storedAddition {
		return slices.DeleteFunc(all, func(a storedAddition) bool {
			meant := a.User == q.Target && (q.Room.IsZero() || q.Room == a.Room)
			if meant && q.Operation == mimi.ConsentGrant {
				due = append(due, a)
			}
			return meant
		})
	})
	if err != nil {
		c.print.error(err)
		return
	}
	for _, a := range due {
		if err := c.seek(a); err != nil {
			c.print.error(err)
		}
	}
}

// addedRole is the role in which a participant adds others, if nothing else is asked for: the first that its own may give and that may speak, or the
// first at all.
func addedRole(s *policy.State, by mimi.URI) (mimi.RoleIndex, bool) {
	for _, speaking := range []bool{true, false} {
		for i := range s.Roles() {
			r := &s.Roles()[i]
			if r.Index > mimi.RoleBanned && s.MayChange(by, mimi.RoleNone, r.Index) && (!speaking || r.Has(mimi.CanSendMessage)) {
				return r.Index, true
			}
		}
	}
	return mimi.RoleNone, false
}

// required is what a room demands of everybody's clients.
func required(pg *mls.PublicGroup) (all mls.RequiredCapabilities) {
	for _, e := range pg.Context().Extensions {
		if e.Type == mls.ExtensionRequiredCapabilities && wire.Unmarshal(e.Data, &all) != nil {
			return mls.RequiredCapabilities{} // a group with a malformed one does not exist
		}
	}
	return all
}
