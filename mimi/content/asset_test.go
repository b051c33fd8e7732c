package content

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"strings"
	"testing"
)

// draft-ietf-mimi-content-09 §4.3: what comes from the URL of an external part is the file that was shared, or an error.
func TestOpenAsset(t *testing.T) {
	file, key, nonce := []byte("the lark, the herald of the morn"), bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 12)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	sealed := gcm.Seal(nil, nonce, file, []byte("aad"))
	for _, c := range []struct {
		what string
		data []byte
		x    ExternalPart
		err  string
	}{
		{"plain", file, ExternalPart{}, ""},
		{"plain of a size", file, ExternalPart{Size: uint64(len(file))}, ""},
		{"plain of another size", file, ExternalPart{Size: 3}, "has 32 bytes and not 3"},
		{"plain with hash", file, ExternalPart{Hash: 1, ContentHash: digest(1, file)}, ""},
		{"SHA3-512", file, ExternalPart{Hash: 12, ContentHash: digest(12, file)}, ""},
		{"another hash", file, ExternalPart{Hash: 8, ContentHash: digest(8, sealed)}, "hash differs"},
		{"part of a hash", file, ExternalPart{Hash: 1, ContentHash: digest(1, file)[:31]}, "hash differs"},
		{"an unknown hash", file, ExternalPart{Hash: 2, ContentHash: digest(1, file)}, "algorithm 2"},
		{"encrypted", sealed, ExternalPart{Encryption: 2, Key: key, Nonce: nonce, AAD: []byte("aad"), Hash: 7, ContentHash: digest(7, sealed), Size: uint64(len(file))}, ""},
		{"hash of the plain file", sealed, ExternalPart{Encryption: 2, Key: key, Nonce: nonce, AAD: []byte("aad"), Hash: 10, ContentHash: digest(10, file)}, "hash differs"},
		{"another nonce", sealed, ExternalPart{Encryption: 2, Key: key, Nonce: nonce[1:], AAD: []byte("aad")}, "decrypted"},
		{"without aad", sealed, ExternalPart{Encryption: 2, Key: key, Nonce: nonce}, "decrypted"},
		{"without the tag", sealed[:len(file)], ExternalPart{Encryption: 2, Key: key, Nonce: nonce, AAD: []byte("aad")}, "decrypted"},
		{"a short key", sealed, ExternalPart{Encryption: 2, Key: key[:16], Nonce: nonce}, "algorithm 2"},
		{"no nonce", sealed, ExternalPart{Encryption: 2, Key: key}, "algorithm 2"},
		{"an unknown cipher", sealed, ExternalPart{Encryption: 29, Key: key, Nonce: nonce}, "algorithm 29"},
	} {
		got, err := c.x.Open(c.data)
		if c.err == "" && (err != nil || !bytes.Equal(got, file)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || got != nil) {
			t.Errorf("%s: %q %v, want %q", c.what, got, err, c.err)
		}
	}
	if got := hex.EncodeToString(digest(1, nil)); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("SHA-256 of nothing is %s", got)
	}
}

// The files of a message are found in whatever parts they are.
func TestFilesOfMessage(t *testing.T) {
	st := stanza(t, `<body>look</body><x xmlns='jabber:x:oob'><url>https://a.example/1.png</url></x><x xmlns='jabber:x:oob'><url>https://a.example/2</url></x>`)
	var urls []string
	for _, p := range FromXMPP(st, [SaltSize]byte{}, juliet, garden, References{}).Files() {
		urls = append(urls, p.External.URL+" "+p.ContentType)
	}
	if got := strings.Join(urls, ", "); got != "https://a.example/1.png image/png, https://a.example/2 application/octet-stream" {
		t.Errorf("found %s", got)
	}
}
