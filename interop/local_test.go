package interop

import (
	"bytes"
	"fmt"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// seeds gives each call of next another seed, the same in every run.
type seeds struct{ n uint64 }

func (s *seeds) next() mls.Seed {
	s.n++
	return mls.Seed{}.Derive("interop", fmt.Appendf(nil, "%d", s.n))
}

// value is one group value of package mls: of one client, or of several that share everything but their leaves.
type value struct {
	group *mls.Group // nil outside
	// clients may be seated in the value when one of its leaves adds them.
	clients []*local
	// seen has the messages that the value has sent or processed, with their application data.
	seen map[string][]byte
}

func newValue() *value { return &value{seen: map[string][]byte{}} }

// sent remembers a message, so that the other leaves of the value do not process it again.
func (v *value) sent(message, data []byte) []byte {
	v.seen[string(message)] = data
	return message
}

// seat finds the leaf of a client.
func (v *value) seat(id []byte) (mls.LeafIndex, bool) {
	if v.group == nil {
		return 0, false
	}
	for i, leaf := range v.group.Public().Leaves() {
		if bytes.Equal(leaf.Credential.Identity, id) {
			return i, v.group.IsLocal(i)
		}
	}
	return 0, false
}

// joiners are the clients of the value that a commit of these key packages adds.
func (v *value) joiners(proposals []mls.Proposal) (out []*mls.KeyPackageSecrets) {
	for _, p := range proposals {
		add, ok := p.(mls.Add)
		if !ok {
			continue
		}
		for _, c := range v.clients {
			if bytes.Equal(c.kp.KeyPackage.Signature, add.KeyPackage.Signature) {
				out = append(out, c.kp)
			}
		}
	}
	return out
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
	value   *value
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
	value    *value // shared with others; nil for one of its own
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
	v := p.value
	if v == nil {
		v = newValue()
	}
	l := &local{id: p.identity, value: v, seeds: s, kp: kp, now: p.now, psks: map[string][]byte{}, label: p.label, about: p.about, private: p.private}
	if p.value != nil {
		v.clients = append(v.clients, l)
	}
	return l, nil
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
	l.value.group, err = mls.NewGroup(l.seeds.next(), mls.NewGroupParams{
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
	if i, ok := l.value.seat(l.id); ok { // by a commit of the value itself
		l.index = i
		return nil
	}
	m, err := parse(welcome, mls.WireFormatWelcome)
	if err != nil {
		return err
	}
	if l.value.group != nil {
		g, err := l.value.group.Adopt(m.Welcome, l.kp)
		if err != nil {
			return err
		}
		l.value.group = g
		l.index, _ = l.value.seat(l.id)
		return nil
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
	l.value.group, l.index = g, g.Local()[0]
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
	var staged *mls.Staged
	if l.value.group != nil && !resync {
		staged, err = l.value.group.ExternalCommit(l.seeds.next(), l.kp, p)
	} else {
		staged, err = mls.ExternalCommit(l.seeds.next(), m.GroupInfo, l.kp, p)
	}
	if err != nil {
		return nil, err
	}
	l.value.group, l.index = staged.Group, staged.Effects.Committer
	return l.value.sent(wire.Marshal(staged.Commit), nil), nil
}

func (l *local) groupInfo(bool) ([]byte, []byte, error) {
	gi, err := l.value.group.GroupInfo(l.index, true)
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
	case "resumption":
		return mls.PreSharedKey{PSK: mls.PreSharedKeyID{Type: mls.PSKResumption, Usage: mls.ResumptionApplication, GroupID: p.Group,
			Epoch: mls.Epoch(p.Epoch), Nonce: p.Nonce}}, nil
	case reInit:
		return mls.ReInit{GroupID: p.Group, Version: mls.ProtocolVersionMLS10, Suite: mls.CipherSuite(p.Suite)}, nil
	}
	return nil, fmt.Errorf("no proposal %q", p.Type)
}

// sending is the group with a key for one handshake as PrivateMessage, if that is wanted.
func (l *local) sending(private bool) (*mls.Group, bool, error) {
	private = private || l.private
	if !private {
		return l.value.group, false, nil
	}
	g, err := l.value.group.ReserveHandshake(l.index, 1)
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
	l.value.group = g
	return l.value.sent(wire.Marshal(m), nil), nil
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
	for _, q := range l.value.group.Public().Pending() {
		if _, update := q.Proposal.(mls.Update); update && q.Sender.Leaf == l.index {
			continue // §12.2: a committer renews its leaf by the path
		}
		p.ByReference = append(p.ByReference, q.Ref)
		p.Joiners = append(p.Joiners, l.value.joiners([]mls.Proposal{q.Proposal})...)
	}
	p.Joiners = append(p.Joiners, l.value.joiners(p.ByValue)...)
	staged, err := g.Commit(l.seeds.next(), l.index, p)
	if err != nil {
		return nil, err
	}
	l.value.group = staged.Group
	out := &committed{commit: l.value.sent(wire.Marshal(staged.Commit), nil)}
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
	if data, ok := l.value.seen[string(message)]; ok {
		return data, nil
	}
	data, err := l.open(message)
	if err == nil {
		l.value.sent(message, data)
	}
	return data, err
}

func (l *local) open(message []byte) ([]byte, error) {
	m, err := parse(message, 0)
	if err != nil {
		return nil, err
	}
	switch contentType(m) {
	case mls.ContentCommit:
		staged, err := l.value.group.StageCommit(m)
		if err != nil {
			return nil, err
		}
		l.value.group = staged.Group
		return nil, nil
	case mls.ContentProposal:
		g, _, err := l.value.group.AddProposal(m)
		if err == nil {
			l.value.group = g
		}
		return nil, err
	}
	g, data, err := l.value.group.Unprotect(m)
	if err != nil {
		return nil, err
	}
	l.value.group = g
	return data.Data, nil
}

func (l *local) encrypt(data []byte) ([]byte, error) {
	g, err := l.value.group.Reserve(l.index, 1)
	if err != nil {
		return nil, err
	}
	g, m, err := g.Protect(l.seeds.next(), l.index, data, nil)
	if err != nil {
		return nil, err
	}
	l.value.group = g
	return l.value.sent(wire.Marshal(m), data), nil
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
	if _, in := l.value.seat(l.id); !in {
		return view{removed: true}
	}
	exported, err := l.value.group.Export(l.label, l.about, 32)
	if err != nil {
		panic(err)
	}
	return view{epoch: int64(l.value.group.Public().Epoch()), authenticator: l.value.group.EpochAuthenticator(), exporter: exported}
}
