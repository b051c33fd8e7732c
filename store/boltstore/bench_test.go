package boltstore_test

import (
	"path/filepath"
	"testing"

	"anteroom/store"
	"anteroom/store/storetest"
)

func BenchmarkWriteAll(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store { return open(b, filepath.Join(b.TempDir(), "rooms.db")) })
}
