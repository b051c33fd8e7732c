package mls

import "testing"

// RFC 9420 §5.1.2 and §5.1.3: what is signed or sealed under one label, context or key is of no use under another.
func TestLabels(t *testing.T) {
	const cs = SuiteX25519AES128SHA256Ed25519
	var key Seed
	key[0] = 1
	private, public, err := NewHPKEKey(cs, key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := EncryptWithLabel(cs, public, "label", []byte("context"), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecryptWithLabel(cs, private, "label", []byte("context"), sealed); err != nil || string(got) != "text" {
		t.Fatalf("opened %q, %v", got, err)
	}
	if _, err := DecryptWithLabel(cs, private, "other", []byte("context"), sealed); err == nil {
		t.Error("opened under another label")
	}
	if _, err := DecryptWithLabel(cs, private, "label", []byte("other"), sealed); err == nil {
		t.Error("opened under another context")
	}
	if _, _, err := NewHPKEKey(0xFFFF, key); err == nil {
		t.Error("unknown suite accepted")
	}
}
