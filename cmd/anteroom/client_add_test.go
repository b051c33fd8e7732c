package main

import (
	"fmt"
	"strings"
	"testing"

	"anteroom/mimi"
)

// Who was asked for consent is remembered, so many and no more, until it answers; an answer of somebody else, or about another room, changes nothing.
func TestWantedAdditions(t *testing.T) {
	c := openClient(t, t.TempDir())
	other := mimi.MustURI("mimi://a.example/r/orchard")
	user := func(i int) mimi.URI { return mimi.MustURI(fmt.Sprintf("mimi://d.example/u/u%d", i)) }
	for i := range maxWanted + 3 {
		if err := c.askFirst(storedAddition{Room: testRoom, User: user(i), Role: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.askFirst(storedAddition{Room: testRoom, User: user(maxWanted), Role: 5}); err != nil { // again: the newest counts
		t.Fatal(err)
	}
	if n := len(c.state.Wanted); n != maxWanted || c.state.Wanted[0].User != user(3) || c.state.Wanted[n-1].Role != 5 {
		t.Fatalf("%d are wanted, from %+v to %+v", n, c.state.Wanted[0], c.state.Wanted[n-1])
	}
	if err := c.askFirst(storedAddition{Room: other, User: user(10), Role: 2}); err != nil {
		t.Fatal(err)
	}
	n := len(c.state.Wanted)
	for what, q := range map[string]mimi.ConsentEntry{
		"somebody else": {Operation: mimi.ConsentGrant, Target: user(maxWanted + 50)},
		"another room":  {Operation: mimi.ConsentGrant, Target: user(11), Room: other},
	} {
		if c.decided(&q); len(c.state.Wanted) != n {
			t.Errorf("%s: %d are wanted, were %d", what, len(c.state.Wanted), n)
		}
	}
	for what, q := range map[string]mimi.ConsentEntry{
		"a refusal":             {Operation: mimi.ConsentRevoke, Target: user(12)},
		"consent to all rooms":  {Operation: mimi.ConsentGrant, Target: user(13)},
		"consent to this one":   {Operation: mimi.ConsentGrant, Target: user(14), Room: testRoom},
		"consent to the second": {Operation: mimi.ConsentGrant, Target: user(10), Room: other},
	} {
		n--
		if c.decided(&q); len(c.state.Wanted) != n {
			t.Errorf("%s: %d are wanted, want %d", what, len(c.state.Wanted), n)
		}
	}
}

// Commands to add somebody that cannot come true say why.
func TestAddCommand(t *testing.T) {
	c := openClient(t, t.TempDir())
	for line, want := range map[string]string{
		"add mimi://a.example/r/garden":                            "is not a user",
		"add mimi://a.example/r/garden mimi://a.example/r/garden":  "is not a user",
		"add mimi://a.example/r/garden mimi://d.example/u/cathy x": "not the number of a role",
		"add mimi://a.example/r/garden mimi://d.example/u/cathy 1": "not the number of a role",
		"add mimi://a.example/r/garden mimi://d.example/u/cathy":   "we are not in",
		"device delete cli": "only device",
		"device add":        "no name for a device",
		"device use none":   "there is no device",
		"device":            "wants add, delete, use or list",
	} {
		if _, err := c.command(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
