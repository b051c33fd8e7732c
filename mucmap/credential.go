package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Credentials of our leaves, and whose credentials are believed (RFC 9420 §5.3; docs/decisions/105-credentials.md). With an authority for our
// users they are X.509 credentials, which users of other providers can verify without believing the hub; without one they are basic.

// credential vouches for the signature key of a client of ours.
func (s *Service) credential(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
	if s.cfg.Issue == nil {
		return mimi.BasicCredential(client), nil
	}
	return s.cfg.Issue(client, suite, key, now)
}

// renewedCredential returns a new credential for the key of a leaf of ours if the leaf is to get one: its certificate has served for two
// thirds of its time, or it has none yet although we have an authority. It does not change the leaf's keys.
func (s *Service) renewedCredential(leaf *mls.LeafNode, now time.Time) (mls.Credential, bool) {
	if s.cfg.Issue == nil || leaf.Credential.Type != mls.CredentialBasic && !mimi.CredentialDue(leaf.Credential, now) {
		return mls.Credential{}, false
	}
	client, err := mimi.CredentialClient(leaf.Credential)
	if err != nil {
		return mls.Credential{}, false
	}
	c, err := s.credential(client, leafSuite(leaf), leaf.SignatureKey, now)
	return c, err == nil
}

// leafSuite is the suite of a leaf of ours, the only one that it lists.
func leafSuite(leaf *mls.LeafNode) mls.CipherSuite {
	if len(leaf.Capabilities.CipherSuites) != 1 {
		return suite
	}
	return leaf.Capabilities.CipherSuites[0]
}

// renewsCredential is what a commit of a local leaf renews of it besides its encryption key; nil: nothing. Whoever has a certificate that is
// over could not commit with a path.
func (s *Service) renewsCredential(g *mls.Group, as mls.LeafIndex, now time.Time) *mls.LeafChange {
	node, ok := g.Public().Leaf(as)
	if !ok {
		return nil
	}
	c, due := s.renewedCredential(node, now)
	if !due {
		return nil
	}
	return &mls.LeafChange{Credential: &c}
}

// believes is how groups decide about credentials.
func (s *Service) believes() mimi.Authenticate {
	if s.cfg.Authenticate == nil {
		return mimi.AuthenticateBasic
	}
	return s.cfg.Authenticate
}

// credentialTypes are the types that members of our rooms must support: that of our own leaves.
func (s *Service) credentialTypes() []mls.CredentialType {
	if s.cfg.Issue == nil {
		return []mls.CredentialType{mls.CredentialBasic}
	}
	return []mls.CredentialType{mls.CredentialX509}
}

// requiredIn is what members of a group must support (RFC 9420 §11.1).
func requiredIn(g *mls.Group) (required mls.RequiredCapabilities) {
	for _, e := range g.Public().Context().Extensions {
		if e.Type == mls.ExtensionRequiredCapabilities && wire.Unmarshal(e.Data, &required) != nil {
			return mls.RequiredCapabilities{} // a group with a malformed one does not exist
		}
	}
	return required
}

// credible says why a key may not be believed to belong to a credential that comes with a request; nil: it is.
func (s *Service) credible(c mls.Credential, key mls.SignaturePublicKey, now time.Time) error {
	cfg := s.groupConfig(now)
	return cfg.CheckCredential(c, key)
}
