package storetest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"anteroom/store"
)

// Sealing plants random secrets in every sealed field, sealed and, as a control of the search, bare. dump returns
// everything that the backend of a place holds, raw.
func Sealing(t *testing.T, fresh func(t *testing.T) (p Place, dump func(t *testing.T) []byte)) {
	run := func(t *testing.T, sealed bool) {
		p, dump := fresh(t)
		s := p.open(t)
		if sealed {
			var err error
			if s, err = store.Seal(t.Context(), s, store.NewKey()); err != nil {
				t.Fatalf("seal: %v", err)
			}
		}
		secrets, public := plant(t, s)
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		raw := dump(t)
		if !bytes.Contains(raw, public) {
			t.Error("the search does not find what stays in clear")
		}
		for field, secret := range secrets {
			if found := bytes.Contains(raw, secret); found == sealed {
				t.Errorf("%s: in clear: %v", field, found)
			}
		}
	}
	t.Run("sealed", func(t *testing.T) { run(t, true) })
	t.Run("bare", func(t *testing.T) { run(t, false) })
}

// plant writes secrets by every way that takes any, and a sender, which stays in clear.
func plant(t *testing.T, s store.Store) (secrets map[string][]byte, public []byte) {
	t.Helper()
	random := func() []byte {
		b := make([]byte, 24)
		rand.Read(b)
		return b
	}
	secrets = make(map[string][]byte)
	secret := func(field string) []byte {
		secrets[field] = random()
		return secrets[field]
	}
	public = []byte(hex.EncodeToString(random()))
	f := claim(t, s, "r")
	write(t, s, store.Batch{
		Room: "r", Fence: f, Events: [][]byte{random()},
		SetSecrets: map[string][]byte{"part": secret("secret part")},
		Outbox:     []store.OutboxEntry{{ID: 1, Body: secret("outbox body")}},
		Archive:    []store.ArchiveEntry{{ID: "m1", Time: at(1), Sender: string(public), Body: secret("archive body")}, {ID: "m2", Time: at(2)}},
	})
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 1, Events: [][]byte{secret("event")}, Snapshot: secret("snapshot"), SnapshotSeq: 1, Redact: []store.Redaction{{ID: "m2", Body: secret("redaction")}}})
	update(t, s, "b", store.Change{Key: "k", Value: secret("record")})
	if err := s.Delete(t.Context(), "gone", claim(t, s, "gone"), secret("tombstone")); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if r := load(t, s, "gone"); !bytes.Equal(r.Tombstone, secrets["tombstone"]) {
		t.Errorf("tombstone %x", r.Tombstone)
	}
	return secrets, public
}
