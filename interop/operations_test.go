package interop

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// operation is one row of the table. run does it with the implementation of actor acting and the other following.
type operation struct {
	name  string
	about string
	run   func(r *room, actor, lenient bool) error
}

// four is a group of two members of each implementation.
func four(run func(r *room, actor, lenient bool) error) func(r *room, actor, lenient bool) error {
	return func(r *room, actor, lenient bool) error {
		if err := r.found(true); err != nil {
			return err
		}
		if err := r.add(r.members[0], false, false, true, false); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
		return run(r, actor, lenient)
	}
}

// byReference lets a member of actor propose and one of the other implementation commit.
func byReference(r *room, actor bool, p proposal) error {
	if err := r.propose(r.one(actor), p); err != nil {
		return err
	}
	return r.commit(r.one(!actor), commitRequest{})
}

var operations = []operation{
	{"create, Add, Welcome", "the actor creates a group and adds the other in one commit; the Welcome carries the tree", func(r *room, actor, _ bool) error {
		if err := r.found(actor); err != nil {
			return err
		}
		return r.add(r.members[0], false, !actor)
	}},
	{"Welcome without tree", "the same, with the tree by another way", func(r *room, actor, _ bool) error {
		if err := r.found(actor); err != nil {
			return err
		}
		return r.add(r.members[0], true, !actor, !actor)
	}},
	{"external join", "the actor joins by external commit from a GroupInfo of the other", four(func(r *room, actor, lenient bool) error {
		return r.enter(actor, lenient)
	})},
	{"external join, resync", "the actor has lost its state and comes back", four(func(r *room, actor, lenient bool) error {
		gi, err := r.groupInfo(r.one(!actor), lenient)
		if err != nil {
			return err
		}
		m := r.one(actor)
		commit, err := m.externalJoin(gi, lenient, true)
		if err != nil {
			return fmt.Errorf("external join: %w", err)
		}
		if err := r.deliver(m, commit); err != nil {
			return err
		}
		return agree(r.members)
	})},
	{"Add by value", "", four(func(r *room, actor, _ bool) error { return r.add(r.one(actor), false, true, false) })},
	{"Add by reference", "the actor proposes, the other commits", four(func(r *room, actor, _ bool) error {
		for _, ours := range []bool{actor, !actor} {
			j, err := r.client(ours)
			if err != nil {
				return err
			}
			if err := r.propose(r.one(actor), adds([]member{j})[0]); err != nil {
				return err
			}
			if err := r.commit(r.one(!actor), commitRequest{}, j); err != nil {
				return err
			}
		}
		return nil
	})},
	{"Add by the new member", "the actor proposes its own Add, sender new_member_proposal; the other commits", four(func(r *room, actor, lenient bool) error {
		j, err := r.client(actor)
		if err != nil {
			return err
		}
		gi, err := r.groupInfo(r.one(!actor), lenient)
		if err != nil {
			return err
		}
		m, err := j.proposeJoin(gi)
		if err != nil {
			return fmt.Errorf("propose: %w", err)
		}
		if err := r.deliver(j, m); err != nil {
			return err
		}
		return r.commit(r.one(!actor), commitRequest{}, j)
	})},
	{"Adds by an external sender", "the actor creates the group and commits what we propose from outside", func(r *room, actor, _ bool) error {
		if err := r.found(actor, r.externalSenders()); err != nil {
			return err
		}
		for range 2 {
			if err := r.hubAdds(r.one(actor), !actor); err != nil {
				return err
			}
		}
		return r.hubAdds(r.one(actor), actor)
	}},
	{"Remove by an external sender", "the actor is in external_senders, a member of the other commits", func(r *room, actor, lenient bool) error {
		if err := r.found(true, r.externalSenders()); err != nil {
			return err
		}
		if err := r.add(r.members[0], false, false, true, false); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
		outside, err := r.client(actor)
		if err != nil {
			return err
		}
		gi, err := r.groupInfo(r.one(true), lenient)
		if err != nil {
			return err
		}
		gone := r.other(actor)
		m, err := outside.proposeOutside(gi, r.hub, r.remove(gone))
		if err != nil {
			return fmt.Errorf("propose: %w", err)
		}
		if err := r.deliver(nil, m); err != nil {
			return err
		}
		return r.drop(gone, func() error { return r.commit(r.one(!actor), commitRequest{}) })
	}},
	{"Update by reference", "the actor proposes, the other commits", four(func(r *room, actor, _ bool) error {
		if err := byReference(r, actor, proposal{Type: "update"}); err != nil {
			return err
		}
		return r.commit(r.one(actor), commitRequest{}) // with the new leaf key
	})},
	{"Remove by value", "", four(func(r *room, actor, _ bool) error {
		for _, gone := range []member{r.other(!actor), r.other(actor)} {
			if err := r.drop(gone, func() error { return r.commit(r.one(actor), commitRequest{proposals: []proposal{r.remove(gone)}}) }); err != nil {
				return err
			}
		}
		return nil
	})},
	{"Remove by reference", "the actor proposes, the other commits", four(func(r *room, actor, _ bool) error {
		gone := r.other(actor)
		return r.drop(gone, func() error { return byReference(r, actor, r.remove(gone)) })
	})},
	{"commit with path", "without proposals, twice from each actor", four(func(r *room, actor, _ bool) error {
		for _, m := range []member{r.one(actor), r.other(actor), r.one(actor), r.other(actor)} {
			if err := r.commit(m, commitRequest{}); err != nil {
				return err
			}
		}
		return nil
	})},
	{"Add and Remove in one commit", "", four(func(r *room, actor, _ bool) error {
		gone := r.other(actor)
		j, err := r.client(!actor)
		if err != nil {
			return err
		}
		return r.drop(gone, func() error {
			return r.commit(r.one(actor), commitRequest{proposals: append(adds([]member{j}), r.remove(gone))}, j)
		})
	})},
	{"GroupContextExtensions by value", "as the only proposal", four(func(r *room, actor, _ bool) error {
		return r.commit(r.one(actor), commitRequest{proposals: []proposal{r.newExtensions()}})
	})},
	{"GroupContextExtensions with path", "together with a Remove", four(func(r *room, actor, _ bool) error {
		gone := r.other(!actor)
		return r.drop(gone, func() error {
			return r.commit(r.one(actor), commitRequest{proposals: []proposal{r.newExtensions(), r.remove(gone)}})
		})
	})},
	{"GroupContextExtensions by reference", "the actor proposes, the other commits", four(func(r *room, actor, _ bool) error {
		return byReference(r, actor, r.newExtensions())
	})},
	{"external PSK", "by value", four(func(r *room, actor, _ bool) error {
		id, secret := []byte("psk"), bytes.Repeat([]byte{7}, 32)
		for _, m := range r.members {
			if err := m.setPSK(id, secret); err != nil {
				return err
			}
		}
		return r.commit(r.one(actor), commitRequest{proposals: []proposal{{Type: "psk", ID: id, Nonce: bytes.Repeat([]byte{9}, 32)}}})
	})},
	{"application messages", "two, out of order; a third arrives one epoch late", four(func(r *room, actor, _ bool) error {
		from, to := r.one(actor), r.one(!actor)
		var sent [][]byte
		for k := range 3 {
			m, err := from.encrypt(fmt.Appendf(nil, "message %d", k))
			if err != nil {
				return fmt.Errorf("encrypt: %w", err)
			}
			sent = append(sent, m)
		}
		receive := func(k int) error {
			if got, err := to.process(sent[k]); err != nil || string(got) != fmt.Sprintf("message %d", k) {
				return fmt.Errorf("message %d: got %q, %w", k, got, err)
			}
			return nil
		}
		if err := errors.Join(receive(1), receive(0)); err != nil {
			return err
		}
		if err := r.add(r.one(true), false, true); err != nil {
			return err
		}
		return receive(2)
	})},
	{"handshake as PrivateMessage", "a proposal and a commit", four(func(r *room, actor, _ bool) error {
		gone := r.other(actor)
		m, err := r.one(actor).propose(r.remove(gone), true)
		if err != nil {
			return fmt.Errorf("propose: %w", err)
		}
		if err := r.deliver(r.one(actor), m); err != nil {
			return err
		}
		return r.drop(gone, func() error { return r.commit(r.one(actor), commitRequest{private: true}) })
	})},
}

// hubAdds lets the external sender propose the Add of somebody, and m commit it.
func (r *room) hubAdds(m member, ours bool) error {
	j, err := r.client(ours)
	if err != nil {
		return err
	}
	// What an external sender signs holds group and epoch, not the GroupContext (RFC 9420 §6.1): for a first epoch that only
	// a peer knows, any group of that name does.
	var public *mls.PublicGroup
	if k := slices.IndexFunc(r.members, member.ours); k >= 0 {
		public = r.members[k].(*local).value.group.Public()
	} else {
		stranger, err := r.client(true)
		if err != nil {
			return err
		}
		if err := stranger.create(r.group, []extension{r.externalSenders()}); err != nil {
			return err
		}
		public = stranger.(*local).value.group.Public()
	}
	add, err := ourProposal(adds([]member{j})[0])
	if err != nil {
		return err
	}
	message, err := mls.ExternalProposal(public, r.hub, add, nil)
	if err != nil {
		return err
	}
	if err := r.deliver(nil, wire.Marshal(message)); err != nil {
		return err
	}
	return r.commit(m, commitRequest{}, j)
}

// newExtensions replaces the group's extensions by one that asks for what everybody has.
func (r *room) newExtensions() proposal {
	return proposal{Type: "extensions", Extensions: []extension{{uint16(mls.ExtensionRequiredCapabilities), []byte{0, 0, 2, 0, 1}}}}
}

// outcome is one cell of the table.
type outcome string

// try runs an operation in one direction and says what the table has to say; it fails the test if that is not what the
// spec expects.
func try(t *testing.T, s *spec, p *peer, op operation, actor bool) outcome {
	t.Helper()
	direction := "peer"
	if actor {
		direction = "ours"
	}
	r := newRoom(t, s, p)
	err := op.run(r, actor, false)
	var cannot *unsupportedError
	if errors.As(err, &cannot) {
		return outcome("– " + cannot.why)
	}
	d, known := s.departures[direction+": "+op.name]
	switch {
	case err == nil && !known:
		return outcome("yes" + r.note)
	case err == nil:
		t.Errorf("works now: take the departure %q out of the spec", d.why)
		return "yes"
	case !known:
		t.Error(err)
		return outcome("FAILS " + err.Error())
	case !strings.Contains(err.Error(), d.errors):
		t.Errorf("error %q, want one with %q", err, d.errors)
		return outcome("FAILS " + err.Error())
	}
	if d.lenient == "" {
		return outcome("no: " + d.why)
	}
	if err := op.run(newRoom(t, s, p), actor, true); err != nil {
		t.Errorf("with the driver's help: %v", err)
		return outcome("FAILS " + err.Error())
	}
	return outcome("no: " + d.why + "; yes if " + d.lenient)
}
