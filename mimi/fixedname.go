package mimi

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// fixedMark begins the names of fixed-membership rooms.
const fixedMark = "##"

// FixedMembershipName is the name of the one room that a set of users has for itself (draft-mahy-mimi-group-chat-00; its successors dropped the rule):
// the hash of their sorted URIs, joined by tabs.
func FixedMembershipName(users ...string) string {
	sorted := slices.Sorted(slices.Values(users))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\t")))
	return fixedMark + base64.RawURLEncoding.EncodeToString(sum[:])
}

// IsFixedMembershipName says that a room's name is of the form that FixedMembershipName makes.
func IsFixedMembershipName(name string) bool {
	rest, ok := strings.CutPrefix(name, fixedMark)
	return ok && len(rest) == base64.RawURLEncoding.EncodedLen(sha256.Size)
}
