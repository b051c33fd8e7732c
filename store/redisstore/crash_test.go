package redisstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"anteroom/internal/servertest"
	"anteroom/store"
	"anteroom/store/storetest"
)

func startRedis(t testing.TB, args ...string) *servertest.Redis {
	t.Helper()
	needRedis(t)
	r, err := servertest.StartRedis(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestKill kills a server that is being written to, several times. With appendfsync always every acknowledged batch is
// there; with everysec the server may postpone writing, and then at least no batch is there in part.
func TestKill(t *testing.T) {
	for _, fsync := range []string{"always", "everysec"} {
		t.Run(fsync, func(t *testing.T) {
			r := startRedis(t, "--appendfsync", fsync)
			prefix := freshPrefix()
			for _, rounds := range []int{1, 2, 13, 40} {
				acked, n := 0, 0
				s := open(t, r.URL(), prefix)
				err := storetest.WriteForever(t.Context(), s, func(batches int) {
					acked = batches
					if n++; n == rounds {
						go r.Kill()
					}
				})
				s.Close()
				if n < rounds {
					t.Fatalf("the writer ended early: %v", err)
				}
				if err := r.Kill(); err != nil { // waits for the one above
					t.Fatal(err)
				}
				if err := r.Start(); err != nil {
					t.Fatal(err)
				}
				if fsync != "always" {
					acked = 0
				}
				s = open(t, r.URL(), prefix)
				found := storetest.CheckCrash(t, s, acked)
				t.Logf("%d rounds, %d acknowledged and owed, %d found", rounds, acked, found)
				s.Close()
			}
		})
	}
}

func TestSealedInServer(t *testing.T) {
	needRedis(t)
	storetest.Sealing(t, func(t *testing.T) (storetest.Place, func(*testing.T) []byte) {
		r := startRedis(t)
		return place(r.URL(), "p:"), func(t *testing.T) []byte { return everyFile(t, r.Dir) }
	})
}

// everyFile joins what the files below a directory hold: the append-only file has values as they were sent.
func everyFile(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		all = append(all, raw...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestServerGone: a write to a server that is down is neither a conflict nor silence, and the store recovers with it.
func TestServerGone(t *testing.T) {
	r := startRedis(t)
	s := open(t, r.URL(), "p:")
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	b := store.Batch{Room: "r", Fence: f, Events: [][]byte{{1}}}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), b); err == nil || isRefusal(err) {
		t.Errorf("write: %v", err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("ping succeeded")
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	if f, err = s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL); err != nil {
		t.Fatalf("claim: %v", err)
	}
	b.Fence = f
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("write after the server came back: %v", err)
	}
}
