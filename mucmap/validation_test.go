package mucmap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/validation-muc.md names sections, code and tests that exist.
func TestValidationMUC(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "validation-muc.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := ""
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tests += string(b)
	}
	section := regexp.MustCompile(`^§\d+(\.\d+)*( §\d+(\.\d+)*)*$`)
	rows := 0
	for _, line := range strings.Split(string(doc), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| Section") {
			continue
		}
		rows++
		if s := strings.TrimSpace(cells[1]); !section.MatchString(s) {
			t.Errorf("%q is no section", s)
		}
		code, checks := strings.Fields(cells[3]), strings.Fields(cells[4])
		if len(code) == 0 || len(checks) == 0 || strings.TrimSpace(cells[2]) == "" {
			t.Errorf("a cell is empty: %s", line)
		}
		for _, f := range code {
			if _, err := os.Stat(f); err != nil {
				t.Errorf("code: %v", err)
			}
		}
		for _, c := range checks {
			if strings.HasPrefix(c, "Test") {
				if !strings.Contains(tests, "func "+c+"(") {
					t.Errorf("there is no test %s", c)
				}
			} else if _, err := os.Stat(c); err != nil {
				t.Errorf("test: %v", err)
			}
		}
	}
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}
