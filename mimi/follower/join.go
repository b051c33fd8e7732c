package follower

import (
	"bytes"
	"errors"
	"fmt"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// ErrInvitationOnly says that a room lets nobody in who is not on its list.
var ErrInvitationOnly = errors.New("follower: the room lets people in only by invitation")

// buildJoin asks the hub for the GroupInfo; if we hold the group already, the external commit is made at once. A joining code is shown to the
// hub in any case: by asking.
func (t *turn) buildJoin(w *Wish) (*flight, error) {
	if w.Client.Kind() != mimi.KindClient {
		return nil, fmt.Errorf("%s is not a client", w.Client)
	}
	if _, ok := t.r.Leaf(w.Client); ok {
		return nil, nil
	}
	if w.Kind == Join && t.r.member && len(w.Data) == 0 && !t.r.queue[0].alone {
		if f := t.buildTogether(); f != nil {
			return f, nil
		}
	}
	joiner, err := t.r.options.Member(t.fresh("member"), t.r.suite(), w.Client, t.now)
	if err != nil {
		return nil, err
	}
	if t.r.member && len(w.Data) == 0 {
		return t.joinHeld(joiner, nil)
	}
	return t.askGroupInfo(joiner, w.Data)
}

// joinHeld joins the group that we hold.
func (t *turn) joinHeld(joiner *mls.KeyPackageSecrets, code []byte) (*flight, error) {
	return t.stageJoin(t.r.group.Public(), t.r.state, joiner, code, func(p mls.ExternalCommitParams) (*mls.Staged, error) {
		return t.r.group.WithNow(uint64(t.now.Unix())).ExternalCommit(t.fresh("external commit"), joiner, p)
	})
}

// askGroupInfo asks the hub for what an external commit needs.
func (t *turn) askGroupInfo(joiner *mls.KeyPackageSecrets, code []byte) (*flight, error) {
	suite := joiner.KeyPackage.Suite
	private, public, err := mls.NewHPKEKey(suite, t.fresh("group info key"))
	if err != nil {
		return nil, err
	}
	request := &mimi.GroupInfoRequest{
		Suite:        suite,
		SignatureKey: joiner.KeyPackage.LeafNode.SignatureKey,
		Credential:   joiner.KeyPackage.LeafNode.Credential,
		HPKEKey:      public,
	}
	if len(code) > 0 {
		request.JoiningCode = code
	}
	if err := request.Sign(mls.Signer{Suite: suite, Public: request.SignatureKey, Private: joiner.Signature}); err != nil {
		return nil, err
	}
	f := &flight{kind: flightGroupInfo, endpoint: mimi.EndpointGroupInfo, body: wire.Marshal(request), private: private, joiner: joiner, code: code, kept: t.r.keptLast}
	return f, nil
}

// stageJoin lists the user if needed, removes a leaf that the client left behind, and includes what must be included.
func (t *turn) stageJoin(pg *mls.PublicGroup, before *policy.State, joiner *mls.KeyPackageSecrets, code []byte, commit func(mls.ExternalCommitParams) (*mls.Staged, error)) (*flight, error) {
	credential := joiner.KeyPackage.LeafNode.Credential
	client, err := mimi.CredentialClient(credential)
	if err != nil {
		return nil, err
	}
	user := client.ClientUser()
	var p mls.ExternalCommitParams
	for i, node := range pg.Leaves() {
		if mimi.Asserts(node.Credential, client) {
			p.ByValue = append(p.ByValue, mls.Remove{Removed: i})
		}
	}
	if before.RoleOf(user) == mimi.RoleNone {
		role, ok := joinRole(before, credential, code)
		if !ok {
			return nil, fmt.Errorf("%w: %s is not on its list", ErrInvitationOnly, user)
		}
		update := wire.Marshal(&mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: user, Role: role}}})
		p.ByValue = append(p.ByValue, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: update})
	}
	for _, pending := range pg.Pending() {
		if pending.Proposal.Type() == mls.ProposalSelfRemove {
			p.Pending = append(p.Pending, pending.Message)
		}
	}
	if _, ok := pg.AppData(mls.ComponentSafeAAD); ok {
		p.AuthenticatedData = wire.Marshal(mls.SafeAAD(nil))
	}
	p.Config = t.config()
	staged, err := commit(p)
	if err != nil {
		return nil, err
	}
	return authorizedFlight(before, staged)
}

// joinRole is what the joining code gives if it says so, or else what the room gives to who comes without.
func joinRole(before *policy.State, credential mls.Credential, code []byte) (mimi.RoleIndex, bool) {
	if link, _, err := mimi.ParseJoinLink(string(code)); err == nil {
		if role, ok := before.Role(link.Role); ok {
			return role.Index, true
		}
	}
	return before.JoinRole(credential)
}

// groupInfo goes on with a Join: from the hub's answer to the external commit.
func (t *turn) groupInfo(f *flight, body []byte) (*flight, *Refused) {
	refused := func(err error) *Refused { return &Refused{Endpoint: mimi.EndpointGroupInfo, Text: err.Error()} }
	var response mimi.GroupInfoResponse
	if err := wire.Unmarshal(body, &response); err != nil {
		return nil, refused(fmt.Errorf("the hub's answer: %w", err))
	}
	switch response.Code {
	case mimi.GroupInfoSuccess:
	case mimi.GroupInfoNotAuthorized:
		return nil, &Refused{Endpoint: mimi.EndpointGroupInfo, Code: uint8(response.Code), Text: "the hub does not let this user join"}
	case mimi.GroupInfoNoSuchRoom:
		return nil, &Refused{Endpoint: mimi.EndpointGroupInfo, Code: uint8(response.Code), Text: "there is no such room"}
	default:
		return nil, refused(fmt.Errorf("the hub answers with code %d", response.Code))
	}
	if t.r.member && !t.r.resyncing() { // the hub has taken the joining code; we know the rest
		joiner, err := t.joinerOf(f, t.r.suite())
		if err != nil {
			return nil, &Refused{Text: err.Error(), Err: err}
		}
		next, err := t.joinHeld(joiner, f.code)
		if err != nil {
			return nil, &Refused{Text: err.Error(), Err: err}
		}
		return next, nil
	}
	answer, err := t.openGroupInfo(f, &response)
	if err != nil {
		return nil, refused(fmt.Errorf("the hub's answer: %w", err))
	}
	tree := answer.RatchetTree.Tree
	pg, err := mls.NewPublicGroup(answer.GroupInfo, tree, t.config())
	if err != nil {
		return nil, refused(fmt.Errorf("the hub's GroupInfo: %w", err))
	}
	if err := t.isHub(pg, response.Hub); err != nil {
		return nil, refused(err)
	}
	for _, pending := range answer.Pending {
		next, _, err := pg.AddProposal(pending.Message)
		if err != nil {
			return nil, refused(fmt.Errorf("a pending proposal: %w", err))
		}
		pg = next
	}
	before, err := policy.StateOf(pg)
	if err != nil {
		return nil, refused(err)
	}
	if room := before.Metadata().Room; room != t.r.uri {
		return nil, refused(fmt.Errorf("the group says that it is the room %s", room))
	}
	if t.r.resyncing() {
		if err := t.stillThere(f, pg); err != nil {
			return nil, &Refused{Text: err.Error(), Err: err}
		}
	}
	joiner, err := t.joinerOf(f, pg.Suite())
	if err != nil {
		return nil, &Refused{Text: err.Error(), Err: err}
	}
	next, err := t.stageJoin(pg, before, joiner, f.code, func(p mls.ExternalCommitParams) (*mls.Staged, error) {
		p.Tree = tree
		return mls.ExternalCommit(t.fresh("external commit"), answer.GroupInfo, joiner, p)
	})
	if err != nil {
		return nil, &Refused{Text: err.Error(), Err: err}
	}
	next.anew = true
	return next, nil
}

func (t *turn) openGroupInfo(f *flight, response *mimi.GroupInfoResponse) (*mimi.GroupInfoAndTree, error) {
	if response.Room != t.r.uri {
		return nil, fmt.Errorf("it is about %s", response.Room)
	}
	answer, err := response.Open(f.joiner.KeyPackage.Suite, f.private)
	if err != nil {
		return nil, err
	}
	if answer.RatchetTree.Representation != mimi.TreeFull {
		return nil, fmt.Errorf("the ratchet tree comes in form %d, only the full tree can be used", answer.RatchetTree.Representation)
	}
	return answer, nil
}

// joinerOf is the client that asked for the GroupInfo, with keys of the group's suite: who asks need not know it (draft-ietf-mimi-protocol-06 §5.6).
func (t *turn) joinerOf(f *flight, suite mls.CipherSuite) (*mls.KeyPackageSecrets, error) {
	if f.joiner.KeyPackage.Suite == suite {
		return f.joiner, nil
	}
	client, err := mimi.CredentialClient(f.joiner.KeyPackage.LeafNode.Credential)
	if err != nil {
		return nil, err
	}
	return t.r.options.Member(t.fresh("member"), suite, client, t.now)
}

// isHub holds that whoever signed the answer is the room's provider, as it can prove now, and an external sender of the group, as every hub is
// (draft-ietf-mimi-protocol-06 §7.4). What the group says of it was verified before in everything but time: a hub that was away renews it when it is back.
func (t *turn) isHub(pg *mls.PublicGroup, hub mls.ExternalSender) error {
	config := t.config()
	if err := config.CheckCredential(hub.Credential, hub.SignatureKey); err != nil {
		return fmt.Errorf("the hub's credential: %w", err)
	}
	client, err := mimi.CredentialClient(hub.Credential)
	if err != nil {
		return err
	}
	if client.Provider() != t.r.Hub() {
		return fmt.Errorf("%s answers for %s", client, t.r.Hub())
	}
	for _, s := range mimi.ExternalSenders(pg.Context().Extensions) {
		if bytes.Equal(s.SignatureKey, hub.SignatureKey) && mimi.SameIdentity(s.Credential, hub.Credential) {
			return nil
		}
	}
	return errors.New("the hub that answered is no external sender of the group")
}
