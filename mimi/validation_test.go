package mimi

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/validation-providers.md names files and tests that exist.
func TestValidationOfProviders(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("..", "docs", "validation-providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(table), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[1]) == "Section" {
			continue
		}
		rows++
		for _, file := range strings.Split(cells[3], ",") {
			if _, err := os.Stat(filepath.Join("..", strings.TrimSpace(file))); err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(cells[2]), err)
			}
		}
		for _, test := range strings.Split(cells[4], ",") {
			if !tests[strings.TrimSpace(test)] {
				t.Errorf("%s: there is no test %q", strings.TrimSpace(cells[2]), strings.TrimSpace(test))
			}
		}
	}
	if rows == 0 {
		t.Error("no rows")
	}
}
