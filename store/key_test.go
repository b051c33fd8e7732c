package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"anteroom/store"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	if _, err := store.LoadKeyFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load of nothing: %v", err)
	}
	first, created, err := store.LoadOrCreateKeyFile(path)
	if err != nil || !created {
		t.Fatalf("create: %v, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, created, err := store.LoadOrCreateKeyFile(path)
	if err != nil || created || again != first {
		t.Errorf("load: same key %v, created %v, %v", again == first, created, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 || err != nil {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
	if _, _, err := store.LoadOrCreateKeyFile(filepath.Join(path, "x")); err == nil {
		t.Error("a key file below a file")
	}
}

func TestKeyFileRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if _, _, err := store.LoadOrCreateKeyFile(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text[strings.IndexByte(string(text), ' '):]))
	for _, c := range []struct {
		why, text, say string
		mode           fs.FileMode
	}{
		{"as it is", string(text), "", 0o600},
		{"readable only", string(text), "", 0o400},
		{"group may read", string(text), "mode 0640", 0o640},
		{"world may read", string(text), "mode 0604", 0o604},
		{"empty", "", "malformed", 0o600},
		{"cut off", string(text[:len(text)-1]), "malformed", 0o600},
		{"another header", "x" + string(text), "malformed", 0o600},
		{"more behind", string(text) + "x\n", "malformed", 0o600},
		{"short key", "anteroom-seal-key-1 AAAA\n", "malformed", 0o600},
	} {
		path := filepath.Join(dir, "key")
		if err := errors.Join(os.WriteFile(path, []byte(c.text), c.mode), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		_, created, err := store.LoadOrCreateKeyFile(path)
		switch {
		case created:
			t.Errorf("%s: written over", c.why)
		case c.say == "" && err != nil:
			t.Errorf("%s: %v", c.why, err)
		case c.say != "" && (err == nil || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), path)):
			t.Errorf("%s: %v", c.why, err)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("%s: the error shows the key", c.why)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKeyFileRace: of several that find no key file, one creates it and all use it.
func TestKeyFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	keys := make([]store.Key, 8)
	creations := make([]bool, len(keys))
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], creations[i], err = store.LoadOrCreateKeyFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	created := 0
	for i := range keys {
		if keys[i] != keys[0] {
			t.Error("different keys")
		}
		if creations[i] {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d creations", created)
	}
}
