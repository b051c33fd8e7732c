package interop

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mls"
)

// member is one client of either implementation. A call that fails leaves it as it was.
type member interface {
	name() string
	ours() bool
	identity() []byte
	keyPackage() []byte // an MLSMessage
	create(group []byte, extensions []extension) error
	join(welcome, tree []byte) error
	externalJoin(groupInfo []byte, lenient, resync bool) (commit []byte, err error)
	// groupInfo returns a GroupInfo with tree and external_pub, and the commit that some peers must make to have one.
	groupInfo(lenient bool) (groupInfo, commit []byte, err error)
	propose(p proposal, private bool) ([]byte, error)
	commit(c commitRequest) (*committed, error) // adopts the new epoch
	process(message []byte) (data []byte, err error)
	encrypt(data []byte) ([]byte, error)
	setPSK(id, secret []byte) error
	proposeJoin(groupInfo []byte) ([]byte, error) // Add of itself, sender new_member_proposal
	// proposeOutside signs p as an external sender, with nothing but a GroupInfo; the member need not be in the group.
	proposeOutside(groupInfo []byte, s mls.Signer, p proposal) ([]byte, error)
	// subgroup creates the group that branches off or follows that of old, which is the same client there; joinSubgroup enters it.
	subgroup(old member, q subgroupRequest) (*committed, error)
	joinSubgroup(old member, usage string, welcome, tree []byte) error
	view() view
}

// commitRequest asks for a commit of everything proposed so far and of some proposals by value.
type commitRequest struct {
	proposals   []proposal
	withoutTree bool // the Welcome has no ratchet_tree extension
	private     bool
}

type committed struct{ commit, welcome, tree, proposal []byte }

// view is what a member says of its epoch; all members of an epoch must say the same.
type view struct {
	removed       bool
	epoch         int64  // -1 where the peer has no way to tell it
	authenticator []byte // nil where the peer has no way to tell it
	exporter      []byte // 32 bytes; label and context are the peer's choice
}

// agree verifies that all members are in one epoch with the same secrets.
func agree(members []member) error {
	var authenticator []byte
	first := members[0].view()
	for _, m := range members {
		v := m.view()
		switch {
		case v.removed:
			return fmt.Errorf("%s is no member any more", m.name())
		case v.epoch >= 0 && first.epoch >= 0 && v.epoch != first.epoch:
			return fmt.Errorf("%s is in epoch %d, %s in %d", m.name(), v.epoch, members[0].name(), first.epoch)
		case v.authenticator == nil && v.exporter == nil:
			return errors.New("a member tells nothing that could be compared")
		case v.exporter != nil && first.exporter != nil && !bytes.Equal(v.exporter, first.exporter):
			return fmt.Errorf("epoch %d: exporter of %s differs from that of %s", v.epoch, m.name(), members[0].name())
		case v.authenticator == nil:
		case authenticator == nil:
			authenticator = v.authenticator
		case !bytes.Equal(v.authenticator, authenticator):
			return fmt.Errorf("epoch %d: epoch authenticator of %s differs", v.epoch, m.name())
		}
	}
	return nil
}

// The comparison that every test ends in must be able to fail.
func TestAgree(t *testing.T) {
	s := new(seeds)
	var members []member
	for k := range 3 {
		m, err := newLocal(s, localParams{suite: 1, identity: fmt.Appendf(nil, "client %d", k), now: uint64(time.Now().Unix()), label: "interop"})
		if err != nil {
			t.Fatal(err)
		}
		if k < 2 {
			if err := m.create([]byte("group"), nil); err != nil {
				t.Fatal(err)
			}
		}
		members = append(members, m)
	}
	want := func(part string, members ...member) {
		t.Helper()
		if err := agree(members); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v, want one with %q", err, part)
		}
	}
	want("exporter", members[0], members[1])
	want("no member", members[0], members[2])
	tells := func(v view) member { return &remote{who: []byte("peer"), last: v} }
	v := members[0].view()
	want("epoch authenticator", members[0], tells(view{epoch: 0, authenticator: v.exporter}))
	want("epoch 1", tells(view{epoch: 0, exporter: v.exporter}), tells(view{epoch: 1, exporter: v.exporter}))
	want("nothing", members[0], tells(view{}))
	if err := agree([]member{members[0], tells(v), tells(view{epoch: -1, exporter: v.exporter})}); err != nil {
		t.Error(err)
	}
}
