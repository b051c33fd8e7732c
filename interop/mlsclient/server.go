// Package mlsclient plays MLS clients (RFC 9420, package mls) for a test runner that drives them over gRPC: the service of
// mls_client.proto in package pb, all of its calls. It is how this implementation meets others, and itself, in the published scripts of
// mlswg/mls-implementations, with handshake messages public or private.
//
// Private keys leave this process when the interface asks for them, and whoever reaches the port commands the clients: listen on
// loopback and only for tests. Credentials are basic, identities are not authenticated. A Server is safe for concurrent use and does
// one call at a time.
package mlsclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Limits of what a runner can make grow.
const (
	MaxHandles = 1 << 16  // states, transactions, reinits and signers together
	MaxPSKs    = 1 << 10  // of one state or transaction
	MaxMessage = 16 << 20 // bytes of one request
	MaxExport  = 1 << 16  // bytes of one exported secret
)

// pastEpochs is how far back states keep resumption PSKs and the keys of late messages.
const pastEpochs = 16

// keyPackageLifetime is how long key packages are valid.
const keyPackageLifetime = 90 * 24 * time.Hour

// suites are those that package mls has.
var suites = []mls.CipherSuite{mls.SuiteX25519AES128SHA256Ed25519, mls.SuiteP256AES128SHA256P256, mls.SuiteX25519ChaCha20SHA256Ed25519,
	mls.SuiteX448AES256SHA512Ed448, mls.SuiteP521AES256SHA512P521, mls.SuiteX448ChaCha20SHA512Ed448, mls.SuiteP384AES256SHA384P384}

// Server implements pb.MLSClientServer.
type Server struct {
	pb.UnimplementedMLSClientServer

	name string
	now  func() time.Time

	mu           sync.Mutex
	last         uint32 // handle given last; handles of all kinds are distinct
	states       map[uint32]*state
	transactions map[uint32]*transaction
	reinits      map[uint32]*reinit
	signers      map[uint32]*signer
}

// New returns a server that calls itself name. It reads the time from now for the lifetimes of key packages.
func New(name string, now func() time.Time) *Server {
	return &Server{name: name, now: now, states: map[uint32]*state{}, transactions: map[uint32]*transaction{},
		reinits: map[uint32]*reinit{}, signers: map[uint32]*signer{}}
}

// NewGRPC returns a gRPC server with s as its only service.
func NewGRPC(s *Server) *grpc.Server {
	g := grpc.NewServer(grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage), grpc.UnaryInterceptor(s.serialize))
	pb.RegisterMLSClientServer(g, s)
	return g
}

// serialize runs one call at a time and gives errors of package mls the code InvalidArgument.
func (s *Server) serialize(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp, err := handle(ctx, req)
	if err == nil {
		return resp, nil
	}
	if _, ok := status.FromError(err); ok {
		return nil, err
	}
	var invalid *mls.ValidationError
	var epoch *mls.EpochError
	var encoding *wire.Error
	if errors.As(err, &invalid) || errors.As(err, &epoch) || errors.As(err, &encoding) {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return nil, status.Error(codes.Internal, err.Error())
}

// handle reserves a new handle.
func (s *Server) handle() (uint32, error) {
	if len(s.states)+len(s.transactions)+len(s.reinits)+len(s.signers) >= MaxHandles || s.last == 1<<32-1 {
		return 0, status.Errorf(codes.ResourceExhausted, "more than %d states, transactions, reinits and signers", MaxHandles)
	}
	s.last++
	return s.last, nil
}

// put stores v under a new handle.
func put[T any](s *Server, table map[uint32]*T, v *T) (uint32, error) {
	id, err := s.handle()
	if err == nil {
		table[id] = v
	}
	return id, err
}

func get[T any](table map[uint32]*T, what string, id uint32) (*T, error) {
	v := table[id]
	if v == nil {
		return nil, status.Errorf(codes.NotFound, "no %s %d", what, id)
	}
	return v, nil
}

// state returns a member whose group goes on.
func (s *Server) state(id uint32) (*state, error) {
	m, err := get(s.states, "state", id)
	if err == nil && m.group == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "state %d is over", id)
	}
	return m, err
}

// config is how groups of this server behave, apart from their PSKs.
func (s *Server) config() mls.Config {
	return mls.Config{PastEpochs: pastEpochs, Now: uint64(s.now().Unix())}
}

func newSeed() mls.Seed {
	var seed mls.Seed
	if _, err := rand.Read(seed[:]); err != nil {
		panic(err)
	}
	return seed
}

// newClient makes a key package for a basic credential, with a signature key of its own.
func (s *Server) newClient(cs mls.CipherSuite, identity []byte) (*mls.KeyPackageSecrets, error) {
	signer, err := mls.NewSigner(cs, newSeed())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	now := s.now()
	return mls.NewKeyPackage(newSeed(), mls.KeyPackageParams{
		Signer:     signer,
		Credential: mls.Credential{Type: mls.CredentialBasic, Identity: bytes.Clone(identity)},
		Capabilities: mls.Capabilities{Versions: []mls.ProtocolVersion{mls.ProtocolVersionMLS10}, CipherSuites: suites,
			Credentials: []mls.CredentialType{mls.CredentialBasic}},
		Lifetime: mls.Lifetime{NotBefore: uint64(now.Add(-time.Hour).Unix()), NotAfter: uint64(now.Add(keyPackageLifetime).Unix())},
	})
}

// Name says what this is.
func (s *Server) Name(context.Context, *pb.NameRequest) (*pb.NameResponse, error) {
	return &pb.NameResponse{Name: s.name}, nil
}

// SupportedCiphersuites lists all suites of RFC 9420.
func (s *Server) SupportedCiphersuites(context.Context, *pb.SupportedCiphersuitesRequest) (*pb.SupportedCiphersuitesResponse, error) {
	resp := new(pb.SupportedCiphersuitesResponse)
	for _, cs := range suites {
		resp.Ciphersuites = append(resp.Ciphersuites, uint32(cs))
	}
	return resp, nil
}

// Free forgets a state.
func (s *Server) Free(_ context.Context, req *pb.FreeRequest) (*pb.FreeResponse, error) {
	if _, err := get(s.states, "state", req.StateId); err != nil {
		return nil, err
	}
	delete(s.states, req.StateId)
	return &pb.FreeResponse{}, nil
}
