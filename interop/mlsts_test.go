package interop

import "testing"

var mlsTS = spec{
	name: "mls-ts", driver: "mls-ts.mjs", suite: 3, label: "interop", about: []byte{1, 2, 3},
	treeOutside: true, oneAdd: true, noGroupInfo: true, private: true,
	departures: map[string]departure{
		"ours: resumption PSK": {errors: "The PSK could not be found",
			why: "it keeps no resumption PSKs"},
		"ours: application messages": {errors: "Generation is too old", why: "out of order yes, but it keeps no keys of past epochs"},
	},
	walk: walkParams{seed: 3, size: 20, steps: 80, shared: true, peer: []string{"add", "talk"}},
}

func TestMLSTS(t *testing.T) { runTable(t, &mlsTS) }
