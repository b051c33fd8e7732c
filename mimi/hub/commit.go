package hub

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func (r *Room) remoteCommit(now time.Time, from string, request *mimi.UpdateRequest) (*Accepted, *mimi.Refusal) {
	if addsMore(request.Message, MaxAdded) { // before any of their signatures is verified
		return nil, notAllowed("added-limit", "the commit adds more than %d clients", MaxAdded)
	}
	staged, err := r.group.WithNow(uint64(now.Unix())).StageCommit(request.Message)
	if err != nil {
		return nil, r.invalidCommit(request.Message, err)
	}
	if staged.Group == nil || len(staged.Group.Local()) == 0 {
		return nil, notAllowed("last-local-leaf", "the commit would leave the hub without a client in the group")
	}
	client, ok := leafClient(staged.Effects.After, staged.Effects.Committer)
	if !ok {
		return nil, notAllowed("committer", "the committer's credential names no client")
	}
	if refusal := speaks(from, client); refusal != nil {
		return nil, refusal
	}
	if staged.Effects.After.ReInit() != nil {
		return nil, notAllowed("reinit-by-hub", "the hub reinitialises the group itself: ask an owner at %s", r.provider())
	}
	accepted, refusal := r.commit(now, from, staged, client.ClientUser(), request.Welcome)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := checkGroupInfo(staged, &request.GroupInfo); refusal != nil {
		return nil, refusal
	}
	return accepted, nil
}

// addsMore says that a commit holds more than n Adds by value. Those by reference were bounded when they came.
func addsMore(m *mls.Message, n int) bool {
	if m.Public.Content.Commit == nil {
		return false
	}
	for _, p := range m.Public.Content.Commit.Proposals {
		if p.Proposal == nil {
			continue
		}
		if _, is := p.Proposal.(mls.Add); is {
			n--
		}
	}
	return n < 0
}

// invalidCommit tells which of the referenced proposals the hub does not hold, if that is what is wrong.
func (r *Room) invalidCommit(m *mls.Message, err error) *mimi.Refusal {
	pending := r.group.Public().Pending()
	var unknown [][]byte
	if commit := m.Public.Content.Commit; commit != nil {
		for _, p := range commit.Proposals {
			if p.Proposal == nil && !slices.ContainsFunc(pending, func(held mls.PendingProposal) bool { return bytes.Equal(held.Ref, p.Ref) }) {
				unknown = append(unknown, p.Ref)
			}
		}
	}
	if len(unknown) > 0 {
		refusal := refuse(mimi.EndpointUpdate, uint8(mimi.UpdateInvalidProposal), "unknown-proposal", "the commit refers to %d proposals that the hub did not accept in this epoch", len(unknown))
		refusal.Invalid = unknown
		return refusal
	}
	return refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "commit", err)
}

// AcceptLocal decides on a commit by a local leaf, external commits of our own users included. The error is a *mimi.Refusal.
func (r *Room) AcceptLocal(now time.Time, s *mls.Staged) (*Accepted, error) {
	if s.Effects.After.ReInit() != nil {
		return nil, notAllowed("reinit-alone", "a group does not end without the one that follows")
	}
	return r.acceptLocal(now, s)
}

func (r *Room) acceptLocal(now time.Time, s *mls.Staged) (*Accepted, error) {
	held := r.group.Public().Context()
	base := s.Effects.Before.Context()
	if base.Epoch != held.Epoch || !bytes.Equal(base.GroupID, held.GroupID) || !bytes.Equal(base.ConfirmedTranscriptHash, held.ConfirmedTranscriptHash) {
		return nil, refuse(mimi.EndpointUpdate, uint8(mimi.UpdateWrongEpoch), "epoch", "the commit belongs to epoch %d, the room is in epoch %d", base.Epoch, held.Epoch)
	}
	if s.Group == nil || len(s.Group.Local()) == 0 {
		return nil, notAllowed("last-local-leaf", "the commit would leave the hub without a client in the group")
	}
	client, ok := leafClient(s.Effects.After, s.Effects.Committer)
	if !ok {
		return nil, notAllowed("committer", "the committer's credential names no client")
	}
	if refusal := r.checkAAD(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), s.Effects.AuthenticatedData); refusal != nil {
		return nil, refusal
	}
	accepted, refusal := r.commit(now, r.provider(), s, client.ClientUser(), s.Welcome)
	if refusal != nil {
		return nil, refusal
	}
	return accepted, nil
}

// commit is the common part: a commit that MLS allows takes effect if it contains what was accepted before, and policy allows it.
func (r *Room) commit(now time.Time, from string, staged *mls.Staged, sender mimi.URI, welcome *mls.Welcome) (*Accepted, *mimi.Refusal) {
	e := staged.Effects
	voided, refusal := r.checkPending(e)
	if refusal != nil {
		return nil, refusal
	}
	if g := r.gone(); e.Sender.Type == mls.SenderMember && g.has(e.Sender.Leaf, sender) || e.Sender.Type != mls.SenderMember && g.anyOf(e.Before, sender) {
		return nil, notAllowed("leaving", "%s is being removed and may not commit", sender)
	}
	after, err := policy.AuthorizeCommit(r.state, e, r.policyOptions(now, from))
	if err == nil {
		err = policy.AuthorizeReInit(e.Before, e.After.ReInit())
	}
	if err != nil {
		return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "policy", err)
	}
	if from != r.provider() {
		for i := range e.Proposals {
			if refusal := checkPSK(e.Proposals[i].Proposal); refusal != nil {
				return nil, refusal
			}
			if refusal := r.checkOwn(e.Before, e.Proposals[i].Proposal, e.Proposals[i].Sender); refusal != nil {
				return nil, refusal
			}
			if e.Proposals[i].Ref != nil {
				continue // was accepted
			}
			if refusal := r.checkThird(e.Proposals[i].Proposal, e.Proposals[i].Sender, from); refusal != nil {
				return nil, refusal
			}
		}
	}
	added, err := additions(e)
	if err != nil {
		return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "added-client", err)
	}
	if refusal := checkWelcome(from, welcome, added); refusal != nil {
		return nil, refusal
	}
	group := staged.Group
	var adopted []mls.LeafIndex
	if from != r.provider() {
		if group, adopted, refusal = r.adopt(e, group, welcome, added); refusal != nil {
			return nil, refusal
		}
	}
	var refs []mls.KeyPackageRef
	for _, a := range added {
		refs = append(refs, a.ref)
	}
	at := uint64(now.UnixMilli())
	accepted := &Accepted{
		Next:   r.advanced(now, group, after, e, refs),
		Before: r.state, After: after, Origin: from,
		Effects: e, Sender: sender, Message: staged.Commit, Welcome: welcome, Adopt: adopted, Voided: voided,
		AcceptedAt: at, Fanout: r.commitFanout(at, from, staged.Commit, welcome, added, e.After),
	}
	return accepted, nil
}

// checkPending refuses a commit that leaves out accepted proposals (draft-ietf-mimi-protocol-06 §7.3) and names them, so that a committer
// that has not heard of them yet can wait for them. A committer cannot commit its own
// Update (RFC 9420 §12.2). An external commit makes them void, except those that leave by SelfRemove, which it must contain.
func (r *Room) checkPending(e *mls.Effects) ([]mls.PendingProposal, *mimi.Refusal) {
	external := e.Sender.Type == mls.SenderNewMemberCommit
	var voided []mls.PendingProposal
	var omitted [][]byte
	for _, p := range r.group.Public().Pending() {
		if slices.ContainsFunc(e.Proposals, func(c mls.CommittedProposal) bool { return bytes.Equal(c.Ref, p.Ref) }) {
			continue
		}
		switch {
		case external && p.Proposal.Type() != mls.ProposalSelfRemove:
			voided = append(voided, p)
		case !external && p.Proposal.Type() == mls.ProposalUpdate && p.Sender == e.Sender:
		default:
			omitted = append(omitted, p.Ref)
		}
	}
	if len(omitted) > 0 {
		refusal := refuse(mimi.EndpointUpdate, uint8(mimi.UpdateInvalidProposal), "pending-omitted", "the commit leaves out %d proposals that the hub has accepted", len(omitted))
		refusal.Invalid = omitted
		return nil, refusal
	}
	return voided, nil
}

// checkWelcome holds that everybody who is added from outside the committer's provider gets in, and nobody else.
func checkWelcome(from string, welcome *mls.Welcome, added []addition) *mimi.Refusal {
	var secrets []mls.EncryptedGroupSecrets
	if welcome != nil {
		secrets = welcome.Secrets
	}
	for i, s := range secrets {
		if !slices.ContainsFunc(added, func(a addition) bool { return bytes.Equal(a.ref, s.NewMember) }) {
			return notAllowed("welcome-stranger", "the Welcome holds secrets for a key package that the commit does not add")
		}
		if slices.ContainsFunc(secrets[:i], func(other mls.EncryptedGroupSecrets) bool { return bytes.Equal(other.NewMember, s.NewMember) }) {
			return notAllowed("welcome-twice", "the Welcome holds secrets for one key package twice")
		}
	}
	for _, a := range added {
		if a.client.Provider() == from {
			continue // the committer may hold the leaf itself
		}
		if !slices.ContainsFunc(secrets, func(s mls.EncryptedGroupSecrets) bool { return bytes.Equal(a.ref, s.NewMember) }) {
			return notAllowed("welcome-missing", "%s is added without a Welcome", a.client)
		}
	}
	return nil
}

const groupInfoLabel = "GroupInfoTBS"

// checkGroupInfo compares the committer's GroupInfo with what the hub computed. The hub signs GroupInfos with a leaf of its own, so
// nothing in it is used; a committer whose view differs is told at once.
func checkGroupInfo(staged *mls.Staged, option *mimi.GroupInfoOption) *mimi.Refusal {
	e := staged.Effects
	info := option.Full
	if option.Partial != nil {
		info = option.Partial.Rebuild(e.After.Context(), staged.Group.ConfirmationTag(), e.Committer)
	}
	if info == nil {
		return notAllowed("group-info", "a commit needs a GroupInfo")
	}
	if err := compareGroupInfo(staged, info); err != nil {
		return notAllowed("group-info", "%v", err)
	}
	return nil
}

func compareGroupInfo(staged *mls.Staged, info *mls.GroupInfo) error {
	e := staged.Effects
	if info.Signer != e.Committer {
		return fmt.Errorf("the GroupInfo is signed by leaf %d, not by the committer at leaf %d", info.Signer, e.Committer)
	}
	context := e.After.Context()
	if !bytes.Equal(wire.Marshal(&info.Context), wire.Marshal(&context)) {
		return errors.New("the GroupInfo has another group context than the commit leads to")
	}
	if !bytes.Equal(info.ConfirmationTag, staged.Group.ConfirmationTag()) {
		return errors.New("the GroupInfo has another confirmation tag than the commit")
	}
	own, err := staged.Group.GroupInfo(staged.Group.Local()[0], false)
	if err != nil {
		return err
	}
	claimed, ok := extension(info.Extensions, mls.ExtensionExternalPub)
	if known, _ := extension(own.Extensions, mls.ExtensionExternalPub); ok && !bytes.Equal(claimed, known) {
		return errors.New("the GroupInfo has another external_pub than the epoch")
	}
	signer, ok := e.After.Leaf(info.Signer)
	if !ok {
		return errors.New("the GroupInfo's signer is no member")
	}
	unsigned := *info
	unsigned.Signature = nil
	content := wire.Marshal(&unsigned)
	content = content[:len(content)-1] // the empty signature's length
	if err := mls.VerifyWithLabel(context.Suite, signer.SignatureKey, groupInfoLabel, content, info.Signature); err != nil {
		return fmt.Errorf("signature of the GroupInfo: %w", err)
	}
	return nil
}

func extension(list []mls.Extension, t mls.ExtensionType) ([]byte, bool) {
	for _, e := range list {
		if e.Type == t {
			return e.Data, true
		}
	}
	return nil, false
}
