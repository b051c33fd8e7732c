package mls

import (
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Seed is 32 uniformly random bytes from which the keys of one operation are derived. A seed is used for one operation only.
type Seed [32]byte

// Derive returns an independent seed for label and parts: HMAC-SHA256 of their unambiguous encoding under s.
func (s Seed) Derive(label string, parts ...[]byte) Seed {
	var space [128]byte
	w := wire.NewWriter(space[:0])
	w.OpaqueString("anteroom seed")
	w.OpaqueString(label)
	for _, p := range parts {
		w.Opaque(p)
	}
	var out Seed
	suite.HMACSHA256(out[:0], s[:], w.Bytes())
	return out
}
