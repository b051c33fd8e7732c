package mls

import (
	"bytes"
	"errors"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/treemath"
)

// paddingBlock is what the encrypted content of application messages is padded to a multiple of, to blur its length (§15.1).
const paddingBlock = 64

// pastEpoch is what decrypts late application messages of an earlier epoch.
type pastEpoch struct {
	epoch      Epoch
	context    []byte // encoded GroupContext
	safeAAD    bool
	framed     bool // application data is ApplicationFraming
	members    tree // of which only the leaves count
	senderData []byte
	resumption []byte
	tree       schedule.SecretTree
}

// retire returns the past epochs of the epoch that follows g.
func (g *Group) retire() []*pastEpoch {
	n := g.public.config.PastEpochs
	if n <= 0 {
		return nil
	}
	_, safe := g.public.dictionary.Get(ComponentSafeAAD)
	_, framed := g.public.dictionary.Get(ComponentContentMediaTypes)
	past := []*pastEpoch{{
		epoch:      g.public.context.Epoch,
		context:    g.public.encodedContext,
		safeAAD:    safe,
		framed:     framed,
		members:    g.public.tree,
		senderData: g.secrets.SenderData,
		resumption: g.secrets.Resumption,
		tree:       g.tree,
	}}
	return append(past, g.past[:min(len(g.past), n-1)]...)
}

// Reserve raises the durable bound of as's sending generations by n. Store the returned value's Parts before using it.
func (g *Group) Reserve(as LeafIndex, n uint32) (*Group, error) {
	return g.reserve(as, schedule.ApplicationRatchet, n)
}

// Reserved says how many messages as can still protect before Reserve is needed again.
func (g *Group) Reserved(as LeafIndex) uint32 {
	if !g.IsLocal(as) {
		return 0
	}
	return g.tree.Reserved(treemath.LeafIndex(as), schedule.ApplicationRatchet)
}

// Protect encrypts application data by local leaf as (§6.3). The reuse guard is drawn from seed.
func (g *Group) Protect(seed Seed, as LeafIndex, data, authenticatedData []byte) (*Group, *Message, error) {
	l, p := g.localAt(as), g.public
	if l == nil {
		return nil, nil, ErrNoLocalLeaf
	}
	if p.reInit != nil {
		return nil, nil, invalid("9420-12.4.2-reinit", "the group ended with a ReInit")
	}
	if err := p.checkAAD(authenticatedData); err != nil {
		return nil, nil, err
	}
	if _, framed := p.dictionary.Get(ComponentContentMediaTypes); framed {
		if err := checkFraming(data); err != nil {
			return nil, nil, err
		}
	}
	ac := &authenticatedContent{
		WireFormat: WireFormatPrivateMessage,
		Content: FramedContent{GroupID: p.context.GroupID, Epoch: p.context.Epoch, Sender: Sender{Type: SenderMember, Leaf: as},
			AuthenticatedData: authenticatedData, ContentType: ContentApplication, Application: data},
	}
	if err := ac.sign(p.suite, l.signature, p.encodedContext); err != nil {
		return nil, nil, err
	}
	return g.protectPrivate(seed, ac)
}

// ApplicationMessage is decrypted and verified application data.
type ApplicationMessage struct {
	Epoch             Epoch
	Sender            LeafIndex
	SenderNode        *LeafNode // in that epoch
	Data              []byte
	AuthenticatedData []byte
}

// Unprotect decrypts a PrivateMessage of this or a kept past epoch; its key is gone from the returned group. Messages sent by
// a local leaf cannot be decrypted.
func (g *Group) Unprotect(m *Message) (*Group, *ApplicationMessage, error) {
	if m.Format != WireFormatPrivateMessage || m.Private == nil {
		return nil, nil, invalidf("9420-6-application-public", "wire format %d, want a PrivateMessage", m.Format)
	}
	if m.Private.ContentType != ContentApplication {
		return nil, nil, invalidf("9420-6-content-type", "content type %d, want application data", m.Private.ContentType)
	}
	h, e, err := g.decryptionEpoch(m.Private)
	if err != nil {
		return nil, nil, err
	}
	ac, err := g.decrypt(m.Private, e)
	if err != nil {
		return nil, nil, err
	}
	sender := e.members.leaf(ac.Content.Sender.Leaf)
	if err := ac.verifySignature(g.public.suite, sender.SignatureKey, e.context); err != nil {
		return nil, nil, err
	}
	if e.safeAAD {
		if err := checkSafeAAD(ac.Content.AuthenticatedData); err != nil {
			return nil, nil, err
		}
	}
	if e.framed {
		if err := checkFraming(ac.Content.Application); err != nil {
			return nil, nil, err
		}
	}
	h.setTree(e)
	return h, &ApplicationMessage{Epoch: e.epoch, Sender: ac.Content.Sender.Leaf, SenderNode: sender,
		Data: ac.Content.Application, AuthenticatedData: ac.Content.AuthenticatedData}, nil
}

// decryptionEpoch returns a copy of the group and of the epoch that m is from.
func (g *Group) decryptionEpoch(m *PrivateMessage) (*Group, *pastEpoch, error) {
	if !bytes.Equal(m.GroupID, g.public.context.GroupID) {
		return nil, nil, invalid("9420-6-group-id", "message of another group")
	}
	h := *g
	if m.Epoch == g.public.context.Epoch {
		_, safe := g.public.dictionary.Get(ComponentSafeAAD)
		_, framed := g.public.dictionary.Get(ComponentContentMediaTypes)
		return &h, &pastEpoch{epoch: m.Epoch, context: g.public.encodedContext, safeAAD: safe, framed: framed, members: g.public.tree,
			senderData: g.secrets.SenderData, tree: g.tree}, nil
	}
	for _, e := range g.past {
		if e.epoch == m.Epoch {
			f := *e
			return &h, &f, nil
		}
	}
	return nil, nil, &EpochError{Message: m.Epoch, Group: g.public.context.Epoch}
}

// setTree puts the changed secret tree of e into g, which must not be shared yet.
func (g *Group) setTree(e *pastEpoch) {
	if e.epoch == g.public.context.Epoch {
		g.tree = e.tree
		return
	}
	past := append([]*pastEpoch{}, g.past...)
	for i := range past {
		if past[i].epoch == e.epoch {
			past[i] = e
		}
	}
	g.past = past
}

// decrypt opens a PrivateMessage with the keys of e and removes the used one from e (§6.3, §9.2).
func (g *Group) decrypt(m *PrivateMessage, e *pastEpoch) (*authenticatedContent, error) {
	s := g.public.suite
	d, err := m.openSenderData(s, e.senderData)
	if err != nil {
		return nil, err
	}
	if e.members.leaf(d.Leaf) == nil {
		return nil, invalidf("9420-6.3.2-sender", "leaf %d is not a member", d.Leaf)
	}
	t, key, err := e.tree.Key(treemath.LeafIndex(d.Leaf), ratchetOf(m.ContentType), d.Generation)
	switch {
	case errors.Is(err, schedule.ErrSending):
		return nil, invalidf("local-own-message", "message sent by local leaf %d", d.Leaf)
	case errors.Is(err, schedule.ErrGenerationUsed):
		return nil, invalidf("9420-9.2-generation-used", "leaf %d, generation %d: %v", d.Leaf, d.Generation, err)
	case err != nil:
		return nil, invalidf("limit-generation", "leaf %d, generation %d: %v", d.Leaf, d.Generation, err)
	}
	ac, err := m.openContent(s, d, key)
	if err != nil {
		return nil, err
	}
	e.tree = t
	return ac, nil
}

// open opens the framing of a handshake message: a PublicMessage, whose membership tag is verified, or a PrivateMessage, whose key
// is gone from the returned group. The signature is still to be verified.
func (g *Group) open(m *Message) (*Group, *authenticatedContent, error) {
	p := g.public
	switch {
	case m.Format == WireFormatPublicMessage && m.Public != nil:
		c := &m.Public.Content
		if !bytes.Equal(c.GroupID, p.context.GroupID) {
			return nil, nil, invalid("9420-6-group-id", "message of another group")
		}
		if c.Epoch != p.context.Epoch {
			return nil, nil, &EpochError{Message: c.Epoch, Group: p.context.Epoch}
		}
		ac, err := m.Public.unprotect(p.suite, g.secrets.Membership, p.encodedContext)
		return g, ac, err
	case m.Format == WireFormatPrivateMessage && m.Private != nil:
		if m.Private.ContentType == ContentApplication {
			return nil, nil, invalid("9420-6-content-type", "application data, want a proposal or commit")
		}
		if m.Private.Epoch != p.context.Epoch {
			return nil, nil, &EpochError{Message: m.Private.Epoch, Group: p.context.Epoch}
		}
		h, e, err := g.decryptionEpoch(m.Private)
		if err != nil {
			return nil, nil, err
		}
		ac, err := g.decrypt(m.Private, e)
		if err != nil {
			return nil, nil, err
		}
		h.setTree(e)
		return h, ac, nil
	}
	return nil, nil, invalidf("9420-6-wire-format", "wire format %d is neither PublicMessage nor PrivateMessage", m.Format)
}
