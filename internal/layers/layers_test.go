package layers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The tree as it is keeps the table of docs/ARCHITECTURE.md.
func TestTreeKeepsTheTable(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := ParseTable(string(page))
	if err != nil {
		t.Fatal(err)
	}
	found, err := Check(root, "anteroom", table)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// Each fixture breaks one rule, said in its comment behind "want:"; what is reported is exactly that.
func TestFixturesAreReported(t *testing.T) {
	root := filepath.Join("testdata", "violating")
	table, err := ParseTable("### Who may import whom\n```\npure ! : allowed\nallowed :\nmissing :\nmls/internal/suite ! :\nnoisy : *\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	found, err := Check(root, "fixture", table)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, v := range found {
		got[v.String()] = true
	}
	want := map[string]bool{
		"docs/ARCHITECTURE.md: the table has a row for missing, which does not exist": true,
		"unlisted: the package has no row in the import table":                        true,
	}
	files, _ := filepath.Glob(filepath.Join(root, "*", "*.go"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(root, file)
		for i, line := range strings.Split(string(data), "\n") {
			if _, rule, ok := strings.Cut(line, "// want: "); ok {
				want[Violation{filepath.ToSlash(rel) + ":" + strconv.Itoa(i+1), rule}.String()] = true
			}
		}
	}
	if len(want) < 14 {
		t.Fatalf("only %d fixtures were found", len(want))
	}
	for v := range want {
		if !got[v] {
			t.Errorf("not reported: %s", v)
		}
	}
	for v := range got {
		if !want[v] {
			t.Errorf("reported without reason: %s", v)
		}
	}
}

func TestParseTableRefusesMalformedRows(t *testing.T) {
	for _, page := range []string{
		"no heading", "### Who may import whom\nno block", "### Who may import whom\n```\na b : c\n```", "### Who may import whom\n```\na :\na :\n```",
	} {
		if table, err := ParseTable(page); err == nil {
			t.Errorf("%q was read as %v", page, table)
		}
	}
}
