package mlsclient

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// AddProposal proposes to add the owner of a key package.
func (s *Server) AddProposal(_ context.Context, req *pb.AddProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeAdd), KeyPackage: req.KeyPackage})
}

// UpdateProposal proposes a new leaf key for the member itself.
func (s *Server) UpdateProposal(_ context.Context, req *pb.UpdateProposalRequest) (*pb.ProposalResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	return m.update()
}

// RemoveProposal proposes to remove the member of a name.
func (s *Server) RemoveProposal(_ context.Context, req *pb.RemoveProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeRemove), RemovedId: req.RemovedId})
}

// ExternalPSKProposal proposes a PSK known by its id.
func (s *Server) ExternalPSKProposal(_ context.Context, req *pb.ExternalPSKProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeExternalPSK), PskId: req.PskId})
}

// ResumptionPSKProposal proposes the resumption PSK of an earlier epoch of the group.
func (s *Server) ResumptionPSKProposal(_ context.Context, req *pb.ResumptionPSKProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeResumptionPSK), EpochId: req.EpochId})
}

// GroupContextExtensionsProposal proposes to replace the group's extensions.
func (s *Server) GroupContextExtensionsProposal(_ context.Context, req *pb.GroupContextExtensionsProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeExtensions), Extensions: req.Extensions})
}

// ReInitProposal proposes to begin again with other parameters.
func (s *Server) ReInitProposal(_ context.Context, req *pb.ReInitProposalRequest) (*pb.ProposalResponse, error) {
	return s.propose(req.StateId, &pb.ProposalDescription{ProposalType: []byte(typeReInit), CipherSuite: req.CipherSuite,
		GroupId: req.GroupId, Extensions: req.Extensions})
}

// propose sends the described proposal as a member.
func (s *Server) propose(id uint32, d *pb.ProposalDescription) (*pb.ProposalResponse, error) {
	m, err := s.state(id)
	if err != nil {
		return nil, err
	}
	p, err := described(m.group.Public(), d)
	if err != nil {
		return nil, err
	}
	return m.propose(p)
}

// The values of ProposalDescription.proposal_type.
const (
	typeAdd           = "add"
	typeRemove        = "remove"
	typeExternalPSK   = "externalPSK"
	typeResumptionPSK = "resumptionPSK"
	typeExtensions    = "groupContextExtensions"
	typeReInit        = "reinit"
)

// described makes the described proposal for a group.
func described(g *mls.PublicGroup, d *pb.ProposalDescription) (mls.Proposal, error) {
	switch t := string(d.GetProposalType()); t {
	case typeAdd:
		kp, err := decodeKeyPackage(d.KeyPackage)
		if err != nil {
			return nil, err
		}
		return mls.Add{KeyPackage: *kp}, nil
	case typeRemove:
		leaf, err := memberOf(g, d.RemovedId)
		return mls.Remove{Removed: leaf}, err
	case typeExternalPSK:
		return externalPSK(g.Suite(), d.PskId), nil
	case typeResumptionPSK:
		return mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKResumption, Usage: mls.ResumptionApplication, GroupID: g.GroupID(),
			Epoch: mls.Epoch(d.EpochId), Nonce: pskNonce(g.Suite())}}, nil
	case typeExtensions:
		extensions, err := decodeExtensions(d.Extensions)
		return mls.GroupContextExtensions{Extensions: extensions}, err
	case typeReInit:
		cs, err := decodeSuite(d.CipherSuite)
		if err != nil {
			return nil, err
		}
		extensions, err := decodeExtensions(d.Extensions)
		return mls.ReInit{GroupID: d.GroupId, Version: mls.ProtocolVersionMLS10, Suite: cs, Extensions: extensions}, err
	default:
		return nil, status.Errorf(codes.InvalidArgument, "proposal_type %q", t)
	}
}

func externalPSK(cs mls.CipherSuite, id []byte) mls.Proposal {
	return mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKExternal, ID: id, Nonce: pskNonce(cs)}}
}

// pskNonce draws a nonce of the size of the suite's hash (RFC 9420 §8.4).
func pskNonce(cs mls.CipherSuite) []byte {
	size := 32
	switch cs {
	case mls.SuiteX448AES256SHA512Ed448, mls.SuiteX448ChaCha20SHA512Ed448, mls.SuiteP521AES256SHA512P521:
		size = 64
	case mls.SuiteP384AES256SHA384P384:
		size = 48
	}
	a, b := newSeed(), newSeed()
	return append(a[:], b[:]...)[:size]
}

// NewMemberAddProposal has an outsider propose to add itself. Its key package waits for the Welcome.
func (s *Server) NewMemberAddProposal(_ context.Context, req *pb.NewMemberAddProposalRequest) (*pb.NewMemberAddProposalResponse, error) {
	g, err := s.track(req.GroupInfo, nil)
	if err != nil {
		return nil, err
	}
	client, err := s.newClient(g.Suite(), req.Identity)
	if err != nil {
		return nil, err
	}
	message, err := mls.NewMemberProposal(g, client, nil)
	if err != nil {
		return nil, err
	}
	id, err := put(s, s.transactions, &transaction{client: client})
	if err != nil {
		return nil, err
	}
	return &pb.NewMemberAddProposalResponse{TransactionId: id, Proposal: wire.Marshal(message), InitPriv: client.Init,
		EncryptionPriv: client.Leaf, SignaturePriv: client.Signature}, nil
}

// track verifies a GroupInfo for somebody outside of the group.
func (s *Server) track(groupInfo, tree []byte) (*mls.PublicGroup, error) {
	gi, nodes, err := decodeGroupInfo(groupInfo, tree)
	if err != nil {
		return nil, err
	}
	return mls.NewPublicGroup(gi, nodes, s.config())
}

// signer is somebody outside who may propose.
type signer struct{ key mls.Signer }

// CreateExternalSigner makes a key pair for proposals from outside.
func (s *Server) CreateExternalSigner(_ context.Context, req *pb.CreateExternalSignerRequest) (*pb.CreateExternalSignerResponse, error) {
	cs, err := decodeSuite(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	key, err := mls.NewSigner(cs, newSeed())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	id, err := put(s, s.signers, &signer{key})
	if err != nil {
		return nil, err
	}
	sender := mls.ExternalSender{SignatureKey: key.Public, Credential: mls.Credential{Type: mls.CredentialBasic, Identity: req.Identity}}
	return &pb.CreateExternalSignerResponse{SignerId: id, ExternalSender: wire.Marshal(sender)}, nil
}

// AddExternalSigner proposes to add an entry to the group's external_senders; the other extensions stay.
func (s *Server) AddExternalSigner(_ context.Context, req *pb.AddExternalSignerRequest) (*pb.ProposalResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	var added mls.ExternalSender
	if err := wire.Unmarshal(req.ExternalSender, &added); err != nil {
		return nil, err
	}
	var senders mls.ExternalSenders
	var kept []mls.Extension
	for _, e := range m.group.Public().Context().Extensions {
		if e.Type != mls.ExtensionExternalSenders {
			kept = append(kept, e)
			continue
		}
		if err := wire.Unmarshal(e.Data, &senders); err != nil {
			return nil, err
		}
	}
	senders = append(senders, added)
	return m.propose(mls.GroupContextExtensions{Extensions: append(kept, mls.Extension{Type: mls.ExtensionExternalSenders, Data: wire.Marshal(senders)})})
}

// ExternalSignerProposal proposes from outside. The signer's place in external_senders follows from its key: signer_index is not read,
// as runners leave it at zero.
func (s *Server) ExternalSignerProposal(_ context.Context, req *pb.ExternalSignerProposalRequest) (*pb.ProposalResponse, error) {
	out, err := get(s.signers, "signer", req.SignerId)
	if err != nil {
		return nil, err
	}
	g, err := s.track(req.GroupInfo, req.RatchetTree)
	if err != nil {
		return nil, err
	}
	p, err := described(g, req.Description)
	if err != nil {
		return nil, err
	}
	message, err := mls.ExternalProposal(g, out.key, p, nil)
	if err != nil {
		return nil, err
	}
	return &pb.ProposalResponse{Proposal: wire.Marshal(message)}, nil
}
