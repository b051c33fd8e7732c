package main

import (
	"fmt"
	"math/bits"

	"anteroom/mls"
	"anteroom/mls/wire"
)

const suite = mls.SuiteX25519AES128SHA256Ed25519

// world makes clients and groups; seeds are counted, so that every run does the same.
type world struct{ seeds uint64 }

func (w *world) seed() mls.Seed {
	w.seeds++
	return mls.Seed{}.Derive("mlsbench", fmt.Appendf(nil, "%d", w.seeds))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func config() mls.Config {
	return mls.Config{Now: 1500, PastEpochs: 1, Parallel: parallel, Components: replacing{}}
}

// replacing lets an AppDataUpdate replace a component's data.
type replacing struct{}

func (replacing) ApplyUpdates(_ mls.ComponentID, _ []byte, _ bool, updates [][]byte) ([]byte, error) {
	return updates[len(updates)-1], nil
}

// client makes the keys of a user and publishes them as a key package.
func (w *world) client(name string) *mls.KeyPackageSecrets {
	return must(mls.NewKeyPackage(w.seed(), mls.KeyPackageParams{
		Signer:     must(mls.NewSigner(suite, w.seed())),
		Credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte(name)},
		Capabilities: mls.Capabilities{
			Versions:     []mls.ProtocolVersion{mls.ProtocolVersionMLS10},
			CipherSuites: []mls.CipherSuite{suite},
			Extensions:   []mls.ExtensionType{mls.ExtensionAppDataDictionary},
			Proposals:    []mls.ProposalType{mls.ProposalAppDataUpdate, mls.ProposalSelfRemove},
			Credentials:  []mls.CredentialType{mls.CredentialBasic},
		},
		Lifetime: mls.Lifetime{NotBefore: 1000, NotAfter: 2000},
	}))
}

func (w *world) clients(prefix string, n int) []*mls.KeyPackageSecrets {
	out := make([]*mls.KeyPackageSecrets, n)
	first := w.seeds
	w.seeds += 2 * uint64(n)
	parallel(n, func(i int) {
		own := world{first + 2*uint64(i)}
		out[i] = own.client(fmt.Sprint(prefix, i))
	})
	return out
}

func (w *world) group(creator *mls.KeyPackageSecrets) *mls.Group {
	return must(mls.NewGroup(w.seed(), mls.NewGroupParams{GroupID: []byte("a group"), Creator: creator, Config: config()}))
}

func adds(clients []*mls.KeyPackageSecrets) []mls.Proposal {
	out := make([]mls.Proposal, len(clients))
	for i, c := range clients {
		out[i] = mls.Add{KeyPackage: c.KeyPackage}
	}
	return out
}

func (w *world) commit(g *mls.Group, as mls.LeafIndex, p mls.CommitParams) *mls.Staged {
	return must(g.Commit(w.seed(), as, p))
}

func encode(m *mls.Message) []byte { return wire.Marshal(m) }

func decode(b []byte) *mls.Message {
	m := new(mls.Message)
	check(wire.Unmarshal(b, m))
	return m
}

func encodeWelcome(welcome *mls.Welcome) []byte {
	return encode(&mls.Message{Format: mls.WireFormatWelcome, Welcome: welcome})
}

// follow is what another member does with a commit as it comes from the network.
func follow(g *mls.Group, commit []byte) *mls.Group { return must(g.StageCommit(decode(commit))).Group }

// room is a group of n members in which most are local leaves of one value, as in a gateway, and the last two are values of
// their own with one leaf each, as any other client.
type room struct {
	*world
	n          int
	gateway    *mls.Group
	alice, bob *mls.Group
	a, b       mls.LeafIndex
}

// maxAdds is how many members are added in one commit, well below the proposals that a commit may have (mls.MaxProposals).
const maxAdds = 5000

// newRoom adds everybody to a new group by Adds alone, which leaves all parents blank.
func newRoom(n int) *room {
	r := &room{world: new(world), n: n, a: mls.LeafIndex(n - 2), b: mls.LeafIndex(n - 1)}
	users := r.clients("user", n)
	r.gateway = r.group(users[0])
	var staged *mls.Staged
	for from := 1; from < n; {
		to := min(from+maxAdds, n)
		if to == n-1 {
			to-- // the last two join by one Welcome
		}
		local := users[from:min(to, n-2)]
		staged = r.commit(r.gateway, 0, mls.CommitParams{ByValue: adds(users[from:to]), Joiners: local, WelcomeTree: true})
		r.gateway, from = staged.Group, to
	}
	join := func(c *mls.KeyPackageSecrets) *mls.Group {
		return must(mls.Join(staged.Welcome, c, mls.JoinParams{Config: config()}))
	}
	r.alice, r.bob = join(users[n-2]), join(users[n-1])
	return r
}

// adopt moves everybody on to the epoch that somebody's commit begins.
func (r *room) adopt(committer **mls.Group, staged *mls.Staged) {
	commit := encode(staged.Commit)
	for _, g := range []**mls.Group{&r.gateway, &r.alice, &r.bob} {
		if g == committer {
			*g = staged.Group
		} else {
			*g = follow(*g, commit)
		}
	}
}

// populate lets every second local leaf commit, so that no parent is blank. The order spreads the commits over the tree: each halves
// what the resolutions around it have left, so that all of them together encrypt about n·log n path secrets; from left to right it would be
// some n²/4.
func (r *room) populate() {
	width := bits.Len(uint(r.n - 1))
	for k := range 1 << width {
		if i := int(bits.Reverse32(uint32(k)) >> (32 - width)); i%2 == 0 && i < r.n-2 {
			r.adopt(&r.gateway, r.commit(r.gateway, mls.LeafIndex(i), mls.CommitParams{}))
		}
	}
	r.adopt(&r.bob, r.commit(r.bob, r.b, mls.CommitParams{}))
}
