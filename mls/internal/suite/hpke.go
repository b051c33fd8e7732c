package suite

import (
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"
)

// kem is what a suite needs of HPKE (RFC 9180) in base mode. It is the seam for KEMs that crypto/hpke does not have.
type kem interface {
	deriveKeyPair(ikm []byte) (private, public []byte, err error)
	public(private []byte) ([]byte, error)
	checkPublic(public []byte) error
	bind(info []byte) sealer
	// open decrypts. public, if not nil, is the public key of private: with some KEMs knowing it saves computing it.
	open(private, public, kemOutput, info, ciphertext []byte) ([]byte, error)
	exportTo(public []byte, label string, length int) (kemOutput, secret []byte, err error)
	exportFrom(private, kemOutput []byte, label string, length int) ([]byte, error)
}

// sealer encrypts single messages, each to a key of its own and all bound to one info.
type sealer interface {
	seal(public, plaintext []byte) (kemOutput, ciphertext []byte, err error)
}

type stdKEM struct {
	kem  hpke.KEM
	kdf  hpke.KDF
	aead hpke.AEAD
	size int // of a private key in bytes
}

var (
	x25519SHA256AES128   = newKEMX25519(aesGCM128, 1)
	x25519SHA256ChaCha20 = newKEMX25519(chaCha20Poly1305, 3)
	p256SHA256AES128     = stdKEM{hpke.DHKEM(ecdh.P256()), hpke.HKDFSHA256(), hpke.AES128GCM(), 32}
	p384SHA384AES256     = stdKEM{hpke.DHKEM(ecdh.P384()), hpke.HKDFSHA384(), hpke.AES256GCM(), 48}
	p521SHA512AES256     = stdKEM{hpke.DHKEM(ecdh.P521()), hpke.HKDFSHA512(), hpke.AES256GCM(), 66}
)

// pad gives a big-endian private key its full size: some implementations store scalars without leading zeros.
func pad(private []byte, size int) []byte {
	if n := len(private); 0 < n && n < size {
		return append(make([]byte, size-n, size), private...)
	}
	return private
}

func keyError(err error) error { return fmt.Errorf("%w: %w", ErrKey, err) }

func (k stdKEM) deriveKeyPair(ikm []byte) (private, public []byte, err error) {
	key, err := k.kem.DeriveKeyPair(ikm)
	if err != nil {
		return nil, nil, keyError(err)
	}
	private, err = key.Bytes()
	if err != nil {
		return nil, nil, keyError(err)
	}
	return private, key.PublicKey().Bytes(), nil
}

func (k stdKEM) public(private []byte) ([]byte, error) {
	key, err := k.kem.NewPrivateKey(pad(private, k.size))
	if err != nil {
		return nil, keyError(err)
	}
	return key.PublicKey().Bytes(), nil
}

func (k stdKEM) checkPublic(public []byte) error {
	if _, err := k.kem.NewPublicKey(public); err != nil {
		return keyError(err)
	}
	return nil
}

func (k stdKEM) sender(public, info []byte) ([]byte, *hpke.Sender, error) {
	key, err := k.kem.NewPublicKey(public)
	if err != nil {
		return nil, nil, keyError(err)
	}
	kemOutput, s, err := hpke.NewSender(key, k.kdf, k.aead, info)
	if err != nil {
		return nil, nil, keyError(err)
	}
	return kemOutput, s, nil
}

func (k stdKEM) recipient(private, kemOutput, info []byte) (*hpke.Recipient, error) {
	key, err := k.kem.NewPrivateKey(pad(private, k.size))
	if err != nil {
		return nil, keyError(err)
	}
	r, err := hpke.NewRecipient(kemOutput, key, k.kdf, k.aead, info)
	if err != nil {
		return nil, fmt.Errorf("%w: KEM output: %w", ErrDecrypt, err)
	}
	return r, nil
}

type stdSealer struct {
	stdKEM
	info []byte
}

func (k stdKEM) bind(info []byte) sealer { return stdSealer{k, info} }

func (k stdSealer) seal(public, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	kemOutput, s, err := k.sender(public, k.info)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err = s.Seal(nil, plaintext)
	return kemOutput, ciphertext, err
}

func (k stdKEM) open(private, _, kemOutput, info, ciphertext []byte) ([]byte, error) {
	r, err := k.recipient(private, kemOutput, info)
	if err != nil {
		return nil, err
	}
	p, err := r.Open(nil, ciphertext)
	if err != nil {
		return nil, ErrDecrypt
	}
	return p, nil
}

func (k stdKEM) exportTo(public []byte, label string, length int) (kemOutput, secret []byte, err error) {
	kemOutput, s, err := k.sender(public, nil)
	if err != nil {
		return nil, nil, err
	}
	secret, err = s.Export(label, length)
	return kemOutput, secret, err
}

func (k stdKEM) exportFrom(private, kemOutput []byte, label string, length int) ([]byte, error) {
	r, err := k.recipient(private, kemOutput, nil)
	if err != nil {
		return nil, err
	}
	return r.Export(label, length)
}

// DeriveKeyPair returns the HPKE key pair for the given keying material: KEM.DeriveKeyPair of RFC 9180 §7.1.3. It panics
// when ikm is shorter than the KEM permits, which no secret of HashSize bytes is.
func (s *Suite) DeriveKeyPair(ikm []byte) (private, public []byte) {
	private, public, err := s.kem.deriveKeyPair(ikm)
	if err != nil {
		panic(err)
	}
	return private, public
}

// HPKEPublic returns the public key of an HPKE private key.
func (s *Suite) HPKEPublic(private []byte) ([]byte, error) { return s.kem.public(private) }

// CheckHPKEPublic fails when public is not a key of the suite's KEM to which one can encrypt.
func (s *Suite) CheckHPKEPublic(public []byte) error { return s.kem.checkPublic(public) }

// EncryptWithLabel encrypts to a public key, bound to a label and a context, RFC 9420 §5.1.3. It draws randomness.
func (s *Suite) EncryptWithLabel(public []byte, label string, context, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	return s.Encryption(label, context).Encrypt(public, plaintext)
}

// Encryption is EncryptWithLabel for many recipients under one label and context, which are hashed only once. It is immutable.
type Encryption struct{ sealer sealer }

// Encryption prepares encryption under a label and a context.
func (s *Suite) Encryption(label string, context []byte) Encryption {
	return Encryption{s.kem.bind(labelled(label, context))}
}

// Encrypt encrypts to a public key. It draws randomness.
func (e Encryption) Encrypt(public, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	return e.sealer.seal(public, plaintext)
}

// DecryptWithLabel reverses EncryptWithLabel. Errors wrap ErrDecrypt or ErrKey.
func (s *Suite) DecryptWithLabel(private []byte, label string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	return s.kem.open(private, nil, kemOutput, labelled(label, context), ciphertext)
}

// DecryptPairWithLabel is DecryptWithLabel for who knows the public key too, which saves computing it. With another public key decryption
// fails.
func (s *Suite) DecryptPairWithLabel(private, public []byte, label string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	return s.kem.open(private, public, kemOutput, labelled(label, context), ciphertext)
}

const externalInitLabel = labelPrefix + "external init secret"

// ExternalInit chooses an init secret that the holders of the epoch's external key can compute from kemOutput, RFC 9420 §8.3.
// It draws randomness.
func (s *Suite) ExternalInit(externalPublic []byte) (kemOutput, initSecret []byte, err error) {
	return s.kem.exportTo(externalPublic, externalInitLabel, s.HashSize())
}

// ReceiveExternalInit computes the init secret that ExternalInit chose.
func (s *Suite) ReceiveExternalInit(externalPrivate, kemOutput []byte) ([]byte, error) {
	return s.kem.exportFrom(externalPrivate, kemOutput, externalInitLabel, s.HashSize())
}
