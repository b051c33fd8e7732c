package boltstore_test

import (
	"path/filepath"
	"testing"

	"anteroom/store"
	"anteroom/store/boltstore"
	"anteroom/store/memstore"
	"anteroom/store/storetest"
)

func open(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place {
		path := filepath.Join(t.TempDir(), "rooms.db")
		return storetest.Place{
			Open:  func(t *testing.T) store.Store { return open(t, path) },
			Model: func() store.Store { return memstore.New() },
		}
	})
}
