package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// suite is the cipher suite of rooms that we create. Others come to a room by ReInit (reinit.go).
const suite = mls.SuiteX25519AES128SHA256Ed25519

// suite is that of the room's group, or of new rooms while we are not in one.
func (r *Room) suite() mls.CipherSuite {
	if g := r.group(); g != nil {
		return g.Public().Suite()
	}
	return suite
}

// leafLifetime is how long the key package of a leaf that we make is valid, backdate how much earlier it begins, for clocks that
// differ.
const (
	leafLifetime = 366 * 24 * time.Hour
	backdate     = time.Hour
)

// keyPackage makes the keys of a user's leaf in a new room, and their key package.
func (s *Service) keyPackage(seed mls.Seed, now time.Time, client mimi.URI, nick string) (*mls.KeyPackageSecrets, error) {
	return s.keyPackageOf(suite, seed, now, client, nick)
}

// keyPackageOf makes the keys of a user's leaf and their key package, of a suite. The nick travels in the leaf's own dictionary.
func (s *Service) keyPackageOf(suite mls.CipherSuite, seed mls.Seed, now time.Time, client mimi.URI, nick string) (*mls.KeyPackageSecrets, error) {
	signer, err := mls.NewSigner(suite, seed.Derive("signer"))
	if err != nil {
		return nil, err
	}
	credential, err := s.credential(client, suite, signer.Public, now)
	if err != nil {
		return nil, err
	}
	extensions, err := mimi.LeafExtensions(nick)
	if err != nil {
		return nil, err
	}
	return mls.NewKeyPackage(seed.Derive("keys"), mls.KeyPackageParams{
		Signer:         signer,
		Credential:     credential,
		Capabilities:   mimi.LeafCapabilities(suite),
		Lifetime:       mls.Lifetime{NotBefore: uint64(now.Add(-backdate).Unix()), NotAfter: uint64(now.Add(leafLifetime).Unix())},
		LeafExtensions: extensions,
	})
}
