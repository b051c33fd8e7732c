package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutation breaks the code in one respect: in each file, old stands exactly once and is replaced.
type mutation struct {
	name  string
	why   string // what the demo must not show any more
	edits []edit
}

type edit struct{ file, old, new string }

var mutations = []mutation{
	{
		name: "no Remove on kick", why: "A kick",
		edits: []edit{{"mucmap/kick.go", "\td.removeLeaves(target)\n", ""}},
	},
	{
		name: "gateway skips encryption", why: "Chatting both ways",
		edits: []edit{{"mucmap/message.go", "\treturn r.hub.AcceptLocalMessage(t.now, g, m, r.pub.listed(u))\n",
			"\tm.Private.Ciphertext = body\n\treturn r.hub.AcceptLocalMessage(t.now, g, m, r.pub.listed(u))\n"}},
	},
	{
		name: "voice ignored", why: "Voice taken and given",
		edits: []edit{
			{"mucmap/message.go", "\tif o.Role < muc.RoleParticipant {\n", "\tif false {\n"},
			{"mimi/policy/message.go", "\tr := s.need(\"can-send\", s.RoleOf(user), mimi.CanSendMessage, \"send messages\")\n", "\tvar r *mimi.Refusal\n"},
		},
	},
}

// The demo's scenario fails when the code is broken, in the act that is about what was broken.
func TestDemoFailsUnderMutations(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, demoBinary, "-anteroom", m.build(t, root), "-once")
			if err == nil {
				t.Fatalf("the demo did not notice\n%s", out)
			}
			_, failure, ok := strings.Cut(out, "demo failed: ")
			if !ok || !strings.HasPrefix(failure, strings.ToLower(m.why)+":") {
				t.Errorf("the demo failed elsewhere than in %q\n%s", m.why, out)
			}
		})
	}
}

// build compiles the mutated tree by an overlay, which leaves the tree itself alone.
func (m mutation) build(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i, e := range m.edits {
		source := filepath.Join(root, filepath.FromSlash(e.file))
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			t.Fatalf("%s: %d places to mutate, want 1: %q", e.file, n, e.old)
		}
		mutated := filepath.Join(dir, string(rune('a'+i))+".go")
		if err := os.WriteFile(mutated, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[source] = mutated
	}
	description, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "anteroom")
	if out, err := exec.Command("go", "build", "-overlay", file, "-o", binary, "anteroom/cmd/anteroom").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}
