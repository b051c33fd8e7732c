package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"anteroom/internal/servertest/stack"
)

// renewed: an owner wants keys to be renewed often, and everybody's are: of the hub's keeper and its users, of users of another anteroom and of a native
// client, each by itself and none too early. In a room that wants it seldom an early renewal is refused (the seed, "Update … min_interval, max_interval").
func renewed(p *scene) {
	garden, uri := room("renewed")
	there := far("renewed")
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, there, "benvolio")
	p.joins(p.bob, uri)
	members, err := p.bob.Members(p.step(), uri)
	p.must(err)
	last := map[string]time.Time{} // renewal of each client, from now on
	for _, leaf := range members.Leaves {
		last[leaf.Client] = time.Time{}
	}
	if len(last) < 4 { // the keeper, juliet, benvolio and a device of bob's
		p.Fatalf("the room has the clients %+v", members.Leaves)
	}

	const least = 3
	p.configures(garden, "x-anteroom_update_min", "3", "x-anteroom_update_max", "8")
	p.expects(p.bob, "the policy", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return strings.HasPrefix(c.Policy, "keys serve between 3 and 8 s") })
	})
	ctx := p.step() // for all of them: who is renewed again and again is no news
	for waiting := len(last); waiting > 0; {
		l, err := p.bob.Expect(ctx, fmt.Sprintf("renewals (of %d more)", waiting), func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == uri })
		p.must(err)
		at, err := time.Parse(time.RFC3339, l.At)
		p.must(err)
		for _, c := range l.Changes {
			if c.Kind != "leaf_updated" {
				p.Errorf("%s %s of %s while keys are renewed", c.Kind, c.User, c.Client)
				continue
			}
			was := last[c.Client]
			if was.IsZero() {
				waiting--
			} else if at.Sub(was) < least*time.Second {
				p.Errorf("%s renews its keys %v after the last time", c.Client, at.Sub(was))
			}
			last[c.Client] = at
		}
	}
	p.must(p.benvolio.Say(there, "with new keys"))
	p.hears(p.juliet, garden, "benvolio", "with new keys")
	p.expects(p.bob, "what is said", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == "with new keys" })

	// Seldom.
	p.configures(garden, "x-anteroom_update_min", "3600", "x-anteroom_update_max", "0")
	p.tells(p.bob, "renew %s", uri)
	if l := p.refused(p.bob, "renew", uri); !strings.Contains(l.Text, p.bob.User+" renewed its keys") || !strings.Contains(l.Text, "wants 3600 s between two Updates") {
		p.Errorf("refused with %q", l.Text)
	}
	p.configures(garden, "x-anteroom_update_min", "0")
	p.tells(p.bob, "renew %s", uri)
	l := p.expects(p.bob, "his renewal", func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == uri && l.Committer == p.bob.User })
	if len(l.Changes) != 1 || l.Changes[0].Kind != "leaf_updated" {
		p.Errorf("a renewal is %+v", l.Changes)
	}
}
