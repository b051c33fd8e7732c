package follower

import (
	"bytes"
	"fmt"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// A room whose group ends with a ReInit goes on in the group that follows (RFC 9420 §11.2), which our clients enter by a Welcome. It comes with the commit
// or soon after it; until then nothing is built, so that nothing is said in the group that is over. If it does not come the room is entered anew like
// one that has lost touch (resync.go). The old group is kept for what was said in it and comes late, as many epochs as any past epoch is.

// ended says that the group is over and the one that follows is not here yet.
func (r *Room) ended() bool { return r.member && r.group.Public().ReInit() != nil }

// follows says that a group is the one that follows ours, which has ended.
func (r *Room) follows(group []byte) bool {
	return r.ended() && bytes.Equal(group, r.group.Public().ReInit().GroupID)
}

// unheardOf says that a group of which the hub speaks is none that we know: we have missed that ours ended.
func (r *Room) unheardOf(group []byte) bool {
	known := r.former != nil && bytes.Equal(r.former.Public().GroupID(), group)
	for behind := r.trail; behind != nil; behind = behind.room.trail {
		known = known || bytes.Equal(behind.room.group.Public().GroupID(), group)
	}
	return !known
}

// suite is what the room's keys are of as far as is known here; 0: it is not.
func (r *Room) suite() mls.CipherSuite {
	switch {
	case r.group == nil:
		return 0
	case r.group.Public().ReInit() != nil:
		return r.group.Public().ReInit().Suite
	}
	return r.group.Public().Suite()
}

// goOn enters the group that follows by its Welcome, with all our clients that it names.
func (t *turn) goOn(m *mimi.FanoutMessage, w *mls.Welcome) error {
	var keys []*mls.KeyPackageSecrets
	for _, secrets := range w.Secrets {
		if t.r.options.KeyPackage == nil {
			break
		}
		if k, ok := t.r.options.KeyPackage(secrets.NewMember); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		t.tell(Dropped{"a Welcome for key packages that are not ours"})
		return nil
	}
	old := t.r.group
	group, err := old.JoinReInit(w, keys, mls.JoinParams{Tree: m.RatchetTree.Tree, Config: t.config(), SameClient: mimi.SameIdentities()})
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("the Welcome of the group that follows: %v", err)})
		return nil
	}
	state, err := policy.StateOf(group.Public())
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("the group that follows: %v", err)})
		return nil
	}
	mine := t.r.clients()
	t.r.former, t.r.group, t.r.state = old, group, state
	t.r.waitFor, t.r.lost = 0, ""
	if f := t.r.flight; f != nil {
		earlier := *f
		earlier.former = true
		t.r.flight = &earlier
	}
	t.tell(Reinitialised{Group: group.Public().GroupID(), Suite: group.Public().Suite(), State: state, Epoch: group.Public().Epoch(), At: m.Timestamp})
	in := map[mimi.URI]bool{}
	for _, client := range t.r.clients() {
		in[client] = true
	}
	for _, client := range mine {
		if !in[client] && len(t.r.queue) < MaxQueue { // the Welcome left it out: it comes back by itself
			t.queue(Wish{Kind: resync, Client: client})
		}
	}
	t.afterEpoch()
	return nil
}

// late reads a message that was said in the group that ended.
func (t *turn) late(m *mimi.FanoutMessage) {
	group, message, err := t.r.former.Unprotect(m.Message)
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("a message of epoch %d of the group that ended: %v", m.Message.Private.Epoch, err)})
		return
	}
	t.r.former = group
	t.read(m, group, message)
}

// forgetFormer forgets the group that ended when its epochs would be forgotten if it had gone on.
func (t *turn) forgetFormer() {
	if t.r.former != nil && t.r.group.Public().Epoch() > pastEpochs {
		t.r.former = nil
	}
}
