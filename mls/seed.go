package mls

// Seed is 32 uniformly random bytes from which the keys of one operation are derived. A seed is used for one operation only.
type Seed [32]byte

// Derive returns an independent seed for label and parts.
func (s Seed) Derive(label string, parts ...[]byte) Seed { panic("skeleton") }

// NewSigner derives a signature key pair of suite from seed.
func NewSigner(suite CipherSuite, seed Seed) (Signer, error) { panic("skeleton") }
