package store

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Key is the sealing key, 32 random bytes. It never shows in formatted output.
type Key struct{ secret [32]byte }

// keyHeader begins a key file; the key follows in base64 on the same line.
const keyHeader = "anteroom-seal-key-1 "

// NewKey draws a key.
func NewKey() Key {
	var k Key
	rand.Read(k.secret[:])
	return k
}

// Format writes the key's name, whatever the verb, and never the key.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, "seal key "+k.ID()) }

// ID names the key: eight hexadecimal digits that tell nothing about it.
func (k Key) ID() string {
	id := k.id()
	return hex.EncodeToString(id[:])
}

func (k Key) id() [4]byte { return [4]byte(k.derive("key id", 4)) }

func (k Key) derive(use string, n int) []byte {
	out, err := hkdf.Key(sha256.New, k.secret[:], nil, "anteroom store 1 "+use, n)
	if err != nil {
		panic(err) // only for lengths that are not used here
	}
	return out
}

// LoadOrCreateKeyFile reads the sealing key, or draws one and writes it, with mode 0600, when there is no file. A file
// that others than its owner may read, or that is no key file, is refused.
func LoadOrCreateKeyFile(path string) (key Key, created bool, err error) {
	key, err = LoadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	key = NewKey()
	err = createKeyFile(path, key)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		key, err = LoadKeyFile(path)
		return key, false, err
	}
	if err != nil {
		return Key{}, false, fmt.Errorf("store: cannot create key file %s: %w", path, cause(err))
	}
	return key, true, nil
}

// cause is an error without the name of the temporary file.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// LoadKeyFile reads the sealing key; see LoadOrCreateKeyFile. A missing file is fs.ErrNotExist.
func LoadKeyFile(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("store: cannot read key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("store: cannot read key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("store: key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Key{}, fmt.Errorf("store: key file %s has mode %04o: others may read it; set it to 0600", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return Key{}, fmt.Errorf("store: cannot read key file: %w", err)
	}
	encoded, ok := strings.CutPrefix(string(text), keyHeader)
	encoded, newline := strings.CutSuffix(encoded, "\n")
	secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || !newline || err != nil || len(secret) != 32 {
		return Key{}, fmt.Errorf("store: key file %s is malformed: it is cut off, or was not written by anteroom", path)
	}
	return Key{[32]byte(secret)}, nil
}

// createKeyFile writes a temporary file and links it to its name, so that there never is a partial key file.
func createKeyFile(path string, k Key) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".seal-key-*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(keyHeader + base64.StdEncoding.EncodeToString(k.secret[:]) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // fails when path exists
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
