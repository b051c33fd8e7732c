package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

type aeadKind uint8

const (
	aesGCM128 aeadKind = iota
	aesGCM256
	chaCha20Poly1305
)

// KeySize returns Nk: the size in bytes of an AEAD key.
func (s *Suite) KeySize() int {
	if s.aead == aesGCM128 {
		return 16
	}
	return 32
}

// NonceSize returns Nn: the size in bytes of an AEAD nonce.
func (s *Suite) NonceSize() int { return nonce }

// AEAD returns the suite's AEAD for a key, which must have KeySize bytes.
func (s *Suite) AEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != s.KeySize() {
		return nil, fmt.Errorf("%w: AEAD key of %d bytes", ErrKey, len(key))
	}
	if s.aead == chaCha20Poly1305 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return cipher.NewGCM(block)
}

// Seal appends the encryption of plaintext to dst. It panics when key or nonce have the wrong size: they are always derived.
func (s *Suite) Seal(dst, key, nonce, aad, plaintext []byte) []byte {
	a, err := s.AEAD(key)
	if err != nil {
		panic(err)
	}
	return a.Seal(dst, nonce, plaintext, aad)
}

// Open appends the decryption of ciphertext to dst, or fails with ErrDecrypt. It panics like Seal.
func (s *Suite) Open(dst, key, nonce, aad, ciphertext []byte) ([]byte, error) {
	a, err := s.AEAD(key)
	if err != nil {
		panic(err)
	}
	p, err := a.Open(dst, nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	return p, nil
}
