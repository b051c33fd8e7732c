package follower

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// What the hub tells belongs to an epoch. What belongs to a later one than ours is kept until what is missing has come: the answer to our own commit, or a
// Welcome, commit or proposal that was overtaken on the way. If it does not come, the room is entered anew (resync.go).

// keptMessage is a message of the hub that cannot be applied yet.
type keptMessage struct {
	n       uint64 // in order of arrival; never used twice while the process runs
	body    []byte
	message *mimi.FanoutMessage
}

// keep holds a message back. ErrAhead: no more can be held.
func (t *turn) keep(m *mimi.FanoutMessage) error {
	k := keptMessage{n: t.r.keptLast + 1, body: wire.Marshal(m), message: m}
	size := len(k.body)
	for i := range t.r.kept {
		size += len(t.r.kept[i].body)
		if bytes.Equal(t.r.kept[i].body, k.body) {
			return nil
		}
	}
	if len(t.r.kept) >= MaxKept || size > MaxKeptBytes {
		return ErrAhead
	}
	t.r.kept, t.r.keptLast = append(slices.Clip(t.r.kept), k), k.n
	return nil
}

// catchUp applies what was kept and can be applied now.
func (t *turn) catchUp() {
	for moved := true; moved && len(t.r.kept) > 0 && t.r.broken == ""; {
		if !t.r.member && !t.joining() {
			if !t.r.options.Invited {
				t.r.kept = nil
			}
			return
		}
		moved = false
		all := t.r.kept
		t.r.kept = nil
		for i := range all {
			if t.r.broken != "" {
				break
			}
			if err := t.apply(all[i].message); err != nil {
				t.r.kept = append(t.r.kept, all[i])
				continue
			}
			moved = true
		}
	}
}

// joining says that a commit of ours is on the way which makes us a member.
func (t *turn) joining() bool { return t.r.flight != nil && t.r.flight.kind == flightCommit }

// Keeping says that something is kept.
func (r *Room) Keeping() bool { return len(r.kept) > 0 }

// Behind says that the hub is known to be further than this room, which waits for what is missing: also for the group that follows one that ended.
func (r *Room) Behind() bool {
	return r.member && r.broken == "" && (r.lost != "" || len(r.kept) > 0 || r.lacks() || r.ended())
}

// lacks says whether the hub has named an epoch or a proposal that we have not got.
func (r *Room) lacks() bool {
	if !r.member {
		return false
	}
	if r.group.Public().Epoch() < r.waitFor {
		return true
	}
	return slices.ContainsFunc(r.missing, func(ref []byte) bool { return !r.holds(ref) })
}

// holds says whether a proposal is pending in our group.
func (r *Room) holds(ref []byte) bool {
	return slices.ContainsFunc(r.group.Public().Pending(), func(p mls.PendingProposal) bool { return bytes.Equal(p.Ref, ref) })
}

// complete says whether all proposals are there that a commit refers to.
func (t *turn) complete(m *mls.Message) bool {
	commit := m.Public.Content.Commit
	return commit == nil || !slices.ContainsFunc(commit.Proposals, func(p mls.ProposalOrRef) bool { return p.Proposal == nil && !t.r.holds(p.Ref) })
}

// watch notes since when the room has been behind without moving on.
func (t *turn) watch() {
	r := t.r
	switch {
	case !r.Behind():
		r.since, r.expelled = time.Time{}, nil
		if r.tries > 0 && t.now.After(r.retry.Add(ResyncForgiven)) {
			r.tries, r.retry, r.failure = 0, time.Time{}, ""
		}
	case r.since.IsZero() || r.group.Public().Epoch() != t.began:
		r.since = t.now
	}
}

const keptPrefix = "k."

// keptParts adds the change of what is kept.
func (r *Room) keptParts(out *mls.Parts, since *Room) {
	name := func(k *keptMessage) string { return keptPrefix + strconv.FormatUint(k.n, 10) }
	has := func(list []keptMessage, k *keptMessage) bool {
		return slices.ContainsFunc(list, func(o keptMessage) bool { return o.n == k.n && bytes.Equal(o.body, k.body) })
	}
	var old []keptMessage
	if since != nil {
		old = since.kept
	}
	for i := range r.kept {
		if k := &r.kept[i]; !has(old, k) {
			out.Set[name(k)] = k.body
		}
	}
	for i := range old {
		if k := &old[i]; !slices.ContainsFunc(r.kept, func(o keptMessage) bool { return o.n == k.n }) {
			out.Drop = append(out.Drop, name(k))
		}
	}
}

// loadKept reads one stored message.
func loadKept(name string, body []byte) (keptMessage, error) {
	n, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return keptMessage{}, err
	}
	list, err := mimi.ParseFanout(body)
	if err != nil {
		return keptMessage{}, err
	}
	if len(list) != 1 {
		return keptMessage{}, fmt.Errorf("kept message %d is %d messages", n, len(list))
	}
	return keptMessage{n, body, list[0]}, nil
}
