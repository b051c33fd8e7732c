// Package mimitest has what the tests of hubs and of those who follow them need alike: key packages, changes of the list of participants, and where a
// client is in a group.
//
// It is for tests only, and keeps no state.
package mimitest

import (
	"slices"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// lifetime is how long a key package is good.
const lifetime = 7 * 24 * time.Hour

// KeyPackage makes a key package with a basic credential, good from a minute before now.
func KeyPackage(seed mls.Seed, signer mls.Signer, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
	extensions, err := mimi.LeafExtensions(client.Name())
	if err != nil {
		return nil, err
	}
	return mls.NewKeyPackage(seed, mls.KeyPackageParams{
		Signer: signer, Credential: mimi.BasicCredential(client), Capabilities: mimi.LeafCapabilities(signer.Suite), LeafExtensions: extensions,
		Lifetime: mls.Lifetime{NotBefore: uint64(now.Add(-time.Minute).Unix()), NotAfter: uint64(now.Add(lifetime).Unix())},
	})
}

// AAD is the least authenticated data in a group with safe_aad.
func AAD() []byte { return wire.Marshal(mls.SafeAAD(nil)) }

// EveryChange are the authorised changes from each of some roles to each other.
func EveryChange(roles ...mimi.RoleIndex) (all []mimi.RoleTargets) {
	for _, from := range roles {
		all = append(all, mimi.RoleTargets{From: from, Targets: slices.DeleteFunc(slices.Clone(roles), func(i mimi.RoleIndex) bool { return i == from })})
	}
	return all
}

// ListUpdate proposes a change of the list of participants.
func ListUpdate(u mimi.ParticipantListUpdate) mls.Proposal {
	return mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&u)}
}

// RoleChange proposes that a user, listed or not, gets a role; RoleNone takes it off the list.
func RoleChange(s *policy.State, user mimi.URI, role mimi.RoleIndex) mls.Proposal {
	position, listed := s.Position(user)
	switch {
	case !listed:
		return ListUpdate(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: user, Role: role}}})
	case role == mimi.RoleNone:
		return ListUpdate(mimi.ParticipantListUpdate{Removed: []uint32{position}})
	}
	return ListUpdate(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: position, Role: role}}})
}

// LeafOf finds a client in a group, or ends the test.
func LeafOf(t testing.TB, pg *mls.PublicGroup, client mimi.URI) mls.LeafIndex {
	t.Helper()
	for i, node := range pg.Leaves() {
		if mimi.Asserts(node.Credential, client) {
			return i
		}
	}
	t.Fatalf("%s is not in the group", client)
	return 0
}
