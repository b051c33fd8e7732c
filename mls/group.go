package mls

import (
	"bytes"
	"slices"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Group is one group as seen by one or more local leaves that share everything RFC 9420 makes common to all members.
// A Group is a value: no method changes it, methods that move on return another one. Safe for concurrent reading.
type Group struct {
	public  *PublicGroup
	secrets *epochSecrets
	tree    schedule.SecretTree // message keys of this epoch
	exports schedule.ExporterTree
	local   []*localLeaf // ascending
	nodes   nodeKeys
	past    []*pastEpoch // newest first
}

// NewGroupParams describes a group of one member at epoch 0 (§11).
type NewGroupParams struct {
	GroupID    []byte
	Creator    *KeyPackageSecrets
	Extensions []Extension // of the GroupContext
	Config     Config
}

// NewGroup creates a group whose only member is the creator, at leaf 0.
func NewGroup(seed Seed, p NewGroupParams) (*Group, error) {
	kp := &p.Creator.KeyPackage
	s, err := suite.ByID(uint16(kp.Suite))
	if err != nil {
		return nil, err
	}
	if err := kp.validate(s, &p.Config, false); err != nil {
		return nil, err
	}
	if err := checkGroupExtensions(p.Extensions); err != nil {
		return nil, err
	}
	leaf := kp.LeafNode
	t := newTree(&leaf).hashed(s)
	if err := t.checkSupport(p.Extensions); err != nil {
		return nil, err
	}
	context := GroupContext{Version: kp.Version, Suite: kp.Suite, GroupID: bytes.Clone(p.GroupID), TreeHash: t.hash(),
		ConfirmedTranscriptHash: []byte{}, Extensions: p.Extensions}
	secrets := epochSecrets(schedule.FirstEpoch(s, expandSeed(s, seed.Derive("epoch secret"))))
	public, err := newPublicGroup(s, context, t, secrets.confirmationTag(s, nil), p.Config)
	if err != nil {
		return nil, err
	}
	if public.keys, err = t.keys(); err != nil {
		return nil, err
	}
	l := &localLeaf{index: 0, leafKeys: keysOf(p.Creator, p.Config.Now)}
	return startEpoch(public, &secrets, []*localLeaf{l}, nodeKeys{}, nil), nil
}

// startEpoch builds the value of an epoch that has just begun.
func startEpoch(public *PublicGroup, secrets *epochSecrets, local []*localLeaf, nodes nodeKeys, past []*pastEpoch) *Group {
	kept := *secrets
	kept.Encryption, kept.Application = nil, nil
	return &Group{public: public, secrets: &kept, local: local, nodes: nodes, past: past,
		tree:    schedule.NewSecretTree(public.suite, secrets.Encryption, public.tree.width()),
		exports: schedule.NewExporterTree(public.suite, secrets.Application)}
}

// Public returns the part of g that needs no secrets.
func (g *Group) Public() *PublicGroup { return g.public }

// Local returns the local leaves in ascending order; IsLocal asks for one.
func (g *Group) Local() []LeafIndex {
	out := make([]LeafIndex, len(g.local))
	for i, l := range g.local {
		out[i] = l.index
	}
	return out
}

func (g *Group) IsLocal(i LeafIndex) bool { return g.localAt(i) != nil }

// EpochAuthenticator is equal for all members of an epoch (§8.7).
func (g *Group) EpochAuthenticator() []byte { return g.secrets.Authenticator }

// ConfirmationTag of the current epoch (§8.1).
func (g *Group) ConfirmationTag() []byte { return g.public.confirmationTag }

// Export derives a secret of the epoch for the application (§8.5).
func (g *Group) Export(label string, context []byte, length int) ([]byte, error) {
	if length < 0 || length > g.public.suite.MaxExpand() {
		return nil, invalidf("9420-8.5-length", "exported secret of %d bytes, limit %d", length, g.public.suite.MaxExpand())
	}
	return schedule.Export(g.public.suite, g.secrets.Exporter, label, context, length), nil
}

// WithNow returns g with Config.Now replaced; WithConfig replaces all of it.
func (g *Group) WithNow(seconds uint64) *Group {
	cfg := g.public.config
	cfg.Now = seconds
	return g.WithConfig(cfg)
}

func (g *Group) WithConfig(cfg Config) *Group {
	h := *g
	h.public = g.public.WithConfig(cfg)
	return &h
}

// withPublic returns g with another public part of the same epoch.
func (g *Group) withPublic(p *PublicGroup) *Group {
	h := *g
	h.public = p
	return &h
}

// WithoutPending returns g with an empty proposal cache. Private keys of pending Updates are dropped with them.
func (g *Group) WithoutPending() *Group {
	p := *g.public
	p.pending = nil
	h := g.withPublic(&p)
	h.local = slices.Clone(g.local)
	for i, l := range h.local {
		if len(l.updates) > 0 {
			m := *l
			m.updates = nil
			h.local[i] = &m
		}
	}
	return h
}

// GroupInfo returns a GroupInfo signed by local leaf as, with external_pub, and with the ratchet_tree extension if withTree.
func (g *Group) GroupInfo(as LeafIndex, withTree bool) (*GroupInfo, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, ErrNoLocalLeaf
	}
	return g.groupInfo(l, withTree, true)
}

func (g *Group) groupInfo(l *localLeaf, withTree, withExternalPub bool) (*GroupInfo, error) {
	gi := &GroupInfo{Context: g.public.context, ConfirmationTag: g.public.confirmationTag, Signer: l.index}
	if withExternalPub {
		var w wire.Writer
		_, external := g.secrets.externalKey(g.public.suite)
		w.Opaque(external)
		gi.Extensions = append(gi.Extensions, Extension{ExtensionExternalPub, w.Bytes()})
	}
	if withTree {
		gi.Extensions = append(gi.Extensions, Extension{ExtensionRatchetTree, g.public.tree.encoding()})
	}
	return gi, gi.sign(g.public.suite, l.signature)
}

// OverlapWith returns the candidate whose commit helps the tree most once the given leaves are removed: the one with most nodes in the
// resolutions along its direct path, of which its path leaves one each. That fills what the removal blanks, and spreads the
// commits over a tree that saw only Adds. Among equals the first candidate wins. It panics without candidates.
func (g *Group) OverlapWith(removed []LeafIndex, candidates []LeafIndex) LeafIndex {
	t := g.public.tree
	for _, r := range removed {
		if t.has(r) {
			t = t.replace(r, nil, blankParent)
		}
	}
	best, most := candidates[0], -1
	for _, c := range candidates {
		filled := 0
		n, x := t.root, t.rootIndex()
		for !x.IsLeaf() {
			filled += max(int(n.resolution), 1) - 1
			if c.node() < x {
				n, x = n.left, leftOf(x)
			} else {
				n, x = n.right, rightOf(x)
			}
		}
		if filled > most {
			best, most = c, filled
		}
	}
	return best
}

// psk looks up a PSK that a commit or Welcome names (§8.4).
func (g *Group) psk(id *PreSharedKeyID) ([]byte, error) {
	if id.Type == PSKResumption && id.Usage == ResumptionApplication && bytes.Equal(id.GroupID, g.public.context.GroupID) {
		if secret, found := g.ResumptionPSK(id.Epoch); found {
			return secret, nil
		}
	}
	return g.public.config.psk(id)
}

// psk asks the caller for a PSK. Those that bind a subgroup to its origin are not asked for here: see Group.JoinBranch.
func (c *Config) psk(id *PreSharedKeyID) ([]byte, error) {
	secret, found := []byte(nil), false
	switch {
	case id.Type == PSKExternal && c.ExternalPSK != nil:
		secret, found = c.ExternalPSK(id.ID)
	case id.Type == PSKResumption && id.Usage == ResumptionApplication && c.ResumptionPSK != nil:
		secret, found = c.ResumptionPSK(id.GroupID, id.Epoch)
	case id.Type == PSKApplication && c.ComponentPSK != nil:
		secret, found = c.ComponentPSK(id.Component, id.ID)
	}
	if !found {
		return nil, invalidf("9420-12.4.2-psk-unknown", "PSK of type %d with id %x, group %x, epoch %d is not known", id.Type, id.ID, id.GroupID, id.Epoch)
	}
	return secret, nil
}
