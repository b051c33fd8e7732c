package interop

import (
	"fmt"
	"testing"
)

// wireIdentity is the form of client identifiers that core-crypto insists on.
func wireIdentity(n int) []byte {
	return fmt.Appendf(nil, "%08x-0000-4000-8000-%012x:%x@example.org", n, n, 1<<60+n)
}

var coreCrypto = spec{
	name: "core-crypto", driver: "core-crypto.mjs", suite: 1, identity: wireIdentity, label: "exporter",
	departures: map[string]departure{
		"ours: resumption PSK": {errors: "The PSK could not be found",
			why: "it keeps no resumption PSKs"},
		"ours: Adds by an external sender": {errors: "invalid for the Sender of type External",
			why: "it refuses an Add by an external sender"},
		"ours: handshake as PrivateMessage": {errors: "incompatible with the group's wire format policy",
			why: "it wants handshakes as PublicMessages"},
	},
	walk: walkParams{seed: 2, size: 20, steps: 80, shared: true, treeInside: true,
		commits: true, peer: []string{"add", "remove", "path", "talk", "enter"}},
}

func TestCoreCrypto(t *testing.T) { runTable(t, &coreCrypto) }
