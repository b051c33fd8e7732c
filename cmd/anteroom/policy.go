package main

import (
	"fmt"
	"io"
	"net/url"

	"anteroom/gateway"
)

// policyCommand asks a running gateway by its administration socket.
type policyCommand struct {
	Explain policyExplainCommand `cmd:"" help:"Say whether a user may do something in a room of ours, and if not, why: in the words of the error, the MIMI refusal and the log."`
}

type policyExplainCommand struct {
	roomFlags
	Room   string `arg:"" help:"The room's address, its localpart, or its URI."`
	User   string `arg:"" help:"Who would act: an address such as juliet@a.example, or a URI such as mimi://b.example/u/bob."`
	Act    string `arg:"" help:"enter, speak or subject; or, upon a target, kick, mute, voice, moderator, ban, unlist, member, admin or owner."`
	Target string `arg:"" optional:"" help:"Upon whom."`
}

// Run asks, and prints the answer. A refusal is an answer like any other: the exit status is 0.
func (c *policyExplainCommand) Run() error {
	q := url.Values{"user": {c.User}, "act": {c.Act}}
	if c.Target != "" {
		q.Set("target", c.Target)
	}
	var e gateway.ExplainLine
	return c.ask(roomPath(c.Room)+"/explain?"+q.Encode(), &e, func(w io.Writer) { c.explain(w, &e) })
}

// explain names people as the question did, and beside it as the group lists them, which may be by a pseudonym.
func (c *policyExplainCommand) explain(w io.Writer, e *gateway.ExplainLine) {
	role := e.Role
	if role == "" {
		role = "not listed"
	}
	fmt.Fprintf(w, "who\t%s (%s)\n", c.User, role)
	if e.User != c.User {
		fmt.Fprintf(w, "listed as\t%s\n", e.User)
	}
	if e.Target != "" {
		fmt.Fprintf(w, "upon\t%s\n", c.Target)
		if e.Target != c.Target {
			fmt.Fprintf(w, "listed as\t%s\n", e.Target)
		}
	}
	for _, part := range []struct{ by, why string }{{"XEP-0045", e.MUC}, {"policy", e.Policy}} {
		if part.why == "" {
			part.why = "allowed"
		}
		fmt.Fprintf(w, "%s\t%s\n", part.by, part.why)
	}
}
