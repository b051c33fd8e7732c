package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// searched answers queries, and keeps what it was asked.
type searched struct {
	status int
	answer mimi.IdentifierResponse

	provider string
	asked    mimi.IdentifierRequest
}

func (s *searched) Post(_ context.Context, provider string, _ mimi.Endpoint, _ mimi.URI, body []byte) (mimihttp.Reply, error) {
	s.provider = provider
	if err := wire.Unmarshal(body, &s.asked); err != nil {
		return mimihttp.Reply{}, err
	}
	return mimihttp.Reply{Status: s.status, Body: wire.Marshal(&s.answer)}, nil
}

// finder is a client without rooms, with what it is answered and what it prints.
func finder(t *testing.T) (*nativeClient, *searched, *terminal) {
	t.Helper()
	dir, err := openStateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	s, w := &searched{status: 200}, &terminal{}
	c, err := newNativeClient(testBob.ClientUser(), dir, s, &clientPrinter{w: w, json: true}, vouching{})
	if err != nil {
		t.Fatal(err)
	}
	c.start(t.Context())
	return c, s, w
}

// draft-ietf-mimi-protocol-06 §5.8: what is asked of whom, and what of the answer is printed. A provider speaks for its own users and rooms alone.
func TestClientFinds(t *testing.T) {
	c, s, w := finder(t)
	mine, others := mimi.MustURI("mimi://a.example/u/alice"), mimi.MustURI("mimi://c.example/u/carol")
	s.answer = mimi.IdentifierResponse{Users: []mimi.URI{mine, others}, Profiles: []mimi.UserProfile{{User: mine, Fields: []mimi.ProfileField{{Source: mimi.SearchVCardField, Name: "FN", Value: []byte("Alice")}}}}}
	s.answer.Extensions = (mls.AppDataDictionary{}).With(mimi.ComponentAnteroomRooms, wire.Marshal(&mimi.FoundRooms{Rooms: []mimi.FoundRoom{
		{Room: mimi.MustURI("mimi://a.example/r/garden"), Name: "Garden"}, {Room: mimi.MustURI("mimi://c.example/r/cellar"), Name: "Cellar"}}}))
	want := []clientFound{{User: mine.String(), Name: "Alice"}, {Room: "mimi://a.example/r/garden", Name: "Garden"}}
	handle := func(v string) []mimi.QueryElement { return []mimi.QueryElement{{Type: mimi.SearchHandle, Value: v}} }
	for line, elements := range map[string][]mimi.QueryElement{
		"find alice@A.example":                  handle("im:alice@A.example"),
		"find mimi://a.example/u/alice":         handle("mimi://a.example/u/alice"),
		"find im:mimi=%40alice@a.example":       handle("mimi://a.example/u/alice"),
		"find Alice in Wonderland at a.example": {{Type: mimi.SearchPartialName, Value: "Alice in Wonderland"}},
		"rooms a.example rose garden":           nil,
	} {
		if _, err := c.command(line); err != nil {
			t.Fatal(err)
		}
		c.wait()
		if s.provider != "a.example" || !slices.Equal(s.asked.Elements, elements) {
			t.Errorf("%s asks %s for %+v, want %+v", line, s.provider, s.asked.Elements, elements)
		}
		if q, rooms, err := mimi.ParseRoomQuery(s.asked.Extensions); err != nil || rooms != (elements == nil) || rooms && q.Words != "rose garden" {
			t.Errorf("%s asks for rooms: %v %+v %v", line, rooms, q, err)
		}
		if e := w.events[len(w.events)-1]; e.Type != "found" || !slices.Equal(e.Found, want) {
			t.Errorf("%s prints %+v", line, e)
		}
	}
	if text := w.text.String(); !strings.Contains(text, "mimi://a.example/u/alice Alice\n") {
		t.Errorf("for people it prints %s", text)
	}
	for _, refusal := range []searched{{status: 429}, {status: 200, answer: mimi.IdentifierResponse{Code: mimi.IdentifierForbidden}}} {
		s.status, s.answer = refusal.status, refusal.answer
		if _, err := c.command("rooms a.example"); err != nil {
			t.Fatal(err)
		}
		c.wait()
		if e := w.events[len(w.events)-1]; e.Type != "refused" || e.Command != "rooms" || e.Endpoint != "identifierQuery" {
			t.Errorf("refused by %d and %d it prints %+v", refusal.status, refusal.answer.Code, e)
		}
	}
	for _, line := range []string{"find", "find alice", "rooms", "rooms b.example", "find bob@b.example", "rooms a/b"} {
		if _, err := c.command(line); err == nil {
			t.Errorf("%q asks somebody", line)
		}
	}
}

// The user is found by its whole address, if it wants to be.
func TestClientIsFound(t *testing.T) {
	c, _, _ := finder(t)
	bob := c.user.String()
	for _, findable := range []bool{false, true} {
		c.findable = findable
		for _, q := range []struct {
			elements []mimi.QueryElement
			finds    bool
		}{
			{[]mimi.QueryElement{{Type: mimi.SearchHandle, Value: bob}}, true},
			{[]mimi.QueryElement{{Type: mimi.SearchHandle, Value: "im:bob@b.example"}, {Type: mimi.SearchHandle, Value: bob}}, true},
			{[]mimi.QueryElement{{Type: mimi.SearchHandle, Value: bob}, {Type: mimi.SearchNick, Value: bob}}, false},
			{[]mimi.QueryElement{{Type: mimi.SearchPartialName, Value: bob}}, false},
			{[]mimi.QueryElement{{Type: mimi.SearchHandle, Value: "im:rob@b.example"}}, false},
			{nil, false},
		} {
			status, body := c.IdentifierQuery(t.Context(), "a.example", wire.Marshal(&mimi.IdentifierRequest{Elements: q.elements}))
			var a mimi.IdentifierResponse
			if err := wire.Unmarshal(body, &a); err != nil || status != 200 || (a.Code == mimi.IdentifierSuccess) != (findable && q.finds) || (len(a.Users) == 1) != (findable && q.finds) {
				t.Errorf("findable %v: %+v is answered with %d %+v %v", findable, q.elements, status, a, err)
			}
		}
	}
	if status, body := c.IdentifierQuery(t.Context(), "a.example", []byte{0xff}); status != 400 || bytes.Contains(body, []byte(bob)) {
		t.Errorf("nonsense is answered with %d %q", status, body)
	}
}
