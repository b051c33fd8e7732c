package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Searching other providers, and being found by them (draft-ietf-mimi-protocol-06 §5.8, docs/decisions/122-search.md).

// findCommand carries out what users of anteroom write to their service: find ADDRESS, find NAME at PROVIDER, rooms PROVIDER [WORDS].
func (c *nativeClient) findCommand(verb, rest string) error {
	words := strings.Fields(rest)
	if len(words) == 0 {
		return fmt.Errorf("%s: whom or what?", verb)
	}
	var provider string
	q := new(mimi.IdentifierRequest)
	switch n := len(words); {
	case verb == "rooms":
		provider = words[0]
		data := wire.Marshal(&mimi.RoomQuery{Words: strings.Join(words[1:], " ")})
		q.Extensions = (mls.AppDataDictionary{}).With(mimi.ComponentAnteroomRooms, data)
	case n >= 3 && words[n-2] == "at":
		provider = words[n-1]
		q.Elements = []mimi.QueryElement{{Type: mimi.SearchPartialName, Value: strings.Join(words[:n-2], " ")}}
	default:
		handle := strings.Join(words, " ")
		if u, err := mimi.ReadURI(handle); err == nil {
			provider, handle = u.Provider(), u.String()
		} else if at := strings.LastIndexByte(handle, '@'); at >= 0 {
			provider, handle = handle[at+1:], "im:"+handle
		}
		q.Elements = []mimi.QueryElement{{Type: mimi.SearchHandle, Value: handle}}
	}
	provider = strings.ToLower(provider)
	if mimi.CheckProvider(provider) != nil || provider == c.user.Provider() {
		return fmt.Errorf("%s: %q names no other provider", verb, provider)
	}
	if c.ctx == nil {
		return errors.New(verb + ": the client has not started")
	}
	ctx := c.ctx
	c.senders.Go(func() {
		if err := c.find(ctx, verb, provider, q); err != nil && ctx.Err() == nil {
			c.print.error(fmt.Errorf("%s: %w", verb, err))
		}
	})
	return nil
}

// find asks a provider and prints what it tells of its own users and rooms.
func (c *nativeClient) find(ctx context.Context, verb, provider string, q *mimi.IdentifierRequest) error {
	reply, err := c.http.Post(ctx, provider, mimi.EndpointIdentifierQuery, mimi.URI{}, wire.Marshal(q))
	if err != nil {
		return err
	}
	e := clientEvent{Type: "refused", Command: verb, Endpoint: string(mimi.EndpointIdentifierQuery)}
	if reply.Status != http.StatusOK {
		e.Status, e.Text = reply.Status, string(reply.Body[:min(len(reply.Body), mimi.MaxErrorText)])
		c.print.emit(e)
		return nil
	}
	var a mimi.IdentifierResponse
	if err := wire.Unmarshal(reply.Body, &a); err != nil {
		return err
	}
	rooms, err := mimi.ParseFoundRooms(a.Extensions)
	if err != nil {
		return err
	}
	if why, refused := searchRefusals[a.Code]; refused {
		code := uint8(a.Code)
		e.Code, e.Text = &code, why
		c.print.emit(e)
		return nil
	}
	e = clientEvent{Type: "found"}
	for _, u := range a.Users {
		if u.Provider() == provider {
			e.Found = append(e.Found, clientFound{User: u.String(), Name: fullName(&a, u)})
		}
	}
	for _, r := range rooms.Rooms {
		if r.Room.Provider() == provider {
			e.Found = append(e.Found, clientFound{Room: r.Room.String(), Name: r.Name})
		}
	}
	c.print.emit(e)
	return nil
}

// searchRefusals are the outcomes that are neither finding nor not finding.
var searchRefusals = map[mimi.IdentifierCode]string{
	mimi.IdentifierAmbiguous:        "too many fit",
	mimi.IdentifierForbidden:        "others may not search for this",
	mimi.IdentifierUnsupportedField: "there is no search by this",
}

// fullName is how a found user is called, "" if its provider does not tell.
func fullName(a *mimi.IdentifierResponse, u mimi.URI) string {
	for _, p := range a.Profiles {
		for _, f := range p.Fields {
			if p.User == u && f.Source == mimi.SearchVCardField && f.Name == "FN" {
				return string(f.Value)
			}
		}
	}
	return ""
}

// IdentifierQuery answers those who search by our user's whole address, if it wants to be found.
func (c *nativeClient) IdentifierQuery(_ context.Context, _ string, body []byte) (int, []byte) {
	var q mimi.IdentifierRequest
	if err := wire.Unmarshal(body, &q); err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	a := mimi.IdentifierResponse{Code: mimi.IdentifierNotFound}
	handles := []string{c.user.String(), "im:" + c.user.Name() + "@" + c.user.Provider()}
	other := func(e mimi.QueryElement) bool {
		return e.Type != mimi.SearchHandle || !slices.Contains(handles, e.Value)
	}
	if c.findable && len(q.Elements) > 0 && !slices.ContainsFunc(q.Elements, other) {
		a.Code, a.Users = mimi.IdentifierSuccess, []mimi.URI{c.user}
	}
	return http.StatusOK, wire.Marshal(&a)
}
