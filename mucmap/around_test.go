package mucmap

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each row of docs/validation-around.md and docs/validation-mimi.md names code and tests that exist.
func TestAroundTable(t *testing.T) {
	var doc []byte
	for _, name := range []string{"around", "mimi"} {
		page, err := os.ReadFile("../docs/validation-" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		doc = append(doc, page...)
	}
	tests := map[string]bool{}
	for _, dir := range []string{".", "../config", "../gateway", "../xmpp/muc", "../presence", "../mimi/content", "../store", "../mimi/follower", "../mimi/hub",
		"../mimi/policy", "../internal/sim", "../internal/e2e", "../cmd/anteroom", "../mimi", "../mimi/mimihttp"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(src), -1) {
				tests[m[1]] = true
			}
		}
	}
	rows := 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "-") || slices.Contains([]string{"XEP", "Section"}, strings.TrimSpace(cells[1])) {
			continue
		}
		rows++
		code, named := strings.Fields(cells[3]), strings.Fields(cells[4])
		if len(code) == 0 || len(named) == 0 {
			t.Errorf("no code or no test: %s", line)
		}
		for _, f := range code {
			if _, err := os.Stat(filepath.Join("..", f)); err != nil {
				t.Errorf("%s: %v", cells[1], err)
			}
		}
		for _, n := range named {
			if file := strings.Trim(n, "`"); file != n {
				if _, err := os.Stat(filepath.Join("testdata", file)); err != nil {
					t.Errorf("%s: %v", cells[1], err)
				}
			} else if !tests[n] {
				t.Errorf("%s: there is no test %s", cells[1], n)
			}
		}
	}
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}
