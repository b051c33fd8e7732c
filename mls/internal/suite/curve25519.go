package suite

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/cloudflare/circl/dh/x25519"
)

// kemX25519 is DHKEM(X25519, HKDF-SHA256) of RFC 9180 in base mode with an AEAD. It computes what crypto/hpke does, without the heap
// and with half of the scalar multiplications' time, which is most of what a commit with path costs.
type kemX25519 struct {
	crypto  *Suite // hash and AEAD
	suiteID [10]byte
	pskHash [32]byte // psk_id_hash without PSK
}

const sizeX25519 = 32

// kemID is the suite_id within the KEM.
var kemID = []byte("KEM\x00\x20")

func newKEMX25519(aead aeadKind, aeadID uint16) *kemX25519 {
	k := &kemX25519{crypto: &Suite{hash: sha256Hash, aead: aead}}
	id := append(k.suiteID[:0], "HPKE\x00\x20\x00\x01"...)
	binary.BigEndian.AppendUint16(id, aeadID)
	k.extract(k.pskHash[:0], k.suiteID[:], nil, "psk_id_hash", nil)
	return k
}

// extract is LabeledExtract (RFC 9180 §4), appended to dst.
func (k *kemX25519) extract(dst, suiteID, salt []byte, label string, ikm []byte) []byte {
	var space [256]byte
	in := append(append(space[:0], "HPKE-v1"...), suiteID...)
	in = append(append(in, label...), ikm...)
	return k.crypto.appendHMAC(dst, salt, in)
}

// expand is LabeledExpand (RFC 9180 §4), appended to dst.
func (k *kemX25519) expand(dst, suiteID, prk []byte, label string, info []byte, length int) []byte {
	var space [256]byte
	in := binary.BigEndian.AppendUint16(space[:0], uint16(length))
	in = append(append(in, "HPKE-v1"...), suiteID...)
	in = append(append(in, label...), info...)
	return k.crypto.appendExpand(dst, prk, in, length)
}

func (k *kemX25519) deriveKeyPair(ikm []byte) (private, public []byte, err error) {
	if len(ikm) < sizeX25519 {
		return nil, nil, fmt.Errorf("%w: %d bytes of keying material", ErrKey, len(ikm))
	}
	var prk [32]byte
	k.extract(prk[:0], kemID, nil, "dkp_prk", ikm)
	private = k.expand(make([]byte, 0, sizeX25519), kemID, prk[:], "sk", nil, sizeX25519)
	private[0] &^= 7 // X25519 clamps in any case (RFC 7748 §5); stored keys look like those of crypto/hpke
	private[31] = private[31]&^0x80 | 0x40
	public, err = k.public(private)
	return private, public, err
}

func (k *kemX25519) public(private []byte) ([]byte, error) {
	if len(private) != sizeX25519 {
		return nil, fmt.Errorf("%w: X25519 private key of %d bytes", ErrKey, len(private))
	}
	var public x25519.Key
	x25519.KeyGen(&public, (*x25519.Key)(private))
	return public[:], nil
}

func (k *kemX25519) checkPublic(public []byte) error {
	if len(public) != sizeX25519 {
		return fmt.Errorf("%w: X25519 public key of %d bytes", ErrKey, len(public))
	}
	return checkOrder(public)
}

// sharedSecret is ExtractAndExpand of the Diffie-Hellman value of private and other (RFC 9180 §4.1). It fails for points of small order.
func (k *kemX25519) sharedSecret(private *x25519.Key, other, kemOutput, recipient []byte) (secret [32]byte, ok bool) {
	var dh x25519.Key
	if ok = x25519.Shared(&dh, private, (*x25519.Key)(other)); !ok {
		return secret, false
	}
	var context [2 * sizeX25519]byte
	copy(context[copy(context[:], kemOutput):], recipient)
	var prk [32]byte
	k.extract(prk[:0], kemID, nil, "eae_prk", dh[:])
	k.expand(secret[:0], kemID, prk[:], "shared_secret", context[:], len(secret))
	return secret, true
}

// encap is Encap (RFC 9180 §4.1); the ephemeral key comes from the system's randomness.
func (k *kemX25519) encap(public []byte) (kemOutput []byte, secret [32]byte, err error) {
	if len(public) != sizeX25519 {
		return nil, secret, fmt.Errorf("%w: X25519 public key of %d bytes", ErrKey, len(public))
	}
	var ephemeral, output x25519.Key
	rand.Read(ephemeral[:])
	x25519.KeyGen(&output, &ephemeral)
	secret, ok := k.sharedSecret(&ephemeral, public, output[:], public)
	clear(ephemeral[:])
	if !ok {
		return nil, secret, fmt.Errorf("%w: X25519 public key of small order", ErrKey)
	}
	return output[:], secret, nil
}

// decap is Decap (RFC 9180 §4.1). public is computed if nil.
func (k *kemX25519) decap(private, public, kemOutput []byte) (secret [32]byte, err error) {
	if public == nil || len(private) != sizeX25519 {
		if public, err = k.public(private); err != nil {
			return secret, err
		}
	}
	if len(kemOutput) != sizeX25519 {
		return secret, fmt.Errorf("%w: KEM output of %d bytes", ErrDecrypt, len(kemOutput))
	}
	secret, ok := k.sharedSecret((*x25519.Key)(private), kemOutput, kemOutput, public)
	if !ok {
		return secret, fmt.Errorf("%w: KEM output of small order", ErrDecrypt)
	}
	return secret, nil
}

// hpkeContext is what KeySchedule of RFC 9180 §5.1 derives in base mode, before expansion.
type hpkeContext struct {
	secret  [32]byte
	context [1 + 2*32]byte
}

func (k *kemX25519) keySchedule(shared, infoHash [32]byte) (c hpkeContext) {
	copy(c.context[copy(c.context[1:], k.pskHash[:])+1:], infoHash[:])
	k.extract(c.secret[:0], k.suiteID[:], shared[:], "secret", nil)
	return c
}

// messageKey derives key and nonce of the only message of the context.
func (k *kemX25519) messageKey(c *hpkeContext) (key, nonce []byte) {
	n := k.crypto.KeySize()
	b := k.expand(make([]byte, 0, 64), k.suiteID[:], c.secret[:], "key", c.context[:], n)
	b = k.expand(b, k.suiteID[:], c.secret[:], "base_nonce", c.context[:], k.crypto.NonceSize())
	return b[:n], b[n:]
}

func (k *kemX25519) export(c *hpkeContext, label string, length int) []byte {
	var exporter [32]byte
	k.expand(exporter[:0], k.suiteID[:], c.secret[:], "exp", c.context[:], len(exporter))
	return k.expand(make([]byte, 0, length), k.suiteID[:], exporter[:], "sec", []byte(label), length)
}

func (k *kemX25519) infoHash(info []byte) (h [32]byte) {
	k.extract(h[:0], k.suiteID[:], nil, "info_hash", info)
	return h
}

type sealerX25519 struct {
	*kemX25519
	bound [32]byte // info_hash
}

func (k *kemX25519) bind(info []byte) sealer { return &sealerX25519{k, k.infoHash(info)} }

func (k *sealerX25519) seal(public, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	kemOutput, shared, err := k.encap(public)
	if err != nil {
		return nil, nil, err
	}
	c := k.keySchedule(shared, k.bound)
	key, nonce := k.messageKey(&c)
	return kemOutput, k.crypto.Seal(nil, key, nonce, nil, plaintext), nil
}

func (k *kemX25519) open(private, public, kemOutput, info, ciphertext []byte) ([]byte, error) {
	shared, err := k.decap(private, public, kemOutput)
	if err != nil {
		return nil, err
	}
	c := k.keySchedule(shared, k.infoHash(info))
	key, nonce := k.messageKey(&c)
	return k.crypto.Open(nil, key, nonce, nil, ciphertext)
}

func (k *kemX25519) exportTo(public []byte, label string, length int) (kemOutput, secret []byte, err error) {
	kemOutput, shared, err := k.encap(public)
	if err != nil {
		return nil, nil, err
	}
	c := k.keySchedule(shared, k.infoHash(nil))
	return kemOutput, k.export(&c, label, length), nil
}

func (k *kemX25519) exportFrom(private, kemOutput []byte, label string, length int) ([]byte, error) {
	shared, err := k.decap(private, nil, kemOutput)
	if err != nil {
		return nil, err
	}
	c := k.keySchedule(shared, k.infoHash(nil))
	return k.export(&c, label, length), nil
}
