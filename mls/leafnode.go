package mls

import (
	"slices"
	"strconv"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// LeafNodeSource says where a leaf node came from, which decides what its signature covers (§7.2).
type LeafNodeSource uint8

const (
	LeafNodeSourceKeyPackage LeafNodeSource = 1
	LeafNodeSourceUpdate     LeafNodeSource = 2
	LeafNodeSourceCommit     LeafNodeSource = 3
)

// Capabilities lists what a client supports beyond the defaults (§7.2). Unknown and GREASE values are kept.
type Capabilities struct {
	Versions     []ProtocolVersion
	CipherSuites []CipherSuite
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Lifetime bounds the validity of a key package's leaf in seconds since 1970 (§7.2).
type Lifetime struct{ NotBefore, NotAfter uint64 }

// LeafNode is one client in the tree (§7.2). Values are immutable once they are in a group.
type LeafNode struct {
	EncryptionKey HPKEPublicKey
	SignatureKey  SignaturePublicKey
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // source key_package
	ParentHash    []byte   // source commit
	Extensions    []Extension
	Signature     []byte
}

// MarshalTLS implements wire.Marshaler.
func (c *Capabilities) MarshalTLS(w *wire.Writer) {
	writeUint16s(w, c.Versions)
	writeUint16s(w, c.CipherSuites)
	writeUint16s(w, c.Extensions)
	writeUint16s(w, c.Proposals)
	writeUint16s(w, c.Credentials)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *Capabilities) UnmarshalTLS(r *wire.Reader) {
	c.Versions = readUint16s[ProtocolVersion](r.At("Capabilities.versions"))
	c.CipherSuites = readUint16s[CipherSuite](r.At("Capabilities.cipher_suites"))
	c.Extensions = readUint16s[ExtensionType](r.At("Capabilities.extensions"))
	c.Proposals = readUint16s[ProposalType](r.At("Capabilities.proposals"))
	c.Credentials = readUint16s[CredentialType](r.At("Capabilities.credentials"))
}

// MarshalTLS implements wire.Marshaler.
func (n *LeafNode) MarshalTLS(w *wire.Writer) {
	n.marshalUnsigned(w)
	w.Opaque(n.Signature)
}

// marshalUnsigned writes what LeafNode and LeafNodeTBS have in common.
func (n *LeafNode) marshalUnsigned(w *wire.Writer) {
	w.Opaque(n.EncryptionKey)
	w.Opaque(n.SignatureKey)
	n.Credential.MarshalTLS(w)
	n.Capabilities.MarshalTLS(w)
	w.U8(uint8(n.Source))
	switch n.Source {
	case LeafNodeSourceKeyPackage:
		w.U64(n.Lifetime.NotBefore)
		w.U64(n.Lifetime.NotAfter)
	case LeafNodeSourceCommit:
		w.Opaque(n.ParentHash)
	}
	writeExtensions(w, n.Extensions)
}

// UnmarshalTLS implements wire.Unmarshaler. The leaf gets memory of its own: it outlives by far the message it came in.
func (n *LeafNode) UnmarshalTLS(r *wire.Reader) {
	start := r.Mark()
	n.unmarshal(r)
	if b := r.Since(start); r.Err() == nil {
		n.unmarshal(wire.NewReader(slices.Clone(b)))
	}
}

func (n *LeafNode) unmarshal(r *wire.Reader) {
	*n = LeafNode{}
	n.EncryptionKey = r.At("LeafNode.encryption_key").Opaque()
	n.SignatureKey = r.At("LeafNode.signature_key").Opaque()
	n.Credential.UnmarshalTLS(r)
	n.Capabilities.UnmarshalTLS(r)
	n.Source = LeafNodeSource(r.At("LeafNode.leaf_node_source").U8())
	switch n.Source {
	case LeafNodeSourceKeyPackage:
		n.Lifetime.NotBefore = r.At("Lifetime.not_before").U64()
		n.Lifetime.NotAfter = r.At("Lifetime.not_after").U64()
	case LeafNodeSourceUpdate:
	case LeafNodeSourceCommit:
		n.ParentHash = r.At("LeafNode.parent_hash").Opaque()
	default:
		r.Failf("unknown source %d", n.Source)
	}
	n.Extensions = readExtensions(r, "LeafNode.extensions")
	n.Signature = r.At("LeafNode.signature").Opaque()
}

// leafNodeLabel is the signature label of RFC 9420 §7.2.
const leafNodeLabel = "LeafNodeTBS"

// signContent is SignContent of LeafNodeTBS (§5.1.2, §7.2). Group and index are part of it unless the source is key_package.
func (n *LeafNode) signContent(groupID []byte, index LeafIndex) []byte {
	whole, _ := suite.SignContent(leafNodeLabel, 400, func(w *wire.Writer) {
		n.marshalUnsigned(w)
		if n.Source != LeafNodeSourceKeyPackage {
			w.Opaque(groupID)
			w.U32(uint32(index))
		}
	})
	return whole
}

// sign sets the signature. The group and the index are ignored for the source key_package.
func (n *LeafNode) sign(st *suite.Suite, key SignaturePrivateKey, groupID []byte, index LeafIndex) error {
	sig, err := st.SignContent(key, n.signContent(groupID, index))
	if err != nil {
		return err
	}
	n.Signature = sig
	return nil
}

// verifySignature checks that the signature is valid under the leaf's own key, for its place in a group (RFC 9420 §7.3).
func (n *LeafNode) verifySignature(st *suite.Suite, groupID []byte, index LeafIndex) error {
	if err := st.VerifyContent(n.SignatureKey, n.signContent(groupID, index), n.Signature); err != nil {
		return &ValidationError{"9420-7.3-leaf-signature", err.Error()}
	}
	return nil
}

// checkSelf verifies what RFC 9420 §7.3 asks of a leaf without looking at the group around it: the source that its place
// demands, keys of the suite, the credential (by the caller's authentication), the lifetime when cfg asks for it, and that
// its capabilities list the suite, the version, its credential type and its own non-default extensions.
func (n *LeafNode) checkSelf(st *suite.Suite, source LeafNodeSource, cfg *Config) error {
	if n.Source != source {
		return &ValidationError{"9420-7.3-leaf-node-source", "source " + strconv.Itoa(int(n.Source)) + ", want " + strconv.Itoa(int(source))}
	}
	if err := st.CheckHPKEPublic(n.EncryptionKey); err != nil {
		return &ValidationError{"9420-7.3-encryption-key", err.Error()}
	}
	c := &n.Capabilities
	switch {
	case !slices.Contains(c.Versions, ProtocolVersionMLS10):
		return &ValidationError{"9420-7.2-capabilities-version", "mls10 is not listed"}
	case !slices.Contains(c.CipherSuites, CipherSuite(st.ID())):
		return &ValidationError{"9420-7.2-capabilities-suite", "the group's cipher suite is not listed"}
	case !slices.Contains(c.Credentials, n.Credential.Type):
		return &ValidationError{"9420-7.2-capabilities-credential", "the leaf's credential type is not listed"}
	}
	for i := range n.Extensions {
		if !c.SupportsExtension(n.Extensions[i].Type) {
			return &ValidationError{"9420-7.3-own-extension", "extension " + strconv.Itoa(int(n.Extensions[i].Type)) + " is not in the capabilities"}
		}
	}
	if source == LeafNodeSourceKeyPackage && cfg.Now != 0 && !n.Lifetime.Contains(cfg.Now) {
		return &ValidationError{"9420-7.3-lifetime", "not valid at this time"}
	}
	if source == LeafNodeSourceKeyPackage && cfg.MaxLifetime != 0 && n.Lifetime.NotAfter-n.Lifetime.NotBefore > cfg.MaxLifetime {
		return &ValidationError{"9420-7.2-lifetime-length", "valid for longer than the application permits"}
	}
	return cfg.CheckCredential(n.Credential, n.SignatureKey)
}

// CheckCredential verifies that a key belongs to a credential, as for the leaf of a member: what RFC 9420 §5.3 says of certificates,
// then what Authenticate says.
func (cfg *Config) CheckCredential(c Credential, key SignaturePublicKey) error {
	if err := c.checkKey(key); err != nil {
		return err
	}
	if cfg.Authenticate != nil {
		if err := cfg.Authenticate(c, key, cfg.Now); err != nil {
			return &ValidationError{"9420-5.3.1-credential", err.Error()}
		}
	}
	return nil
}

// Contains reports whether a time in seconds since 1970 lies within the lifetime.
func (l Lifetime) Contains(now uint64) bool { return l.NotBefore <= now && now <= l.NotAfter }

// SupportsExtension reports whether the client understands an extension type: listed, or one of the defaults of
// RFC 9420 §7.2.
func (c *Capabilities) SupportsExtension(t ExtensionType) bool {
	return ExtensionApplicationID <= t && t <= ExtensionExternalSenders || slices.Contains(c.Extensions, t)
}

// Supports reports whether the client has all that is required (RFC 9420 §11.1).
func (c *Capabilities) Supports(need *RequiredCapabilities) bool {
	return !slices.ContainsFunc(need.Extensions, func(t ExtensionType) bool { return !c.SupportsExtension(t) }) &&
		!slices.ContainsFunc(need.Proposals, func(t ProposalType) bool { return !c.SupportsProposal(t) }) &&
		!slices.ContainsFunc(need.Credentials, func(t CredentialType) bool { return !slices.Contains(c.Credentials, t) })
}

// SupportsProposal reports whether the client understands a proposal type: listed, or one of the defaults of RFC 9420 §7.2.
func (c *Capabilities) SupportsProposal(t ProposalType) bool {
	return ProposalAdd <= t && t <= ProposalGroupContextExtensions || slices.Contains(c.Proposals, t)
}
