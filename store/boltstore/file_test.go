package boltstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"anteroom/store"
	"anteroom/store/boltstore"
	"anteroom/store/storetest"
)

func TestSealedInFile(t *testing.T) {
	storetest.Sealing(t, func(t *testing.T) (storetest.Place, func(*testing.T) []byte) {
		path := filepath.Join(t.TempDir(), "rooms.db")
		p := storetest.Place{Open: func(t *testing.T) store.Store { return open(t, path) }}
		return p, func(t *testing.T) []byte {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
	})
}

func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	open(t, path).Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(path); err == nil || !strings.Contains(err.Error(), "mode 0644") || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that others may read: %v", err)
	}
}

// TestInUse opens twice: the file's lock belongs to the open file, so that this is what a second process meets.
func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	open(t, path)
	if _, err := boltstore.Open(path); !errors.Is(err, boltstore.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("second opening: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := boltstore.Open(filepath.Join(dir, "missing", "rooms.db")); err == nil {
		t.Error("a file in a directory that is not there")
	}
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(garbage); err == nil {
		t.Error("a file that is no database")
	}
	future := filepath.Join(dir, "future")
	open(t, future).Close()
	db, err := bbolt.Open(future, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("99")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := boltstore.Open(future); err == nil || !strings.Contains(err.Error(), `schema "99"`) {
		t.Errorf("a schema to come: %v", err)
	}
}

func TestPath(t *testing.T) {
	for url, want := range map[string]string{
		"bolt:///var/lib/anteroom/rooms.db": "/var/lib/anteroom/rooms.db",
		"bolt:rooms.db":                     "rooms.db",
		"bolt:a/b%20c.db":                   "a/b c.db",
		"bolt://./rooms.db":                 "./rooms.db",
		"bolt://../rooms.db":                "../rooms.db",
		"bolt:///a%20b":                     "/a b",
	} {
		if got, err := boltstore.Path(url); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", url, got, err, want)
		}
	}
	for _, url := range []string{"bolt:", "bolt://", "bolt:///", "bolt:///dir/", "bolt://host/x", "redis:///x", "bolt:///x?y=1", "bolt://u:secret@/x", "\x00"} {
		if got, err := boltstore.Path(url); err == nil {
			t.Errorf("%q: accepted as %q", url, got)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error shows the password: %v", url, err)
		}
	}
}
