package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// maxConsents bounds what a client remembers of those who asked and those whom it consented to. The oldest question is forgotten first.
const maxConsents = 256

// hubUser is the name of the user by which a provider of rooms is spoken to, as anteroom names it.
const hubUser = "/hub"

// How a client answers those who want to add it.
const (
	consentAll = "all" // everybody gets a key package
	consentAsk = "ask" // the user decides
)

// storedConsent is what the user decided about somebody, for one room or, without one, for all.
type storedConsent struct {
	Requester mimi.URI
	Room      mimi.URI `json:",omitzero"`
	Granted   bool     // false: asked and not answered yet
}

// consents says whether somebody may add our user to a room.
func (c *nativeClient) consents(requester, room mimi.URI) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.consent != consentAsk || slices.ContainsFunc(c.state.Consents, func(s storedConsent) bool {
		return s.Granted && s.Requester == requester && (s.Room.IsZero() || s.Room == room)
	})
}

// decide stores a decision in the place of earlier ones of the same scope; nil only forgets them.
func (c *nativeClient) decide(requester, room mimi.URI, decision *storedConsent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.state
	next.Consents = slices.DeleteFunc(slices.Clone(c.state.Consents), func(s storedConsent) bool {
		return s.Requester == requester && (s.Room == room || room.IsZero())
	})
	if decision != nil {
		for len(next.Consents) >= maxConsents {
			i := max(slices.IndexFunc(next.Consents, func(s storedConsent) bool { return !s.Granted }), 0)
			next.Consents = slices.Delete(next.Consents, i, i+1)
		}
		next.Consents = append(next.Consents, *decision)
	}
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	return nil
}

// RequestConsent takes the wish of somebody elsewhere to add our user (draft-ietf-mimi-protocol-06 §5.7).
func (c *nativeClient) RequestConsent(_ context.Context, peer string, target mimi.URI, body []byte) (int, []byte) {
	var q mimi.ConsentEntry
	if err := wire.Unmarshal(body, &q); err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	switch {
	case q.Target != target || q.Operation != mimi.ConsentRequest && q.Operation != mimi.ConsentCancel:
		return http.StatusBadRequest, []byte("not a consent request for this user")
	case q.Requester.Provider() != peer:
		return http.StatusForbidden, []byte("requesterUri: belongs to another provider")
	case target != c.user:
		return http.StatusNotFound, []byte("there is no such user")
	}
	if hub, err := mimi.UserURI(peer, hubUser); err == nil && q.Requester == hub && q.Room.Provider() == peer && q.Operation == mimi.ConsentRequest {
		c.print.letIn(q.Room) // the room itself asks us in: we knocked (docs/decisions/126-knocking.md)
		return http.StatusCreated, nil
	}
	var decision *storedConsent
	if q.Operation == mimi.ConsentRequest {
		decision = &storedConsent{Requester: q.Requester, Room: q.Room}
	}
	if c.consent == consentAsk && !(decision != nil && c.consents(q.Requester, q.Room)) {
		if err := c.decide(q.Requester, q.Room, decision); err != nil {
			c.print.error(err)
			return http.StatusInternalServerError, []byte("the question could not be stored")
		}
		c.print.consent(&q)
		return http.StatusCreated, nil
	}
	if decision != nil {
		if err := c.answerConsent(q.Requester, q.Room, mimi.ConsentGrant); err != nil {
			c.print.error(err)
			return http.StatusInternalServerError, []byte("the answer could not be stored")
		}
	}
	return http.StatusCreated, nil
}

// UpdateConsent takes what somebody whom we asked decided.
func (c *nativeClient) UpdateConsent(_ context.Context, peer string, requester mimi.URI, body []byte) (int, []byte) {
	var q mimi.ConsentEntry
	if err := wire.Unmarshal(body, &q); err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	switch {
	case q.Requester != requester || q.Operation != mimi.ConsentGrant && q.Operation != mimi.ConsentRevoke:
		return http.StatusBadRequest, []byte("not a decision about this user")
	case q.Target.Provider() != peer:
		return http.StatusForbidden, []byte("targetUri: belongs to another provider")
	case requester != c.user:
		return http.StatusNotFound, []byte("there is no such user")
	}
	c.print.consent(&q)
	c.decided(&q)
	return http.StatusCreated, nil
}

// consentCommand carries out: consent USER [ROOM], refuse USER [ROOM], ask USER [ROOM].
func (c *nativeClient) consentCommand(verb, rest string) error {
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return fmt.Errorf("%s: wants a user, and a room or none", verb)
	}
	user, err := mimi.ReadURI(fields[0])
	if err != nil || user.Kind() != mimi.KindUser || user.Provider() == c.user.Provider() {
		return fmt.Errorf("%s: %q is not a user of another provider", verb, fields[0])
	}
	var room mimi.URI
	if len(fields) == 2 {
		if room, err = mimi.ReadURI(fields[1]); err != nil || room.Kind() != mimi.KindRoom {
			return fmt.Errorf("%s: %q is not a room", verb, fields[1])
		}
	}
	var op mimi.ConsentOperation
	switch verb {
	case "ask":
		q := &mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: c.user, Target: user, Room: room}
		return c.owe(mimi.EndpointRequestConsent, user, q)
	case "consent":
		op, err = mimi.ConsentGrant, c.decide(user, room, &storedConsent{Requester: user, Room: room, Granted: true})
	default:
		op, err = mimi.ConsentRevoke, c.decide(user, room, nil)
	}
	if err != nil {
		return err
	}
	return c.answerConsent(user, room, op)
}

// knock asks to be let in by key packages that nobody asked for: those who may let people in add us by them (docs/decisions/126-knocking.md).
func (c *nativeClient) knock(room mimi.URI) error {
	hub, err := mimi.UserURI(room.Provider(), hubUser)
	if err != nil {
		return err
	}
	if err := c.decide(hub, room, &storedConsent{Requester: hub, Room: room, Granted: true}); err != nil {
		return err
	}
	return c.answerConsent(hub, room, mimi.ConsentGrant)
}

// answerConsent tells a requester's provider what the user decided. A grant brings a key package of each device.
func (c *nativeClient) answerConsent(requester, room mimi.URI, op mimi.ConsentOperation) error {
	q := &mimi.ConsentEntry{Operation: op, Requester: requester, Target: c.user, Room: room}
	if op == mimi.ConsentGrant {
		packages, err := c.giveKeyPackages(clientSuite, time.Now())
		if err != nil {
			return err
		}
		q.KeyPackages = packages
	}
	return c.owe(mimi.EndpointUpdateConsent, requester, q)
}
