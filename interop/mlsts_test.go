package interop

import "testing"

var mlsTS = spec{
	name: "mls-ts", driver: "mls-ts.mjs", suite: 3, label: "interop", about: []byte{1, 2, 3},
	treeOutside: true, oneAdd: true, noGroupInfo: true,
	departures: map[string]departure{},
	walk:       walkParams{seed: 3, size: 20, steps: 80, peer: []string{"add", "talk"}},
}

func TestMLSTS(t *testing.T) { runTable(t, &mlsTS) }
