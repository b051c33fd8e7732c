package main

import (
	"cmp"
	"fmt"
	"strings"

	"anteroom/internal/servertest/stack"
)

// describe says a line of the native participant in words.
func describe(l *stack.Line) string {
	var who []string
	for _, p := range l.Proposer {
		who = append(who, short(p))
	}
	proposers := strings.Join(who, " and ")
	switch l.Type {
	case "epoch":
		return fmt.Sprintf("epoch %d, proposed by %s, committed by %s: %s", l.Epoch, proposers, short(l.Committer), changes(l))
	case "proposed":
		return fmt.Sprintf("in epoch %d %s proposed, which waits for a commit: %s", l.Epoch, proposers, changes(l))
	case "message":
		return fmt.Sprintf("epoch %d, message of %s: %q", l.Epoch, short(l.Sender), l.Body)
	case "joined":
		return fmt.Sprintf("joined %s in epoch %d", short(l.Room), l.Epoch)
	case "removed":
		return "removed from " + short(l.Room)
	case "refused":
		return fmt.Sprintf("%s refused: %s", l.Command, l.Text)
	case "sent":
		return fmt.Sprintf("his own message accepted in epoch %d: %q", l.Epoch, l.Body)
	case "lost":
		return "what he has heard is not complete: " + l.Text
	case "resynced":
		return fmt.Sprintf("entered %s anew in epoch %d", short(l.Room), l.Epoch)
	case "reinitialised":
		return fmt.Sprintf("%s goes on in a new group, of %s", short(l.Room), l.Suite)
	case "dropped":
		return "something that could not be used: " + l.Text
	case "broken":
		return short(l.Room) + " is given up: " + l.Text
	case "error":
		return "trouble: " + l.Text
	case "consent_requested":
		return short(l.User) + " asks for his consent to add him"
	case "members":
		return fmt.Sprintf("%s has %d participants with %d clients in epoch %d", short(l.Room), len(l.Participants), len(l.Leaves), l.Epoch)
	}
	return strings.TrimSpace(strings.ReplaceAll(l.Type, "_", " ") + " " + short(l.User) + " " + l.Text)
}

func short(uri string) string { return strings.TrimPrefix(uri, "mimi://") }

// changes says what proposals or a commit do.
func changes(l *stack.Line) string {
	var what []string
	for _, c := range l.Changes {
		what = append(what, change(&c))
	}
	return cmp.Or(strings.Join(what, ", "), "new keys")
}

func change(c *stack.Change) string {
	user := short(c.User)
	switch c.Kind {
	case "participant_added":
		return user + " is listed as " + c.RoleName
	case "participant_removed":
		return user + " is taken off the list"
	case "role_changed":
		return user + " becomes " + c.RoleName
	case "leaf_added":
		return fmt.Sprintf("leaf %d of %s is added", c.Leaf, user)
	case "leaf_removed":
		return fmt.Sprintf("leaf %d of %s is removed", c.Leaf, user)
	case "leaf_updated":
		return fmt.Sprintf("leaf %d of %s has new keys", c.Leaf, user)
	case "metadata":
		return fmt.Sprintf("the room is called %q, its subject is %q", c.Name, c.Subject)
	case "roles":
		if c.Alternate != "" {
			return "the room ends, and goes on at " + c.Alternate
		}
		return "the powers of the roles change"
	}
	return "the policy changes: " + cmp.Or(c.Policy, c.Kind)
}
