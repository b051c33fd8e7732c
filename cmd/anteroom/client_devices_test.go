package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// wantType returns the next event of a type and passes what comes before it.
func (s *session) wantType(kind string) clientEvent {
	s.t.Helper()
	var passed []clientEvent
	for {
		select {
		case e, ok := <-s.events:
			switch {
			case ok && e.Type == kind:
				return e
			case !ok || slices.Contains([]string{"error", "broken", "dropped", "refused"}, e.Type):
				s.t.Fatalf("%+v, want %s", e, kind)
			}
			passed = append(passed, e)
		case <-time.After(3 * time.Minute):
			s.t.Fatalf("no %s, only %+v", kind, passed)
		}
	}
}

// devices of bob's that are in the room, as the hub says.
func (h *testHub) devices() (names []string) {
	h.locked(func() {
		for _, node := range h.room.Group().Public().Leaves() {
			if client, err := mimi.CredentialClient(node.Credential); err == nil && client.ClientUser() == testBob.ClientUser() {
				names = append(names, client.Device())
			}
		}
	})
	slices.Sort(names)
	return names
}

// A device that is added joins the user's rooms by itself and one that is deleted leaves them, whatever the process does meanwhile; who adds the user
// adds all its devices (draft-mahy-mimi-group-chat, "Basic Operations").
func TestDevices(t *testing.T) {
	ca := newTestAuthority(t, "a.example", "b.example")
	address := freeAddress(t)
	h := newTestHub(t, ca.identity("a.example"), map[string]string{"b.example": address})
	command := &clientCommand{
		State: filepath.Join(t.TempDir(), "bob"), User: "mimi://b.example/u/bob", Listen: address, JSON: true,
		Certificate: ca.file("b.example.pem"), Key: ca.file("b.example.key"), Trust: []string{ca.file("ca.pem")}, Basic: []string{"a.example"}, Peer: map[string]string{"a.example": h.address},
	}
	want := func(names ...string) {
		t.Helper()
		if got := h.devices(); !slices.Equal(got, names) {
			t.Fatalf("bob's devices in the room are %q, want %q", got, names)
		}
	}

	bob := startClient(t, command)
	bob.tell("device add laptop")
	first := bob.want("device_added")
	bob.tell("device add laptop")
	if e := bob.want("error"); !strings.Contains(e.Text, "is there already") {
		t.Errorf("the same name twice: %+v", e)
	}
	h.locked(func() { h.act(mimi.Why{}, h.role(testBob.ClientUser(), testGuest)) })
	bob.tell("join %s", testRoom)
	if e := bob.want("joined"); !strings.HasSuffix(e.Client, "/cli") {
		t.Errorf("first joins %+v", e)
	}
	if e := bob.wantType("joined"); e.Client != first.Client {
		t.Errorf("then joins %+v", e)
	}
	want("cli", "laptop")
	bob.tell("device delete cli")
	bob.wantType("device_deleted")
	want("laptop")
	bob.tell("device delete laptop")
	if e := bob.want("error"); !strings.Contains(e.Text, "only device") {
		t.Errorf("the only device: %+v", e)
	}
	bob.tell("send %s from the laptop", testRoom)
	hear(t, h, "mimi://b.example/u/bob from the laptop")
	bob.wantType("sent")
	bob.quit()

	// While nobody looked the hub could not be reached: the next process does what is due.
	dir, err := openStateDir(command.State)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := dir.load()
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := newDevice("tablet")
	if err != nil {
		t.Fatal(err)
	}
	stored.Devices[0].Deleted = true
	stored.Devices, stored.Using = append(stored.Devices, tablet), "tablet"
	if err := dir.save(stored); err != nil {
		t.Fatal(err)
	}
	dir.Close()
	bob = startClient(t, command)
	bob.wantType("device_deleted")
	want("tablet")
	bob.quit()
}

// A key package is given for each device, and beyond the limit the one of last resort of each; those of a deleted device let nobody in any more.
func TestKeyPackagesOfDevices(t *testing.T) {
	c := openClient(t, t.TempDir())
	give := func() []mls.KeyPackage {
		t.Helper()
		kps, err := c.giveKeyPackages(clientSuite, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return kps
	}
	names := func(kps []mls.KeyPackage) (names []string) {
		for i := range kps {
			client, err := mimi.CredentialClient(kps[i].LeafNode.Credential)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, client.Device())
		}
		return names
	}
	for i := range maxDevices - 1 {
		if err := c.addDevice(fmt.Sprintf("d%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.addDevice("one-too-many"); err == nil {
		t.Errorf("more than %d devices", maxDevices)
	}
	if got := names(give()); len(got) != maxDevices || got[0] != clientDevice {
		t.Errorf("key packages of %q", got)
	}
	for range maxKeyPackages / maxDevices {
		give()
	}
	if a, b := give(), give(); fmt.Sprint(a) != fmt.Sprint(b) || len(c.state.KeyPackages) > maxKeyPackages+maxDevices {
		t.Errorf("beyond the limit, %d are out", len(c.state.KeyPackages))
	}
	old := give()[1]
	ref, err := old.Ref()
	if err != nil {
		t.Fatal(err)
	}
	if _, keys := c.findKeyPackage(ref); keys == nil {
		t.Fatal("a key package that was given is not found")
	}
	if err := c.deleteDevice(names([]mls.KeyPackage{old})[0]); err != nil {
		t.Fatal(err)
	}
	if _, keys := c.findKeyPackage(ref); keys != nil || len(give()) != maxDevices-1 {
		t.Error("a deleted device can still be added")
	}
}

// What a client stored when a user had one device is taken over.
func TestStateOfOneDevice(t *testing.T) {
	path := t.TempDir()
	d, err := newDevice("ignored")
	if err != nil {
		t.Fatal(err)
	}
	old, err := json.Marshal(map[string]any{"Version": oneDevice, "User": testBob.ClientUser(), "SignatureID": d.SignatureID, "Signature": d.Signature})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, clientStateFile), old, 0o600); err != nil {
		t.Fatal(err)
	}
	c := openClient(t, path)
	if got, ours := c.device(testBob); !ours || string(got.SignatureID) != string(d.SignatureID) || string(got.Signature) != string(d.Signature) || c.state.Version != clientStateVersion {
		t.Errorf("the device is %+v of version %d", got, c.state.Version)
	}
}
