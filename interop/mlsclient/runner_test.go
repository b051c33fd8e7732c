package mlsclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	"anteroom/interop/mlsclient/pb"
)

// run is one run of a script: a suite, a framing of handshake messages, and which client plays which actor.
type run struct {
	ctx     context.Context
	suite   uint32
	private bool
	clients map[string]pb.MLSClientClient // by actor

	groupID      []byte
	states       map[string]uint32
	transactions map[string]uint32
	signers      map[string]uint32
	results      []map[string][]byte // by step
}

// play runs a script to its end and frees its states.
func (r *run) play(s script) error {
	r.states, r.transactions, r.signers = map[string]uint32{}, map[string]uint32{}, map[string]uint32{}
	r.results = make([]map[string][]byte, len(s))
	for i := range s {
		r.results[i] = map[string][]byte{}
		if err := r.step(&s[i], r.results[i]); err != nil {
			return fmt.Errorf("step %d (%s %s): %w", i, s[i].Actor, s[i].Action, err)
		}
	}
	for actor, id := range r.states {
		if _, err := r.clients[actor].Free(r.ctx, &pb.FreeRequest{StateId: id}); err != nil {
			return fmt.Errorf("free: %w", err)
		}
	}
	return nil
}

// result is what an earlier step left.
func (r *run) result(step int, kind string) ([]byte, error) {
	if step < 0 || step >= len(r.results) || r.results[step][kind] == nil {
		return nil, fmt.Errorf("step %d has no %s", step, kind)
	}
	return r.results[step][kind], nil
}

func (r *run) all(steps []int, kind string) ([][]byte, error) {
	out := make([][]byte, len(steps))
	for i, n := range steps {
		b, err := r.result(n, kind)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

func (r *run) step(s *step, out map[string][]byte) error {
	for name, play := range map[string]func(*step, map[string][]byte) error{
		"createGroup": r.createGroup, "createKeyPackage": r.createKeyPackage, "joinGroup": r.joinGroup, "externalJoin": r.externalJoin,
		"installExternalPSK": r.installPSK, "groupInfo": r.groupInfo, "fullCommit": r.fullCommit, "commit": r.commit,
		"handleCommit": r.handleCommit, "handlePendingCommit": r.handlePending, "protect": r.protect, "unprotect": r.unprotect,
		"reinit": r.reinit, "branch": r.branch, "newMemberAddProposal": r.newMemberAdd, "addExternalSigner": r.addSigner,
		"externalSignerProposal": r.signerProposal,
	} {
		if name == s.Action {
			return play(s, out)
		}
	}
	resp, err := r.proposal(s)
	if err != nil {
		return err
	}
	out["proposal"] = resp.Proposal
	return framed(resp.Proposal, r.private)
}

// framed verifies that a handshake message is a PrivateMessage, or a PublicMessage.
func framed(message []byte, private bool) error {
	want := []byte{0, 1, 0, 1} // version, wire format
	if private {
		want[3] = 2
	}
	if !bytes.HasPrefix(message, want) {
		return fmt.Errorf("message begins with %x, want %x", message[:min(4, len(message))], want)
	}
	return nil
}

// proposal makes a member's proposal.
func (r *run) proposal(s *step) (*pb.ProposalResponse, error) {
	client, id := r.clients[s.Actor], r.states[s.Actor]
	switch s.Action {
	case "addProposal":
		kp, err := r.result(s.KeyPackage, "key_package")
		if err != nil {
			return nil, err
		}
		return client.AddProposal(r.ctx, &pb.AddProposalRequest{StateId: id, KeyPackage: kp})
	case "updateProposal":
		return client.UpdateProposal(r.ctx, &pb.UpdateProposalRequest{StateId: id})
	case "removeProposal":
		return client.RemoveProposal(r.ctx, &pb.RemoveProposalRequest{StateId: id, RemovedId: []byte(s.Removed)})
	case "externalPSKProposal":
		psk, err := r.result(s.PSK, "psk_id")
		if err != nil {
			return nil, err
		}
		return client.ExternalPSKProposal(r.ctx, &pb.ExternalPSKProposalRequest{StateId: id, PskId: psk})
	case "resumptionPSKProposal":
		return client.ResumptionPSKProposal(r.ctx, &pb.ResumptionPSKProposalRequest{StateId: id, EpochId: s.Epoch})
	case "groupContextExtensionsProposal":
		return client.GroupContextExtensionsProposal(r.ctx,
			&pb.GroupContextExtensionsProposalRequest{StateId: id, Extensions: encodeExtensions(s.Extensions)})
	}
	return nil, fmt.Errorf("unknown action %q", s.Action)
}

func (r *run) createGroup(s *step, out map[string][]byte) error {
	r.groupID = random(16)
	resp, err := r.clients[s.Actor].CreateGroup(r.ctx, &pb.CreateGroupRequest{GroupId: r.groupID, CipherSuite: r.suite,
		EncryptHandshake: r.private, Identity: []byte(s.Actor)})
	if err != nil {
		return err
	}
	r.states[s.Actor] = resp.StateId
	if len(s.Members) == 0 {
		return nil
	}
	var adds []*pb.ProposalDescription
	for _, member := range s.Members {
		kp, err := r.keyPackage(member)
		if err != nil {
			return err
		}
		adds = append(adds, &pb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: kp})
	}
	return r.commitBy(s.Actor, &pb.CommitRequest{ByValue: adds}, nil, s.Members, out)
}

// keyPackage makes a client for an actor.
func (r *run) keyPackage(actor string) ([]byte, error) {
	resp, err := r.clients[actor].CreateKeyPackage(r.ctx, &pb.CreateKeyPackageRequest{CipherSuite: r.suite, Identity: []byte(actor)})
	if err != nil {
		return nil, err
	}
	r.transactions[actor] = resp.TransactionId
	return resp.KeyPackage, nil
}

func (r *run) createKeyPackage(s *step, out map[string][]byte) (err error) {
	out["key_package"], err = r.keyPackage(s.Actor)
	return err
}

func (r *run) joinGroup(s *step, _ map[string][]byte) error {
	welcome, err := r.result(s.Welcome, "welcome")
	if err != nil {
		return err
	}
	_, err = r.join(s.Actor, welcome, r.results[s.Welcome]["ratchet_tree"])
	return err
}

// join enters a group by Welcome.
func (r *run) join(actor string, welcome, tree []byte) ([]byte, error) {
	resp, err := r.clients[actor].JoinGroup(r.ctx, &pb.JoinGroupRequest{TransactionId: r.transactions[actor], Welcome: welcome,
		EncryptHandshake: r.private, Identity: []byte(actor), RatchetTree: tree})
	if err != nil {
		return nil, fmt.Errorf("%s joins: %w", actor, err)
	}
	r.states[actor] = resp.StateId
	return resp.EpochAuthenticator, nil
}

func (r *run) externalJoin(s *step, out map[string][]byte) error {
	info, err := r.clients[s.Actor].GroupInfo(r.ctx, &pb.GroupInfoRequest{StateId: r.states[s.Actor], ExternalTree: s.externalTree()})
	if err != nil {
		return err
	}
	req := &pb.ExternalJoinRequest{GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree, EncryptHandshake: r.private,
		Identity: []byte(s.Joiner), RemovePrior: s.RemovePrior}
	for _, n := range s.PSKs {
		id, err := r.result(n, "psk_id")
		if err != nil {
			return err
		}
		req.Psks = append(req.Psks, &pb.PreSharedKey{PskId: id, PskSecret: r.results[n]["psk_secret"]})
	}
	resp, err := r.clients[s.Joiner].ExternalJoin(r.ctx, req)
	if err != nil {
		return err
	}
	out["commit"] = resp.Commit
	if err := framed(resp.Commit, false); err != nil {
		return err
	}
	r.states[s.Joiner] = resp.StateId
	members := append(slices.Clone(s.Members), s.Actor)
	if err := r.follow(members, nil, resp.Commit, resp.EpochAuthenticator); err != nil {
		return err
	}
	return r.agree(append(members, s.Joiner))
}

// follow has members process a commit.
func (r *run) follow(members []string, proposals [][]byte, commit, want []byte) error {
	for _, member := range members {
		resp, err := r.clients[member].HandleCommit(r.ctx, &pb.HandleCommitRequest{StateId: r.states[member], Proposal: proposals, Commit: commit})
		if err != nil {
			return fmt.Errorf("%s follows: %w", member, err)
		}
		r.states[member] = resp.StateId
		if !bytes.Equal(resp.EpochAuthenticator, want) {
			return fmt.Errorf("%s has another epoch authenticator", member)
		}
	}
	return nil
}

// agree asks members, beyond what the published runner does, for the epoch authenticator and an exported secret.
func (r *run) agree(members []string) error {
	var auth, secret []byte
	for i, member := range members {
		client, id := r.clients[member], r.states[member]
		a, err := client.StateAuth(r.ctx, &pb.StateAuthRequest{StateId: id})
		if err != nil {
			return err
		}
		e, err := client.Export(r.ctx, &pb.ExportRequest{StateId: id, Label: "agree", Context: r.groupID, KeyLength: 40})
		if err != nil {
			return err
		}
		if i == 0 {
			auth, secret = a.StateAuthSecret, e.ExportedSecret
		}
		if len(e.ExportedSecret) != 40 || !bytes.Equal(auth, a.StateAuthSecret) || !bytes.Equal(secret, e.ExportedSecret) {
			return fmt.Errorf("%s and %s are in different epochs", members[0], member)
		}
	}
	return nil
}

// installPSK gives clients a new PSK, before or after they joined.
func (r *run) installPSK(s *step, out map[string][]byte) error {
	out["psk_id"], out["psk_secret"] = random(32), random(32)
	for _, actor := range s.Clients {
		id, ok := r.states[actor]
		if !ok {
			id = r.transactions[actor]
		}
		_, err := r.clients[actor].StorePSK(r.ctx, &pb.StorePSKRequest{StateOrTransactionId: id, PskId: out["psk_id"], PskSecret: out["psk_secret"]})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) groupInfo(s *step, out map[string][]byte) error {
	resp, err := r.clients[s.Actor].GroupInfo(r.ctx, &pb.GroupInfoRequest{StateId: r.states[s.Actor], ExternalTree: s.externalTree()})
	if err != nil {
		return err
	}
	out["group_info"], out["ratchet_tree"] = resp.GroupInfo, resp.RatchetTree
	return nil
}

func (r *run) protect(s *step, out map[string][]byte) error {
	out["aad"], out["plaintext"] = []byte(s.AuthenticatedData), []byte(s.Plaintext)
	resp, err := r.clients[s.Actor].Protect(r.ctx, &pb.ProtectRequest{StateId: r.states[s.Actor], AuthenticatedData: out["aad"], Plaintext: out["plaintext"]})
	if err != nil {
		return err
	}
	out["ciphertext"] = resp.Ciphertext
	return nil
}

func (r *run) unprotect(s *step, _ map[string][]byte) error {
	ciphertext, err := r.result(s.Ciphertext, "ciphertext")
	if err != nil {
		return err
	}
	resp, err := r.clients[s.Actor].Unprotect(r.ctx, &pb.UnprotectRequest{StateId: r.states[s.Actor], Ciphertext: ciphertext})
	if err != nil {
		return err
	}
	sent := r.results[s.Ciphertext]
	if !bytes.Equal(resp.Plaintext, sent["plaintext"]) || !bytes.Equal(resp.AuthenticatedData, sent["aad"]) {
		return fmt.Errorf("received %q with %q, sent %q with %q", resp.Plaintext, resp.AuthenticatedData, sent["plaintext"], sent["aad"])
	}
	return nil
}

// nextSuite is the following suite that every client has, for reinitialization.
func (r *run) nextSuite() (uint32, error) {
	have := map[uint32]int{}
	for _, client := range r.clients {
		resp, err := client.SupportedCiphersuites(r.ctx, &pb.SupportedCiphersuitesRequest{})
		if err != nil {
			return 0, err
		}
		for _, cs := range resp.Ciphersuites {
			have[cs]++
		}
	}
	maps.DeleteFunc(have, func(cs uint32, n int) bool { return n < len(r.clients) || cs == r.suite })
	common := slices.Sorted(maps.Keys(have))
	if len(common) == 0 {
		return 0, fmt.Errorf("no other common suite")
	}
	for _, cs := range common {
		if cs > r.suite {
			return cs, nil
		}
	}
	return common[0], nil
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return b
}
