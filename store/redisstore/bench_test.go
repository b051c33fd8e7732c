package redisstore_test

import (
	"testing"

	"anteroom/store"
	"anteroom/store/storetest"
)

func BenchmarkWriteAll(b *testing.B) {
	for _, fsync := range []string{"always", "everysec"} {
		b.Run(fsync, func(b *testing.B) {
			r := startRedis(b, "--appendfsync", fsync)
			storetest.Bench(b, func(b *testing.B) store.Store { return open(b, r.URL(), freshPrefix()) })
		})
	}
}
