package sim

import (
	"fmt"
	"testing"
	"time"

	"anteroom/mls"
	"anteroom/mucmap"
)

// hours lets so many hours pass, with every room looking at the clock when it wants to.
func (w *World) hours(n int) error {
	end := w.Now.Add(time.Duration(n) * time.Hour)
	for turns := 0; w.Now.Before(end) && w.Wake(end.Sub(w.Now)); turns++ {
		if turns == 10_000 {
			return fmt.Errorf("sim: rooms do not let the clock go on")
		}
		if err := w.Settle(); err != nil {
			return err
		}
	}
	w.Now = end
	return nil
}

// fresh holds that no leaf has keys that have served for longer than it takes to renew those of all leaves of a room.
func (w *World) fresh(hub, name string) error {
	slack := uint64(4 * mucmap.MaxRenewalPause / time.Second)
	every := mls.RenewalInterval{Encryption: uint64(RenewEncryption/time.Second) + slack, Signature: uint64(RenewSignature/time.Second) + slack}
	for p, g := range w.groups(hub, name) {
		if late := g.RenewalDue(uint64(w.Now.Unix()), every); len(late) > 0 {
			return fmt.Errorf("%s: keys of leaf %d serve since %d and %d, it is %d", p, late[0].Leaf, late[0].Since, late[0].SignatureSince, w.Now.Unix())
		}
	}
	return nil
}

// keysOf are the encryption and signature keys of all leaves, as one provider has them.
func keysOf(g *mls.Group) map[string]bool {
	all := map[string]bool{}
	for _, node := range g.Public().Leaves() {
		all[string(node.EncryptionKey)], all[string(node.SignatureKey)] = true, true
	}
	return all
}

// Leaves on both sides get new keys while nobody says anything, and afterwards everybody hears everybody.
func TestRenewal(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	before := keysOf(w.groups("a.example", "garden")["a.example"])
	if err := w.hours(12); err != nil {
		t.Fatal(err)
	}
	groups := w.groups("a.example", "garden")
	if err := agree(groups, "a.example"); err != nil {
		t.Fatal(err)
	}
	if len(groups) != 2 {
		t.Fatalf("%d providers are in the room", len(groups))
	}
	if err := w.fresh("a.example", "garden"); err != nil {
		t.Fatal(err)
	}
	for key := range keysOf(groups["b.example"]) {
		if before[key] {
			t.Errorf("after 12 hours a leaf still has the key %x", key)
		}
	}
	for _, u := range []*User{juliet, romeo, nurse} {
		u.Say("this is " + u.Room.Resource())
		settle(t, w)
	}
	for _, u := range []*User{juliet, romeo, nurse} {
		if n := len(u.Texts()); n != 3 {
			t.Errorf("%s hears %d of 3 messages: %q", u.JID, n, u.Texts())
		}
	}
}
