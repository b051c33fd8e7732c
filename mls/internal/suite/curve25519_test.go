package suite

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"testing"
)

// Our DHKEM(X25519) and crypto/hpke open, derive and export the same, in both directions.
func TestX25519AgreesWithStandardLibrary(t *testing.T) {
	for _, c := range []struct {
		id   uint16
		aead hpke.AEAD
	}{{X25519AES128SHA256Ed25519, hpke.AES128GCM()}, {X25519ChaCha20SHA256Ed25519, hpke.ChaCha20Poly1305()}} {
		s, err := ByID(c.id)
		if err != nil {
			t.Fatal(err)
		}
		std := stdKEM{hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), c.aead, sizeX25519}
		for i := range 40 {
			ikm := bytes.Repeat([]byte{byte(i)}, 32+i)
			info, plain := bytes.Repeat([]byte{1}, 50*i), bytes.Repeat([]byte{2}, i)
			private, public, err := std.deriveKeyPair(ikm)
			ours, oursPublic := s.DeriveKeyPair(ikm)
			if err != nil || !bytes.Equal(private, ours) || !bytes.Equal(public, oursPublic) {
				t.Fatalf("key pair %x, %x, want %x, %x", ours, oursPublic, private, public)
			}
			out, ct, err := s.kem.bind(info).seal(public, plain)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := std.open(private, nil, out, info, ct); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("the standard library opens ours as %x, %v", got, err)
			}
			out, ct, err = std.bind(info).seal(public, plain)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.kem.open(private, oursPublic, out, info, ct); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("we open with the key pair %x, %v", got, err)
			}
			if _, err := s.kem.open(private, out, out, info, ct); !errors.Is(err, ErrDecrypt) {
				t.Fatalf("with another public key: %v, want ErrDecrypt", err)
			}
			if got, err := s.kem.open(private, nil, out, info, ct); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("we open the standard library's as %x, %v", got, err)
			}
			out, want, err := std.exportTo(public, "label", 10+i)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.kem.exportFrom(private, out, "label", 10+i); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("exported %x, %v, want %x", got, err, want)
			}
			out, want, err = s.kem.exportTo(public, "label", 10+i)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := std.exportFrom(private, out, "label", 10+i); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("the standard library exports %x, %v, want %x", got, err, want)
			}
		}
	}
}

// Points of small order would make the shared secret known to everybody (RFC 9180 §7.1.4).
func TestX25519RefusesSmallOrder(t *testing.T) {
	s, err := ByID(X25519AES128SHA256Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := s.DeriveKeyPair(make([]byte, 32))
	for _, point := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...)} {
		if _, _, err := s.EncryptWithLabel(point, "Label", nil, nil); !errors.Is(err, ErrKey) {
			t.Errorf("encrypting to %x: error %v, want ErrKey", point[0], err)
		}
		if _, err := s.DecryptWithLabel(private, "Label", nil, point, make([]byte, 16)); !errors.Is(err, ErrDecrypt) {
			t.Errorf("decrypting with KEM output %x: error %v, want ErrDecrypt", point[0], err)
		}
	}
}
