package follower_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var clara = mimi.MustURI("mimi://c.example/d/clara/phone")

// certify makes a key package whose credential somebody vouches for.
func certify(w *world, circle *pkitest.Circle, client mimi.URI) *mls.KeyPackageSecrets {
	w.t.Helper()
	signer, err := mls.NewSigner(suite, w.seed())
	w.must(err)
	credential, err := circle.Issue(client, suite, signer.Public, w.now)
	w.must(err)
	extensions, err := mimi.LeafExtensions(client.Name())
	w.must(err)
	kp, err := mls.NewKeyPackage(w.seed(), mls.KeyPackageParams{Signer: signer, Credential: credential, Capabilities: mimi.LeafCapabilities(suite), LeafExtensions: extensions,
		Lifetime: mls.Lifetime{NotBefore: uint64(w.now.Unix()) - 60, NotAfter: uint64(w.now.Unix()) + 400*24*3600}})
	w.must(err)
	return kp
}

// A hub cannot invent members of a third provider for who verifies certificates: the commit that brings one is not followed, and the room is not entered
// anew as long as the invention is a member. Who has a certificate by its own provider's authority is welcome.
func TestHubCannotInventMembers(t *testing.T) {
	for name, test := range map[string]struct {
		make func(w *world, circle *pkitest.Circle) *mls.KeyPackageSecrets
		rule string
	}{
		"certified": {func(w *world, circle *pkitest.Circle) *mls.KeyPackageSecrets { return certify(w, circle, clara) }, ""},
		"by somebody else's authority": {func(w *world, _ *pkitest.Circle) *mls.KeyPackageSecrets {
			return certify(w, pkitest.New(w.t, w.now, "c.example"), clara)
		}, "x509-unknown-authority"},
		"basic": {func(w *world, _ *pkitest.Circle) *mls.KeyPackageSecrets {
			kp, err := keyPackage(w.seed(), clara, w.now)
			w.must(err)
			return kp
		}, "credential-basic"},
	} {
		t.Run(name, func(t *testing.T) {
			w := both(t)
			circle := believe(w)
			w.events = nil
			w.commit(addOf(test.make(w, circle)))
			w.deliver()
			lost := slices.IndexFunc(w.events, func(e follower.Event) bool { _, is := e.(follower.Lost); return is })
			if (lost >= 0) != (test.rule != "") {
				t.Fatalf("events %v", w.events)
			}
			if test.rule == "" {
				w.agree()
				return
			}
			if why := w.events[lost].(follower.Lost).Text; !strings.Contains(why, test.rule) {
				t.Errorf("lost because %q, want %s", why, test.rule)
			}
			if role := w.room.State().RoleOf(clara.ClientUser()); role != mimi.RoleNone {
				t.Error("the invention takes part")
			}
		})
	}
}

// believe lets b.example verify: basic credentials of a.example and its own are accepted, others need a certificate.
func believe(w *world) *pkitest.Circle {
	w.t.Helper()
	circle := pkitest.New(w.t, w.now, "c.example")
	circle.Trust.Basic = func(provider string) bool { return provider != "c.example" }
	options := followOptions
	options.Authenticate = circle.Verifier().Authenticate
	room, err := follower.Load(w.stored, options)
	w.must(err)
	w.room = room
	return circle
}

func addOf(kp *mls.KeyPackageSecrets) mls.CommitParams {
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: clara.ClientUser(), Role: roleGuest}}}
	return mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}, mls.Add{KeyPackage: kp.KeyPackage}}}
}

// What a hub accepted while a certificate was valid is followed by who hears of it later, when the certificate is over: everybody must come to the same
// epoch. But a hub is not believed that it was long ago.
func TestCertificateThatEndsOnTheWay(t *testing.T) {
	for _, test := range []struct {
		name  string
		later time.Duration // than the hub's acceptance
		lost  bool
	}{
		{"at once", 0, false},
		{"soon", 2 * 24 * time.Hour, false},
		{"long after", follower.MaxLateness + 2*24*time.Hour, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := both(t)
			circle := believe(w)
			kp := certify(w, circle, clara)
			w.now = w.now.Add(89*24*time.Hour + 12*time.Hour) // it is valid for another half day
			w.hub = w.hub.WithGroup(w.hub.Group().WithNow(uint64(w.now.Unix())))
			w.events = nil
			w.commit(addOf(kp))
			w.now = w.now.Add(test.later)
			w.deliver()
			lost := slices.ContainsFunc(w.events, func(e follower.Event) bool { _, is := e.(follower.Lost); return is })
			if lost != test.lost {
				t.Errorf("lost %v, want %v: %v", lost, test.lost, w.events)
			}
		})
	}
}
