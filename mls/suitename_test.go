package mls

import "testing"

// Suites are known by the names under which they are registered (RFC 9420 §17.1), and by their numbers.
func TestCipherSuiteNames(t *testing.T) {
	if n := len(CipherSuites()); n != 7 {
		t.Errorf("%d suites", n)
	}
	for _, cs := range CipherSuites() {
		if got, ok := ParseCipherSuite(cs.Name()); !ok || got != cs {
			t.Errorf("%s is read as %d", cs.Name(), got)
		}
	}
	if got, ok := ParseCipherSuite("2"); !ok || got != SuiteP256AES128SHA256P256 || got.Name() != "MLS_128_DHKEMP256_AES128GCM_SHA256_P256" {
		t.Errorf("2 is read as %d", got)
	}
	if a := SuiteX25519AES128SHA256Ed25519; !a.SameSignatures(SuiteX25519ChaCha20SHA256Ed25519) || a.SameSignatures(SuiteP256AES128SHA256P256) {
		t.Error("which suites sign alike")
	}
	for _, text := range []string{"", "0", "8", "P256", "mls_128_dhkemp256_aes128gcm_sha256_p256"} {
		if got, ok := ParseCipherSuite(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	if CipherSuite(0x7777).Name() != "30583" {
		t.Errorf("an unknown suite is %s", CipherSuite(0x7777).Name())
	}
}
