package mimi

import "testing"

// The verified vector of draft-mahy-mimi-group-chat-00.
func TestFixedMembershipName(t *testing.T) {
	var v struct {
		Positive struct {
			URIs []string `json:"sorted_uris"`
			Room string   `json:"room_name"`
		} `json:"positive_vector"`
	}
	if vector(t, &v, "naming", "fixed_membership_naming.json"); len(v.Positive.URIs) != 5 {
		t.Fatal(v)
	}
	shuffled := []string{v.Positive.URIs[3], v.Positive.URIs[0], v.Positive.URIs[4], v.Positive.URIs[2], v.Positive.URIs[1]}
	if got := FixedMembershipName(shuffled...); got != v.Positive.Room || !IsFixedMembershipName(got) {
		t.Errorf("got %s, want %s", got, v.Positive.Room)
	}
	if IsFixedMembershipName("##garden") || IsFixedMembershipName(v.Positive.Room[1:]) {
		t.Error("other names pass")
	}
}
