package mlsclient

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
)

// reinit is a member of a group that ended with a ReInit, with its client for the group that follows.
type reinit struct {
	ended   *mls.Group
	client  *mls.KeyPackageSecrets
	private bool
	psks    psks
}

// ReInitCommit is Commit for a commit that ends the group.
func (s *Server) ReInitCommit(_ context.Context, req *pb.CommitRequest) (*pb.CommitResponse, error) {
	m, staged, err := s.commit(req)
	if err != nil {
		return nil, err
	}
	if staged.Effects.After.ReInit() == nil {
		return nil, status.Error(codes.InvalidArgument, "the commit has no ReInit")
	}
	return m.stage(staged, req.ExternalTree), nil
}

// HandlePendingReInitCommit is HandlePendingCommit for a commit that ends the group.
func (s *Server) HandlePendingReInitCommit(_ context.Context, req *pb.HandlePendingCommitRequest) (*pb.HandleReInitCommitResponse, error) {
	m, err := s.adoptPending(req.StateId)
	if err != nil {
		return nil, err
	}
	return s.end(m)
}

// HandleReInitCommit is HandleCommit for a commit that ends the group.
func (s *Server) HandleReInitCommit(_ context.Context, req *pb.HandleCommitRequest) (*pb.HandleReInitCommitResponse, error) {
	m, err := s.follow(req)
	if err != nil {
		return nil, err
	}
	return s.end(m)
}

// end leaves the state over and makes the member's client for the group that follows.
func (s *Server) end(m *state) (*pb.HandleReInitCommitResponse, error) {
	next := m.group.Public().ReInit()
	if next == nil {
		return nil, status.Error(codes.InvalidArgument, "the commit has no ReInit")
	}
	client, err := s.newClient(next.Suite, m.identity())
	if err != nil {
		return nil, err
	}
	id, err := put(s, s.reinits, &reinit{ended: m.group, client: client, private: m.private, psks: m.psks})
	if err != nil {
		return nil, err
	}
	resp := &pb.HandleReInitCommitResponse{ReinitId: id, KeyPackage: encodeKeyPackage(&client.KeyPackage),
		EpochAuthenticator: m.group.EpochAuthenticator()}
	m.group = nil
	return resp, nil
}

// ReInitWelcome creates the group that follows a ReInit, with the owners of all key packages. The reinit is over when it succeeds.
func (s *Server) ReInitWelcome(_ context.Context, req *pb.ReInitWelcomeRequest) (*pb.CreateSubgroupResponse, error) {
	r, err := get(s.reinits, "reinit", req.ReinitId)
	if err != nil {
		return nil, err
	}
	p := mls.SubgroupParams{Creator: r.client, ForcePath: req.ForcePath, WelcomeTree: !req.ExternalTree, Config: s.configWith(r.psks)}
	if p.Members, err = decodeKeyPackages(req.KeyPackage); err != nil {
		return nil, err
	}
	staged, err := r.ended.Reinitialize(newSeed(), p)
	if err != nil {
		return nil, err
	}
	resp, err := s.created(staged, r.private, r.psks, req.ExternalTree)
	if err == nil {
		delete(s.reinits, req.ReinitId)
	}
	return resp, err
}

func decodeKeyPackages(list [][]byte) ([]*mls.KeyPackage, error) {
	out := make([]*mls.KeyPackage, len(list))
	for i, b := range list {
		kp, err := decodeKeyPackage(b)
		if err != nil {
			return nil, err
		}
		out[i] = kp
	}
	return out, nil
}

// created makes a state of the subgroup that a member created.
func (s *Server) created(staged *mls.Staged, private bool, p psks, externalTree bool) (*pb.CreateSubgroupResponse, error) {
	id, err := s.enter(staged.Group, private, p)
	if err != nil {
		return nil, err
	}
	return &pb.CreateSubgroupResponse{StateId: id, Welcome: encodeWelcome(staged.Welcome),
		RatchetTree: encodeTree(staged.Group, externalTree), EpochAuthenticator: staged.Group.EpochAuthenticator()}, nil
}

// HandleReInitWelcome enters the group that follows a ReInit. The reinit is over when it succeeds.
func (s *Server) HandleReInitWelcome(_ context.Context, req *pb.HandleReInitWelcomeRequest) (*pb.JoinGroupResponse, error) {
	r, err := get(s.reinits, "reinit", req.ReinitId)
	if err != nil {
		return nil, err
	}
	welcome, p, err := s.joining(req.Welcome, req.RatchetTree, r.psks)
	if err != nil {
		return nil, err
	}
	g, err := r.ended.JoinReInit(welcome, []*mls.KeyPackageSecrets{r.client}, p)
	if err != nil {
		return nil, err
	}
	id, err := s.enter(g, r.private, r.psks)
	if err != nil {
		return nil, err
	}
	delete(s.reinits, req.ReinitId)
	return &pb.JoinGroupResponse{StateId: id, EpochAuthenticator: g.EpochAuthenticator()}, nil
}

// CreateBranch creates a subgroup with the owners of key packages; the group it branches off goes on.
func (s *Server) CreateBranch(_ context.Context, req *pb.CreateBranchRequest) (*pb.CreateSubgroupResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	creator, err := s.newClient(m.group.Public().Suite(), m.identity())
	if err != nil {
		return nil, err
	}
	p := mls.SubgroupParams{Creator: creator, GroupID: req.GroupId, ForcePath: req.ForcePath, WelcomeTree: !req.ExternalTree,
		Config: s.configWith(m.psks)}
	if p.Extensions, err = decodeExtensions(req.Extensions); err != nil {
		return nil, err
	}
	if p.Members, err = decodeKeyPackages(req.KeyPackages); err != nil {
		return nil, err
	}
	staged, err := m.group.Branch(newSeed(), p)
	if err != nil {
		return nil, err
	}
	return s.created(staged, m.private, m.psks, req.ExternalTree)
}

// HandleBranch enters a subgroup. The transaction is over when it succeeds; the group it branches off goes on.
func (s *Server) HandleBranch(_ context.Context, req *pb.HandleBranchRequest) (*pb.HandleBranchResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	t, err := get(s.transactions, "transaction", req.TransactionId)
	if err != nil {
		return nil, err
	}
	welcome, p, err := s.joining(req.Welcome, req.RatchetTree, m.psks)
	if err != nil {
		return nil, err
	}
	g, err := m.group.JoinBranch(welcome, []*mls.KeyPackageSecrets{t.client}, p)
	if err != nil {
		return nil, err
	}
	id, err := s.enter(g, m.private, m.psks)
	if err != nil {
		return nil, err
	}
	delete(s.transactions, req.TransactionId)
	return &pb.HandleBranchResponse{StateId: id, EpochAuthenticator: g.EpochAuthenticator()}, nil
}
