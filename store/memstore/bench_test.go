package memstore_test

import (
	"testing"

	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/store/storetest"
)

func BenchmarkWriteAll(b *testing.B) {
	storetest.Bench(b, func(*testing.B) store.Store { return memstore.New() })
}
