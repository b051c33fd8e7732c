// Package suite gives the cipher suites of RFC 9420 §5.1 one shape: hash and MAC, key derivation with labels (§8), AEAD,
// labelled signatures (§5.1.2), labelled public key encryption (§5.1.3), hash references (§5.2) and the HPKE export that
// external commits need (§8.3).
//
// All seven suites of RFC 9420 §17.1 are implemented, those with curve 448 by way of github.com/cloudflare/circl.
// From there comes X25519 as well, which is faster than the standard library's and leaves HPKE over it to curve25519.go.
//
// Keys are byte strings in the format of the wire, so that they can be values, stored and compared. Keys that we choose
// are derived from seeds which the caller supplies. HPKE encapsulation alone draws randomness; ECDSA
// signatures are the deterministic ones of RFC 6979.
//
// A *Suite is immutable and safe for concurrent use.
package suite

import (
	"errors"
	"fmt"
)

// The registered suites, RFC 9420 §17.1.
const (
	X25519AES128SHA256Ed25519        uint16 = 0x0001
	P256AES128SHA256P256             uint16 = 0x0002
	X25519ChaCha20SHA256Ed25519      uint16 = 0x0003
	X448AES256SHA512Ed448            uint16 = 0x0004
	P521AES256SHA512P521             uint16 = 0x0005
	X448ChaCha20SHA512Ed448          uint16 = 0x0006
	P384AES256SHA384P384             uint16 = 0x0007
	labelPrefix                             = "MLS 1.0 "
	maxHashSize, maxBlockSize, nonce        = 64, 128, 12
)

// The ways in which an operation on foreign bytes fails.
var (
	ErrUnsupported = errors.New("suite: cipher suite not implemented")
	ErrSignature   = errors.New("suite: signature does not verify")
	ErrDecrypt     = errors.New("suite: decryption failed")
	ErrKey         = errors.New("suite: malformed key")
)

// Suite is one cipher suite.
type Suite struct {
	id   uint16
	name string
	hash hashKind
	aead aeadKind
	kem  kem
	sig  signatureScheme
}

var table = [...]*Suite{
	{X25519AES128SHA256Ed25519, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", sha256Hash, aesGCM128, x25519SHA256AES128, ed25519Scheme{}},
	{P256AES128SHA256P256, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", sha256Hash, aesGCM128, p256SHA256AES128, ecdsaP256},
	{X25519ChaCha20SHA256Ed25519, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", sha256Hash, chaCha20Poly1305, x25519SHA256ChaCha20, ed25519Scheme{}},
	{X448AES256SHA512Ed448, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", sha512Hash, aesGCM256, x448SHA512AES256, ed448Scheme{}},
	{P521AES256SHA512P521, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", sha512Hash, aesGCM256, p521SHA512AES256, ecdsaP521},
	{X448ChaCha20SHA512Ed448, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", sha512Hash, chaCha20Poly1305, x448SHA512ChaCha20, ed448Scheme{}},
	{P384AES256SHA384P384, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", sha384Hash, aesGCM256, p384SHA384AES256, ecdsaP384},
}

// ByID returns the suite with the given code point, or an error that wraps ErrUnsupported.
func ByID(id uint16) (*Suite, error) {
	for _, s := range table {
		if s.id == id {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: 0x%04x", ErrUnsupported, id)
}

// Supported returns the code points of all implemented suites in ascending order.
func Supported() []uint16 {
	ids := make([]uint16, 0, len(table))
	for _, s := range table {
		ids = append(ids, s.id)
	}
	return ids
}

// ID returns the code point.
func (s *Suite) ID() uint16 { return s.id }

// String returns the registered name.
func (s *Suite) String() string { return s.name }
