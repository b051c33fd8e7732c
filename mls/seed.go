package mls

import (
	"crypto/hmac"
	"crypto/sha256"

	"anteroom/mls/wire"
)

// Seed is 32 uniformly random bytes from which the keys of one operation are derived. A seed is used for one operation only.
type Seed [32]byte

// Derive returns an independent seed for label and parts: HMAC-SHA256 of their unambiguous encoding under s.
func (s Seed) Derive(label string, parts ...[]byte) Seed {
	var w wire.Writer
	w.OpaqueString("anteroom seed")
	w.OpaqueString(label)
	for _, p := range parts {
		w.Opaque(p)
	}
	m := hmac.New(sha256.New, s[:])
	m.Write(w.Bytes())
	var out Seed
	m.Sum(out[:0])
	return out
}
