package main

import (
	"cmp"
	"fmt"
	"strings"
)

// clientText is an event for people: a line, and one more for each change, participant and leaf.
func clientText(e *clientEvent) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	switch e.Type {
	case "ready":
		line("%s with key %s, reachable at %s", e.Client, e.Key, e.Listen)
	case "joined":
		line("%s: %s joined in epoch %d as leaf %d", e.Room, e.Client, *e.Epoch, *e.Leaf)
	case "device", "device_added", "device_deleted":
		line("%s: %s with key %s %s", strings.ReplaceAll(e.Type, "_", " "), e.Client, e.Key, e.Text)
	case "epoch":
		how := ""
		if e.External {
			how = " (external commit)"
		}
		line("%s: epoch %d, proposed by %s, committed by %s%s", e.Room, *e.Epoch, strings.Join(e.Proposer, ", "), e.Committer, how)
	case "proposed":
		line("%s: in epoch %d %s proposed, waiting for a commit", e.Room, *e.Epoch, strings.Join(e.Proposer, ", "))
	case "message":
		line("%s: <%s> %s", e.Room, e.Sender, clean(e.Body))
	case "sent":
		line("%s: sent: %s", e.Room, clean(e.Body))
	case "reinitialised":
		line("%s: goes on in a group of %s, in epoch %d", e.Room, e.Suite, *e.Epoch)
	case "removed":
		line("%s: removed", e.Room)
	case "consent_requested", "consent_cancelled", "consent_asked", "consent_granted", "consent_revoked":
		where := "all rooms"
		if e.Room != "" {
			where = e.Room
		}
		line("%s: %s, for %s", strings.ReplaceAll(e.Type, "_", " "), e.User, where)
	case "reported":
		line("%s: the report was taken", e.Room)
	case "let_in":
		line("%s: we knocked and are let in: join", e.Room)
	case "lost":
		line("%s: behind: %s", e.Room, clean(e.Text))
	case "resynced":
		line("%s: entered anew in epoch %d as %s; what was said and done meanwhile was missed", e.Room, *e.Epoch, e.Client)
	case "system":
		line("system user %s has the key %s", e.User, e.Text)
		for _, der := range e.Certificates {
			line("  certificate %s", der)
		}
	case "expelling":
		line("%s: the hub accepted that %s is to go", e.Room, e.Client)
	case "refused":
		line("%s%s refused: %s", strings.TrimPrefix(e.Room+": ", ": "), strings.TrimSpace(e.Command+" "+e.User), clean(e.Text))
	case "fetched":
		line("%s: %s has %d bytes", e.Room, clean(e.Text), e.Files[0].Size)
	case "found":
		line("found %d:", len(e.Found))
	case "members":
		line("%s: epoch %d, %d participants, %d clients", e.Room, *e.Epoch, len(e.Participants), len(e.Leaves))
	default:
		line("%s", clean(strings.TrimPrefix(e.Room+": "+e.Type+": "+e.Text+e.Body, ": ")))
	}
	for _, c := range e.Changes {
		line("    %s", changeText(&c))
	}
	for _, p := range e.Participants {
		state := "active"
		if !p.Active {
			state = "inactive"
		}
		line("    %s is %s (%d), %s", p.User, clean(p.RoleName), p.Role, state)
	}
	for _, f := range e.Files {
		line("    file %s", clean(strings.TrimSpace(f.URL+" "+f.Name)))
	}
	for _, f := range e.Found {
		line("    %s", clean(strings.TrimSpace(f.User+f.Room+" "+f.Name)))
	}
	for _, l := range e.Leaves {
		nick := ""
		if l.Nick != "" {
			nick = ", nick " + clean(l.Nick)
		}
		line("    leaf %d: %s with key %s%s", l.Leaf, l.Client, l.Key, nick)
	}
	return b.String()
}

func changeText(c *clientChange) string {
	var s string
	switch c.Kind {
	case "participant_added":
		s = fmt.Sprintf("%s enters as %s", c.User, c.RoleName)
	case "participant_removed":
		s = fmt.Sprintf("%s, who was %s, is taken off the list", c.User, c.FromName)
	case "role_changed":
		s = fmt.Sprintf("%s: %s becomes %s", c.User, c.FromName, c.RoleName)
	case "leaf_added", "leaf_removed", "leaf_updated":
		s = fmt.Sprintf("%s: %s with key %s", strings.ReplaceAll(c.Kind, "_", " "), c.Client, c.Key)
		if c.Leaf != nil {
			s = fmt.Sprintf("%s %d: %s with key %s", strings.ReplaceAll(c.Kind, "_", " "), *c.Leaf, c.Client, c.Key)
		}
	case "metadata":
		s = fmt.Sprintf("name %q, subject %q", c.Name, c.Subject)
	case "reinit":
		s = "the group ends and goes on with " + c.Name
	default:
		s = cmp.Or(c.Policy, c.Kind)
	}
	if c.Proposer != "" {
		s += ", proposed by " + c.Proposer
	}
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	if c.Alternate != "" {
		s += "; go to " + c.Alternate
	}
	return clean(s)
}
