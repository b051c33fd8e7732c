package mimi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// The verified vector of draft-mahy-mimi-group-chat-00.
func TestFixedMembershipName(t *testing.T) {
	root := os.Getenv("ANTEROOM_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "vectors")
	}
	data, err := os.ReadFile(filepath.Join(root, "mimi", "naming", "fixed_membership_naming.json"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("NO VECTORS: ", err)
	}
	var v struct {
		Positive struct {
			URIs []string `json:"sorted_uris"`
			Room string   `json:"room_name"`
		} `json:"positive_vector"`
	}
	if err := json.Unmarshal(data, &v); err != nil || len(v.Positive.URIs) != 5 {
		t.Fatal(err, v)
	}
	shuffled := []string{v.Positive.URIs[3], v.Positive.URIs[0], v.Positive.URIs[4], v.Positive.URIs[2], v.Positive.URIs[1]}
	if got := FixedMembershipName(shuffled...); got != v.Positive.Room || !IsFixedMembershipName(got) {
		t.Errorf("got %s, want %s", got, v.Positive.Room)
	}
	if IsFixedMembershipName("##garden") || IsFixedMembershipName(v.Positive.Room[1:]) {
		t.Error("other names pass")
	}
}
