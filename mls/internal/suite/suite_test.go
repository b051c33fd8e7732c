package suite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"errors"
	"testing"
)

func each(t *testing.T, f func(t *testing.T, s *Suite)) {
	t.Helper()
	for _, id := range Supported() {
		s, err := ByID(id)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(s.String(), func(t *testing.T) { f(t, s) })
	}
}

// Our HMAC and HKDF agree with the standard library for keys and inputs around every boundary.
func TestHMACAndHKDF(t *testing.T) {
	each(t, func(t *testing.T, s *Suite) {
		data := make([]byte, 4096)
		for i := range data {
			data[i] = byte(i * 31)
		}
		for _, k := range []int{0, 1, 32, 63, 64, 65, 127, 128, 129, 500} {
			for _, n := range []int{0, 1, 55, 64, 128, 383, 384, 385, 4096} {
				m := hmac.New(s.NewHash, data[:k])
				m.Write(data[:n])
				want := m.Sum(nil)
				if got := s.MAC(data[:k], data[:n]); !bytes.Equal(got, want) {
					t.Fatalf("MAC with key of %d, data of %d: %x, want %x", k, n, got, want)
				}
				if !s.VerifyMAC(data[:k], data[:n], want) {
					t.Fatal("a right tag is refused")
				}
				want[n%len(want)] ^= 1
				if s.VerifyMAC(data[:k], data[:n], want) || s.VerifyMAC(data[:k], data[:n], want[:len(want)-1]) || s.VerifyMAC(data[:k], data[:n], nil) {
					t.Fatal("a wrong tag is accepted")
				}
			}
		}
		for _, n := range []int{1, 16, s.HashSize(), s.HashSize() + 1, 3 * s.HashSize(), s.MaxExpand()} {
			for _, info := range []int{0, 10, 254, 255, 256, 700} {
				want, err := hkdf.Expand(s.NewHash, data[:s.HashSize()], string(data[:info]), n)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.Expand(data[:s.HashSize()], data[:info], n); !bytes.Equal(got, want) {
					t.Fatalf("Expand to %d with info of %d differs", n, info)
				}
			}
		}
	})
}

func TestDerivationsDoNotAllocate(t *testing.T) {
	each(t, func(t *testing.T, s *Suite) {
		secret, dst := make([]byte, s.HashSize()), make([]byte, 0, 64)
		if n := testing.AllocsPerRun(100, func() { s.AppendTreeSecret(dst, secret, "secret", 7, s.HashSize()) }); n != 0 {
			t.Errorf("AppendTreeSecret: %v allocations", n)
		}
		if n := testing.AllocsPerRun(100, func() { s.VerifyMAC(secret, secret, secret) }); n != 0 {
			t.Errorf("VerifyMAC: %v allocations", n)
		}
	})
}

func TestSignatures(t *testing.T) {
	each(t, func(t *testing.T, s *Suite) {
		k := s.GenerateSignatureKey([]byte("a seed"))
		again := s.GenerateSignatureKey([]byte("a seed"))
		other := s.GenerateSignatureKey([]byte("another seed"))
		if !bytes.Equal(k.Private(), again.Private()) || bytes.Equal(k.Public(), other.Public()) {
			t.Error("a key is not a function of its seed")
		}
		loaded, err := s.NewSignatureKey(k.Private())
		if err != nil || !bytes.Equal(loaded.Public(), k.Public()) {
			t.Fatalf("loading a generated key: %v", err)
		}
		sig, err := loaded.SignWithLabel("Label", []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyWithLabel(k.Public(), "Label", []byte("content"), sig); err != nil {
			t.Errorf("own signature: %v", err)
		}
		for name, err := range map[string]error{
			"other label":   s.VerifyWithLabel(k.Public(), "Labe", []byte("content"), sig),
			"other content": s.VerifyWithLabel(k.Public(), "Label", []byte("kontent"), sig),
			"other key":     s.VerifyWithLabel(other.Public(), "Label", []byte("content"), sig),
			"cut":           s.VerifyWithLabel(k.Public(), "Label", []byte("content"), sig[:len(sig)-1]),
			"empty":         s.VerifyWithLabel(k.Public(), "Label", []byte("content"), nil),
		} {
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%s: error %v, want ErrSignature", name, err)
			}
		}
		for name, public := range map[string][]byte{"no key": nil, "cut key": k.Public()[1:], "long key": append(k.Public()[:len(k.Public()):len(k.Public())], 0)} {
			if err := s.VerifyWithLabel(public, "Label", []byte("content"), sig); !errors.Is(err, ErrKey) {
				t.Errorf("%s: error %v, want ErrKey", name, err)
			}
		}
		for name, private := range map[string][]byte{"no": nil, "long": append(k.Private()[:len(k.Private()):len(k.Private())], 0), "zero": make([]byte, 4)} {
			if _, err := s.NewSignatureKey(private); !errors.Is(err, ErrKey) {
				t.Errorf("%s private key: error %v, want ErrKey", name, err)
			}
		}
	})
}

func TestHPKE(t *testing.T) {
	each(t, func(t *testing.T, s *Suite) {
		private, public := s.DeriveKeyPair(make([]byte, s.HashSize()))
		if p, err := s.HPKEPublic(private); err != nil || !bytes.Equal(p, public) {
			t.Fatalf("public key of the derived private key: %x, %v", p, err)
		}
		out, ct, err := s.EncryptWithLabel(public, "Label", []byte("context"), []byte("plain"))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.DecryptWithLabel(private, "Label", []byte("context"), out, ct); err != nil || string(p) != "plain" {
			t.Errorf("decrypted %q, %v", p, err)
		}
		otherPrivate, _ := s.DeriveKeyPair(bytes.Repeat([]byte{1}, s.HashSize()))
		_, err1 := s.DecryptWithLabel(private, "Label", []byte("kontext"), out, ct)
		_, err2 := s.DecryptWithLabel(private, "Lebal", []byte("context"), out, ct)
		_, err3 := s.DecryptWithLabel(otherPrivate, "Label", []byte("context"), out, ct)
		_, err4 := s.DecryptWithLabel(private, "Label", []byte("context"), out[1:], ct)
		_, err5 := s.DecryptWithLabel(private, "Label", []byte("context"), out, nil)
		for i, err := range []error{err1, err2, err3, err4, err5} {
			if !errors.Is(err, ErrDecrypt) {
				t.Errorf("wrong input %d: error %v, want ErrDecrypt", i+1, err)
			}
		}
		if _, _, err := s.EncryptWithLabel(public[1:], "Label", nil, nil); !errors.Is(err, ErrKey) {
			t.Errorf("malformed public key: error %v, want ErrKey", err)
		}
		if err := s.CheckHPKEPublic(nil); !errors.Is(err, ErrKey) {
			t.Errorf("no public key: error %v, want ErrKey", err)
		}
		out, secret, err := s.ExternalInit(public)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.ReceiveExternalInit(private, out); err != nil || !bytes.Equal(got, secret) || len(got) != s.HashSize() {
			t.Errorf("external init secret %x, %v; want %x", got, err, secret)
		}
	})
}

func TestAEAD(t *testing.T) {
	each(t, func(t *testing.T, s *Suite) {
		key, nonce := make([]byte, s.KeySize()), make([]byte, s.NonceSize())
		ct := s.Seal([]byte("head"), key, nonce, []byte("aad"), []byte("plain"))
		if !bytes.HasPrefix(ct, []byte("head")) {
			t.Error("Seal does not append")
		}
		if p, err := s.Open(nil, key, nonce, []byte("aad"), ct[4:]); err != nil || string(p) != "plain" {
			t.Errorf("opened %q, %v", p, err)
		}
		if _, err := s.Open(nil, key, nonce, []byte("dad"), ct[4:]); !errors.Is(err, ErrDecrypt) {
			t.Errorf("wrong associated data: %v", err)
		}
		if _, err := s.AEAD(key[1:]); !errors.Is(err, ErrKey) {
			t.Errorf("short key: %v", err)
		}
	})
}

// A P-521 scalar whose first byte is zero may be stored without it, as some implementations do.
func TestUnpaddedScalar(t *testing.T) {
	s, err := ByID(P521AES256SHA512P521)
	if err != nil {
		t.Fatal(err)
	}
	scalar := bytes.Repeat([]byte{5}, 65)
	full := append([]byte{0}, scalar...)
	a, err1 := s.HPKEPublic(scalar)
	b, err2 := s.HPKEPublic(full)
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("HPKE: %v, %v", err1, err2)
	}
	x, err1 := s.NewSignatureKey(scalar)
	y, err2 := s.NewSignatureKey(full)
	if err1 != nil || err2 != nil || !bytes.Equal(x.Public(), y.Public()) {
		t.Errorf("ECDSA: %v, %v", err1, err2)
	}
}

func TestUnsupported(t *testing.T) {
	for _, id := range []uint16{0, 8, 0x0a0a, 0xffff} {
		if s, err := ByID(id); s != nil || !errors.Is(err, ErrUnsupported) {
			t.Errorf("0x%04x: %v, %v", id, s, err)
		}
	}
}
