package interop

import (
	"encoding/binary"
	"testing"
)

var davey = spec{
	name: "davey", driver: "davey.mjs", suite: 2, hub: true,
	identity:    func(n int) []byte { return binary.BigEndian.AppendUint64(nil, 1<<60+uint64(n)) },
	noGroupInfo: true,
	departures: map[string]departure{
		"ours: resumption PSK": {errors: "KeyNotFound",
			why: "it keeps no resumption PSKs"},
		"ours: Add by the new member": {errors: "MessageNotProposal", why: "it takes no new_member_proposal"},
	},
}

func TestDavey(t *testing.T) { runTable(t, &davey) }
