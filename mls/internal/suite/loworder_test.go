package suite

import (
	"errors"
	"testing"
)

// Nobody can encrypt to a point of low order: such keys are refused before they get into a tree (RFC 7748 §6).
func TestLowOrder(t *testing.T) {
	for _, id := range []uint16{X25519AES128SHA256Ed25519, X25519ChaCha20SHA256Ed25519, X448AES256SHA512Ed448, X448ChaCha20SHA512Ed448} {
		s, err := ByID(id)
		if err != nil {
			t.Fatal(err)
		}
		_, good := s.DeriveKeyPair(make([]byte, 64))
		if err := s.CheckHPKEPublic(good); err != nil {
			t.Errorf("an ordinary key is refused: %v", err)
		}
		n := 0
		for point := range lowOrderPoints {
			if len(point) != len(good) {
				continue
			}
			n++
			if _, _, err := s.EncryptWithLabel([]byte(point), "label", nil, nil); err == nil {
				t.Errorf("%s: %x is not of low order", s, point)
			}
			if err := s.CheckHPKEPublic([]byte(point)); !errors.Is(err, ErrKey) {
				t.Errorf("%s: %x: error %v, want ErrKey", s, point, err)
			}
		}
		if n < 5 {
			t.Errorf("%s: %d points", s, n)
		}
	}
}
