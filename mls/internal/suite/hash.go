package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"anteroom/mls/wire"
)

type hashKind uint8

const (
	sha256Hash hashKind = iota
	sha384Hash
	sha512Hash
)

// HashSize returns Nh: the size in bytes of hashes, MACs and of every secret of the key schedule.
func (s *Suite) HashSize() int {
	switch s.hash {
	case sha384Hash:
		return sha512.Size384
	case sha512Hash:
		return sha512.Size
	default:
		return sha256.Size
	}
}

func (s *Suite) blockSize() int {
	if s.hash == sha256Hash {
		return sha256.BlockSize
	}
	return sha512.BlockSize
}

// NewHash returns a running hash, for inputs that are not in one piece.
func (s *Suite) NewHash() hash.Hash {
	switch s.hash {
	case sha384Hash:
		return sha512.New384()
	case sha512Hash:
		return sha512.New()
	default:
		return sha256.New()
	}
}

// Hash returns the hash of p.
func (s *Suite) Hash(p []byte) []byte { return s.AppendHash(make([]byte, 0, s.HashSize()), p) }

// AppendHash appends the hash of p to dst. It does not allocate when dst has room.
func (s *Suite) AppendHash(dst, p []byte) []byte {
	switch s.hash {
	case sha384Hash:
		h := sha512.Sum384(p)
		return append(dst, h[:]...)
	case sha512Hash:
		h := sha512.Sum512(p)
		return append(dst, h[:]...)
	default:
		h := sha256.Sum256(p)
		return append(dst, h[:]...)
	}
}

// MAC returns HMAC(key, data), the MAC of RFC 9420 §5.1.
func (s *Suite) MAC(key, data []byte) []byte {
	return s.appendHMAC(make([]byte, 0, s.HashSize()), key, data)
}

// VerifyMAC reports in constant time whether tag is HMAC(key, data).
func (s *Suite) VerifyMAC(key, data, tag []byte) bool {
	var want [maxHashSize]byte
	return subtle.ConstantTimeCompare(s.appendHMAC(want[:0], key, data), tag) == 1
}

// MACOf is MAC over the concatenation of parts, none of which is copied. VerifyMACOf is its VerifyMAC.
func (s *Suite) MACOf(key []byte, parts ...[]byte) []byte {
	h := hmac.New(s.NewHash, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func (s *Suite) VerifyMACOf(key, tag []byte, parts ...[]byte) bool {
	return subtle.ConstantTimeCompare(s.MACOf(key, parts...), tag) == 1
}

// HashOf returns the hash of the concatenation of parts, none of which is copied.
func (s *Suite) HashOf(parts ...[]byte) []byte {
	h := s.NewHash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// HMACSHA256 appends HMAC-SHA256(key, data) to dst, without heap for short data.
func HMACSHA256(dst, key, data []byte) []byte { return table[0].appendHMAC(dst, key, data) }

// appendHMAC is RFC 2104 over one contiguous input. Unlike crypto/hmac it needs no heap for inputs of a few hundred bytes,
// which is what every derivation of the key schedule and of the ratchets is.
func (s *Suite) appendHMAC(dst, key, data []byte) []byte {
	var short, inner [maxHashSize]byte
	if len(key) > s.blockSize() {
		key = s.AppendHash(short[:0], key)
	}
	var space [maxBlockSize + 384]byte
	pad := space[:s.blockSize()]
	copy(pad, key)
	for i := range pad {
		pad[i] ^= 0x36
	}
	digest := s.AppendHash(inner[:0], append(pad, data...))
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	return s.AppendHash(dst, append(pad, digest...))
}

// Extract is KDF.Extract: HKDF-Extract(salt, ikm) of RFC 5869.
func (s *Suite) Extract(salt, ikm []byte) []byte { return s.MAC(salt, ikm) }

// Expand is KDF.Expand: HKDF-Expand(prk, info, length) of RFC 5869. It panics when length exceeds 255 hashes.
func (s *Suite) Expand(prk, info []byte, length int) []byte {
	return s.appendExpand(make([]byte, 0, length), prk, info, length)
}

func (s *Suite) appendExpand(dst, prk, info []byte, length int) []byte {
	if length > s.MaxExpand() {
		panic("suite: HKDF-Expand of more than 255 hashes")
	}
	var space [maxHashSize + 256]byte
	var block [maxHashSize]byte
	previous := 0
	for i := byte(1); length > 0; i++ {
		in := append(space[:0], block[:previous]...)
		in = append(append(in, info...), i)
		previous = s.HashSize()
		s.appendHMAC(block[:0], prk, in)
		n := min(length, previous)
		dst = append(dst, block[:n]...)
		length -= n
	}
	return dst
}

// MaxExpand returns the longest output of Expand and of the functions built on it.
func (s *Suite) MaxExpand() int { return 255 * s.HashSize() }

// ExpandWithLabel derives length bytes bound to a label and a context, RFC 9420 §8. It panics when length exceeds MaxExpand.
func (s *Suite) ExpandWithLabel(secret []byte, label string, context []byte, length int) []byte {
	return s.AppendExpandWithLabel(make([]byte, 0, length), secret, label, context, length)
}

// AppendExpandWithLabel is ExpandWithLabel appending to dst. It does not allocate when dst has room and the context is short.
func (s *Suite) AppendExpandWithLabel(dst, secret []byte, label string, context []byte, length int) []byte {
	var space [160]byte
	info := binary.BigEndian.AppendUint16(space[:0], uint16(length))
	info = wire.AppendVarint(info, len(labelPrefix)+len(label))
	info = append(append(info, labelPrefix...), label...)
	info = wire.AppendVarint(info, len(context))
	info = append(info, context...)
	return s.appendExpand(dst, secret, info, length)
}

// DeriveSecret derives a secret of HashSize bytes for a label, RFC 9420 §8.
func (s *Suite) DeriveSecret(secret []byte, label string) []byte {
	return s.ExpandWithLabel(secret, label, nil, s.HashSize())
}

// DeriveTreeSecret derives length bytes for a label and a generation, RFC 9420 §9.
func (s *Suite) DeriveTreeSecret(secret []byte, label string, generation uint32, length int) []byte {
	return s.AppendTreeSecret(make([]byte, 0, length), secret, label, generation, length)
}

// AppendTreeSecret is DeriveTreeSecret appending to dst.
func (s *Suite) AppendTreeSecret(dst, secret []byte, label string, generation uint32, length int) []byte {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return s.AppendExpandWithLabel(dst, secret, label, context[:], length)
}

// The labels of RFC 9420 §5.2.
const (
	keyPackageRefLabel = "MLS 1.0 KeyPackage Reference"
	proposalRefLabel   = "MLS 1.0 Proposal Reference"
)

// RefHash hashes a value under a complete label, RFC 9420 §5.2.
func (s *Suite) RefHash(label string, value []byte) []byte {
	w := wire.NewWriter(make([]byte, 0, len(label)+len(value)+8))
	w.OpaqueString(label)
	w.Opaque(value)
	return s.Hash(w.Bytes())
}

// KeyPackageRef returns the reference of an encoded KeyPackage, RFC 9420 §5.2.
func (s *Suite) KeyPackageRef(keyPackage []byte) []byte {
	return s.RefHash(keyPackageRefLabel, keyPackage)
}

// ProposalRef returns the reference of a proposal from the encoded AuthenticatedContent that carries it, RFC 9420 §5.2.
func (s *Suite) ProposalRef(authenticatedContent []byte) []byte {
	return s.RefHash(proposalRefLabel, authenticatedContent)
}

// SignContent encodes the structure of that name (RFC 9420 §5.1.2) with what body writes as its content, in one buffer of about the given
// size. It returns the whole, for SignContent and VerifyContent, and the content within it.
func SignContent(label string, size int, body func(w *wire.Writer)) (whole, content []byte) {
	w := wire.NewWriter(make([]byte, 0, len(labelPrefix)+len(label)+size+16))
	w.Varint(len(labelPrefix) + len(label))
	w.Raw([]byte(labelPrefix))
	w.Raw([]byte(label))
	n := 0
	w.Vector(func(w *wire.Writer) {
		start := w.Len()
		body(w)
		n = w.Len() - start
	})
	whole = w.Bytes()
	return whole, whole[len(whole)-n:]
}

// labelled encodes the SignContent and EncryptContext structures: both are a prefixed label and a content.
func labelled(label string, content []byte) []byte {
	w := wire.NewWriter(make([]byte, 0, len(labelPrefix)+len(label)+len(content)+8))
	w.Varint(len(labelPrefix) + len(label))
	w.Raw([]byte(labelPrefix))
	w.Raw([]byte(label))
	w.Opaque(content)
	return w.Bytes()
}
