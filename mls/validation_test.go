package mls

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var updateTable = flag.Bool("update", false, "write the code and test columns of docs/validation.md and the files of testdata/reject anew")

var (
	validationTable = filepath.Join("..", "docs", "validation.md")
	ruleName        = regexp.MustCompile(`^(9420|mlsext|limit|local)-[a-zA-Z0-9.-]+$`)
	ruleRow         = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]*) \\|$")
)

// rulesOf returns the rules that are named as string literals in some of the package's files, each with where: the file, or
// for tests the test function.
func rulesOf(t *testing.T, tests bool) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") != tests || name == "validation_test.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			where := name
			if fn, ok := decl.(*ast.FuncDecl); ok && tests {
				where = fn.Name.Name
			}
			if name == "reject_make_test.go" {
				where = "TestRejectVectors"
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				if s, _ := strconv.Unquote(lit.Value); ruleName.MatchString(s) {
					if rules[s] == nil {
						rules[s] = map[string]bool{}
					}
					rules[s][where] = true
				}
				return true
			})
		}
	}
	sorted := map[string][]string{}
	for rule, where := range rules {
		sorted[rule] = slices.Sorted(maps.Keys(where))
	}
	return sorted
}

// docs/validation.md has exactly one row for each rule in the code, with the files that enforce it and the functions of the
// tests that expect it; an empty last cell says that no test names the rule. Run with -update to write both columns.
func TestValidationTable(t *testing.T) {
	code, tests := rulesOf(t, false), rulesOf(t, true)
	b, err := os.ReadFile(validationTable)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	seen := map[string]bool{}
	for i, line := range lines {
		row := ruleRow.FindStringSubmatch(line)
		if row == nil || !ruleName.MatchString(row[1]) {
			continue
		}
		rule := row[1]
		switch {
		case seen[rule]:
			t.Errorf("%s has two rows", rule)
		case code[rule] == nil:
			t.Errorf("%s is in the table and not in the code", rule)
		}
		seen[rule] = true
		lines[i] = fmt.Sprintf("| `%s` | %s | %s | %s |", rule, row[2], strings.Join(code[rule], " "), strings.Join(tests[rule], " "))
		if *updateTable {
			continue
		}
		for _, name := range strings.Fields(row[4]) {
			if !slices.Contains(tests[rule], name) {
				t.Errorf("%s: %s does not name the rule", rule, name)
			}
		}
		for _, file := range strings.Fields(row[3]) {
			if !slices.Contains(code[rule], file) {
				t.Errorf("%s: %s does not name the rule", rule, file)
			}
		}
	}
	for rule := range code {
		if !seen[rule] {
			t.Errorf("%s is in the code and not in the table: add a row", rule)
		}
	}
	for rule := range tests {
		if code[rule] == nil {
			t.Errorf("a test expects %s, which the code does not have", rule)
		}
	}
	if *updateTable {
		if err := os.WriteFile(validationTable, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
