// Package schedule derives the secrets of an epoch (RFC 9420 §8), PSK secrets (§8.4), exported secrets (§8.5), and the keys of
// single messages from the secret tree with its ratchets (§9).
// Beside it stands the exporter tree of draft-ietf-mls-extensions.
//
// Everything is a value or a pure function. An operation on a SecretTree returns another one and leaves the old one as it was;
// consumed secrets (§9.2) are absent from the new value, and gone from memory once no old value is referred to. Values are
// safe for concurrent reading.
package schedule

import (
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Secrets are the secrets of one epoch, each of the suite's HashSize.
type Secrets struct {
	// Kept as long as the epoch.
	SenderData    []byte
	Exporter      []byte
	External      []byte
	Confirmation  []byte
	Membership    []byte
	Resumption    []byte
	Authenticator []byte
	Init          []byte // consumed by the next epoch

	// Encryption is the root of the secret tree. Whoever builds the tree drops it from here (RFC 9420 §9.2).
	Encryption []byte
	// Application is the root of the exporter tree and treated likewise (draft-ietf-mls-extensions, Exported Secrets).
	Application []byte
	// Welcome encrypts the GroupInfo in Welcome messages and is dropped after that. It is nil for the first epoch of a group.
	Welcome []byte
}

// Joiner computes the joiner secret from the previous epoch's init secret, the commit secret (nil: no path) and the new
// epoch's encoded GroupContext.
func Joiner(st *suite.Suite, initSecret, commitSecret, groupContext []byte) []byte {
	return st.ExpandWithLabel(st.Extract(initSecret, orZero(st, commitSecret)), "joiner", groupContext, st.HashSize())
}

// orZero replaces an absent secret by zeros, RFC 9420 §8.
func orZero(st *suite.Suite, secret []byte) []byte {
	if secret == nil {
		return make([]byte, st.HashSize())
	}
	return secret
}

func memberSecret(st *suite.Suite, joiner, psk []byte) []byte {
	return st.Extract(joiner, orZero(st, psk))
}

// Welcome computes the welcome secret alone: a joiner needs it before it knows the GroupContext. psk may be nil.
func Welcome(st *suite.Suite, joiner, psk []byte) []byte {
	return st.DeriveSecret(memberSecret(st, joiner, psk), "welcome")
}

// WelcomeKey derives key and nonce for the GroupInfo of a Welcome, RFC 9420 §12.4.3.1.
func WelcomeKey(st *suite.Suite, welcome []byte) (key, nonce []byte) {
	return st.ExpandWithLabel(welcome, "key", nil, st.KeySize()), st.ExpandWithLabel(welcome, "nonce", nil, st.NonceSize())
}

// Epoch computes all secrets of an epoch from its joiner secret, its PSK secret (nil: none) and its encoded GroupContext.
func Epoch(st *suite.Suite, joiner, psk, groupContext []byte) Secrets {
	member := memberSecret(st, joiner, psk)
	s := FirstEpoch(st, st.ExpandWithLabel(member, "epoch", groupContext, st.HashSize()))
	s.Welcome = st.DeriveSecret(member, "welcome")
	return s
}

// FirstEpoch computes the secrets that follow from an epoch secret, which the creator of a group chooses (RFC 9420 §11).
func FirstEpoch(st *suite.Suite, epochSecret []byte) Secrets {
	derive := func(label string) []byte { return st.DeriveSecret(epochSecret, label) }
	return Secrets{
		SenderData:    derive("sender data"),
		Exporter:      derive("exporter"),
		External:      derive("external"),
		Confirmation:  derive("confirm"),
		Membership:    derive("membership"),
		Resumption:    derive("resumption"),
		Authenticator: derive("authentication"),
		Init:          derive("init"),
		Encryption:    derive("encryption"),
		Application:   derive("application_export"),
	}
}

// Export is MLS-Exporter, RFC 9420 §8.5. It panics when length exceeds the suite's MaxExpand.
func Export(st *suite.Suite, exporter []byte, label string, context []byte, length int) []byte {
	return st.ExpandWithLabel(st.DeriveSecret(exporter, label), "exported", st.Hash(context), length)
}

// PSK is one pre-shared key with its encoded PreSharedKeyID.
type PSK struct{ ID, Secret []byte }

// MaxPSKs is how many PSKs a commit can inject: their count is a uint16.
const MaxPSKs = 1<<16 - 1

// PSKSecret combines the PSKs of a commit in order, RFC 9420 §8.4. Without PSKs it is zero. There are at most MaxPSKs.
func PSKSecret(st *suite.Suite, psks []PSK) []byte {
	zero := make([]byte, st.HashSize())
	secret := zero
	for i, p := range psks {
		w := wire.NewWriter(make([]byte, 0, len(p.ID)+4))
		w.Raw(p.ID)
		w.U16(uint16(i))
		w.U16(uint16(len(psks)))
		input := st.ExpandWithLabel(st.Extract(zero, p.Secret), "derived psk", w.Bytes(), st.HashSize())
		secret = st.Extract(input, secret)
	}
	return secret
}

// SenderDataKey derives key and nonce of the sender data of a PrivateMessage from a sample of its ciphertext, RFC 9420 §6.3.2.
func SenderDataKey(st *suite.Suite, senderData, ciphertext []byte) (key, nonce []byte) {
	sample := ciphertext[:min(len(ciphertext), st.HashSize())]
	return st.ExpandWithLabel(senderData, "key", sample, st.KeySize()), st.ExpandWithLabel(senderData, "nonce", sample, st.NonceSize())
}
