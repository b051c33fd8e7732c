package interop

import (
	"bytes"
	"fmt"

	"anteroom/mls"
)

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
