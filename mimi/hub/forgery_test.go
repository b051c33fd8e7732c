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

func wantUpdate(t *testing.T, name string, answer []byte, err error, code mimi.UpdateCode, rule string) {
	t.Helper()
	var refusal *mimi.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%s: error %v, want a refusal", name, err)
		return
	}
	if rule != "" && refusal.Rule != rule {
		t.Errorf("%s: refused by %v, want rule %s", name, refusal, rule)
	}
	var response mimi.UpdateResponse
	if err := wire.Unmarshal(answer, &response); err != nil {
		t.Errorf("%s: answer: %v", name, err)
		return
	}
	if response.Code != code || response.Text == "" {
		t.Errorf("%s: code %d %q, want code %d with a text", name, response.Code, response.Text, code)
	}
}

func wantSubmit(t *testing.T, name string, answer []byte, err error, code mimi.SubmitCode, rule string) {
	t.Helper()
	var refusal *mimi.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%s: error %v, want a refusal", name, err)
		return
	}
	if rule != "" && refusal.Rule != rule {
		t.Errorf("%s: refused by %v, want rule %s", name, refusal, rule)
	}
	var response mimi.SubmitMessageResponse
	if err := wire.Unmarshal(answer, &response); err != nil {
		t.Errorf("%s: answer: %v", name, err)
		return
	}
	if response.Code != code {
		t.Errorf("%s: code %d, want %d", name, response.Code, code)
	}
}

// bobsGroup is what a participant without scruples has: its keys and the group.
func bobsGroup(w *world) (*mls.Group, mls.LeafIndex) {
	group, err := w.rooms["b.example"].Group().Reserve(w.leaf(bob), 8)
	w.must(err)
	return group, w.leaf(bob)
}

// update is the request for a commit, with a true GroupInfo.
func update(w *world, staged *mls.Staged) *mimi.UpdateRequest {
	info, err := staged.Group.GroupInfo(staged.Effects.Committer, false)
	w.must(err)
	return &mimi.UpdateRequest{Message: staged.Commit, Welcome: staged.Welcome, GroupInfo: mimi.GroupInfoOption{Full: info},
		RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService}}
}

func bobCommits(w *world, byValue ...mls.Proposal) *mimi.UpdateRequest {
	group, leaf := bobsGroup(w)
	staged, err := group.Commit(w.seed(), leaf, mls.CommitParams{ByValue: byValue, ForcePath: true, AuthenticatedData: aad()})
	w.must(err)
	return update(w, staged)
}

func bobProposes(w *world, p mls.Proposal) *mimi.UpdateRequest {
	group, leaf := bobsGroup(w)
	_, m, err := group.Propose(leaf, p, aad())
	w.must(err)
	return &mimi.UpdateRequest{Message: m}
}

// Whatever a participant forges is refused with the right code and changes nothing (draft-ietf-mimi-protocol-06 §5.3).
func TestForgedUpdates(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(w *world) *mimi.UpdateRequest
		from string
		code mimi.UpdateCode
		rule string
	}{
		{name: "makes itself owner", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, w.roleChange(bob.ClientUser(), roleOwner))
		}},
		{name: "kicks alice", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, mls.Remove{Removed: w.leaf(alice)})
		}},
		{name: "proposes to kick alice", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			return bobProposes(w, mls.Remove{Removed: w.leaf(alice)})
		}},
		{name: "proposes to be owner", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			return bobProposes(w, w.roleChange(bob.ClientUser(), roleOwner))
		}},
		{name: "adds carol", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, mls.Add{KeyPackage: w.give(carol).KeyPackage}, w.roleChange(carol.ClientUser(), roleGuest))
		}},
		{name: "earlier epoch", code: mimi.UpdateWrongEpoch, rule: "epoch", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			w.commit(w.leaf(alice), mls.CommitParams{ForcePath: true})
			return request
		}},
		{name: "later epoch", code: mimi.UpdateWrongEpoch, rule: "epoch", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Content.Epoch++
			return request
		}},
		{name: "another group", code: mimi.UpdateNotAllowed, rule: "group-id", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Content.GroupID = []byte("mimi://a.example/g/other")
			return request
		}},
		{name: "signature of a commit", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Auth.Signature[7] ^= 1
			return request
		}},
		{name: "confirmation tag", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Auth.ConfirmationTag[7] ^= 1
			return request
		}},
		{name: "membership tag", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.MembershipTag[7] ^= 1
			return request
		}},
		{name: "signature of a proposal", code: mimi.UpdateInvalidProposal, make: func(w *world) *mimi.UpdateRequest {
			request := bobProposes(w, mls.Remove{Removed: w.leaf(bob)})
			request.Message.Public.Auth.Signature[7] ^= 1
			return request
		}},
		{name: "in alice's name", code: mimi.UpdateInvalidProposal, make: func(w *world) *mimi.UpdateRequest {
			request := bobProposes(w, mls.Remove{Removed: w.leaf(alice)})
			request.Message.Public.Content.Sender.Leaf = w.leaf(alice)
			return request
		}},
		{name: "a commit in alice's name", code: mimi.UpdateNotAllowed, make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Content.Sender.Leaf = w.leaf(alice)
			return request
		}},
		{name: "joins as carol of another provider", code: mimi.UpdateNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.UpdateRequest {
			return joinAs(w, carol)
		}},
		{name: "joins as alice", code: mimi.UpdateNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.UpdateRequest {
			return joinAs(w, mimi.MustURI("mimi://a.example/d/alice/second"))
		}},
		{name: "bob's commit by another provider", from: "c.example", code: mimi.UpdateNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.UpdateRequest { return bobCommits(w) }},
		{name: "bob's leave by another provider", from: "c.example", code: mimi.UpdateNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.UpdateRequest {
			return bobProposes(w, mls.Remove{Removed: w.leaf(bob)})
		}},
		{name: "leaves out what is pending", code: mimi.UpdateInvalidProposal, rule: "pending-omitted", make: func(w *world) *mimi.UpdateRequest {
			w.propose(alice, w.roleChange(bob.ClientUser(), roleVisitor))
			group, leaf := bobsGroup(w)
			staged, err := group.WithoutPending().Commit(w.seed(), leaf, mls.CommitParams{ForcePath: true, AuthenticatedData: aad()})
			w.must(err)
			return update(w, staged)
		}},
		{name: "refers to a proposal that the hub refused", code: mimi.UpdateInvalidProposal, rule: "unknown-proposal", make: func(w *world) *mimi.UpdateRequest {
			group, leaf := bobsGroup(w)
			group, _, err := group.Propose(leaf, w.roleChange(bob.ClientUser(), roleOwner), aad())
			w.must(err)
			staged, err := group.Commit(w.seed(), leaf, mls.CommitParams{ByReference: []mls.ProposalRef{group.Public().Pending()[0].Ref}, AuthenticatedData: aad()})
			w.must(err)
			return update(w, staged)
		}},
		{name: "returns by another client while a kick is pending", code: mimi.UpdateNotAllowed, rule: "leaving", make: func(w *world) *mimi.UpdateRequest {
			request := joinAs(w, mimi.MustURI("mimi://b.example/d/bob/phone"))
			w.propose(alice, mls.Remove{Removed: w.leaf(bob)})
			return request
		}},
		{name: "returns by another client while a ban is pending", code: mimi.UpdateNotAllowed, rule: "leaving", make: func(w *world) *mimi.UpdateRequest {
			request := joinAs(w, mimi.MustURI("mimi://b.example/d/bob/phone"))
			w.propose(alice, mls.Remove{Removed: w.leaf(bob)}, w.roleChange(bob.ClientUser(), roleBanned))
			return request
		}},
		{name: "adds without a Welcome", code: mimi.UpdateNotAllowed, rule: "welcome-missing", make: func(w *world) *mimi.UpdateRequest {
			request := ownerAdds(w)
			request.Welcome = nil
			return request
		}},
		{name: "a Welcome for somebody else", code: mimi.UpdateNotAllowed, rule: "welcome-stranger", make: func(w *world) *mimi.UpdateRequest {
			request := ownerAdds(w)
			request.Welcome.Secrets = append(request.Welcome.Secrets, mls.EncryptedGroupSecrets{NewMember: make([]byte, 32)})
			return request
		}},
		{name: "a Welcome that lets in twice", code: mimi.UpdateNotAllowed, rule: "welcome-twice", make: func(w *world) *mimi.UpdateRequest {
			request := ownerAdds(w)
			request.Welcome.Secrets = append(request.Welcome.Secrets, request.Welcome.Secrets[0])
			return request
		}},
		{name: "GroupInfo of another epoch", code: mimi.UpdateNotAllowed, rule: "group-info", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			group, leaf := bobsGroup(w)
			info, err := group.GroupInfo(leaf, false)
			w.must(err)
			request.GroupInfo.Full = info
			return request
		}},
		{name: "signature of the GroupInfo", code: mimi.UpdateNotAllowed, rule: "group-info", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.GroupInfo.Full.Signature[7] ^= 1
			return request
		}},
		{name: "signature of a partial GroupInfo", code: mimi.UpdateNotAllowed, rule: "group-info", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.GroupInfo = mimi.GroupInfoOption{Partial: &mimi.PartialGroupInfo{Extensions: request.GroupInfo.Full.Extensions, Signature: make([]byte, 64)}}
			return request
		}},
		{name: "proposes a PSK that nobody can commit", code: mimi.UpdateNotAllowed, rule: "psk", make: func(w *world) *mimi.UpdateRequest {
			return bobProposes(w, mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKExternal, ID: []byte("bob's"), Nonce: make([]byte, 32)}})
		}},
		{name: "commits a PSK that not everybody has", code: mimi.UpdateNotAllowed, rule: "psk", make: func(w *world) *mimi.UpdateRequest {
			pg := w.room.Group().Public()
			return bobCommits(w, mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKResumption, Usage: mls.ResumptionApplication, GroupID: pg.GroupID(),
				Epoch: pg.Epoch(), Nonce: make([]byte, 32)}})
		}},
		{name: "authenticated data is no SafeAAD", code: mimi.UpdateNotAllowed, rule: "safe-aad", make: func(w *world) *mimi.UpdateRequest {
			request := bobCommits(w)
			request.Message.Public.Content.AuthenticatedData = []byte{0x40}
			return request
		}},
	} {
		w := newWorld(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: bob})
		body := wire.Marshal(test.make(w))
		from := test.from
		if from == "" {
			from = "b.example"
		}
		before, group := stored(w.room), w.room.Group()
		accepted, answer, err := w.room.AcceptUpdate(w.now, from, body)
		wantUpdate(t, test.name, answer, err, test.code, test.rule)
		if accepted != nil || !bytes.Equal(before, stored(w.room)) || w.room.Group() != group {
			t.Errorf("%s: something changed", test.name)
		}
	}
}

// ownerAdds makes bob an owner, who adds carol.
func ownerAdds(w *world) *mimi.UpdateRequest {
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
	kp := w.give(carol)
	w.learn(carol, kp)
	return bobCommits(w, mls.Add{KeyPackage: kp.KeyPackage}, w.roleChange(carol.ClientUser(), roleGuest))
}

// joinAs makes an external commit with a credential of b.example's choice.
func joinAs(w *world, client mimi.URI) *mimi.UpdateRequest {
	info, err := w.room.Group().GroupInfo(w.leaf(alice), true)
	w.must(err)
	p := mls.ExternalCommitParams{AuthenticatedData: aad(), Config: mls.Config{Components: mimi.Components{}}}
	if _, listed := w.room.State().Position(client.ClientUser()); !listed {
		p.ByValue = []mls.Proposal{w.roleChange(client.ClientUser(), roleGuest)}
	}
	staged, err := mls.ExternalCommit(w.seed(), info, w.keyPackage(client), p)
	w.must(err)
	return update(w, staged)
}

// draft-ietf-mimi-protocol-06 §5.4: the hub lets through what its sender may send, under its own name, in a known epoch.
func TestForgedMessages(t *testing.T) {
	protect := func(w *world) *mls.Message {
		group, leaf := bobsGroup(w)
		_, m, err := group.Protect(w.seed(), leaf, []byte("text"), aad())
		w.must(err)
		return m
	}
	for _, test := range []struct {
		name string
		make func(w *world) *mimi.SubmitMessageRequest
		from string
		code mimi.SubmitCode
		rule string
	}{
		{name: "another provider's user", code: mimi.SubmitNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.SubmitMessageRequest {
			return &mimi.SubmitMessageRequest{Message: protect(w), Sender: alice.ClientUser()}
		}},
		{name: "another user of the same provider", code: mimi.SubmitNotAllowed, rule: "sender", make: func(w *world) *mimi.SubmitMessageRequest {
			w.wish(follower.Wish{Kind: follower.Join, Client: bella})
			return &mimi.SubmitMessageRequest{Message: protect(w), Sender: bella.ClientUser()}
		}},
		{name: "a user who is not in the room", code: mimi.SubmitNotAllowed, make: func(w *world) *mimi.SubmitMessageRequest {
			return &mimi.SubmitMessageRequest{Message: protect(w), Sender: bella.ClientUser()}
		}},
		{name: "bob's message by another provider", from: "c.example", code: mimi.SubmitNotAllowed, rule: "foreign-user", make: func(w *world) *mimi.SubmitMessageRequest {
			return &mimi.SubmitMessageRequest{Message: protect(w), Sender: bob.ClientUser()}
		}},
		{name: "without voice", code: mimi.SubmitNotAllowed, make: func(w *world) *mimi.SubmitMessageRequest {
			w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleVisitor)}})
			return &mimi.SubmitMessageRequest{Message: protect(w), Sender: bob.ClientUser()}
		}},
		{name: "later epoch", code: mimi.SubmitNotAllowed, rule: "epoch", make: func(w *world) *mimi.SubmitMessageRequest {
			m := protect(w)
			m.Private.Epoch++
			return &mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}
		}},
		{name: "epoch that is no longer kept", code: mimi.SubmitEpochTooOld, rule: "epoch", make: func(w *world) *mimi.SubmitMessageRequest {
			m := protect(w)
			for range 3 {
				w.commit(w.leaf(alice), mls.CommitParams{ForcePath: true})
			}
			return &mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}
		}},
		{name: "while a kick is pending", code: mimi.SubmitNotAllowed, rule: "leaving", make: func(w *world) *mimi.SubmitMessageRequest {
			m := protect(w)
			w.propose(alice, mls.Remove{Removed: w.leaf(bob)})
			return &mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}
		}},
		{name: "by a client that was kicked, while its user has another", code: mimi.SubmitNotAllowed, rule: "sender-removed", make: func(w *world) *mimi.SubmitMessageRequest {
			phone := mimi.MustURI("mimi://b.example/d/bob/phone")
			w.wish(follower.Wish{Kind: follower.Join, Client: phone})
			m := protect(w)
			w.propose(alice, mls.Remove{Removed: w.leaf(bob)})
			w.commitPending()
			return &mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}
		}},
		{name: "damaged", code: mimi.SubmitNotAllowed, make: func(w *world) *mimi.SubmitMessageRequest {
			m := protect(w)
			m.Private.Ciphertext[3] ^= 1
			return &mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}
		}},
		{name: "the same ciphertext again", code: mimi.SubmitNotAllowed, make: func(w *world) *mimi.SubmitMessageRequest {
			request := &mimi.SubmitMessageRequest{Message: protect(w), Sender: bob.ClientUser()}
			accepted, _, err := w.room.AcceptSubmit(w.now, "b.example", wire.Marshal(request))
			w.must(err)
			w.take(accepted, nil)
			for i := range 600 { // more than the hub remembers by body
				w.room = w.room.Remember(memory("b.example", i))
			}
			return request
		}},
	} {
		w := newWorld(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: bob})
		body := wire.Marshal(test.make(w))
		from := test.from
		if from == "" {
			from = "b.example"
		}
		before, group := stored(w.room), w.room.Group()
		accepted, answer, err := w.room.AcceptSubmit(w.now, from, body)
		wantSubmit(t, test.name, answer, err, test.code, test.rule)
		if accepted != nil || !bytes.Equal(before, stored(w.room)) || w.room.Group() != group {
			t.Errorf("%s: something changed", test.name)
		}
	}
}

// A body that cannot be read has no answer of the protocol's; handshakes must be public.
func TestMalformed(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	group, leaf := bobsGroup(w)
	_, private, err := group.Protect(w.seed(), leaf, []byte("text"), aad())
	w.must(err)
	valid := wire.Marshal(bobCommits(w))
	for name, body := range map[string][]byte{
		"empty": nil, "noise": []byte("\x00\x01\x00\x01noise"), "cut": valid[:len(valid)-1], "tail": append(bytes.Clone(valid), 0),
		"a PrivateMessage": wire.Marshal(private),
	} {
		accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", body)
		if accepted != nil || answer != nil || err == nil {
			t.Errorf("update, %s: accepted %v, answer %x, error %v", name, accepted != nil, answer, err)
		}
		if accepted, answer, err := w.room.AcceptSubmit(w.now, "b.example", body); accepted != nil || answer != nil || err == nil {
			t.Errorf("submitMessage, %s: accepted %v, answer %x, error %v", name, accepted != nil, answer, err)
		}
		if answer, err := w.room.GroupInfo(w.now, "b.example", body); answer != nil || err == nil {
			t.Errorf("groupInfo, %s: answer %x, error %v", name, answer, err)
		}
		if _, err := w.rooms["b.example"].Notify(w.now, w.seed(), "a.example", body); !errors.Is(err, follower.ErrMalformed) && name != "a PrivateMessage" {
			t.Errorf("notify, %s: %v", name, err)
		}
	}
}

// draft-ietf-mimi-protocol-06 §5.6: who gets a GroupInfo.
func TestGroupInfoRefusals(t *testing.T) {
	ask := func(w *world, client mimi.URI) *mimi.GroupInfoRequest {
		_, public, err := mls.NewHPKEKey(suite, w.seed())
		w.must(err)
		request := &mimi.GroupInfoRequest{Credential: mimi.BasicCredential(client), HPKEKey: public}
		w.must(request.Sign(w.signer(client)))
		return request
	}
	for _, test := range []struct {
		name string
		make func(w *world) *mimi.GroupInfoRequest
	}{
		{"another provider's user", func(w *world) *mimi.GroupInfoRequest { return ask(w, carol) }},
		{"our own user", func(w *world) *mimi.GroupInfoRequest { return ask(w, alice) }},
		{"bad signature", func(w *world) *mimi.GroupInfoRequest {
			request := ask(w, bob)
			request.Signature[3] ^= 1
			return request
		}},
		{"another suite", func(w *world) *mimi.GroupInfoRequest {
			request := ask(w, bob)
			request.Suite = 3
			return request
		}},
		{"banned", func(w *world) *mimi.GroupInfoRequest {
			w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleBanned)}})
			return ask(w, bob)
		}},
		{"about to be banned", func(w *world) *mimi.GroupInfoRequest {
			w.propose(alice, w.roleChange(bob.ClientUser(), roleBanned))
			return ask(w, bob)
		}},
		{"HPKE key of the wrong size", func(w *world) *mimi.GroupInfoRequest {
			request := ask(w, bob)
			request.HPKEKey = []byte{1, 2, 3}
			w.must(request.Sign(w.signer(bob)))
			return request
		}},
	} {
		w := newWorld(t)
		answer, err := w.room.GroupInfo(w.now, "b.example", wire.Marshal(test.make(w)))
		var response mimi.GroupInfoResponse
		if err == nil || wire.Unmarshal(answer, &response) != nil || response.Code != mimi.GroupInfoNotAuthorized {
			t.Errorf("%s: error %v, code %d, want notAuthorized", test.name, err, response.Code)
		}
	}
}
