package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// suite is the cipher suite of rooms that we create.
const suite = mls.SuiteX25519AES128SHA256Ed25519

// leafLifetime is how long the key package of a leaf that we make is valid, backdate how much earlier it begins, for clocks that
// differ.
const (
	leafLifetime = 366 * 24 * time.Hour
	backdate     = time.Hour
)

// keyPackage makes the keys of a user's leaf and their key package. The nick travels in the leaf's own dictionary.
func (s *Service) keyPackage(seed mls.Seed, now time.Time, client mimi.URI, nick string) (*mls.KeyPackageSecrets, error) {
	signer, err := mls.NewSigner(suite, seed.Derive("signer"))
	if err != nil {
		return nil, err
	}
	credential, err := s.credential(client, signer.Public, now)
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
