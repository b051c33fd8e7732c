package conform

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// attribute is the key under which claims stand in the log of a test.
const (
	attribute       = "holds"
	clientAttribute = "holds-by-client"
)

// passed are the claims of this process whose tests passed.
var passed struct {
	sync.Mutex
	evidence []Evidence
}

// Holds says that t, if it passes, holds requirements.
func Holds(t testing.TB, ids ...string) {
	t.Helper()
	claim(t, strings.SplitN(t.Name(), "/", 2)[0], false, ids)
}

// HoldsCase is Holds under another name than the test's: that of a transcript and its case.
func HoldsCase(t testing.TB, by string, ids ...string) {
	t.Helper()
	claim(t, by, false, ids)
}

// HoldsClient says that t, if it passes, has seen a real client on a real server meet what requirements demand. by names both.
func HoldsClient(t testing.TB, by string, ids ...string) {
	t.Helper()
	claim(t, by, true, ids)
}

func claim(t testing.TB, by string, client bool, ids []string) {
	t.Helper()
	by = strings.NewReplacer("|", "/", ";", ",", "\n", " ").Replace(by)
	key := attribute
	if client {
		key = clientAttribute
	}
	for _, id := range ids {
		if !IsID(id) {
			t.Errorf("%q is no identifier of a requirement", id)
			return
		}
		t.Attr(key, id+" "+by)
	}
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		passed.Lock()
		defer passed.Unlock()
		for _, id := range ids {
			passed.evidence = append(passed.evidence, Evidence{id, by, client})
		}
	})
}

// Rewrite says that pages are to be written instead of compared.
func Rewrite() bool { return os.Getenv("ANTEROOM_REWRITE") == "1" }

// Main runs the tests of a package and, if all of them ran and passed, compares what they hold with their part of docs/conformance.md.
// docs is the way to the folder; mine says what of the page's evidence is the package's.
func Main(m *testing.M, docs string, mine func(Evidence) bool) int {
	code := m.Run()
	if code != 0 || partial() {
		return code
	}
	if err := Compare(docs, passed.evidence, func(e Evidence) bool { return !mine(e) }); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return 0
}

// partial says that not all tests were to run.
func partial() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return true
		}
	}
	f := flag.Lookup("test.fuzzworker")
	return f != nil && f.Value.String() == "true"
}

// Tables are the pages in docs that requirements stand in.
var Tables = []string{"validation-muc.md"}

// Requirements reads all Tables.
func Requirements(docs string) ([]Requirement, error) {
	var all []Requirement
	for _, name := range Tables {
		page, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			return nil, err
		}
		rs, err := ParseRequirements(string(page))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, rs...)
	}
	return all, nil
}

// Compare fails unless docs/conformance.md says what the tables and the evidence say; what keep selects of the page's own evidence is
// taken over as it is. With ANTEROOM_REWRITE=1 it writes the page.
func Compare(docs string, evidence []Evidence, keep func(Evidence) bool) error {
	all, err := Requirements(docs)
	if err != nil {
		return err
	}
	name := filepath.Join(docs, "conformance.md")
	old, err := os.ReadFile(name)
	if err != nil && !Rewrite() {
		return err
	}
	known := map[string]bool{}
	for i := range all {
		known[all[i].ID] = true
	}
	evidence = slices.Clone(evidence)
	for _, e := range ParseMatrix(string(old)) {
		if keep(e) && known[e.ID] {
			evidence = append(evidence, e)
		}
	}
	page, err := Matrix(all, evidence)
	if err != nil {
		return err
	}
	if page == string(old) {
		return nil
	}
	if Rewrite() {
		return os.WriteFile(name, []byte(page), 0o644)
	}
	return fmt.Errorf("docs/conformance.md is not what the tests hold; ANTEROOM_REWRITE=1 writes it\n%s", firstDifference(string(old), page))
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(g), len(w))
}
