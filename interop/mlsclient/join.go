package mlsclient

import (
	"bytes"
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// CreateGroup starts a group of one member.
func (s *Server) CreateGroup(_ context.Context, req *pb.CreateGroupRequest) (*pb.CreateGroupResponse, error) {
	cs, err := decodeSuite(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	creator, err := s.newClient(cs, req.Identity)
	if err != nil {
		return nil, err
	}
	g, err := mls.NewGroup(newSeed(), mls.NewGroupParams{GroupID: req.GroupId, Creator: creator, Config: s.config()})
	if err != nil {
		return nil, err
	}
	id, err := s.enter(g, req.EncryptHandshake, nil)
	return &pb.CreateGroupResponse{StateId: id}, err
}

// CreateKeyPackage makes a client that can be added.
func (s *Server) CreateKeyPackage(_ context.Context, req *pb.CreateKeyPackageRequest) (*pb.CreateKeyPackageResponse, error) {
	cs, err := decodeSuite(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	client, err := s.newClient(cs, req.Identity)
	if err != nil {
		return nil, err
	}
	id, err := put(s, s.transactions, &transaction{client: client})
	if err != nil {
		return nil, err
	}
	return &pb.CreateKeyPackageResponse{TransactionId: id, KeyPackage: encodeKeyPackage(&client.KeyPackage), InitPriv: client.Init,
		EncryptionPriv: client.Leaf, SignaturePriv: client.Signature}, nil
}

// JoinGroup enters a group by Welcome. The transaction is over when it succeeds.
func (s *Server) JoinGroup(_ context.Context, req *pb.JoinGroupRequest) (*pb.JoinGroupResponse, error) {
	t, err := get(s.transactions, "transaction", req.TransactionId)
	if err != nil {
		return nil, err
	}
	welcome, p, err := s.joining(req.Welcome, req.RatchetTree, t.psks)
	if err != nil {
		return nil, err
	}
	g, err := mls.Join(welcome, t.client, p)
	if err != nil {
		return nil, err
	}
	id, err := s.enter(g, req.EncryptHandshake, t.psks)
	if err != nil {
		return nil, err
	}
	delete(s.transactions, req.TransactionId)
	return &pb.JoinGroupResponse{StateId: id, EpochAuthenticator: g.EpochAuthenticator()}, nil
}

// joining reads what a joiner is given.
func (s *Server) joining(welcome, tree []byte, p psks) (*mls.Welcome, mls.JoinParams, error) {
	m, err := decode(welcome, mls.WireFormatWelcome)
	if err != nil {
		return nil, mls.JoinParams{}, err
	}
	t, err := decodeTree(tree)
	if err != nil {
		return nil, mls.JoinParams{}, err
	}
	return m.Welcome, mls.JoinParams{Tree: t, Config: s.configWith(p)}, nil
}

// configWith is config with external PSKs.
func (s *Server) configWith(p psks) mls.Config {
	c := s.config()
	c.ExternalPSK = p.lookup
	return c
}

// ExternalJoin enters a group by external commit, in the place of an earlier member of that name if remove_prior is set.
func (s *Server) ExternalJoin(_ context.Context, req *pb.ExternalJoinRequest) (*pb.ExternalJoinResponse, error) {
	gi, tree, err := decodeGroupInfo(req.GroupInfo, req.RatchetTree)
	if err != nil {
		return nil, err
	}
	p := mls.ExternalCommitParams{Tree: tree}
	if req.RemovePrior {
		prior, err := memberIn(tree, req.Identity)
		if err != nil {
			return nil, err
		}
		p.ByValue = append(p.ByValue, mls.Remove{Removed: prior})
	}
	var known psks
	for _, psk := range req.Psks {
		if known, err = known.with(psk.PskId, psk.PskSecret); err != nil {
			return nil, err
		}
		p.ByValue = append(p.ByValue, externalPSK(gi.Context.Suite, psk.PskId))
	}
	p.Config = s.configWith(known)
	client, err := s.newClient(gi.Context.Suite, req.Identity)
	if err != nil {
		return nil, err
	}
	staged, err := mls.ExternalCommit(newSeed(), gi, client, p)
	if err != nil {
		return nil, err
	}
	id, err := s.enter(staged.Group, req.EncryptHandshake, known)
	if err != nil {
		return nil, err
	}
	return &pb.ExternalJoinResponse{StateId: id, Commit: wire.Marshal(staged.Commit), EpochAuthenticator: staged.Group.EpochAuthenticator()}, nil
}

// decodeGroupInfo reads a GroupInfo and its tree, which is in it or beside it.
func decodeGroupInfo(b, external []byte) (*mls.GroupInfo, mls.RatchetTree, error) {
	m, err := decode(b, mls.WireFormatGroupInfo)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range m.GroupInfo.Extensions {
		if e.Type == mls.ExtensionRatchetTree && len(external) == 0 {
			external = e.Data
		}
	}
	tree, err := decodeTree(external)
	if err == nil && tree == nil {
		err = status.Error(codes.InvalidArgument, "no ratchet tree, neither in the GroupInfo nor beside it")
	}
	return m.GroupInfo, tree, err
}

// memberIn finds the leaf of a name in a tree whose nodes alternate between leaves and parents.
func memberIn(tree mls.RatchetTree, identity []byte) (mls.LeafIndex, error) {
	for i := 0; i < len(tree); i += 2 {
		if n := tree[i]; n != nil && n.Leaf != nil && bytes.Equal(n.Leaf.Credential.Identity, identity) {
			return mls.LeafIndex(i / 2), nil
		}
	}
	return 0, status.Errorf(codes.NotFound, "no member %q", identity)
}

// memberOf finds the leaf of a name in a group.
func memberOf(p *mls.PublicGroup, identity []byte) (mls.LeafIndex, error) {
	for i, leaf := range p.Leaves() {
		if bytes.Equal(leaf.Credential.Identity, identity) {
			return i, nil
		}
	}
	return 0, status.Errorf(codes.NotFound, "no member %q", identity)
}
