package main

import (
	"testing"

	"anteroom/internal/servertest/stack"
)

func TestDescribe(t *testing.T) {
	bob, juliet := "mimi://c.example/u/bob", "mimi://a.example/u/juliet"
	for want, l := range map[string]*stack.Line{
		`in epoch 4 a.example/u/juliet proposed, which waits for a commit: c.example/u/bob becomes visitor`: {Type: "proposed", Epoch: 4, Proposer: []string{juliet},
			Changes: []stack.Change{{Kind: "role_changed", User: bob, RoleName: "visitor"}}},
		`epoch 5, proposed by a.example/u/juliet, committed by c.example/u/bob: the room is called "Garden", its subject is "roses", leaf 2 of c.example/u/bob is removed`: {Type: "epoch",
			Epoch: 5, Proposer: []string{juliet}, Committer: bob, Changes: []stack.Change{{Kind: "metadata", Name: "Garden", Subject: "roses"}, {Kind: "leaf_removed", User: bob, Leaf: 2}}},
		`epoch 6, proposed by c.example/u/bob, committed by c.example/u/bob: new keys`: {Type: "epoch", Epoch: 6, Proposer: []string{bob}, Committer: bob},
	} {
		if got := describe(l); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
