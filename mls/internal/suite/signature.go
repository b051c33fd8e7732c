package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // the hashes that crypto.Hash names below
	_ "crypto/sha512"
	"fmt"
	"slices"
)

// signatureScheme is the signature algorithm of a suite. It is the seam for schemes that the standard library does not have.
type signatureScheme interface {
	// private derives a private key; expand yields a fresh pseudorandom string of the given length for each counter.
	private(expand func(counter uint8, length int) []byte) []byte
	load(private []byte) (signer, error)
	verify(public, message, signature []byte) error
}

type signer interface {
	public() []byte
	sign(message []byte) ([]byte, error)
}

// SignatureKey is a private signature key, ready for use. It is immutable.
type SignatureKey struct {
	private, public []byte
	signer          signer
}

// NewSignatureKey prepares a private key in the suite's own format: of Ed25519 the 32-byte seed (RFC 8032) followed by
// the public key, which saves half of the time of signing, or the seed alone; the fixed-length big-endian scalar of ECDSA. A public
// key that does not belong to the seed makes signatures that reveal the seed: never take the two from different sources.
func (s *Suite) NewSignatureKey(private []byte) (*SignatureKey, error) {
	k, err := s.sig.load(private)
	if err != nil {
		return nil, keyError(err)
	}
	return &SignatureKey{slices.Clone(private), k.public(), k}, nil
}

// GenerateSignatureKey derives a signature key from a seed, which must be unpredictable and used for nothing else.
func (s *Suite) GenerateSignatureKey(seed []byte) *SignatureKey {
	prk := s.Extract([]byte("anteroom signature key"), seed)
	private := s.sig.private(func(counter uint8, length int) []byte {
		return s.Expand(prk, []byte{counter}, length)
	})
	k, err := s.NewSignatureKey(private)
	if err != nil {
		panic(err)
	}
	return k
}

// Private returns the private key in the format that NewSignatureKey takes. The caller must not change it.
func (k *SignatureKey) Private() []byte { return k.private }

// Public returns the public key in the format of the wire, RFC 9420 §5.1.1. The caller must not change it.
func (k *SignatureKey) Public() []byte { return k.public }

// SignWithLabel signs content bound to a label, RFC 9420 §5.1.2.
func (k *SignatureKey) SignWithLabel(label string, content []byte) ([]byte, error) {
	return k.signer.sign(labelled(label, content))
}

// SignWithLabel signs with a private key in its stored format. Callers that sign often keep a SignatureKey instead.
func (s *Suite) SignWithLabel(private []byte, label string, content []byte) ([]byte, error) {
	k, err := s.sig.load(private)
	if err != nil {
		return nil, keyError(err)
	}
	return k.sign(labelled(label, content))
}

// VerifyWithLabel checks a signature over content bound to a label, RFC 9420 §5.1.2. The error wraps ErrSignature or ErrKey.
func (s *Suite) VerifyWithLabel(public []byte, label string, content, signature []byte) error {
	return s.sig.verify(public, labelled(label, content), signature)
}

// SignContent signs what the function SignContent encoded, with a private key in its stored format.
func (s *Suite) SignContent(private, whole []byte) ([]byte, error) {
	k, err := s.sig.load(private)
	if err != nil {
		return nil, keyError(err)
	}
	return k.sign(whole)
}

// VerifyContent checks a signature over what the function SignContent encoded. The error wraps ErrSignature or ErrKey.
func (s *Suite) VerifyContent(public, whole, signature []byte) error {
	return s.sig.verify(public, whole, signature)
}

type ed25519Scheme struct{}

type ed25519Signer ed25519.PrivateKey

func (ed25519Scheme) private(expand func(uint8, int) []byte) []byte {
	return ed25519.NewKeyFromSeed(expand(0, ed25519.SeedSize))
}

func (ed25519Scheme) load(private []byte) (signer, error) {
	switch len(private) {
	case ed25519.SeedSize:
		return ed25519Signer(ed25519.NewKeyFromSeed(private)), nil
	case ed25519.PrivateKeySize:
		return ed25519Signer(private), nil
	}
	return nil, fmt.Errorf("Ed25519 private key of %d bytes", len(private))
}

func (ed25519Scheme) verify(public, message, signature []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: Ed25519 public key of %d bytes", ErrKey, len(public))
	}
	if !ed25519.Verify(public, message, signature) {
		return ErrSignature
	}
	return nil
}

func (k ed25519Signer) public() []byte { return k[ed25519.SeedSize:] }

func (k ed25519Signer) sign(message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

type ecdsaScheme struct {
	curve elliptic.Curve
	hash  crypto.Hash
	size  int // of a scalar in bytes
}

var (
	ecdsaP256 = ecdsaScheme{elliptic.P256(), crypto.SHA256, 32}
	ecdsaP384 = ecdsaScheme{elliptic.P384(), crypto.SHA384, 48}
	ecdsaP521 = ecdsaScheme{elliptic.P521(), crypto.SHA512, 66}
)

type ecdsaSigner struct {
	key  *ecdsa.PrivateKey
	hash crypto.Hash
}

// private draws candidates until one is a valid scalar, as DeriveKeyPair of RFC 9180 §7.1.3 does.
func (e ecdsaScheme) private(expand func(uint8, int) []byte) []byte {
	for counter := range uint8(255) {
		candidate := expand(counter, e.size)
		if e.size == 66 {
			candidate[0] &= 1 // the order of P-521 has 521 bits
		}
		if _, err := ecdsa.ParseRawPrivateKey(e.curve, candidate); err == nil {
			return candidate
		}
	}
	panic("suite: no ECDSA scalar among 255 candidates")
}

func (e ecdsaScheme) load(private []byte) (signer, error) {
	key, err := ecdsa.ParseRawPrivateKey(e.curve, pad(private, e.size))
	if err != nil {
		return nil, err
	}
	return ecdsaSigner{key, e.hash}, nil
}

func (e ecdsaScheme) verify(public, message, signature []byte) error {
	key, err := ecdsa.ParseUncompressedPublicKey(e.curve, public)
	if err != nil {
		return keyError(err)
	}
	if !ecdsa.VerifyASN1(key, digest(e.hash, message), signature) {
		return ErrSignature
	}
	return nil
}

func digest(h crypto.Hash, message []byte) []byte {
	d := h.New()
	d.Write(message)
	return d.Sum(nil)
}

func (k ecdsaSigner) public() []byte {
	b, err := k.key.PublicKey.Bytes()
	if err != nil {
		panic(err) // the curve is one of the three above
	}
	return b
}

func (k ecdsaSigner) sign(message []byte) ([]byte, error) {
	return k.key.Sign(nil, digest(k.hash, message), k.hash)
}
