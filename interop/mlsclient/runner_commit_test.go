package mlsclient

import (
	"bytes"
	"fmt"
	"slices"

	"anteroom/interop/mlsclient/pb"
)

// request is the commit that a step asks for.
func (r *run) request(s *step) (req *pb.CommitRequest, err error) {
	req = &pb.CommitRequest{StateId: r.states[s.Actor], ForcePath: s.forcePath(), ExternalTree: s.externalTree()}
	if req.ByReference, err = r.all(s.ByReference, "proposal"); err != nil {
		return nil, err
	}
	for i := range s.ByValue {
		d, err := r.describe(&s.ByValue[i])
		if err != nil {
			return nil, err
		}
		req.ByValue = append(req.ByValue, d)
	}
	return req, nil
}

// describe is a proposal by value. One that changes the suite changes it for the rest of the script.
func (r *run) describe(d *description) (out *pb.ProposalDescription, err error) {
	out = &pb.ProposalDescription{ProposalType: []byte(d.Type), RemovedId: []byte(d.Removed), EpochId: d.Epoch,
		Extensions: encodeExtensions(d.Extensions)}
	switch d.Type {
	case "add":
		out.KeyPackage, err = r.result(d.KeyPackage, "key_package")
	case "externalPSK":
		out.PskId, err = r.result(d.PSK, "psk_id")
	case "reinit":
		out.GroupId, out.CipherSuite, err = r.successor(d.ChangeGroupID, d.ChangeSuite)
	}
	return out, err
}

// successor are group id and suite after a ReInit.
func (r *run) successor(changeGroupID, changeSuite bool) (groupID []byte, suite uint32, err error) {
	groupID = r.groupID
	if changeGroupID {
		groupID = append(slices.Clone(groupID), "++"...)
	}
	if changeSuite {
		if r.suite, err = r.nextSuite(); err != nil {
			return nil, 0, err
		}
	}
	return groupID, r.suite, nil
}

func (r *run) commit(s *step, out map[string][]byte) error {
	req, err := r.request(s)
	if err != nil {
		return err
	}
	_, err = r.send(s.Actor, req, out)
	return err
}

func (r *run) send(actor string, req *pb.CommitRequest, out map[string][]byte) (*pb.CommitResponse, error) {
	req.StateId = r.states[actor]
	resp, err := r.clients[actor].Commit(r.ctx, req)
	if err != nil {
		return nil, err
	}
	if got := len(resp.RatchetTree) > 0; got != req.ExternalTree {
		return nil, fmt.Errorf("a ratchet tree beside the commit: %v, want %v", got, req.ExternalTree)
	}
	out["commit"], out["welcome"], out["ratchet_tree"] = resp.Commit, resp.Welcome, resp.RatchetTree
	return resp, framed(resp.Commit, r.private)
}

func (r *run) fullCommit(s *step, out map[string][]byte) error {
	req, err := r.request(s)
	if err != nil {
		return err
	}
	return r.commitBy(s.Actor, req, s.Members, s.Joiners, out)
}

// commitBy commits, has everybody follow and the joiners join.
func (r *run) commitBy(actor string, req *pb.CommitRequest, members, joiners []string, out map[string][]byte) error {
	resp, err := r.send(actor, req, out)
	if err != nil {
		return err
	}
	adopted, err := r.adopt(actor)
	if err != nil {
		return err
	}
	if err := r.follow(members, req.ByReference, resp.Commit, adopted); err != nil {
		return err
	}
	for _, joiner := range joiners {
		auth, err := r.join(joiner, resp.Welcome, resp.RatchetTree)
		if err != nil {
			return err
		}
		if !bytes.Equal(auth, adopted) {
			return fmt.Errorf("%s has another epoch authenticator", joiner)
		}
	}
	return r.agree(slices.Concat([]string{actor}, members, joiners))
}

// adopt has an actor adopt its own commit.
func (r *run) adopt(actor string) ([]byte, error) {
	resp, err := r.clients[actor].HandlePendingCommit(r.ctx, &pb.HandlePendingCommitRequest{StateId: r.states[actor]})
	if err != nil {
		return nil, err
	}
	r.states[actor] = resp.StateId
	return resp.EpochAuthenticator, nil
}

func (r *run) handlePending(s *step, _ map[string][]byte) error {
	_, err := r.adopt(s.Actor)
	return err
}

func (r *run) handleCommit(s *step, _ map[string][]byte) error {
	commit, err := r.result(s.Commit, "commit")
	if err != nil {
		return err
	}
	proposals, err := r.all(s.ByReference, "proposal")
	if err != nil {
		return err
	}
	resp, err := r.clients[s.Actor].HandleCommit(r.ctx, &pb.HandleCommitRequest{StateId: r.states[s.Actor], Proposal: proposals, Commit: commit})
	if err != nil {
		return err
	}
	r.states[s.Actor] = resp.StateId
	return nil
}

// reinit ends the group by a ReInit proposal of the proposer, or one made from outside before, and starts its successor.
func (r *run) reinit(s *step, _ map[string][]byte) error {
	everybody := slices.Concat(s.Members, []string{s.Committer, s.Welcomer})
	if s.Proposer != "" {
		everybody = append(everybody, s.Proposer)
	}
	slices.Sort(everybody)
	everybody = slices.Compact(everybody)
	others := func(than string) []string {
		return slices.DeleteFunc(slices.Clone(everybody), func(n string) bool { return n == than })
	}
	proposal, err := r.reinitProposal(s)
	if err != nil {
		return err
	}
	ended, err := r.endGroup(s.Committer, others(s.Committer), proposal)
	if err != nil {
		return err
	}
	req := &pb.ReInitWelcomeRequest{ReinitId: ended[s.Welcomer].ReinitId, ForcePath: s.forcePath(), ExternalTree: s.externalTree()}
	for _, name := range others(s.Welcomer) {
		req.KeyPackage = append(req.KeyPackage, ended[name].KeyPackage)
	}
	created, err := r.clients[s.Welcomer].ReInitWelcome(r.ctx, req)
	if err != nil {
		return fmt.Errorf("%s welcomes: %w", s.Welcomer, err)
	}
	r.states[s.Welcomer] = created.StateId
	for _, name := range others(s.Welcomer) {
		resp, err := r.clients[name].HandleReInitWelcome(r.ctx, &pb.HandleReInitWelcomeRequest{ReinitId: ended[name].ReinitId,
			Welcome: created.Welcome, RatchetTree: created.RatchetTree})
		if err != nil {
			return fmt.Errorf("%s joins the successor: %w", name, err)
		}
		r.states[name] = resp.StateId
		if !bytes.Equal(resp.EpochAuthenticator, created.EpochAuthenticator) {
			return fmt.Errorf("%s has another epoch authenticator in the successor", name)
		}
	}
	return r.agree(everybody)
}

func (r *run) reinitProposal(s *step) ([]byte, error) {
	if s.Proposer == "" {
		return r.result(s.ReInitProposal, "proposal")
	}
	groupID, suite, err := r.successor(s.ChangeGroupID, s.ChangeSuite)
	if err != nil {
		return nil, err
	}
	resp, err := r.clients[s.Proposer].ReInitProposal(r.ctx, &pb.ReInitProposalRequest{StateId: r.states[s.Proposer], CipherSuite: suite,
		GroupId: groupID, Extensions: encodeExtensions(s.Extensions)})
	if err != nil {
		return nil, err
	}
	return resp.Proposal, framed(resp.Proposal, r.private)
}

// endGroup commits a ReInit and has everybody follow. The states of the ended group are freed.
func (r *run) endGroup(committer string, others []string, proposal []byte) (map[string]*pb.HandleReInitCommitResponse, error) {
	client := r.clients[committer]
	commit, err := client.ReInitCommit(r.ctx, &pb.CommitRequest{StateId: r.states[committer], ByReference: [][]byte{proposal}})
	if err != nil {
		return nil, err
	}
	if err := framed(commit.Commit, r.private); err != nil {
		return nil, err
	}
	own, err := client.HandlePendingReInitCommit(r.ctx, &pb.HandlePendingCommitRequest{StateId: r.states[committer]})
	if err != nil {
		return nil, err
	}
	ended := map[string]*pb.HandleReInitCommitResponse{committer: own}
	for _, name := range others {
		ended[name], err = r.clients[name].HandleReInitCommit(r.ctx, &pb.HandleCommitRequest{StateId: r.states[name],
			Proposal: [][]byte{proposal}, Commit: commit.Commit})
		if err != nil {
			return nil, fmt.Errorf("%s ends: %w", name, err)
		}
		if !bytes.Equal(ended[name].EpochAuthenticator, own.EpochAuthenticator) {
			return nil, fmt.Errorf("%s has another epoch authenticator at the end", name)
		}
	}
	for name := range ended {
		if _, err := r.clients[name].Free(r.ctx, &pb.FreeRequest{StateId: r.states[name]}); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// branch makes a subgroup and goes on with it.
func (r *run) branch(s *step, _ map[string][]byte) error {
	req := &pb.CreateBranchRequest{StateId: r.states[s.Actor], GroupId: random(16), Extensions: encodeExtensions(s.Extensions),
		ForcePath: s.forcePath(), ExternalTree: s.externalTree()}
	for _, member := range s.Members {
		kp, err := r.keyPackage(member)
		if err != nil {
			return err
		}
		req.KeyPackages = append(req.KeyPackages, kp)
	}
	created, err := r.clients[s.Actor].CreateBranch(r.ctx, req)
	if err != nil {
		return err
	}
	parents := map[string]uint32{s.Actor: r.states[s.Actor]}
	r.states[s.Actor] = created.StateId
	for _, member := range s.Members {
		resp, err := r.clients[member].HandleBranch(r.ctx, &pb.HandleBranchRequest{StateId: r.states[member],
			TransactionId: r.transactions[member], Welcome: created.Welcome, RatchetTree: created.RatchetTree})
		if err != nil {
			return fmt.Errorf("%s branches: %w", member, err)
		}
		parents[member], r.states[member] = r.states[member], resp.StateId
		if !bytes.Equal(resp.EpochAuthenticator, created.EpochAuthenticator) {
			return fmt.Errorf("%s has another epoch authenticator in the branch", member)
		}
	}
	for name, id := range parents {
		if _, err := r.clients[name].Free(r.ctx, &pb.FreeRequest{StateId: id}); err != nil {
			return err
		}
	}
	return r.agree(append(slices.Clone(s.Members), s.Actor))
}

func (r *run) newMemberAdd(s *step, out map[string][]byte) error {
	if err := r.groupInfo(&step{Actor: s.Actor}, out); err != nil {
		return err
	}
	resp, err := r.clients[s.Joiner].NewMemberAddProposal(r.ctx, &pb.NewMemberAddProposalRequest{GroupInfo: out["group_info"], Identity: []byte(s.Joiner)})
	if err != nil {
		return err
	}
	r.transactions[s.Joiner], out["proposal"] = resp.TransactionId, resp.Proposal
	return framed(resp.Proposal, false)
}

func (r *run) addSigner(s *step, out map[string][]byte) error {
	made, err := r.clients[s.Signer].CreateExternalSigner(r.ctx, &pb.CreateExternalSignerRequest{CipherSuite: r.suite, Identity: []byte(s.Signer)})
	if err != nil {
		return err
	}
	r.signers[s.Signer] = made.SignerId
	resp, err := r.clients[s.Actor].AddExternalSigner(r.ctx, &pb.AddExternalSignerRequest{StateId: r.states[s.Actor], ExternalSender: made.ExternalSender})
	if err != nil {
		return err
	}
	out["proposal"] = resp.Proposal
	return framed(resp.Proposal, r.private)
}

func (r *run) signerProposal(s *step, out map[string][]byte) error {
	if err := r.groupInfo(&step{Actor: s.Member, ExternalTree: true}, out); err != nil {
		return err
	}
	d, err := r.describe(s.Description)
	if err != nil {
		return err
	}
	resp, err := r.clients[s.Actor].ExternalSignerProposal(r.ctx, &pb.ExternalSignerProposalRequest{SignerId: r.signers[s.Actor],
		GroupInfo: out["group_info"], RatchetTree: out["ratchet_tree"], Description: d})
	if err != nil {
		return err
	}
	out["proposal"] = resp.Proposal
	return framed(resp.Proposal, false)
}
