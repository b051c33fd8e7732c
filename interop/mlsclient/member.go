package mlsclient

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// StateAuth returns the epoch authenticator.
func (s *Server) StateAuth(_ context.Context, req *pb.StateAuthRequest) (*pb.StateAuthResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	return &pb.StateAuthResponse{StateAuthSecret: m.group.EpochAuthenticator()}, nil
}

// GroupInfo lets outsiders join by external commit or propose.
func (s *Server) GroupInfo(_ context.Context, req *pb.GroupInfoRequest) (*pb.GroupInfoResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	gi, err := m.group.GroupInfo(m.own(), !req.ExternalTree)
	if err != nil {
		return nil, err
	}
	return &pb.GroupInfoResponse{
		GroupInfo:   wire.Marshal(&mls.Message{Format: mls.WireFormatGroupInfo, GroupInfo: gi}),
		RatchetTree: encodeTree(m.group, req.ExternalTree),
	}, nil
}

// Export derives a secret of the epoch.
func (s *Server) Export(_ context.Context, req *pb.ExportRequest) (*pb.ExportResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	if req.KeyLength > MaxExport {
		return nil, status.Errorf(codes.InvalidArgument, "key_length %d, limit %d", req.KeyLength, MaxExport)
	}
	secret, err := m.group.Export(req.Label, req.Context, int(req.KeyLength))
	if err != nil {
		return nil, err
	}
	return &pb.ExportResponse{ExportedSecret: secret}, nil
}

// Protect encrypts application data.
func (s *Server) Protect(_ context.Context, req *pb.ProtectRequest) (*pb.ProtectResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	g, err := m.group.Reserve(m.own(), 1)
	if err != nil {
		return nil, err
	}
	g, message, err := g.Protect(newSeed(), m.own(), req.Plaintext, req.AuthenticatedData)
	if err != nil {
		return nil, err
	}
	m.group = g
	return &pb.ProtectResponse{Ciphertext: wire.Marshal(message)}, nil
}

// Unprotect decrypts application data of this or a recent epoch.
func (s *Server) Unprotect(_ context.Context, req *pb.UnprotectRequest) (*pb.UnprotectResponse, error) {
	m, err := s.state(req.StateId)
	if err != nil {
		return nil, err
	}
	message, err := decode(req.Ciphertext, mls.WireFormatPrivateMessage)
	if err != nil {
		return nil, err
	}
	g, app, err := m.group.Unprotect(message)
	if err != nil {
		return nil, err
	}
	m.group = g
	return &pb.UnprotectResponse{AuthenticatedData: app.AuthenticatedData, Plaintext: app.Data}, nil
}

// StorePSK gives a member, or a client that waits for its Welcome, an external PSK.
func (s *Server) StorePSK(_ context.Context, req *pb.StorePSKRequest) (*pb.StorePSKResponse, error) {
	if t := s.transactions[req.StateOrTransactionId]; t != nil {
		p, err := t.psks.with(req.PskId, req.PskSecret)
		if err != nil {
			return nil, err
		}
		t.psks = p
		return &pb.StorePSKResponse{}, nil
	}
	m, err := s.state(req.StateOrTransactionId)
	if err != nil {
		return nil, err
	}
	if m.psks, err = m.psks.with(req.PskId, req.PskSecret); err != nil {
		return nil, err
	}
	m.group = m.group.WithConfig(s.configWith(m.psks))
	return &pb.StorePSKResponse{}, nil
}
