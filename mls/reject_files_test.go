package mls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anteroom/mls/wire"
)

var (
	rejectDir   = filepath.Join("testdata", "reject")
	rejectState = filepath.Join(rejectDir, "alice.state")
)

// Each file below testdata/reject breaks one rule, by one change to something valid, and is refused by that rule; the group value that
// refuses it is unchanged. Run with -update to make the files anew.
func TestRejectVectors(t *testing.T) {
	if *updateTable {
		writeRejects(t)
	}
	state := readFields(t, rejectState)
	files, err := filepath.Glob(filepath.Join(rejectDir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			fields := readFields(t, file)
			checkReject(t, string(fields["operation"]), string(fields["expect"]), fields, state)
		})
	}
	// What is made now, with other HPKE encapsulations, is refused as well; and no file is missing or too many.
	cases, fresh := makeRejects(t)
	for _, c := range cases {
		if !seen[c.name] {
			t.Errorf("no file for %s: run with -update", c.name)
		}
		delete(seen, c.name)
		t.Run("fresh/"+c.name, func(t *testing.T) { checkReject(t, c.operation, c.expect, c.fields, fresh) })
	}
	for name := range seen {
		t.Errorf("nothing makes %s", name)
	}
}

// checkReject lets alice, or somebody without a group, do what a file says.
func checkReject(t *testing.T, operation, expect string, f map[string][]byte, state map[string][]byte) {
	t.Helper()
	g, err := LoadGroup(state, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	before := g.Parts(nil).Set
	err = runReject(t, g, operation, f)
	if expect == accepted {
		if err != nil {
			t.Errorf("what is valid is refused: %v", err)
		}
	} else if field, ok := strings.CutPrefix(expect, "wire "); ok {
		var e *wire.Error
		if !errors.As(err, &e) || e.Field != field {
			t.Errorf("error %v, want a wire error at %s", err, field)
		}
	} else {
		wantRule(t, operation, expect, err)
	}
	checkPublicReject(t, g.Public(), operation, expect, f)
	wantSameParts(t, before, g.Parts(nil).Set)
	if !maps.EqualFunc(before, state, bytes.Equal) {
		t.Error("the state itself changed")
	}
}

// needSecrets are the rules that a hub, which has no secrets, cannot hold.
var needSecrets = []string{"9420-6.2-membership-tag", "9420-7.6-decrypt", "9420-8.1-confirmation-tag", "9420-8.3-external-init", "local-own-commit"}

// checkPublicReject lets a hub judge the same commit or proposal: by the same rules, except those that need secrets.
func checkPublicReject(t *testing.T, p *PublicGroup, operation, expect string, f map[string][]byte) {
	t.Helper()
	m := new(Message)
	if operation != "commit" && operation != "proposal" || wire.Unmarshal(f["message"], m) != nil {
		return
	}
	var err error
	if operation == "commit" {
		_, err = p.StageCommit(m)
	} else {
		_, _, err = p.AddProposal(m)
	}
	switch {
	case expect == "local-own-commit": // signed by another member, which a hub sees
		wantRule(t, "hub", "9420-6.1-signature", err)
	case expect == accepted || slices.Contains(needSecrets, expect):
		if err != nil {
			t.Errorf("a hub refuses what only members can: %v", err)
		}
	default:
		wantRule(t, "hub", expect, err)
	}
}

func runReject(t *testing.T, g *Group, operation string, f map[string][]byte) error {
	m := new(Message)
	if err := wire.Unmarshal(f["message"], m); err != nil {
		return err
	}
	var tree RatchetTree
	if b, found := f["tree"]; found {
		if err := wire.Unmarshal(b, &tree); err != nil {
			return err
		}
	}
	var err error
	switch operation {
	case "commit":
		_, err = g.StageCommit(m)
	case "proposal":
		_, _, err = g.AddProposal(m)
	case "message":
		_, _, err = g.Unprotect(m)
	case "groupinfo":
		_, err = NewPublicGroup(m.GroupInfo, tree, testConfig())
	case "keypackage":
		err = m.KeyPackage.Validate(testSuite, testConfig())
	case "join":
		kp := &KeyPackageSecrets{Init: f["init"], Leaf: f["leaf"], Signature: f["signature"]}
		if err := wire.Unmarshal(f["key-package"], &kp.KeyPackage); err != nil {
			return err
		}
		_, err = Join(m.Welcome, kp, JoinParams{Tree: tree, Config: testConfig()})
	default:
		t.Fatalf("unknown operation %q", operation)
	}
	return err
}

// The files have lines "key: value". These keys have text; all other values are in hexadecimal.
var textFields = []string{"comment", "expect", "operation"}

func readFields(t testing.TB, file string) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string][]byte{}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			t.Fatalf("%s: line %q", file, line)
		}
		if slices.Contains(textFields, key) {
			fields[key] = []byte(value)
			continue
		}
		if fields[key], err = hex.DecodeString(value); err != nil {
			t.Fatalf("%s: %s: %v", file, key, err)
		}
	}
	return fields
}

func writeRejects(t *testing.T) {
	t.Helper()
	old, _ := filepath.Glob(filepath.Join(rejectDir, "*.txt"))
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(rejectDir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string, fields map[string][]byte) {
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			text += fmt.Sprintf("%s: %x\n", key, fields[key])
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cases, state := makeRejects(t)
	write(rejectState, "", state)
	for _, c := range cases {
		text := fmt.Sprintf("comment: %s\nexpect: %s\noperation: %s\n", c.comment, c.expect, c.operation)
		write(filepath.Join(rejectDir, c.name+".txt"), text, c.fields)
	}
}
