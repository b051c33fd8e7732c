package main

import (
	"fmt"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Others bring the user into no more than so many rooms of one provider, and of all providers; it enters more by itself. A Welcome that leads nowhere makes no room,
// however often it comes.
func TestRoomsAreBounded(t *testing.T) {
	c := openClient(t, t.TempDir())
	keys, err := c.newKeyPackage(freshSeed(), clientSuite, &c.state.Devices[0], time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := keys.KeyPackage.Ref()
	if err != nil {
		t.Fatal(err)
	}
	c.state.KeyPackages = append(c.state.KeyPackages, storedKeyPackage{KeyPackage: wire.Marshal(&keys.KeyPackage), Init: keys.Init, Leaf: keys.Leaf})
	nowhere := wire.Marshal(&mimi.FanoutMessage{Timestamp: 1, RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeFull, Tree: []*mls.Node{{Leaf: &keys.KeyPackage.LeafNode}}}, Message: &mls.Message{Format: mls.WireFormatWelcome,
		Welcome: &mls.Welcome{Suite: clientSuite, Secrets: []mls.EncryptedGroupSecrets{{NewMember: ref}}}}})
	for n := range 3 {
		uri := mimi.MustURI(fmt.Sprintf("mimi://a.example/r/nowhere%d", n))
		if status, text := c.Notify(t.Context(), "a.example", uri, nowhere); status != 201 || len(c.rooms) != 0 {
			t.Fatalf("%d %s, %d rooms", status, text, len(c.rooms))
		}
	}
	fill := func(provider string, n int) {
		for i := range n {
			uri := mimi.MustURI(fmt.Sprintf("mimi://%s/r/room%d", provider, i))
			c.rooms[uri] = &nativeRoom{room: follower.New(uri, follower.Options{})}
		}
	}
	brings := func(room string) int {
		status, _ := c.Notify(t.Context(), mimi.MustURI(room).Provider(), mimi.MustURI(room), []byte("x"))
		return status
	}
	fill("a.example", maxBrought)
	for room, want := range map[string]int{"mimi://a.example/r/more": 403, "mimi://a.example/r/room7": 400, "mimi://d.example/r/room": 400} {
		if got := brings(room); got != want {
			t.Errorf("%s: %d, want %d", room, got, want)
		}
	}
	for i := 1; len(c.rooms) < maxClientRooms-ownRooms; i++ {
		fill(fmt.Sprintf("p%d.example", i), min(maxBrought, maxClientRooms-ownRooms-len(c.rooms)))
	}
	if got := brings("mimi://d.example/r/room"); got != 403 {
		t.Errorf("all are full: %d", got)
	}
	if err := c.wish(mimi.MustURI("mimi://d.example/r/room"), follower.Wish{Kind: follower.Join}); err != nil || len(c.rooms) != maxClientRooms-ownRooms+1 {
		t.Errorf("the user enters one more: %v, %d rooms", err, len(c.rooms))
	}
}
