package hub_test

import (
	"bytes"
	"errors"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// No octet of a request can be changed without its refusal, and no refusal changes the room.
func TestEveryOctetCounts(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	group, leaf := bobsGroup(w)
	_, m, err := group.Protect(w.seed(), leaf, []byte("text"), aad())
	w.must(err)
	submit := wire.Marshal(&mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()})
	commit := wire.Marshal(bobCommits(w))
	before, held := stored(w.room), w.room.Group()
	for _, test := range []struct {
		name   string
		body   []byte
		accept func(body []byte) bool
	}{
		{"update", commit, func(body []byte) bool {
			accepted, _, err := w.room.AcceptUpdate(w.now, "b.example", body)
			return accepted != nil || err == nil
		}},
		{"submitMessage", submit, func(body []byte) bool {
			accepted, _, err := w.room.AcceptSubmit(w.now, "b.example", body)
			return accepted != nil || err == nil
		}},
	} {
		for i := range test.body {
			body := bytes.Clone(test.body)
			body[i] ^= 0x41
			if test.accept(body) {
				t.Fatalf("%s: accepted with octet %d of %d changed", test.name, i, len(body))
			}
		}
		for n := range test.body {
			if test.accept(test.body[:n]) {
				t.Fatalf("%s: accepted when cut to %d octets", test.name, n)
			}
		}
		if !bytes.Equal(before, stored(w.room)) || w.room.Group() != held {
			t.Fatalf("%s: something changed", test.name)
		}
		if !test.accept(test.body) {
			t.Fatalf("%s: refused as it was", test.name)
		}
	}
}

// RFC 9420 §12.1.8: a client that was kicked while its user stays listed proposes its own return; the keeper commits it and the Welcome
// finds the way.
func TestNewMemberProposal(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.propose(alice, mls.Remove{Removed: w.leaf(bob)})
	w.commitPending()
	w.want("b.example", "joined bob", "epoch 2", "proposed 1", "epoch 3", "removed")
	kp := w.give(bob)
	m, err := mls.NewMemberProposal(w.room.Group().Public(), kp, aad())
	w.must(err)
	body := wire.Marshal(&mimi.UpdateRequest{Message: m})
	_, answer, err := w.room.AcceptUpdate(w.now, "c.example", body)
	wantUpdate(t, "by another provider", answer, err, mimi.UpdateNotAllowed, "foreign-user")
	accepted, _, err := w.room.AcceptUpdate(w.now, "b.example", body)
	w.take(accepted, err)
	w.commitPending()
	w.want("b.example", "joined bob")
	w.agree("b.example")

	stranger := w.give(carol)
	m, err = mls.NewMemberProposal(w.room.Group().Public(), stranger, aad())
	w.must(err)
	_, answer, err = w.room.AcceptUpdate(w.now, "c.example", wire.Marshal(&mimi.UpdateRequest{Message: m}))
	wantUpdate(t, "somebody who is not listed", answer, err, mimi.UpdateNotAllowed, "")
}

// docs/multileaf.md: a further local user joins by external commit while the hub holds the group, under the same policy as any other.
func TestLocalExternalCommit(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	dora := mimi.MustURI("mimi://a.example/d/dora/anteroom")
	stage := func(role mimi.RoleIndex) *mls.Staged {
		staged, err := w.room.Group().ExternalCommit(w.seed(), w.keyPackage(dora), mls.ExternalCommitParams{
			ByValue: []mls.Proposal{w.roleChange(dora.ClientUser(), role)}, AuthenticatedData: aad(),
		})
		w.must(err)
		return staged
	}
	if _, err := w.room.AcceptLocal(w.now, stage(roleOwner)); err == nil {
		t.Fatal("dora makes herself owner")
	}
	accepted := w.take(w.room.AcceptLocal(w.now, stage(roleGuest)))
	if !w.room.Group().IsLocal(accepted.Effects.Committer) || w.room.State().RoleOf(dora.ClientUser()) != roleGuest {
		t.Error("dora is no local guest")
	}
	w.want("b.example", "joined bob", "epoch 2", "epoch 3")
	w.agree("b.example")
}

// docs/decisions/010: the hub keeps a leaf.
func TestLastLocalLeaf(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
	_, answer, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(bobCommits(w, mls.Remove{Removed: w.leaf(alice)}, mls.Remove{Removed: w.leaf(keeper)})))
	wantUpdate(t, "removal of all local leaves", answer, err, mimi.UpdateNotAllowed, "last-local-leaf")
}

// A commit of an epoch that has passed, made before others were faster, is refused also when it is ours.
func TestLocalCommitTooLate(t *testing.T) {
	w := newWorld(t)
	staged, err := w.room.Group().Commit(w.seed(), w.leaf(keeper), mls.CommitParams{ForcePath: true, AuthenticatedData: aad()})
	w.must(err)
	w.faster()
	if _, err := w.room.AcceptLocal(w.now, staged); err == nil {
		t.Error("a commit of an earlier epoch was accepted")
	}
	group, m, err := w.room.Group().Propose(w.leaf(alice), w.roleChange(bob.ClientUser(), roleBanned), aad())
	w.must(err)
	w.faster()
	if _, err := w.room.AcceptLocalProposals(w.now, group, m); err == nil {
		t.Error("a proposal of an earlier epoch was accepted")
	}
}

// RFC 9420 §12.2: what waits for a commit can all be in one commit.
func TestPendingGoTogether(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.propose(alice, mls.Remove{Removed: w.leaf(bob)})
	group, m, err := w.room.Group().Propose(w.leaf(keeper), mls.Remove{Removed: w.leaf(bob)}, aad())
	w.must(err)
	_, err = w.room.AcceptLocalProposals(w.now, group, m)
	var refusal *mimi.Refusal
	if !errors.As(err, &refusal) || refusal.Rule != "pending-leaf-twice" {
		t.Errorf("error %v, want rule pending-leaf-twice", err)
	}
	w.commitPending()
	w.want("b.example", "joined bob", "epoch 2", "proposed 1", "epoch 3", "removed")
}
