package interop

import (
	"strings"
	"testing"
)

const tsMLSExternalPub = "its external_pub lacks the inner length of RFC 9420 §12.4.3"

var tsMLS = spec{
	name: "ts-mls", driver: "ts-mls.mjs", suite: 1, label: "interop", about: []byte{1, 2, 3},
	departures: map[string]departure{
		"ours: external join": {"9420-12.4.3.2-external-pub", tsMLSExternalPub,
			"the driver writes the extension"},
		"ours: external join, resync": {"9420-12.4.3.2-external-pub", tsMLSExternalPub,
			"the driver writes the extension"},
		"peer: external join": {"Invalid public key for the ciphersuite", tsMLSExternalPub,
			"the driver takes the length away"},
		"peer: external join, resync": {"Invalid public key for the ciphersuite", tsMLSExternalPub,
			"the driver takes the length away"},
		"peer: Add and Remove in one commit": {errors: "No overlap between provided private keys and update path",
			why: "the removed ts-mls member does not notice when its leaf goes to a new member at once"},
		"peer: GroupContextExtensions by value": {errors: "9420-12.4-path-required",
			why: "it commits without the path that §12.4 requires"},
		"peer: GroupContextExtensions with path": {errors: "9420-7.6-decrypt",
			why: "it encrypts the path in the GroupContext with the old extensions, §12.4.1 wants the new"},
		"ours: GroupContextExtensions by reference": {errors: "9420-12.4-path-required",
			why: "it commits without the path that §12.4 requires"},
		"ours: Adds by an external sender":   {errors: "Could not decode", why: "it reads external_senders as one sender, §12.1.8.1 has a vector"},
		"peer: Adds by an external sender":   {errors: "Could not decode", why: "it reads external_senders as one sender, §12.1.8.1 has a vector"},
		"ours: Remove by an external sender": {errors: "Could not decode", why: "it reads external_senders as one sender, §12.1.8.1 has a vector"},
		"peer: Remove by an external sender": {errors: "Could not decode", why: "it reads external_senders as one sender, §12.1.8.1 has a vector"},
	},
	walk: walkParams{seed: 1, size: 20, steps: 60, lenient: true,
		commits: true, peer: []string{"add", "remove", "path", "reference", "talk", "enter"},
		refusesTree: "non-blank intermediate node must list leaf node in its unmerged_leaves"},
}

func TestTSMLS(t *testing.T) { runTable(t, &tsMLS) }

func TestTSMLSSuite3(t *testing.T) {
	s := tsMLS
	s.name, s.suite, s.walk.size = "ts-mls, suite 3", 3, 0
	runTable(t, &s)
}

// Signature keys of the ECDSA suites are uncompressed points (RFC 9420 §5.1.1); those of ts-mls are compressed.
func TestTSMLSCompressedKeys(t *testing.T) {
	s := tsMLS
	s.suite = 2
	r := newRoom(t, &s, startPeer(t, s.driver))
	if err := r.found(true); err != nil {
		t.Fatal(err)
	}
	err := r.add(r.members[0], false, false)
	if err == nil || !strings.Contains(err.Error(), "ecdsa: invalid uncompressed public key") {
		t.Errorf("error %v, want the key package refused for its signature key", err)
	}
}
