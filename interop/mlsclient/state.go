package mlsclient

import (
	"bytes"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// state is one member of one group. Its handle stays the same from epoch to epoch.
type state struct {
	group   *mls.Group  // nil once the group went on elsewhere or the member was removed
	staged  *mls.Staged // own commit, waiting for HandlePendingCommit
	private bool        // proposals and commits go as PrivateMessage
	psks    psks
}

// transaction is a key package that waits for its Welcome.
type transaction struct {
	client *mls.KeyPackageSecrets
	psks   psks
}

// psks are external PSKs by id. The map is never changed: groups look into it.
type psks map[string][]byte

func (p psks) with(id, secret []byte) (psks, error) {
	if len(p) >= MaxPSKs {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d PSKs", MaxPSKs)
	}
	out := make(psks, len(p)+1)
	for id, secret := range p {
		out[id] = secret
	}
	out[string(id)] = bytes.Clone(secret)
	return out, nil
}

func (p psks) lookup(id []byte) ([]byte, bool) {
	secret, ok := p[string(id)]
	return secret, ok
}

// enter makes a group of one local leaf a state.
func (s *Server) enter(g *mls.Group, private bool, p psks) (uint32, error) {
	return put(s, s.states, &state{group: g, private: private, psks: p})
}

// own is the member's leaf.
func (m *state) own() mls.LeafIndex { return m.group.Local()[0] }

// identity is the member's name.
func (m *state) identity() []byte {
	leaf, _ := m.group.Public().Leaf(m.own())
	return leaf.Credential.Identity
}

// propose sends a proposal in the member's framing.
func (m *state) propose(p mls.Proposal) (*pb.ProposalResponse, error) {
	return m.sendProposal(func(g *mls.Group) (*mls.Group, *mls.Message, error) {
		if m.private {
			return g.ProposePrivate(newSeed(), m.own(), p, nil)
		}
		return g.Propose(m.own(), p, nil)
	})
}

// update sends an Update in the member's framing.
func (m *state) update() (*pb.ProposalResponse, error) {
	return m.sendProposal(func(g *mls.Group) (*mls.Group, *mls.Message, error) {
		if m.private {
			return g.ProposeUpdatePrivate(newSeed(), m.own(), nil, nil)
		}
		return g.ProposeUpdate(newSeed(), m.own(), nil, nil)
	})
}

func (m *state) sendProposal(send func(*mls.Group) (*mls.Group, *mls.Message, error)) (*pb.ProposalResponse, error) {
	g, err := m.reserved()
	if err != nil {
		return nil, err
	}
	g, message, err := send(g)
	if err != nil {
		return nil, err
	}
	m.group = g
	return &pb.ProposalResponse{Proposal: wire.Marshal(message)}, nil
}

// reserved is the group with room for one private handshake message.
func (m *state) reserved() (*mls.Group, error) {
	if !m.private {
		return m.group, nil
	}
	return m.group.ReserveHandshake(m.own(), 1)
}

// receive caches proposal messages, own ones included, and returns their references.
func (m *state) receive(messages [][]byte) (*mls.Group, []mls.ProposalRef, error) {
	g := m.group
	refs := make([]mls.ProposalRef, len(messages))
	for i, b := range messages {
		message, err := decode(b, mls.WireFormatPublicMessage, mls.WireFormatPrivateMessage)
		if err != nil {
			return nil, nil, err
		}
		next, pending, err := g.AddProposal(message)
		if err != nil {
			return nil, nil, err
		}
		g, refs[i] = next, pending.Ref
	}
	return g, refs, nil
}

// decode reads an MLSMessage of one of the given formats.
func decode(b []byte, formats ...mls.WireFormat) (*mls.Message, error) {
	m := new(mls.Message)
	if err := wire.Unmarshal(b, m); err != nil {
		return nil, err
	}
	for _, f := range formats {
		if m.Format == f {
			return m, nil
		}
	}
	return nil, status.Errorf(codes.InvalidArgument, "MLSMessage of wire format %d, want one of %d", m.Format, formats)
}

func decodeKeyPackage(b []byte) (*mls.KeyPackage, error) {
	m, err := decode(b, mls.WireFormatKeyPackage)
	if err != nil {
		return nil, err
	}
	return m.KeyPackage, nil
}

func encodeKeyPackage(kp *mls.KeyPackage) []byte {
	return wire.Marshal(&mls.Message{Format: mls.WireFormatKeyPackage, KeyPackage: kp})
}

// decodeTree reads a tree that travels beside its message; none is nil.
func decodeTree(b []byte) (mls.RatchetTree, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var t mls.RatchetTree
	return t, wire.Unmarshal(b, &t)
}

// encodeTree is the tree beside a message if it is not in it.
func encodeTree(g *mls.Group, external bool) []byte {
	if !external {
		return nil
	}
	return wire.Marshal(g.Public().Tree())
}

func encodeWelcome(w *mls.Welcome) []byte {
	if w == nil {
		return nil
	}
	return wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: w})
}

func decodeExtensions(list []*pb.Extension) ([]mls.Extension, error) {
	out := make([]mls.Extension, len(list))
	for i, e := range list {
		t, err := uint16Of("extension_type", e.ExtensionType)
		if err != nil {
			return nil, err
		}
		out[i] = mls.Extension{Type: mls.ExtensionType(t), Data: e.ExtensionData}
	}
	return out, nil
}

func decodeSuite(v uint32) (mls.CipherSuite, error) {
	cs, err := uint16Of("cipher_suite", v)
	return mls.CipherSuite(cs), err
}

// uint16Of narrows a field that MLS gives 16 bits.
func uint16Of(field string, v uint32) (uint16, error) {
	if v > math.MaxUint16 {
		return 0, status.Errorf(codes.InvalidArgument, "%s: %d does not fit in 16 bits", field, v)
	}
	return uint16(v), nil
}
