package content

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"anteroom/internal/vectors"
	"anteroom/mimi"
)

// The 14 examples of draft-ietf-mimi-content: decoded, encoded again byte for byte, and their published message ids (§3.3).
func TestVectors(t *testing.T) {
	dir := vectors.Path(t, "mimi", "mimi-content")
	b, err := os.ReadFile(filepath.Join(dir, "message_ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name      string
			Sender    string `json:"sender_uri"`
			Room      string `json:"room_uri"`
			Salt      string
			CBOR      string `json:"cbor_hex"`
			MessageID string `json:"message_id"`
			Tag       string `json:"franking_tag_unframed"`
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 14 {
		t.Fatalf("%d examples, want 14", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			published, err := os.ReadFile(filepath.Join(dir, v.Name+".cbor"))
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(published) != v.CBOR {
				t.Fatal("the example and message_ids.json differ")
			}
			m, err := Decode(published)
			if err != nil {
				t.Fatal(err)
			}
			again, err := m.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, published) {
				t.Errorf("encoded again: %x\nwant            %x", again, published)
			}
			if hex.EncodeToString(m.Salt[:]) != v.Salt || m.Sender != v.Sender || m.Room != v.Room {
				t.Errorf("salt %x, sender %s, room %s", m.Salt, m.Sender, m.Room)
			}
			sender, room := mimi.MustURI(v.Sender), mimi.MustURI(v.Room)
			if id := ID(sender, room, published, m.Salt); id.String() != v.MessageID {
				t.Errorf("message id %s, want %s", id, v.MessageID)
			}
			if tag := mimi.FrankingTag(m.Salt[:], published); hex.EncodeToString(tag[:]) != v.Tag {
				t.Errorf("franking tag %x, want %s", tag, v.Tag)
			}
		})
	}
}

// MessageDerivedValues is another structure that must not pass for a message.
func TestImpliedValuesAreRefused(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(vectors.Path(t, "mimi", "mimi-content"), "implied-original.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Decode(b); err == nil {
		t.Errorf("decoded as %+v", m)
	}
}
