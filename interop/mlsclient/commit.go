package mlsclient

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Commit makes a commit that waits for HandlePendingCommit. A second one replaces the first.
func (s *Server) Commit(_ context.Context, req *pb.CommitRequest) (*pb.CommitResponse, error) {
	m, staged, err := s.commit(req)
	if err != nil {
		return nil, err
	}
	return m.stage(staged, req.ExternalTree), nil
}

// commit makes a commit without changing the state's pending one.
func (s *Server) commit(req *pb.CommitRequest) (*state, *mls.Staged, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, nil, err
	}
	g, refs, err := m.receive(req.ByReference)
	if err != nil {
		return nil, nil, err
	}
	m.group = g
	p := mls.CommitParams{ByReference: refs, ForcePath: req.ForcePath, WelcomeTree: !req.ExternalTree, Private: m.private}
	for _, d := range req.ByValue {
		proposal, err := described(g.Public(), d)
		if err != nil {
			return nil, nil, err
		}
		p.ByValue = append(p.ByValue, proposal)
	}
	if g, err = m.reserved(); err != nil {
		return nil, nil, err
	}
	staged, err := g.Commit(newSeed(), m.own(), p)
	return m, staged, err
}

// stage makes a commit the pending one.
func (m *state) stage(staged *mls.Staged, externalTree bool) *pb.CommitResponse {
	m.group, m.staged = staged.Present, staged
	return &pb.CommitResponse{Commit: wire.Marshal(staged.Commit), Welcome: encodeWelcome(staged.Welcome),
		RatchetTree: encodeTree(staged.Group, externalTree)}
}

// HandlePendingCommit adopts the member's own commit.
func (s *Server) HandlePendingCommit(_ context.Context, req *pb.HandlePendingCommitRequest) (*pb.HandleCommitResponse, error) {
	m, err := s.adoptPending(req.StateId)
	if err != nil {
		return nil, err
	}
	return &pb.HandleCommitResponse{StateId: req.StateId, EpochAuthenticator: m.group.EpochAuthenticator()}, nil
}

func (s *Server) adoptPending(id uint32) (*state, error) {
	m, err := s.state(id)
	if err != nil {
		return nil, err
	}
	if m.staged == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "state %d has no pending commit", id)
	}
	m.group, m.staged = m.staged.Group, nil
	return m, nil
}

// HandleCommit follows somebody else's commit. The state is over if that removes the member, which is an error here.
func (s *Server) HandleCommit(_ context.Context, req *pb.HandleCommitRequest) (*pb.HandleCommitResponse, error) {
	m, err := s.follow(req)
	if err != nil {
		return nil, err
	}
	return &pb.HandleCommitResponse{StateId: req.StateId, EpochAuthenticator: m.group.EpochAuthenticator()}, nil
}

func (s *Server) follow(req *pb.HandleCommitRequest) (*state, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	message, err := decode(req.Commit, mls.WireFormatPublicMessage, mls.WireFormatPrivateMessage)
	if err != nil {
		return nil, err
	}
	g, _, err := m.receive(req.Proposal)
	if err != nil {
		return nil, err
	}
	staged, err := g.StageCommit(message)
	if err != nil {
		return nil, err
	}
	m.group, m.staged = staged.Group, nil
	if m.group == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "the commit removes the member of state %d", req.StateId)
	}
	return m, nil
}
