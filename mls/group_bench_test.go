package mls

import (
	"fmt"
	"runtime"
	"testing"

	"anteroom/mls/wire"
)

// benchGroup makes a group of n members of which all are local, by Adds without path.
func benchGroup(b testing.TB, s *testSeed, n int) *Group {
	g := s.newGroup(b, s.newClient(b, "user0"))
	var p CommitParams
	for i := 1; i < n; i++ {
		kp := s.newClient(b, fmt.Sprintf("user%d", i))
		p.ByValue = append(p.ByValue, Add{kp.KeyPackage})
		p.Joiners = append(p.Joiners, kp)
	}
	return commit(b, s, g, 0, p).Group
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What 100 local members cost in memory: in one value, and as 100 values that joined by Welcome. All have seen a path by a
// remote member.
func BenchmarkMemory100Local(b *testing.B) {
	const local = 100
	for _, shared := range []bool{true, false} {
		b.Run(map[bool]string{true: "one value", false: "100 values"}[shared], func(b *testing.B) {
			for b.Loop() {
				var s testSeed
				remote := s.newGroup(b, s.newClient(b, "remote"))
				var clients []*KeyPackageSecrets
				var p CommitParams
				for i := range local {
					kp := s.newClient(b, fmt.Sprintf("user%d", i))
					clients = append(clients, kp)
					p.ByValue = append(p.ByValue, Add{kp.KeyPackage})
				}
				staged := commit(b, &s, remote, 0, p)
				remote = staged.Group
				staged2 := commit(b, &s, remote, 0, CommitParams{})
				encoded := wire.Marshal(staged.Group.Public().Tree())
				enter := func(kp *KeyPackageSecrets) *Group { // every value decodes its own tree, as a process of its own would
					var nodes RatchetTree
					if err := wire.Unmarshal(encoded, &nodes); err != nil {
						b.Fatal(err)
					}
					g, err := Join(staged.Welcome, kp, JoinParams{Tree: nodes, Config: testConfig()})
					if err != nil {
						b.Fatal(err)
					}
					return g
				}
				before := heap()
				var groups []*Group
				if shared {
					g := enter(clients[0])
					for _, kp := range clients[1:] {
						var err error
						if g, err = g.Adopt(staged.Welcome, kp); err != nil {
							b.Fatal(err)
						}
					}
					groups = append(groups, follow(b, g, staged2.Commit))
				} else {
					for _, kp := range clients {
						groups = append(groups, follow(b, enter(kp), staged2.Commit))
					}
				}
				b.ReportMetric(float64(heap()-before)/local, "B/local-member")
				runtime.KeepAlive(groups)
				runtime.KeepAlive(staged)
				runtime.KeepAlive(clients)
			}
		})
	}
}

// One commit that adds 200 local members to a group of 800.
func BenchmarkCommit200Adds(b *testing.B) {
	var s testSeed
	g := benchGroup(b, &s, 800)
	var p CommitParams
	for i := range 200 {
		kp := s.newClient(b, fmt.Sprintf("new%d", i))
		p.ByValue = append(p.ByValue, Add{kp.KeyPackage})
		p.Joiners = append(p.Joiners, kp)
	}
	b.ResetTimer()
	for b.Loop() {
		commit(b, &s, g, 0, p)
	}
}

// A commit with path in a group of 1,000 whose tree is blank, and following it with 999 local leaves.
func BenchmarkPathBlank1000(b *testing.B) { benchmarkPath(b, false) }

// The same in a tree that 500 members have filled.
func BenchmarkPathFilled1000(b *testing.B) { benchmarkPath(b, true) }

func benchmarkPath(b *testing.B, filled bool) {
	var s testSeed
	outside := s.newClient(b, "outside")
	g := benchGroup(b, &s, 999)
	staged := commit(b, &s, g, 0, CommitParams{ByValue: []Proposal{Add{outside.KeyPackage}}})
	g = staged.Group
	other := join(b, staged, outside)
	if filled {
		for i := 0; i < 999; i += 2 {
			staged = commit(b, &s, g, LeafIndex(i), CommitParams{})
			g, other = staged.Group, follow(b, other, staged.Commit)
		}
	}
	b.Run("commit", func(b *testing.B) {
		for b.Loop() {
			staged = commit(b, &s, other, 999, CommitParams{})
		}
	})
	b.Run("follow", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.StageCommit(staged.Commit); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parts", func(b *testing.B) {
		next := follow(b, g, staged.Commit)
		var parts Parts
		for b.Loop() {
			parts = next.Parts(g)
		}
		b.ReportMetric(float64(len(parts.Set)+len(parts.Drop)), "parts")
	})
}

// A GroupInfo with the tree of 1,000 members, as it is handed out.
func BenchmarkGroupInfo1000(b *testing.B) {
	var s testSeed
	g := benchGroup(b, &s, 1000)
	b.ReportAllocs()
	for b.Loop() {
		gi, err := g.GroupInfo(0, true)
		if err != nil {
			b.Fatal(err)
		}
		wire.Marshal(gi)
	}
}
