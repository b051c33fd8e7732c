package suite

import (
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"github.com/cloudflare/circl/hpke"
	circl "github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/sign/ed448"
)

// kem448 is DHKEM(X448, HKDF-SHA512) of RFC 9180 with an AEAD, which crypto/hpke does not have.
type kem448 struct {
	suite hpke.Suite
}

const size448 = 56

var (
	x448SHA512AES256   = kem448{hpke.NewSuite(hpke.KEM_X448_HKDF_SHA512, hpke.KDF_HKDF_SHA512, hpke.AEAD_AES256GCM)}
	x448SHA512ChaCha20 = kem448{hpke.NewSuite(hpke.KEM_X448_HKDF_SHA512, hpke.KDF_HKDF_SHA512, hpke.AEAD_ChaCha20Poly1305)}
	x448               = hpke.KEM_X448_HKDF_SHA512.Scheme()
)

// deriveKeyPair is RFC 9180 §7.1.3 for X448; circl takes keying material of 56 bytes only, where MLS has 64.
func (k kem448) deriveKeyPair(ikm []byte) (private, public []byte, err error) {
	suiteID := binary.BigEndian.AppendUint16([]byte("KEM"), uint16(hpke.KEM_X448_HKDF_SHA512))
	labeled := append([]byte("HPKE-v1"), suiteID...)
	prk, err := hkdf.Extract(sha512.New, append(append(labeled[:len(labeled):len(labeled)], "dkp_prk"...), ikm...), nil)
	if err != nil {
		return nil, nil, keyError(err)
	}
	info := binary.BigEndian.AppendUint16(nil, size448)
	info = append(append(info, labeled...), "sk"...)
	if private, err = hkdf.Expand(sha512.New, prk, string(info), size448); err != nil {
		return nil, nil, keyError(err)
	}
	public, err = k.public(private)
	return private, public, err
}

func (k kem448) public(private []byte) ([]byte, error) {
	key, err := x448.UnmarshalBinaryPrivateKey(private)
	if err != nil {
		return nil, keyError(err)
	}
	return key.Public().MarshalBinary()
}

func (k kem448) checkPublic(public []byte) error {
	if _, err := k.parsePublic(public); err != nil {
		return err
	}
	return checkOrder(public)
}

func (k kem448) parsePublic(public []byte) (circl.PublicKey, error) {
	key, err := x448.UnmarshalBinaryPublicKey(public)
	if err != nil {
		return nil, keyError(err)
	}
	return key, nil
}

// sender sets up the sending side; without a reader, circl draws from the system's randomness.
func (k kem448) sender(public, info []byte) ([]byte, hpke.Sealer, error) {
	key, err := k.parsePublic(public)
	if err != nil {
		return nil, nil, err
	}
	s, err := k.suite.NewSender(key, info)
	if err != nil {
		return nil, nil, keyError(err)
	}
	kemOutput, sealer, err := s.Setup(nil)
	if err != nil {
		return nil, nil, keyError(err)
	}
	return kemOutput, sealer, nil
}

func (k kem448) recipient(private, kemOutput, info []byte) (hpke.Opener, error) {
	key, err := x448.UnmarshalBinaryPrivateKey(private)
	if err != nil {
		return nil, keyError(err)
	}
	r, err := k.suite.NewReceiver(key, info)
	if err != nil {
		return nil, keyError(err)
	}
	opener, err := r.Setup(kemOutput)
	if err != nil {
		return nil, fmt.Errorf("%w: KEM output: %w", ErrDecrypt, err)
	}
	return opener, nil
}

type sealer448 struct {
	kem448
	info []byte
}

func (k kem448) bind(info []byte) sealer { return sealer448{k, info} }

func (k sealer448) seal(public, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	kemOutput, s, err := k.sender(public, k.info)
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err = s.Seal(plaintext, nil)
	return kemOutput, ciphertext, err
}

func (k kem448) open(private, _, kemOutput, info, ciphertext []byte) ([]byte, error) {
	r, err := k.recipient(private, kemOutput, info)
	if err != nil {
		return nil, err
	}
	p, err := r.Open(ciphertext, nil)
	if err != nil {
		return nil, ErrDecrypt
	}
	return p, nil
}

func (k kem448) exportTo(public []byte, label string, length int) (kemOutput, secret []byte, err error) {
	kemOutput, s, err := k.sender(public, nil)
	if err != nil {
		return nil, nil, err
	}
	return kemOutput, s.Export([]byte(label), uint(length)), nil
}

func (k kem448) exportFrom(private, kemOutput []byte, label string, length int) ([]byte, error) {
	r, err := k.recipient(private, kemOutput, nil)
	if err != nil {
		return nil, err
	}
	return r.Export([]byte(label), uint(length)), nil
}

// ed448Scheme is Ed448 of RFC 8032 with an empty context.
type ed448Scheme struct{}

type ed448Signer ed448.PrivateKey

func (ed448Scheme) private(expand func(uint8, int) []byte) []byte { return expand(0, ed448.SeedSize) }

func (ed448Scheme) load(private []byte) (signer, error) {
	if len(private) != ed448.SeedSize {
		return nil, fmt.Errorf("Ed448 seed of %d bytes", len(private))
	}
	return ed448Signer(ed448.NewKeyFromSeed(private)), nil
}

func (ed448Scheme) verify(public, message, signature []byte) error {
	if len(public) != ed448.PublicKeySize {
		return fmt.Errorf("%w: Ed448 public key of %d bytes", ErrKey, len(public))
	}
	if !ed448.Verify(public, message, signature, "") {
		return ErrSignature
	}
	return nil
}

func (k ed448Signer) public() []byte { return k[ed448.SeedSize:] }

func (k ed448Signer) sign(message []byte) ([]byte, error) {
	return ed448.Sign(ed448.PrivateKey(k), message, ""), nil
}
