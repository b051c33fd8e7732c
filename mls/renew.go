package mls

import (
	"cmp"
	"slices"
)

// LeafChange is what a local leaf renews of itself besides its encryption key, which every Update and every commit with path renews.
// What is nil stays. An X.509 credential names the signature key, so that such a leaf changes both together.
type LeafChange struct {
	Signer       *Signer
	Credential   *Credential
	Capabilities *Capabilities
	Extensions   *[]Extension
}

// apply changes the leaf node and the key that signs it. A leaf whose signature key changes was renewed at now.
func (c *LeafChange) apply(n *LeafNode, own *leafKeys, now uint64) {
	if c == nil {
		return
	}
	if c.Signer != nil {
		n.SignatureKey, own.signature, own.signatureSince = c.Signer.Public, c.Signer.Private, now
	}
	if c.Credential != nil {
		n.Credential = *c.Credential
	}
	if c.Capabilities != nil {
		n.Capabilities = *c.Capabilities
	}
	if c.Extensions != nil {
		n.Extensions = *c.Extensions
	}
}

// leafKeys are the private keys of a leaf and since when they exist, in seconds since 1970; zero if that is not known.
type leafKeys struct {
	key            HPKEPrivateKey // of the leaf node
	signature      SignaturePrivateKey
	keySince       uint64
	signatureSince uint64
}

// keysOf are the keys of a key package: as old as its lifetime, which begins when it is made.
func keysOf(kp *KeyPackageSecrets, now uint64) leafKeys {
	since := now
	if from := kp.KeyPackage.LeafNode.Lifetime.NotBefore; 0 < from && from < now {
		since = from
	}
	return leafKeys{key: kp.Leaf, signature: kp.Signature, keySince: since, signatureSince: since}
}

// RenewalInterval says after how many seconds the keys of a leaf are to be renewed; zero for never.
type RenewalInterval struct{ Encryption, Signature uint64 }

// Renewal is a local leaf with a key that is due. Since is when its encryption key began and SignatureSince its signature key, in seconds
// since 1970, zero if not known. Signature says that the signature key is due, Encryption that the encryption key is.
type Renewal struct {
	Leaf                  LeafIndex
	Since, SignatureSince uint64
	Encryption, Signature bool
}

// RenewalDue returns the local leaves whose keys are older at a time (seconds since 1970) than the interval allows, those whose keys
// have served longest first. Leaves with a pending Update are left out: they wait for a commit. Keys of unknown age are due.
//
// A leaf renews itself by Commit with ForcePath and CommitParams.Leaf, or by ProposeUpdate, which another local leaf may commit. Renew few
// at a time: every Update blanks a path that the next commits must fill.
func (g *Group) RenewalDue(now uint64, every RenewalInterval) []Renewal {
	due := func(since, interval uint64) bool {
		return interval != 0 && (since == 0 || now > since && now-since >= interval)
	}
	var out []Renewal
	for _, l := range g.local {
		r := Renewal{Leaf: l.index, Since: l.keySince, SignatureSince: l.signatureSince,
			Encryption: due(l.keySince, every.Encryption), Signature: due(l.signatureSince, every.Signature)}
		if (r.Encryption || r.Signature) && len(l.updates) == 0 {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Renewal) int {
		return cmp.Compare(min(a.Since, a.SignatureSince), min(b.Since, b.SignatureSince))
	})
	return out
}
