package mls

import (
	"bytes"
	"encoding/binary"
	"errors"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/treemath"
)

// Handshake messages as PrivateMessage (§6.3): the caller chooses per proposal and commit. Their keys come from the leaf's handshake
// ratchet, which is reserved like that of application messages.

// ReserveHandshake raises the durable bound of as's generations for private proposals and commits by n. Store the returned value's
// Parts before using it.
func (g *Group) ReserveHandshake(as LeafIndex, n uint32) (*Group, error) {
	return g.reserve(as, schedule.HandshakeRatchet, n)
}

// ReservedHandshake says how many private proposals and commits as can still send before ReserveHandshake is needed again.
func (g *Group) ReservedHandshake(as LeafIndex) uint32 {
	if !g.IsLocal(as) {
		return 0
	}
	return g.tree.Reserved(treemath.LeafIndex(as), schedule.HandshakeRatchet)
}

func (g *Group) reserve(as LeafIndex, which schedule.Ratchet, n uint32) (*Group, error) {
	if !g.IsLocal(as) {
		return nil, ErrNoLocalLeaf
	}
	t, err := g.tree.Reserve(treemath.LeafIndex(as), which, n)
	if err != nil {
		return nil, invalidf("limit-reserve", "%v", err)
	}
	h := *g
	h.tree = t
	return &h, nil
}

// ProposePrivate is Propose with a PrivateMessage, whose reuse guard is drawn from seed. It needs ReserveHandshake first.
func (g *Group) ProposePrivate(seed Seed, as LeafIndex, p Proposal, authenticatedData []byte) (*Group, *Message, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, nil, ErrNoLocalLeaf
	}
	return g.propose(l, p, authenticatedData, &seed)
}

// ProposeUpdatePrivate is ProposeUpdate with a PrivateMessage. It needs ReserveHandshake first.
func (g *Group) ProposeUpdatePrivate(seed Seed, as LeafIndex, change *LeafChange, authenticatedData []byte) (*Group, *Message, error) {
	return g.proposeUpdate(seed, as, change, authenticatedData, &seed)
}

// protectPrivate encrypts signed content of a local leaf. The returned group lacks the key that it took.
func (g *Group) protectPrivate(seed Seed, ac *authenticatedContent) (*Group, *Message, error) {
	leaf, which := ac.Content.Sender.Leaf, ratchetOf(ac.Content.ContentType)
	t, key, err := g.tree.Next(treemath.LeafIndex(leaf), which)
	if errors.Is(err, schedule.ErrNotReserved) {
		return nil, nil, ErrGenerationNotReserved
	}
	if err != nil {
		return nil, nil, err
	}
	guard := seed.Derive("reuse guard", binary.BigEndian.AppendUint64(nil, uint64(g.public.context.Epoch)),
		binary.BigEndian.AppendUint32(nil, uint32(leaf)), binary.BigEndian.AppendUint32(nil, key.Generation), []byte{byte(which)})
	h := *g
	h.tree = t
	padding := -(len(ac.Content.Application) + len(ac.Auth.Signature)) & (paddingBlock - 1)
	return &h, &Message{Format: WireFormatPrivateMessage,
		Private: ac.protectPrivate(g.public.suite, g.secrets.SenderData, key, [4]byte(guard[:4]), padding)}, nil
}

// protectPublic frames signed content of the present epoch as a PublicMessage (§6.2).
func (g *Group) protectPublic(ac *authenticatedContent) *Message {
	return &Message{Format: WireFormatPublicMessage,
		Public: ac.protectPublic(g.public.suite, g.secrets.Membership, g.public.encodedContext)}
}

// protectHandshake frames signed content in its wire format.
func (g *Group) protectHandshake(seed *Seed, ac *authenticatedContent) (*Group, *Message, error) {
	if seed == nil {
		return g, g.protectPublic(ac), nil
	}
	return g.protectPrivate(*seed, ac)
}

// handshakeFormat is the wire format that a seed for the reuse guard stands for.
func handshakeFormat(seed *Seed) WireFormat {
	if seed == nil {
		return WireFormatPublicMessage
	}
	return WireFormatPrivateMessage
}

// pendingMessage finds the pending proposal that a PrivateMessage brought: it cannot be decrypted again, and if sent by a local leaf
// not at all.
func (p *PublicGroup) pendingMessage(m *Message) *PendingProposal {
	if m.Format != WireFormatPrivateMessage || m.Private == nil || m.Private.Epoch != p.context.Epoch {
		return nil
	}
	for i := range p.pending {
		have := p.pending[i].Message.Private
		if have != nil && bytes.Equal(have.Ciphertext, m.Private.Ciphertext) && bytes.Equal(have.EncryptedSenderData, m.Private.EncryptedSenderData) &&
			bytes.Equal(have.AuthenticatedData, m.Private.AuthenticatedData) && bytes.Equal(have.GroupID, m.Private.GroupID) {
			return &p.pending[i]
		}
	}
	return nil
}
