package interop

import (
	"bytes"
	"errors"
	"fmt"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// member is one client of either implementation. A call that fails leaves it as it was.
type member interface {
	name() string
	ours() bool
	identity() []byte
	keyPackage() []byte // an MLSMessage
	create(group []byte, extensions []extension) error
	join(welcome, tree []byte) error
	externalJoin(groupInfo []byte, lenient, resync bool) (commit []byte, err error)
	// groupInfo returns a GroupInfo with tree and external_pub, and the commit that some peers must make to have one.
	groupInfo(lenient bool) (groupInfo, commit []byte, err error)
	propose(p proposal, private bool) ([]byte, error)
	commit(c commitRequest) (*committed, error) // adopts the new epoch
	process(message []byte) (data []byte, err error)
	encrypt(data []byte) ([]byte, error)
	setPSK(id, secret []byte) error
	proposeJoin(groupInfo []byte) ([]byte, error) // Add of itself, sender new_member_proposal
	// proposeOutside signs p as an external sender, with nothing but a GroupInfo; the member need not be in the group.
	proposeOutside(groupInfo []byte, s mls.Signer, p proposal) ([]byte, error)
	view() view
}

// commitRequest asks for a commit of everything proposed so far and of some proposals by value.
type commitRequest struct {
	proposals   []proposal
	withoutTree bool // the Welcome has no ratchet_tree extension
	private     bool
}

type committed struct{ commit, welcome, tree, proposal []byte }

// view is what a member says of its epoch; all members of an epoch must say the same.
type view struct {
	removed       bool
	epoch         int64  // -1 where the peer has no way to tell it
	authenticator []byte // nil where the peer has no way to tell it
	exporter      []byte // 32 bytes; label and context are the peer's choice
}

// seeds gives each call of next another seed, the same in every run.
type seeds struct{ n uint64 }

func (s *seeds) next() mls.Seed {
	s.n++
	return mls.Seed{}.Derive("interop", fmt.Appendf(nil, "%d", s.n))
}

// local is a client of package mls.
type local struct {
	id    []byte
	seeds *seeds
	kp    *mls.KeyPackageSecrets
	now   uint64
	psks  map[string][]byte
	label string // of the exporter, as are the context bytes
	about []byte
	// private sends all handshakes as PrivateMessages.
	private bool
	group   *mls.Group // nil outside
	index   mls.LeafIndex
}

// localParams says what a peer wants to see in our leaves.
type localParams struct {
	suite    mls.CipherSuite
	identity []byte
	now      uint64
	label    string // of the exporter that peer and we compare
	about    []byte // its context
	private  bool   // handshakes as PrivateMessages
}

func newLocal(s *seeds, p localParams) (*local, error) {
	signer, err := mls.NewSigner(p.suite, s.next())
	if err != nil {
		return nil, err
	}
	kp, err := mls.NewKeyPackage(s.next(), mls.KeyPackageParams{
		Signer:     signer,
		Credential: mls.Credential{Type: mls.CredentialBasic, Identity: p.identity},
		Capabilities: mls.Capabilities{
			Versions:     []mls.ProtocolVersion{mls.ProtocolVersionMLS10},
			CipherSuites: []mls.CipherSuite{p.suite, 0x0A0A}, // with GREASE, RFC 9420 §13.5
			Extensions:   []mls.ExtensionType{0x1A1A},
			Proposals:    []mls.ProposalType{0x2A2A},
			Credentials:  []mls.CredentialType{mls.CredentialBasic, mls.CredentialX509},
		},
		Lifetime: mls.Lifetime{NotBefore: p.now - 3600, NotAfter: p.now + 86400},
	})
	if err != nil {
		return nil, err
	}
	return &local{id: p.identity, seeds: s, kp: kp, now: p.now, psks: map[string][]byte{}, label: p.label, about: p.about, private: p.private}, nil
}

func (l *local) config() mls.Config {
	return mls.Config{PastEpochs: 2, Now: l.now, ExternalPSK: func(id []byte) ([]byte, bool) {
		secret, ok := l.psks[string(id)]
		return secret, ok
	}}
}

func (l *local) name() string     { return string(l.id) }
func (l *local) ours() bool       { return true }
func (l *local) identity() []byte { return l.id }

func (l *local) keyPackage() []byte {
	return wire.Marshal(&mls.Message{Format: mls.WireFormatKeyPackage, KeyPackage: &l.kp.KeyPackage})
}

func ourExtensions(list []extension) []mls.Extension {
	var out []mls.Extension
	for _, e := range list {
		out = append(out, mls.Extension{Type: mls.ExtensionType(e.Type), Data: e.Data})
	}
	return out
}

func (l *local) create(group []byte, extensions []extension) (err error) {
	l.group, err = mls.NewGroup(l.seeds.next(), mls.NewGroupParams{
		GroupID: group, Creator: l.kp, Extensions: ourExtensions(extensions), Config: l.config()})
	return err
}

func parse(b []byte, want mls.WireFormat) (*mls.Message, error) {
	m := new(mls.Message)
	if err := wire.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if want != 0 && m.Format != want {
		return nil, fmt.Errorf("wire format %d, want %d", m.Format, want)
	}
	return m, nil
}

func (l *local) join(welcome, tree []byte) error {
	m, err := parse(welcome, mls.WireFormatWelcome)
	if err != nil {
		return err
	}
	p := mls.JoinParams{Config: l.config()}
	if tree != nil {
		if err := wire.Unmarshal(tree, &p.Tree); err != nil {
			return err
		}
	}
	g, err := mls.Join(m.Welcome, l.kp, p)
	if err != nil {
		return err
	}
	l.group, l.index = g, g.Local()[0]
	return nil
}

// externalJoin is never lenient on our side.
func (l *local) externalJoin(groupInfo []byte, _, resync bool) ([]byte, error) {
	m, err := parse(groupInfo, mls.WireFormatGroupInfo)
	if err != nil {
		return nil, err
	}
	p := mls.ExternalCommitParams{Config: l.config()}
	if resync {
		p.ByValue = []mls.Proposal{mls.Remove{Removed: l.index}}
	}
	staged, err := mls.ExternalCommit(l.seeds.next(), m.GroupInfo, l.kp, p)
	if err != nil {
		return nil, err
	}
	l.group, l.index = staged.Group, staged.Effects.Committer
	return wire.Marshal(staged.Commit), nil
}

func (l *local) groupInfo(bool) ([]byte, []byte, error) {
	gi, err := l.group.GroupInfo(l.index, true)
	if err != nil {
		return nil, nil, err
	}
	return wire.Marshal(&mls.Message{Format: mls.WireFormatGroupInfo, GroupInfo: gi}), nil, nil
}

func ourProposal(p proposal) (mls.Proposal, error) {
	switch p.Type {
	case "add":
		m, err := parse(p.KeyPackage, mls.WireFormatKeyPackage)
		if err != nil {
			return nil, err
		}
		return mls.Add{KeyPackage: *m.KeyPackage}, nil
	case "remove":
		return mls.Remove{Removed: mls.LeafIndex(*p.Leaf)}, nil
	case "extensions":
		return mls.GroupContextExtensions{Extensions: ourExtensions(p.Extensions)}, nil
	case "psk":
		return mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKExternal, ID: p.ID, Nonce: p.Nonce}}, nil
	}
	return nil, fmt.Errorf("no proposal %q", p.Type)
}

// sending is the group with a key for one handshake as PrivateMessage, if that is wanted.
func (l *local) sending(private bool) (*mls.Group, bool, error) {
	private = private || l.private
	if !private {
		return l.group, false, nil
	}
	g, err := l.group.ReserveHandshake(l.index, 1)
	return g, true, err
}

func (l *local) propose(p proposal, private bool) ([]byte, error) {
	g, private, err := l.sending(private)
	if err != nil {
		return nil, err
	}
	var m *mls.Message
	if p.Type == "update" {
		if private {
			g, m, err = g.ProposeUpdatePrivate(l.seeds.next(), l.index, nil, nil)
		} else {
			g, m, err = g.ProposeUpdate(l.seeds.next(), l.index, nil, nil)
		}
	} else {
		var q mls.Proposal
		if q, err = ourProposal(p); err != nil {
			return nil, err
		}
		if private {
			g, m, err = g.ProposePrivate(l.seeds.next(), l.index, q, nil)
		} else {
			g, m, err = g.Propose(l.index, q, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	l.group = g
	return wire.Marshal(m), nil
}

func (l *local) commit(c commitRequest) (*committed, error) {
	g, private, err := l.sending(c.private)
	if err != nil {
		return nil, err
	}
	p := mls.CommitParams{WelcomeTree: !c.withoutTree, Private: private}
	for _, q := range c.proposals {
		q, err := ourProposal(q)
		if err != nil {
			return nil, err
		}
		p.ByValue = append(p.ByValue, q)
	}
	for _, q := range l.group.Public().Pending() {
		if _, update := q.Proposal.(mls.Update); update && q.Sender.Leaf == l.index {
			continue // §12.2: a committer renews its leaf by the path
		}
		p.ByReference = append(p.ByReference, q.Ref)
	}
	staged, err := g.Commit(l.seeds.next(), l.index, p)
	if err != nil {
		return nil, err
	}
	l.group = staged.Group
	out := &committed{commit: wire.Marshal(staged.Commit)}
	if staged.Welcome != nil {
		out.welcome = wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome})
	}
	out.tree = wire.Marshal(staged.Group.Public().Tree())
	return out, nil
}

func contentType(m *mls.Message) mls.ContentType {
	switch {
	case m.Public != nil:
		return m.Public.Content.ContentType
	case m.Private != nil:
		return m.Private.ContentType
	}
	return 0
}

func (l *local) process(message []byte) ([]byte, error) {
	m, err := parse(message, 0)
	if err != nil {
		return nil, err
	}
	switch contentType(m) {
	case mls.ContentCommit:
		staged, err := l.group.StageCommit(m)
		if err != nil {
			return nil, err
		}
		l.group = staged.Group
		return nil, nil
	case mls.ContentProposal:
		g, _, err := l.group.AddProposal(m)
		if err == nil {
			l.group = g
		}
		return nil, err
	}
	g, data, err := l.group.Unprotect(m)
	if err != nil {
		return nil, err
	}
	l.group = g
	return data.Data, nil
}

func (l *local) encrypt(data []byte) ([]byte, error) {
	g, err := l.group.Reserve(l.index, 1)
	if err != nil {
		return nil, err
	}
	g, m, err := g.Protect(l.seeds.next(), l.index, data, nil)
	if err != nil {
		return nil, err
	}
	l.group = g
	return wire.Marshal(m), nil
}

func (l *local) setPSK(id, secret []byte) error {
	l.psks[string(id)] = secret
	return nil
}

func (l *local) tracked(groupInfo []byte) (*mls.PublicGroup, error) {
	m, err := parse(groupInfo, mls.WireFormatGroupInfo)
	if err != nil {
		return nil, err
	}
	return mls.NewPublicGroup(m.GroupInfo, nil, l.config())
}

func (l *local) proposeJoin(groupInfo []byte) ([]byte, error) {
	g, err := l.tracked(groupInfo)
	if err != nil {
		return nil, err
	}
	m, err := mls.NewMemberProposal(g, l.kp, nil)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(m), nil
}

func (l *local) proposeOutside(groupInfo []byte, s mls.Signer, p proposal) ([]byte, error) {
	g, err := l.tracked(groupInfo)
	if err != nil {
		return nil, err
	}
	q, err := ourProposal(p)
	if err != nil {
		return nil, err
	}
	m, err := mls.ExternalProposal(g, s, q, nil)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(m), nil
}

func (l *local) view() view {
	if l.group == nil {
		return view{removed: true}
	}
	exported, err := l.group.Export(l.label, l.about, 32)
	if err != nil {
		panic(err)
	}
	return view{epoch: int64(l.group.Public().Epoch()), authenticator: l.group.EpochAuthenticator(), exporter: exported}
}

// remote is a client inside a driver.
type remote struct {
	peer *peer
	id   string
	who  []byte
	kp   []byte
	last view
}

// newRemote makes a client in the peer's process, for one group.
func newRemote(p *peer, suite mls.CipherSuite, identity, group, externalSender []byte) (*remote, error) {
	p.next++
	r := &remote{peer: p, id: fmt.Sprintf("p%d", p.next), who: identity}
	q := request{Op: "member", Member: r.id, Suite: uint16(suite), Identity: identity, Group: group, ExternalSender: externalSender}
	a, err := p.call(q)
	if err != nil {
		return nil, err
	}
	r.kp = a.KeyPackage
	m, err := parse(r.kp, mls.WireFormatKeyPackage)
	if err != nil {
		return nil, err
	}
	if got := m.KeyPackage.LeafNode.Credential.Identity; !bytes.Equal(got, identity) {
		return nil, fmt.Errorf("the peer calls %q %q", identity, got)
	}
	return r, nil
}

func (r *remote) name() string       { return string(r.who) }
func (r *remote) ours() bool         { return false }
func (r *remote) identity() []byte   { return r.who }
func (r *remote) keyPackage() []byte { return r.kp }

func (r *remote) call(q request) (*reply, error) {
	q.Member = r.id
	return r.peer.call(q)
}

// moved is call for operations whose answer tells the epoch that the member is in.
func (r *remote) moved(q request) (*reply, error) {
	a, err := r.call(q)
	if err == nil {
		r.set(a)
	}
	return a, err
}

func (r *remote) set(a *reply) {
	r.last = view{a.Removed, a.Epoch, a.Authenticator, a.Exporter}
}

func (r *remote) create(group []byte, extensions []extension) error {
	_, err := r.moved(request{Op: "create", Group: group, Extensions: extensions})
	return err
}

func (r *remote) join(welcome, tree []byte) error {
	_, err := r.moved(request{Op: "join", Welcome: welcome, Tree: tree})
	return err
}

func (r *remote) externalJoin(groupInfo []byte, lenient, resync bool) ([]byte, error) {
	a, err := r.moved(request{Op: "externalJoin", GroupInfo: groupInfo, Lenient: lenient, Resync: resync})
	if err != nil {
		return nil, err
	}
	return a.Commit, nil
}

func (r *remote) groupInfo(lenient bool) ([]byte, []byte, error) {
	a, err := r.call(request{Op: "groupInfo", Lenient: lenient})
	if err != nil {
		return nil, nil, err
	}
	if a.Commit != nil {
		r.set(a)
	}
	return a.GroupInfo, a.Commit, nil
}

func (r *remote) propose(p proposal, private bool) ([]byte, error) {
	a, err := r.call(request{Op: "propose", Proposal: &p, Private: private})
	if err != nil {
		return nil, err
	}
	return a.Message, nil
}

func (r *remote) commit(c commitRequest) (*committed, error) {
	a, err := r.moved(request{Op: "commit", Proposals: c.proposals, WithoutTree: c.withoutTree, Private: c.private})
	if err != nil {
		return nil, err
	}
	return &committed{a.Commit, a.Welcome, a.Tree, a.Proposal}, nil
}

func (r *remote) process(message []byte) ([]byte, error) {
	m, err := parse(message, 0)
	if err != nil {
		return nil, err
	}
	kind := map[mls.ContentType]string{mls.ContentProposal: "proposal", mls.ContentCommit: "commit", mls.ContentApplication: "data"}
	a, err := r.call(request{Op: "process", Message: message, Kind: kind[contentType(m)]})
	if err != nil {
		return nil, err
	}
	if a.Data == nil {
		r.set(a)
	}
	return a.Data, nil
}

func (r *remote) encrypt(data []byte) ([]byte, error) {
	a, err := r.call(request{Op: "encrypt", Data: data})
	if err != nil {
		return nil, err
	}
	return a.Message, nil
}

func (r *remote) setPSK(id, secret []byte) error {
	_, err := r.call(request{Op: "psk", ID: id, Secret: secret})
	return err
}

func (r *remote) proposeJoin(groupInfo []byte) ([]byte, error) {
	a, err := r.call(request{Op: "proposeJoin", GroupInfo: groupInfo})
	if err != nil {
		return nil, err
	}
	return a.Message, nil
}

func (r *remote) proposeOutside(groupInfo []byte, s mls.Signer, p proposal) ([]byte, error) {
	a, err := r.call(request{Op: "proposeOutside", GroupInfo: groupInfo, ID: s.Public, Secret: s.Private, Proposal: &p})
	if err != nil {
		return nil, err
	}
	return a.Message, nil
}

func (r *remote) view() view { return r.last }

// agree verifies that all members are in one epoch with the same secrets.
func agree(members []member) error {
	var authenticator []byte
	first := members[0].view()
	for _, m := range members {
		v := m.view()
		switch {
		case v.removed:
			return fmt.Errorf("%s is no member any more", m.name())
		case v.epoch >= 0 && first.epoch >= 0 && v.epoch != first.epoch:
			return fmt.Errorf("%s is in epoch %d, %s in %d", m.name(), v.epoch, members[0].name(), first.epoch)
		case v.authenticator == nil && v.exporter == nil:
			return errors.New("a member tells nothing that could be compared")
		case v.exporter != nil && first.exporter != nil && !bytes.Equal(v.exporter, first.exporter):
			return fmt.Errorf("epoch %d: exporter of %s differs from that of %s", v.epoch, m.name(), members[0].name())
		case v.authenticator == nil:
		case authenticator == nil:
			authenticator = v.authenticator
		case !bytes.Equal(v.authenticator, authenticator):
			return fmt.Errorf("epoch %d: epoch authenticator of %s differs", v.epoch, m.name())
		}
	}
	return nil
}
