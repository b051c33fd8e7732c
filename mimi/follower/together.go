package follower

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Clients of ours that wait to join, and that the room would let in by themselves, enter in one commit without path by a member of ours whose role
// may add them (canAddParticipant, draft-ietf-mimi-room-policy-04 §8.1.1): Adds by value, each with the role that its own join would give. Their keys
// are here, so that nobody needs a Welcome. What is refused together is tried one by one, by external commits (docs/decisions/145-entering-together.md).

// MaxTogether is how many of our clients enter in one commit.
const MaxTogether = 256

// buildTogether makes the commit for the first wish, a Join, and for those that wait behind it. No flight: the first goes by itself.
func (t *turn) buildTogether() *flight {
	r := t.r
	var (
		p         mls.CommitParams
		update    mimi.ParticipantListUpdate
		committer mls.LeafIndex
		may       *mimi.Role // the committer's
	)
	seen := map[mimi.URI]bool{}
	for i := range r.queue {
		w := r.queue[i].wish
		if len(p.Joiners) == MaxTogether || i > 0 && may == nil {
			break // nobody goes before the first
		}
		user := w.Client.ClientUser()
		again := seen[user]
		seen[user] = true
		if w.Kind != Join || len(w.Data) > 0 || r.queue[i].alone || again || r.state.RoleOf(user) != mimi.RoleNone || r.state.Clients(user) > 0 {
			continue
		}
		joiner, err := r.options.Member(t.fresh("member"), t.r.suite(), w.Client, t.now)
		if err != nil {
			continue // its own attempt tells why
		}
		role, ok := r.state.JoinRole(joiner.KeyPackage.LeafNode.Credential)
		if ok && i == 0 {
			committer, may = t.whoAdds(user.Provider(), role)
		}
		if !ok || !may.MayChange(mimi.RoleNone, role) {
			continue
		}
		p.Joiners = append(p.Joiners, joiner)
		p.ByValue = append(p.ByValue, mls.Add{KeyPackage: joiner.KeyPackage})
		update.Added = append(update.Added, mimi.Participant{User: user, Role: role})
	}
	if len(p.Joiners) == 0 {
		return nil
	}
	p.ByValue = append(p.ByValue, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&update)})
	f, err := t.commitWith(r.queue[0].wish, committer, p, true)
	if err != nil {
		t.apart() // the same would come of it after each who goes alone
		return nil
	}
	f.together = true
	return f
}

// whoAdds is a leaf of ours whose user may list others in a role, and is not on its way out; and that user's role, nil if there is none.
func (t *turn) whoAdds(provider string, role mimi.RoleIndex) (mls.LeafIndex, *mimi.Role) {
	r := t.r
	may := map[mimi.RoleIndex]*mimi.Role{}
	for i := range r.state.Roles() {
		if def := &r.state.Roles()[i]; def.Has(mimi.CanAddParticipant) && def.MayChange(mimi.RoleNone, role) {
			may[def.Index] = def
		}
	}
	ours := func(p mimi.Participant) bool { return may[p.Role] != nil && p.User.Provider() == provider }
	if !slices.ContainsFunc(r.state.Participants(), ours) {
		return 0, nil // asked before any credential is read
	}
	for _, i := range r.group.Local() {
		if client, ok := r.clientAt(i); ok && !slices.Contains(r.leaving, client) && !r.onTheWayOut(i) {
			if def := may[r.state.RoleOf(client.ClientUser())]; def != nil {
				return i, def
			}
		}
	}
	return 0, nil
}

func (r *Room) clientAt(i mls.LeafIndex) (mimi.URI, bool) {
	node, ok := r.group.Public().Leaf(i)
	if !ok {
		return mimi.URI{}, false
	}
	client, err := mimi.CredentialClient(node.Credential)
	return client, err == nil
}

// apart lets everybody who waits to join go alone.
func (t *turn) apart() {
	for i := range t.r.queue {
		if q := &t.r.queue[i]; q.wish.Kind == Join {
			q.alone = true
		}
	}
}

// entered tells who entered by the commit that followed an earlier group, in order of the leaves.
func (t *turn) entered(before *mls.Group) map[mimi.URI]bool {
	in := map[mimi.URI]bool{}
	for _, i := range t.r.group.Local() {
		client, ok := t.r.clientAt(i)
		if was, held := before.Public().Leaf(i); held && before.IsLocal(i) && mimi.Asserts(was.Credential, client) {
			continue
		}
		if ok {
			in[client] = true
			t.tell(Joined{client, i, t.r.group.Public().Epoch(), false})
		}
	}
	return in
}

// fulfilled ends the wishes of those who entered behind the first.
func (t *turn) fulfilled(in map[mimi.URI]bool) {
	t.r.queue = slices.DeleteFunc(t.r.queue, func(q queued) bool {
		done := q.wish.Kind == Join && in[q.wish.Client]
		if done {
			t.tell(Done{*q.wish})
		}
		return done
	})
}
