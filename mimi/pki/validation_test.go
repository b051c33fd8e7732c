package pki

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/validation-credentials.md has exactly one row for each rule in the code, and each row names tests that exist and name the rule, or a
// table that does.
func TestValidationTable(t *testing.T) {
	read := func(pattern string) (all string) {
		t.Helper()
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all += string(b)
		}
		return all
	}
	tests := read("*_test.go") + read("../credential_test.go")
	code := read("authority.go") + read("verify.go") + read("../credential.go")
	var rules []string
	for _, m := range regexp.MustCompile(`(?:fault\(|RuleError\{)"([a-z0-9-]+)"`).FindAllStringSubmatch(code, -1) {
		if !slices.Contains(rules, m[1]) {
			rules = append(rules, m[1])
		}
	}
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|.*\\| ([A-Za-z ]+) \\|$").FindAllStringSubmatch(read("../../docs/validation-credentials.md"), -1) {
		rows = append(rows, m[1])
		for _, test := range strings.Fields(m[2]) {
			_, body, ok := strings.Cut(tests, "\nfunc "+test+"(")
			body, _, _ = strings.Cut(body, "\n}\n")
			if !ok || !strings.Contains(body, `"`+m[1]+`"`) && test != "TestUserAuthorityIsNoUseForTLS" {
				t.Errorf("%s: %s does not exist, or does not expect the rule", m[1], test)
			}
		}
	}
	slices.Sort(rules)
	slices.Sort(rows)
	if !slices.Equal(rules, rows) {
		t.Errorf("rules in the code: %q\nrows of the table: %q", rules, rows)
	}
}
