package mls

import (
	"bytes"
	"slices"

	"anteroom/mls/wire"
)

// SubgroupParams describes the group that follows a ReInit (§11.2) or branches off (§11.3). It begins with all its members: the
// creator at leaf 0 and the others added by its first commit.
type SubgroupParams struct {
	Creator *KeyPackageSecrets
	Members []*KeyPackage // all others
	// Joiners are the secrets of those Members that are to be local leaves: they need no Welcome.
	Joiners    []*KeyPackageSecrets
	GroupID    []byte      // of a branch; a ReInit names its own
	Extensions []Extension // of a branch's GroupContext; a ReInit names its own
	// AuthenticatedData is the first commit's; a group with safe_aad wants one that is a SafeAAD.
	AuthenticatedData []byte
	ForcePath         bool
	WelcomeTree       bool // put the ratchet_tree extension into the Welcome
	// SameClient says whether two credentials name one client (§11.3). It must be pure. Nil compares them.
	SameClient func(old, successor Credential) bool
	Config     Config
}

// Branch creates a group of some of g's members, of the same suite, bound to g's present epoch by its resumption PSK (§11.3). The
// returned value is in epoch 1; nobody is sent its commit.
func (g *Group) Branch(seed Seed, p SubgroupParams) (*Staged, error) {
	return g.subgroup(seed, ResumptionBranch, p)
}

// Reinitialize creates the group that follows g after a committed ReInit, with all of g's members (§11.2). Any member may.
func (g *Group) Reinitialize(seed Seed, p SubgroupParams) (*Staged, error) {
	if g.public.reInit == nil {
		return nil, invalid("9420-11.2-not-ended", "no ReInit was committed")
	}
	p.GroupID, p.Extensions = g.public.reInit.GroupID, g.public.reInit.Extensions
	return g.subgroup(seed, ResumptionReInit, p)
}

func (g *Group) subgroup(seed Seed, usage uint8, p SubgroupParams) (*Staged, error) {
	first, err := NewGroup(seed.Derive("subgroup"),
		NewGroupParams{GroupID: p.GroupID, Creator: p.Creator, Extensions: p.Extensions, Config: p.Config})
	if err != nil {
		return nil, err
	}
	public := *first.public
	public.resuming = usage
	first = first.withPublic(&public)
	id := PreSharedKeyID{Type: PSKResumption, Usage: usage, GroupID: g.public.context.GroupID, Epoch: g.public.context.Epoch,
		Nonce: expandSeed(public.suite, seed.Derive("psk nonce"))}
	list := []Proposal{PreSharedKey{id}}
	for _, kp := range p.Members {
		list = append(list, Add{*kp})
	}
	staged, err := first.commit(seed.Derive("subgroup commit"), 0,
		CommitParams{ByValue: list, Joiners: p.Joiners, ForcePath: p.ForcePath, WelcomeTree: p.WelcomeTree, AuthenticatedData: p.AuthenticatedData}, g.subgroupPSK)
	if err != nil {
		return nil, err
	}
	staged.Group.past = nil
	return staged, g.checkSubgroup(staged.Group.public, usage, g.public.tree, p.SameClient)
}

// JoinBranch enters a group that branched off g by Welcome: one of clients, and the others with it (§11.3).
func (g *Group) JoinBranch(w *Welcome, clients []*KeyPackageSecrets, p JoinParams) (*Group, error) {
	return g.joinSubgroup(w, ResumptionBranch, clients, p)
}

// JoinReInit enters the group that follows g after a committed ReInit (§11.2).
func (g *Group) JoinReInit(w *Welcome, clients []*KeyPackageSecrets, p JoinParams) (*Group, error) {
	if g.public.reInit == nil {
		return nil, invalid("9420-11.2-not-ended", "no ReInit was committed")
	}
	return g.joinSubgroup(w, ResumptionReInit, clients, p)
}

func (g *Group) joinSubgroup(w *Welcome, usage uint8, clients []*KeyPackageSecrets, p JoinParams) (*Group, error) {
	if len(clients) == 0 {
		return nil, ErrNoLocalLeaf
	}
	var parent *PreSharedKeyID
	lookup := func(id *PreSharedKeyID) ([]byte, error) {
		if id.Type == PSKResumption && id.Usage == usage {
			parent = id
			return g.subgroupPSK(id)
		}
		return p.psk(id)
	}
	h, err := joinWith(w, clients[0], p, lookup)
	if err != nil {
		return nil, err
	}
	if parent == nil {
		return nil, invalidf(subgroupRules[usage].psk, "Welcome names no PSK of usage %d", usage)
	}
	if err := g.checkSubgroup(h.public, usage, g.membersAt(parent.Epoch), p.SameClient); err != nil {
		return nil, err
	}
	for _, kp := range clients[1:] {
		if h, err = h.adopt(w, kp, lookup); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// subgroupRules are the names of what §11.2 and §11.3 demand of the new group.
var subgroupRules = map[uint8]struct{ psk, epoch, parameters, members string }{
	ResumptionReInit: {"9420-11.2-psk", "9420-11.2-epoch", "9420-11.2-parameters", "9420-11.2-members"},
	ResumptionBranch: {"9420-11.3-psk", "9420-11.3-epoch", "9420-11.3-parameters", "9420-11.3-members"},
}

// subgroupPSK looks up the resumption PSK that binds a subgroup to g: for a ReInit of g's last epoch, for a branch of any that is kept.
func (g *Group) subgroupPSK(id *PreSharedKeyID) ([]byte, error) {
	if id.Type == PSKResumption && bytes.Equal(id.GroupID, g.public.context.GroupID) {
		secret, found := g.ResumptionPSK(id.Epoch)
		if found && (id.Usage == ResumptionBranch || id.Epoch == g.public.context.Epoch) {
			return secret, nil
		}
	}
	return nil, invalidf(subgroupRules[id.Usage].psk, "PSK of group %x in epoch %d, want %x in %d", id.GroupID, id.Epoch,
		g.public.context.GroupID, g.public.context.Epoch)
}

// membersAt is the tree of an epoch that is kept.
func (g *Group) membersAt(epoch Epoch) tree {
	for _, e := range g.past {
		if e.epoch == epoch {
			return e.members
		}
	}
	return g.public.tree
}

// checkSubgroup verifies that a group in its first epoch follows g (§11.2, §11.3, §12.4.3.1).
func (g *Group) checkSubgroup(p *PublicGroup, usage uint8, old tree, same func(old, successor Credential) bool) error {
	c, parent, rules := &p.context, &g.public.context, subgroupRules[usage]
	if c.Epoch != 1 {
		return invalidf(rules.epoch, "epoch %d, want 1", c.Epoch)
	}
	if r := g.public.reInit; usage == ResumptionReInit {
		switch {
		case c.Version != r.Version || c.Suite != r.Suite:
			return invalid(rules.parameters, "version or suite differs from the ReInit")
		case !bytes.Equal(c.GroupID, r.GroupID):
			return invalid(rules.parameters, "group id differs from the ReInit")
		case !sameExtensions(c.Extensions, r.Extensions):
			return invalid(rules.parameters, "extensions differ from the ReInit")
		}
	} else if c.Version != parent.Version || c.Suite != parent.Suite {
		return invalid(rules.parameters, "version or suite differs from the group branched off")
	}
	if i, ok := contained(p.tree, old, same); !ok {
		return invalidf(rules.members, "leaf %d is not a member of the earlier group", i)
	}
	if usage == ResumptionReInit {
		reverse := same
		if same != nil {
			reverse = func(a, b Credential) bool { return same(b, a) }
		}
		if i, ok := contained(old, p.tree, reverse); !ok {
			return invalidf(rules.members, "leaf %d of the earlier group is missing", i)
		}
	}
	return nil
}

func sameExtensions(a, b []Extension) bool {
	return slices.EqualFunc(a, b, func(x, y Extension) bool { return x.Type == y.Type && bytes.Equal(x.Data, y.Data) })
}

// contained reports whether every member of a has a match in b, or which has not: an equal credential or, for those without, one that same(of b, of a)
// says to be of the same client, if same is not nil.
func contained(a, b tree, same func(old, successor Credential) bool) (missing LeafIndex, ok bool) {
	known := map[string]bool{}
	var list []*LeafNode
	b.eachLeaf(func(_ LeafIndex, y *LeafNode) bool {
		known[string(wire.Marshal(y.Credential))] = true
		list = append(list, y)
		return true
	})
	ok = true
	next := 0 // members mostly come in the same order
	a.eachLeaf(func(i LeafIndex, x *LeafNode) bool {
		missing, ok = i, known[string(wire.Marshal(x.Credential))]
		for k := 0; !ok && same != nil && k < len(list); k++ {
			at := (next + k) % len(list)
			if ok = same(list[at].Credential, x.Credential); ok {
				next = at + 1
			}
		}
		return ok
	})
	return missing, ok
}

// ResumptionPSK returns the secret that PSKs of type resumption name (§8.6): of the present or of a kept past epoch. A caller that
// wants to use it in another group, or for longer, answers with it in Config.ResumptionPSK.
func (g *Group) ResumptionPSK(epoch Epoch) ([]byte, bool) {
	if epoch == g.public.context.Epoch {
		return g.secrets.Resumption, true
	}
	for _, e := range g.past {
		if e.epoch == epoch {
			return e.resumption, true
		}
	}
	return nil, false
}
