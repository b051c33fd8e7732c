package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// A group's external senders are its hub and, if it has some, system users of other providers (RFC 9420 §12.1.8.1, draft-ietf-mimi-protocol-06
// §7.4). Each has a credential like a leaf's, of a client that has none (docs/decisions/158-credentials-of-hubs.md).

// ExternalSenders reads the external senders of a list of extensions; none if there are none that can be read.
func ExternalSenders(extensions []mls.Extension) mls.ExternalSenders {
	for _, e := range extensions {
		var senders mls.ExternalSenders
		if e.Type == mls.ExtensionExternalSenders && wire.Unmarshal(e.Data, &senders) == nil {
			return senders
		}
	}
	return nil
}

// SenderOf is the first external sender of a provider in a list of extensions. False: it has none there.
func SenderOf(extensions []mls.Extension, provider string) (s mls.ExternalSender, ok bool) {
	for _, s := range ExternalSenders(extensions) {
		if client, err := CredentialClient(s.Credential); err == nil && client.Provider() == provider {
			return s, true
		}
	}
	return s, false
}

// AuthenticateSender decides about the credentials of external senders as about those of leaves. It is mls.Config.AuthenticateSender.
func AuthenticateSender(a Authenticate) func(s mls.ExternalSender, now uint64) error {
	return func(s mls.ExternalSender, now uint64) error { return a(s.Credential, s.SignatureKey, now) }
}
