package follower

import (
	"errors"
	"fmt"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// flightKind says what a request on the way is, and so what its answer means.
type flightKind uint8

const (
	flightGroupInfo flightKind = iota + 1 // for a Join
	flightCommit                          // staged is the epoch after it; of a Join, a Change, or of others' proposals
	flightProposals                       // of a Leave or Drop
	flightMessage
)

type flight struct {
	kind     flightKind
	endpoint mimi.Endpoint
	body     []byte
	whole    bool       // its success fulfils the first wish; else that is only prepared
	staged   *mls.Group // flightCommit
	commit   []byte     // encoded MLSMessage of flightCommit
	effects  *mls.Effects
	after    *policy.State          // flightCommit: the policy when it is accepted; nil after a restart
	anew     bool                   // flightCommit: staged does not go on from our group but takes its place
	together bool                   // flightCommit: several enter (together.go)
	probe    bool                   // flightGroupInfo: for nothing but the epoch (probe.go)
	kept     uint64                 // flightGroupInfo: the last message that was kept when it was asked for
	private  mls.HPKEPrivateKey     // flightGroupInfo
	joiner   *mls.KeyPackageSecrets // flightGroupInfo
	code     []byte                 // flightGroupInfo: the joining code
	former   bool                   // began in a group that has ended since: epochs in its answer are that one's
}

// build makes the request for a wish in the present epoch. Neither flight nor error: it is fulfilled.
func (t *turn) build(w *Wish) (*flight, error) {
	switch w.Kind {
	case Join:
		return t.buildJoin(w)
	case Drop:
		return t.buildDrop(w)
	case resync:
		return t.buildResync(w)
	case adopt, back:
		return t.buildAdopt(w)
	}
	leaf, ok := t.r.Leaf(w.Client)
	if !ok {
		return t.buildKeys(w)
	}
	if w.Kind != Leave && t.r.onTheWayOut(leaf) {
		return t.buildProbe(w)
	}
	switch w.Kind {
	case Leave:
		return t.buildLeave(w)
	case Send:
		return t.buildSend(w, leaf)
	case Change:
		return t.buildChange(w, leaf)
	case Renew, RenewSigned:
		return t.buildRenewal(w, leaf)
	}
	return nil, fmt.Errorf("unknown kind of wish %d", w.Kind)
}

// buildKeys lets a client in whose leaf is in the group and has no keys here, as when the room's own wish for it was refused: whatever it wants is an occasion
// to try again, and is done when it is in.
func (t *turn) buildKeys(w *Wish) (*flight, error) {
	if !t.r.member || !listsClient(t.r.group.Public(), w.Client) {
		return nil, fmt.Errorf("%s is not a member", w.Client)
	}
	joiner, err := t.r.options.Member(t.fresh("member"), t.r.suite(), w.Client, t.now)
	if err != nil {
		return nil, err
	}
	f, err := t.joinHeld(joiner, nil)
	if err != nil {
		return nil, err
	}
	f.whole = false
	return f, nil
}

// aad returns a wish's authenticated data, or the least that the group accepts.
func (t *turn) aad(w *Wish) []byte {
	if len(w.AAD) > 0 {
		return w.AAD
	}
	if _, ok := t.r.group.Public().AppData(mls.ComponentSafeAAD); ok {
		return wire.Marshal(mls.SafeAAD(nil))
	}
	return nil
}

func (t *turn) buildSend(w *Wish, leaf mls.LeafIndex) (*flight, error) {
	sender := w.Client.ClientUser()
	if err := policy.AuthorizeSend(t.r.state, sender); err != nil {
		return nil, err
	}
	if pending := t.r.group.Public().Pending(); len(pending) > 0 {
		// Who has seen proposals commits before it sends (RFC 9420 §12.4).
		return t.buildCommit(w, leaf, nil, false)
	}
	group := t.r.group
	var err error
	if group.Reserved(leaf) == 0 {
		if group, err = group.Reserve(leaf, reserve); err != nil {
			return nil, err
		}
	}
	group, message, err := group.Protect(t.fresh("protect"), leaf, w.Data, t.aad(w))
	if err != nil {
		return nil, err
	}
	t.r.group = group
	body := wire.Marshal(&mimi.SubmitMessageRequest{Message: message, Sender: sender})
	return &flight{kind: flightMessage, endpoint: mimi.EndpointSubmitMessage, body: body, whole: true}, nil
}

// buildLeave proposes the removal of all our clients of the user, each by itself, and of the user from the list
// (draft-ietf-mimi-protocol-06 §4.5). The hub keeps the proposals until somebody else commits.
func (t *turn) buildLeave(w *Wish) (*flight, error) {
	user := w.Client.ClientUser()
	for _, client := range t.r.leaving {
		if client == w.Client {
			return nil, nil
		}
	}
	group, aad := t.r.group, t.aad(w)
	var messages []*mls.Message
	propose := func(as mls.LeafIndex, p mls.Proposal) error {
		next, message, err := group.Propose(as, p, aad)
		if err != nil {
			return err
		}
		group = next
		messages = append(messages, message)
		return nil
	}
	first := true
	for i, node := range t.r.group.Public().Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil || client.ClientUser() != user {
			continue
		}
		if !t.r.group.IsLocal(i) {
			return nil, fmt.Errorf("%s is held elsewhere: %s leaves when all clients do", client, user)
		}
		if position, ok := t.r.state.Position(user); ok && first {
			update := wire.Marshal(&mimi.ParticipantListUpdate{Removed: []uint32{position}})
			if err := propose(i, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: update}); err != nil {
				return nil, err
			}
			first = false
		}
		if err := propose(i, mls.Remove{Removed: i}); err != nil {
			return nil, err
		}
	}
	if len(messages) == 0 {
		return nil, errors.New("no client of ours to remove")
	}
	bundle := group.Public().Pending()
	bundle = bundle[len(bundle)-len(messages):]
	if err := policy.AuthorizeProposals(t.r.state, group.Public(), bundle, policy.Options{JoinCode: trustHubJoinCode}); err != nil {
		return nil, err
	}
	body := wire.Marshal(&mimi.UpdateRequest{Message: messages[0], More: messages[1:]})
	return &flight{kind: flightProposals, endpoint: mimi.EndpointUpdate, body: body, whole: true}, nil
}

// buildChange makes proposals of the wish by user name, so that it stays meant when positions and leaves have changed.
func (t *turn) buildChange(w *Wish, leaf mls.LeafIndex) (*flight, error) {
	var update mimi.ParticipantListUpdate
	out := map[mimi.URI]bool{}
	for _, user := range w.Kick {
		out[user] = true
	}
	for _, p := range w.Roles {
		position, listed := t.r.state.Position(p.User)
		switch {
		case !listed && p.Role == mimi.RoleNone:
			continue
		case !listed:
			update.Added = append(update.Added, p)
		case p.Role == mimi.RoleNone:
			update.Removed = append(update.Removed, position)
			out[p.User] = true
		case t.r.state.RoleOf(p.User) != p.Role:
			update.Changed = append(update.Changed, mimi.RoleChange{Index: position, Role: p.Role})
		}
		if p.Role == mimi.RoleBanned {
			out[p.User] = true
		}
	}
	clients := map[string]bool{}
	for _, node := range t.r.group.Public().Leaves() {
		clients[mimi.CredentialName(node.Credential)] = true
	}
	var proposals []mls.Proposal
	for _, a := range w.Adds {
		if _, listed := t.r.state.Position(a.User); listed {
			continue
		}
		if !slices.ContainsFunc(update.Added, func(p mimi.Participant) bool { return p.User == a.User }) {
			update.Added = append(update.Added, mimi.Participant{User: a.User, Role: a.Role})
		}
		for i := range a.Packages {
			client, err := mimi.CredentialClient(a.Packages[i].LeafNode.Credential)
			if err != nil || client.ClientUser() != a.User {
				return nil, fmt.Errorf("key package: is not one of %s", a.User)
			}
			if !clients[client.String()] {
				clients[client.String()] = true
				proposals = append(proposals, mls.Add{KeyPackage: a.Packages[i]})
			}
		}
	}
	for i, node := range t.r.group.Public().Leaves() {
		if client, err := mimi.CredentialClient(node.Credential); err == nil && out[client.ClientUser()] {
			proposals = append(proposals, mls.Remove{Removed: i})
		}
	}
	if w.Metadata != nil {
		proposals = append(proposals, mls.AppDataUpdate{Component: mimi.ComponentRoomMetadata, Update: wire.Marshal(w.Metadata)})
	}
	if !update.Empty() {
		proposals = append(proposals, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&update)})
	}
	if len(proposals) == 0 {
		return nil, nil
	}
	return t.buildCommit(w, leaf, proposals, true)
}

// renewedLeaf is how a leaf of ours renews its credential when it commits, and its signature key if there is a new one; nil if there is nothing to renew.
func (t *turn) renewedLeaf(leaf mls.LeafIndex, signer *mls.Signer) *mls.LeafChange {
	node, ok := t.r.group.Public().Leaf(leaf)
	if !ok {
		return nil
	}
	change := &mls.LeafChange{Signer: signer}
	if signer != nil { // nobody has vouched for the new key yet
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil {
			return nil
		}
		renewed := *node
		renewed.SignatureKey, renewed.Credential = signer.Public, mimi.BasicCredential(client)
		node, change.Credential = &renewed, &renewed.Credential
	}
	if t.r.options.Credential != nil {
		if c, due := t.r.options.Credential(node, t.now); due {
			change.Credential = &c
		}
	}
	if change.Credential == nil {
		return nil
	}
	return change
}

// buildRenewal commits whatever is pending, with new keys for the client's leaf.
func (t *turn) buildRenewal(w *Wish, leaf mls.LeafIndex) (*flight, error) {
	p := mls.CommitParams{ForcePath: true}
	if w.Kind == RenewSigned {
		signer, err := mls.NewSigner(t.r.group.Public().Suite(), t.fresh("signer"))
		if err != nil {
			return nil, err
		}
		p.Leaf = t.renewedLeaf(leaf, &signer)
	}
	return t.commitWith(w, leaf, p, true)
}

// buildCommit commits proposals by value and everything that is pending.
func (t *turn) buildCommit(w *Wish, leaf mls.LeafIndex, byValue []mls.Proposal, whole bool) (*flight, error) {
	return t.commitWith(w, leaf, mls.CommitParams{ByValue: byValue}, whole)
}

// commitWith commits what p says and everything that is pending.
func (t *turn) commitWith(w *Wish, leaf mls.LeafIndex, p mls.CommitParams, whole bool) (*flight, error) {
	for _, pending := range t.r.group.Public().Pending() {
		p.ByReference = append(p.ByReference, pending.Ref)
	}
	p.AuthenticatedData = t.aad(w)
	if p.Leaf == nil {
		p.Leaf = t.renewedLeaf(leaf, nil)
	}
	staged, err := t.r.group.WithNow(uint64(t.now.Unix())).Commit(t.fresh("commit"), leaf, p)
	if err != nil {
		return nil, err
	}
	f, err := authorizedFlight(t.r.state, staged)
	if err != nil {
		return nil, err
	}
	f.whole = whole
	return f, nil
}

// authorizedFlight is a commit that the policy allows.
func authorizedFlight(before *policy.State, staged *mls.Staged) (*flight, error) {
	after, err := policy.AuthorizeCommit(before, staged.Effects, policy.Options{JoinCode: trustHubJoinCode})
	if err != nil {
		return nil, err
	}
	f, err := commitFlight(staged)
	if err != nil {
		return nil, err
	}
	f.after = after
	return f, nil
}

func commitFlight(staged *mls.Staged) (*flight, error) {
	if staged.Group == nil {
		return nil, errors.New("the commit would remove our last client")
	}
	info, err := staged.Group.GroupInfo(staged.Effects.Committer, false)
	if err != nil {
		return nil, err
	}
	body := wire.Marshal(&mimi.UpdateRequest{
		Message:     staged.Commit,
		Welcome:     staged.Welcome,
		GroupInfo:   mimi.GroupInfoOption{Full: info},
		RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService},
	})
	return &flight{
		kind: flightCommit, endpoint: mimi.EndpointUpdate, body: body, whole: true,
		staged: staged.Group, commit: wire.Marshal(staged.Commit), effects: staged.Effects,
	}, nil
}

// trustHubJoinCode leaves joining codes to the hub, which alone knows them.
func trustHubJoinCode(mimi.URI, mimi.RoleIndex) bool { return true }
