package policy

import (
	"bytes"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// actor is who is responsible for a proposal.
type actor struct {
	user       mimi.URI // zero for an external sender that is no client
	credential mls.Credential
	role       mimi.RoleIndex // in the epoch before
	member     bool           // sends from a leaf of the group
	joining    bool           // sends an external commit
	external   bool           // is an external sender: a system user
}

// same says whether two proposals come from the same user, or from the same external sender that is no user.
func (a *actor) same(b *actor) bool {
	if a.user.IsZero() || b.user.IsZero() {
		return a.user == b.user && bytes.Equal(wire.Marshal(a.credential), wire.Marshal(b.credential))
	}
	return a.user == b.user
}

// transition is what a commit does to one user's entry in the participant list.
type transition struct {
	by       *actor
	target   mimi.URI
	from, to mimi.RoleIndex
}

// move is a client that a proposal adds or removes.
type move struct {
	by     *actor
	user   mimi.URI
	client mimi.URI
}

// componentUpdate is an AppDataUpdate of another component than the participant list.
type componentUpdate struct {
	by *actor
	p  mls.AppDataUpdate
}

// change is everything that a commit or bundle does, sorted out by what it does.
type change struct {
	before *State
	o      Options

	extensions []mls.Extension // of the group in the epoch before

	lists       []*mimi.ParticipantListUpdate
	transitions map[mimi.URI]*transition
	order       []mimi.URI // keys of transitions in order of appearance
	adds        []move
	removes     []move
	components  []componentUpdate
	others      []other
}

type other struct {
	by *actor
	p  mls.Proposal
}

// AuthorizeCommit decides on a commit and returns the state after it. The error is a *mimi.Refusal.
func AuthorizeCommit(before *State, e *mls.Effects, o Options) (*State, error) {
	c := newChange(before, o)
	c.extensions = e.Before.Context().Extensions
	committer, refusal := c.committer(e)
	if refusal != nil {
		return nil, refusal
	}
	for i := range e.Proposals {
		p := &e.Proposals[i]
		by := committer
		if p.Ref != nil {
			if by, refusal = c.sender(e.Before, p.Sender, p.Proposal); refusal != nil {
				return nil, blame(refusal, p.Ref)
			}
		}
		if refusal = c.add(e.Before, by, p.Sender, p.Proposal); refusal != nil {
			return nil, blame(refusal, p.Ref)
		}
	}
	if committer.joining {
		client, _ := mimi.CredentialClient(committer.credential)
		c.adds = append(c.adds, move{committer, committer.user, client})
	}
	if refusal = sameUsers(e); refusal != nil {
		return nil, refusal
	}
	if len(e.Proposals) == 0 && o.Provider != "" && o.Provider != before.owningProvider() { // a commit for nothing but new keys is an Update
		if refusal = c.tooEarly(e.Sender, committer); refusal != nil {
			return nil, refusal
		}
	}
	after, refusal := c.judge()
	if refusal != nil {
		return nil, refusal
	}
	return after, nil
}

// AuthorizeProposals decides on proposals that were sent together (one update request), none of them committed yet, as if one
// commit held them and nothing else, and whether they go together with the proposals pending in pg. A leave, a kick with its
// list change and a ban are such bundles; their parts are refused alone. The error is a *mimi.Refusal.
func AuthorizeProposals(before *State, pg *mls.PublicGroup, bundle []mls.PendingProposal, o Options) error {
	c := newChange(before, o)
	c.extensions = pg.Context().Extensions
	for i := range bundle {
		p := &bundle[i]
		by, refusal := c.sender(pg, p.Sender, p.Proposal)
		if refusal == nil && o.Provider != "" && by.user.Provider() != o.Provider {
			refusal = deny("provider", "%s does not speak for %s", o.Provider, by.user)
		}
		if refusal == nil {
			refusal = c.add(pg, by, p.Sender, p.Proposal)
		}
		if refusal != nil {
			return blame(refusal, p.Ref)
		}
	}
	if _, refusal := c.judge(); refusal != nil {
		return refusal
	}
	for _, p := range pg.Pending() {
		if inBundle(bundle, p.Ref) {
			continue
		}
		if by, refusal := c.sender(pg, p.Sender, p.Proposal); refusal == nil {
			if refusal := c.add(pg, by, p.Sender, p.Proposal); refusal != nil {
				return deny("pending", "conflicts with a pending proposal: %s", refusal.Text)
			}
		}
	}
	if _, err := before.list.Apply(c.lists...); err != nil {
		return deny("pending", "conflicts with a pending proposal: %v", err)
	}
	if o.Seed { // the keeper's commit will hold them all
		if _, refusal := c.judge(); refusal != nil {
			return deny("pending", "conflicts with a pending proposal: %s", refusal.Text)
		}
	}
	return nil
}

func inBundle(bundle []mls.PendingProposal, ref mls.ProposalRef) bool {
	for i := range bundle {
		if string(bundle[i].Ref) == string(ref) {
			return true
		}
	}
	return false
}

func blame(r *mimi.Refusal, ref mls.ProposalRef) *mimi.Refusal {
	if ref != nil {
		r.Invalid = append(r.Invalid, ref)
	}
	return r
}

func newChange(before *State, o Options) *change {
	return &change{before: before, o: o, transitions: make(map[mimi.URI]*transition)}
}

// committer returns who commits. Only clients of listed users that are not banned commit (mimi-protocol §5.3), and those who
// join by external commit.
func (c *change) committer(e *mls.Effects) (*actor, *mimi.Refusal) {
	from, leaf := e.Before, e.Sender.Leaf
	if e.Sender.Type == mls.SenderNewMemberCommit {
		from, leaf = e.After, e.Committer
	}
	node, ok := from.Leaf(leaf)
	if !ok {
		return nil, deny("committer", "leaf %d is blank", leaf)
	}
	by, refusal := c.client(node.Credential)
	if refusal != nil {
		return nil, refusal
	}
	by.member = e.Sender.Type == mls.SenderMember
	by.joining = !by.member
	if by.member && (by.role == mimi.RoleNone || by.role == mimi.RoleBanned) {
		return nil, deny("committer", "%s is banned or no longer a participant", by.user)
	}
	if c.o.Provider != "" && by.user.Provider() != c.o.Provider {
		return nil, deny("provider", "%s does not speak for %s", c.o.Provider, by.user)
	}
	return by, nil
}

func (c *change) client(credential mls.Credential) (*actor, *mimi.Refusal) {
	client, err := mimi.CredentialClient(credential)
	if err != nil {
		return nil, deny("credential", "%v", err)
	}
	user := client.ClientUser()
	return &actor{user: user, credential: credential, role: c.before.RoleOf(user)}, nil
}

// sender returns who sent a proposal by reference.
func (c *change) sender(pg *mls.PublicGroup, s mls.Sender, p mls.Proposal) (*actor, *mimi.Refusal) {
	switch s.Type {
	case mls.SenderMember:
		node, ok := pg.Leaf(s.Leaf)
		if !ok {
			return nil, deny("sender", "leaf %d is blank", s.Leaf)
		}
		by, refusal := c.client(node.Credential)
		if refusal == nil {
			by.member = true
		}
		return by, refusal
	case mls.SenderNewMemberProposal:
		add, ok := p.(mls.Add)
		if !ok {
			return nil, deny("sender", "a new member proposes only its own Add") // RFC 9420 §12.1.8
		}
		return c.client(add.KeyPackage.LeafNode.Credential)
	case mls.SenderExternal:
		return c.external(pg, s.Index)
	}
	return nil, deny("sender", "sender type %d cannot send proposals", s.Type)
}

// external returns the actor of an external sender. It has the role of a listed user or of the first preauthorisation that
// its credential matches (room-policy §5).
func (c *change) external(pg *mls.PublicGroup, index uint32) (*actor, *mimi.Refusal) {
	for _, extension := range pg.Context().Extensions {
		if extension.Type != mls.ExtensionExternalSenders {
			continue
		}
		var senders mls.ExternalSenders
		if err := wire.Unmarshal(extension.Data, &senders); err != nil {
			return nil, deny("sender", "%v", err)
		}
		if int64(index) >= int64(len(senders)) {
			break
		}
		by := &actor{credential: senders[index].Credential, external: true}
		if client, err := mimi.CredentialClient(by.credential); err == nil {
			by.user = client.ClientUser()
			by.role = c.before.RoleOf(by.user)
		}
		if by.role == mimi.RoleNone {
			by.role, _ = c.before.PreauthRole(by.credential)
		}
		return by, nil
	}
	return nil, deny("sender", "external sender %d does not exist", index)
}

// sameUsers holds that a leaf keeps its user when its credential is renewed: participants are users, not leaves.
func sameUsers(e *mls.Effects) *mimi.Refusal {
	for _, i := range e.Updated {
		was, ok := e.Before.Leaf(i)
		if !ok {
			continue // the leaf of an external commit
		}
		is, ok := e.After.Leaf(i)
		if !ok {
			continue
		}
		if mimi.SameIdentity(was.Credential, is.Credential) {
			continue
		}
		before, err := mimi.CredentialClient(was.Credential)
		if err != nil {
			return deny("credential", "leaf %d: %v", i, err)
		}
		after, err := mimi.CredentialClient(is.Credential)
		if err != nil {
			return deny("credential", "leaf %d: %v", i, err)
		}
		if before.ClientUser() != after.ClientUser() {
			return deny("credential-user", "leaf %d of %s now claims to be %s", i, before.ClientUser(), after.ClientUser())
		}
	}
	return nil
}
