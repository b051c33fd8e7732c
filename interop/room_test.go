package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// spec is what the tests know of a peer.
type spec struct {
	name   string // as in the table
	driver string
	suite  mls.CipherSuite
	// identity names the n-th client in the form the peer insists on; nil for any.
	identity func(n int) []byte
	// label and about are label and context of the exporter whose output is compared.
	label string
	about []byte
	// treeOutside says that the peer never has a tree in a Welcome, oneAdd that its commits are of one Add each,
	// noGroupInfo that it cannot make one, so that ours is used.
	treeOutside, oneAdd, noGroupInfo bool
	// hub says that groups of the peer have an external sender.
	hub bool
	// private says that the peer takes handshakes as PrivateMessages only.
	private bool
	// departures are the operations that do not work, and why.
	departures map[string]departure
	walk       walkParams
}

// departure explains an operation that fails.
type departure struct {
	errors string // part of the error that strict behaviour ends in
	why    string // for the table
	// lenient says that the operation works if the driver makes good for it.
	lenient string
}

// room is one group with members of both implementations.
type room struct {
	spec    *spec
	peer    *peer
	seeds   *seeds
	group   []byte
	hub     mls.Signer // in external_senders if the peer or the operation wants one
	count   int
	members []member
	value   *value // that our members share; nil if each has its own
	note    string // for the table, to qualify a yes
	walking bool
	ghosts  []member // added, but refused to join
}

func newRoom(t testing.TB, s *spec, p *peer) *room {
	t.Helper()
	r := &room{spec: s, peer: p, seeds: &seeds{uint64(p.next) << 20}}
	r.group = binary.BigEndian.AppendUint64(nil, r.seeds.n+1) // 8 bytes: one of the peers insists on that
	var err error
	if r.hub, err = mls.NewSigner(s.suite, r.seeds.next()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *room) externalSender() mls.ExternalSender {
	return mls.ExternalSender{SignatureKey: r.hub.Public, Credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte("hub")}}
}

func (r *room) externalSenders() extension {
	return extension{uint16(mls.ExtensionExternalSenders), wire.Marshal(mls.ExternalSenders{r.externalSender()})}
}

// client makes somebody who is in no group yet.
func (r *room) client(ours bool) (member, error) {
	r.count++
	id := fmt.Appendf(nil, "client %d", r.count)
	if r.spec.identity != nil {
		id = r.spec.identity(r.count)
	}
	return r.clientCalled(ours, id)
}

// clientCalled is client with a given identity.
func (r *room) clientCalled(ours bool, id []byte) (member, error) {
	if !ours {
		return newRemote(r.peer, r.spec.suite, id, r.group, wire.Marshal(r.externalSender()))
	}
	return newLocal(r.seeds, localParams{
		suite: r.spec.suite, identity: id,
		now: uint64(time.Now().Unix()), label: r.spec.label, about: r.spec.about, private: r.spec.private, value: r.value})
}

// found lets somebody create the group.
func (r *room) found(ours bool, extensions ...extension) error {
	m, err := r.client(ours)
	if err != nil {
		return err
	}
	if r.spec.hub && len(extensions) == 0 {
		extensions = []extension{r.externalSenders()}
	}
	if err := m.create(r.group, extensions); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	r.members = append(r.members, m)
	return agree(r.members)
}

func adds(joiners []member) (out []proposal) {
	for _, j := range joiners {
		out = append(out, proposal{Type: "add", KeyPackage: j.keyPackage()})
	}
	return out
}

// remove is a Remove of m, whose leaf is looked up in one of our trees: not all peers tell theirs.
func (r *room) remove(m member) proposal {
	for i, leaf := range r.one(true).(*local).value.group.Public().Leaves() {
		if bytes.Equal(leaf.Credential.Identity, m.identity()) {
			index := uint32(i)
			return proposal{Type: "remove", Leaf: &index, Identity: m.identity()}
		}
	}
	panic(m.name() + " has no leaf")
}

// commit lets m commit, everybody follow, joiners join by the Welcome and those who are not in keep leave.
func (r *room) commit(m member, c commitRequest, joiners ...member) error {
	done, err := m.commit(c)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if done.proposal != nil { // of peers that can only commit what they have proposed
		if err := r.deliver(m, done.proposal); err != nil {
			return err
		}
	}
	if err := r.deliver(m, done.commit); err != nil {
		return err
	}
	if r.value == nil && (done.welcome != nil) != (len(joiners) > 0) {
		return fmt.Errorf("Welcome present: %t, with %d new members", done.welcome != nil, len(joiners))
	}
	tree := done.tree
	if !c.withoutTree && !r.spec.treeOutside {
		tree = nil
	}
	for _, j := range joiners {
		err := j.join(done.welcome, tree)
		if refuses := r.spec.walk.refusesTree; r.walking && refuses != "" && err != nil && strings.Contains(err.Error(), refuses) {
			r.ghosts = append(r.ghosts, j)
			continue
		}
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		r.members = append(r.members, j)
	}
	return agree(r.members)
}

// deliver gives a handshake message to everybody but its sender.
func (r *room) deliver(from member, message []byte) error {
	for _, m := range r.members {
		if m == from {
			continue
		}
		if _, err := m.process(message); err != nil {
			return fmt.Errorf("process: %w", err)
		}
	}
	return nil
}

// groupInfo asks m for a GroupInfo with everything that an external commit needs.
func (r *room) groupInfo(m member, lenient bool) ([]byte, error) {
	if !m.ours() && r.spec.noGroupInfo {
		m, r.note = r.one(true), ", from a GroupInfo of ours: the peer cannot make one"
	}
	gi, commit, err := m.groupInfo(lenient)
	if err != nil {
		return nil, fmt.Errorf("GroupInfo: %w", err)
	}
	if commit != nil {
		if err := r.deliver(m, commit); err != nil {
			return nil, err
		}
	}
	return gi, agree(r.members)
}

// propose lets m send a proposal to everybody.
func (r *room) propose(m member, p proposal) error {
	message, err := m.propose(p, false)
	if err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	return r.deliver(m, message)
}

// drop takes somebody off the list who was removed, and checks that the client knows it.
func (r *room) drop(gone member, commit func() error) error {
	kept := slices.DeleteFunc(slices.Clone(r.members), func(m member) bool { return m == gone })
	if err := commit(); err != nil && !gone.view().removed {
		return err
	}
	if !gone.view().removed {
		return fmt.Errorf("%s does not know that it was removed", gone.name())
	}
	r.members = kept
	return agree(r.members)
}

// add lets m add somebody of each kind wanted by one commit.
func (r *room) add(m member, withoutTree bool, kinds ...bool) error {
	if len(kinds) > 1 && !m.ours() && r.spec.oneAdd {
		for _, ours := range kinds {
			if err := r.add(m, withoutTree, ours); err != nil {
				return err
			}
		}
		return nil
	}
	var joiners []member
	for _, ours := range kinds {
		j, err := r.client(ours)
		if err != nil {
			return err
		}
		joiners = append(joiners, j)
	}
	return r.commit(m, commitRequest{proposals: adds(joiners), withoutTree: withoutTree}, joiners...)
}

// enter lets somebody join by external commit, from a GroupInfo of somebody of the other implementation.
func (r *room) enter(ours, lenient bool) error {
	j, err := r.client(ours)
	if err != nil {
		return err
	}
	gi, err := r.groupInfo(r.one(!ours), lenient)
	if err != nil {
		return err
	}
	commit, err := j.externalJoin(gi, lenient, false)
	if err != nil {
		return fmt.Errorf("external join: %w", err)
	}
	if err := r.deliver(j, commit); err != nil {
		return err
	}
	r.members = append(r.members, j)
	return agree(r.members)
}

// talk lets m send an application message that all others decrypt.
func (r *room) talk(m member, data []byte) error {
	message, err := m.encrypt(data)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	for _, o := range r.members {
		if o == m {
			continue
		}
		if got, err := o.process(message); err != nil || !bytes.Equal(got, data) {
			return fmt.Errorf("decrypt: got %q, %w", got, err)
		}
	}
	return nil
}

// one returns the first member of an implementation, other the second.
func (r *room) one(ours bool) member {
	return r.members[slices.IndexFunc(r.members, func(m member) bool { return m.ours() == ours })]
}

func (r *room) other(ours bool) member {
	first := r.one(ours)
	return r.members[slices.IndexFunc(r.members, func(m member) bool { return m.ours() == ours && m != first })]
}
