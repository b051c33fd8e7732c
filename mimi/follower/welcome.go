package follower

import (
	"bytes"
	"fmt"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// welcome lets in those of our clients whose key packages it names.
func (t *turn) welcome(m *mimi.FanoutMessage) error {
	w := m.Message.Welcome
	found := false
	if t.r.ended() {
		if group, _, plain := t.welcomeEpoch(w); plain && (t.r.follows(group) || t.r.unheardOf(group)) {
			return ErrAhead // it adds somebody to the group that follows, which we have not entered yet
		}
		return t.goOn(m, w)
	}
	for _, secrets := range w.Secrets {
		if t.r.options.KeyPackage == nil {
			break
		}
		keys, ok := t.r.options.KeyPackage(secrets.NewMember)
		if !ok {
			continue
		}
		found = true
		if early, late := t.untimely(w, keys); early {
			return ErrAhead // it has overtaken the commit that it belongs to
		} else if late {
			t.enterLate(keys)
		} else if err := t.enter(m, w, keys); err != nil {
			t.tell(Dropped{fmt.Sprintf("a Welcome: %v", err)})
		}
	}
	if !found {
		if t.r.group == nil {
			return ErrNoRoom
		}
		t.tell(Dropped{"a Welcome for key packages that are not ours"})
	}
	return nil
}

func (t *turn) enter(m *mimi.FanoutMessage, w *mls.Welcome, keys *mls.KeyPackageSecrets) error {
	client, err := mimi.CredentialClient(keys.KeyPackage.LeafNode.Credential)
	if err != nil {
		return err
	}
	var group *mls.Group
	if t.r.member {
		group, err = t.r.group.Adopt(w, keys)
	} else {
		group, err = mls.Join(w, keys, mls.JoinParams{Tree: m.RatchetTree.Tree, Config: t.config()})
	}
	if err != nil {
		return err
	}
	state, err := policy.StateOf(group.Public())
	if err != nil {
		return err
	}
	if room := state.Metadata().Room; room != t.r.uri {
		return fmt.Errorf("the group says that it is the room %s", room)
	}
	first := !t.r.member
	t.r.group, t.r.state, t.r.member, t.r.waitFor = group, state, true, 0
	t.r.missing = nil
	leaf, _ := t.r.Leaf(client)
	t.tell(Joined{client, leaf, group.Public().Epoch(), true})
	if first {
		t.r.queue = append(t.r.queue, t.strays()...)
	}
	return nil
}

// untimely says that a Welcome leads to another epoch of the group than the one that we hold. While a commit of ours is on the way that makes us a member
// it waits: if the hub accepted that, it did so before it sent the Welcome.
func (t *turn) untimely(w *mls.Welcome, keys *mls.KeyPackageSecrets) (early, late bool) {
	if !t.r.member {
		return t.joining(), false
	}
	pg := t.r.group.Public()
	if group, epoch, follows := mls.WelcomeFollows(w, keys); follows {
		if bytes.Equal(group, pg.GroupID()) {
			return epoch > pg.Epoch(), false // the end of our group is still to come
		}
		return t.r.unheardOf(group), false
	}
	group, epoch, err := mls.WelcomeEpoch(w, keys)
	switch {
	case err != nil:
		return false, false
	case !bytes.Equal(group, pg.GroupID()): // of one that has ended, unless the end of ours was missed
		early = t.r.unheardOf(group)
		return early, !early
	}
	return epoch > pg.Epoch() || epoch == pg.Epoch() && t.r.lost != "", epoch < pg.Epoch()
}

// ourKeys are those of the first client of ours that a Welcome names.
func (t *turn) ourKeys(w *mls.Welcome) (*mls.KeyPackageSecrets, bool) {
	for _, secrets := range w.Secrets {
		if t.r.options.KeyPackage == nil {
			break
		}
		if keys, ok := t.r.options.KeyPackage(secrets.NewMember); ok {
			return keys, true
		}
	}
	return nil, false
}

// welcomeEpoch is the group and the epoch to which a Welcome for clients of ours leads that adds them to a group.
func (t *turn) welcomeEpoch(w *mls.Welcome) (group []byte, epoch mls.Epoch, ok bool) {
	keys, ok := t.ourKeys(w)
	if !ok {
		return nil, 0, false
	}
	group, epoch, err := mls.WelcomeEpoch(w, keys)
	return group, epoch, err == nil
}

// welcomeFollows is the group that has ended, and the epoch in which it did, of which a Welcome for clients of ours leads to the successor.
func (t *turn) welcomeFollows(w *mls.Welcome) (group []byte, epoch mls.Epoch, ok bool) {
	keys, ok := t.ourKeys(w)
	if !ok {
		return nil, 0, false
	}
	return mls.WelcomeFollows(w, keys)
}

// adopt is the kind of the room's own wish for a client whose Welcome came when its epoch was over, or never. Its leaf is in the group and nobody can use
// it; an external commit puts another in its place.
const adopt WishKind = 0x81

// strays are wishes for the clients of our provider that a group lists which we have just come into, and of whose leaves we have no keys. A Welcome to it
// that is still on the way would be one to an epoch that is over. Who made such a leaf up loses it.
func (t *turn) strays() []queued {
	r := t.r
	if r.options.Provider == "" {
		return nil
	}
	waits := map[mimi.URI]bool{}
	for i := range r.queue {
		if w := r.queue[i].wish; w.Kind.own() || w.Kind == Join {
			waits[w.Client] = true
		}
	}
	var wishes []queued
	for i, node := range r.group.Public().Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil || client.Provider() != r.options.Provider || r.group.IsLocal(i) || waits[client] {
			continue
		}
		if len(r.queue)+len(wishes) >= MaxQueue {
			break
		}
		waits[client] = true
		wishes = append(wishes, t.queued(Wish{Kind: adopt, Client: client}))
	}
	return wishes
}

// enterLate lets a client in by itself, if the group lists it.
func (t *turn) enterLate(keys *mls.KeyPackageSecrets) {
	client, err := mimi.CredentialClient(keys.KeyPackage.LeafNode.Credential)
	if err != nil || !listsClient(t.r.group.Public(), client) || len(t.r.queue) >= MaxQueue {
		t.tell(Dropped{"a Welcome to an epoch that is over"})
		return
	}
	if !slices.ContainsFunc(t.r.queue, func(q queued) bool { return q.wish.Kind == adopt && q.wish.Client == client }) {
		t.queue(Wish{Kind: adopt, Client: client})
	}
}

// buildAdopt makes the external commit, unless the client has been put out, or let in, meanwhile.
func (t *turn) buildAdopt(w *Wish) (*flight, error) {
	if _, in := t.r.Leaf(w.Client); in || !listsClient(t.r.group.Public(), w.Client) {
		return nil, nil
	}
	return t.buildJoin(w)
}
