// Package conform says which requirements of XMPP specifications are held by a test that ran and passed, and by which.
//
// The requirements stand in tables that people write (docs/validation-muc.md); the tests name those that they hold: a transcript by
// a comment line of identifiers before a step (internal/script), a Go test by [Holds], a test with a real client by [HoldsClient].
// What was held is never written by hand: docs/conformance.md is made from it. A test binary that calls [Main] compares its own part
// of that page whenever all its tests ran, and the command internal/conform/verify compares all of it with the log of
// `go test -v ./...`, in which each claim stands as an attribute of its test.
//
// For tests only. Holds and HoldsClient may be called by parallel tests.
package conform

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Level is how strongly a specification wants something.
type Level string

// The levels of RFC 2119 that bind. REQUIRED and SHALL count as MUST, RECOMMENDED as SHOULD.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Requirement is one row of a table.
type Requirement struct {
	ID      string // such as 0045-7.2.8-1: document, section, number
	Level   Level
	Text    string
	Code    []string // files
	Differs string   // why the service does something else, on purpose; empty: it does not
}

var idPattern = regexp.MustCompile(`^\d{4}-\d+(\.\d+)*-\d+$`)

// IsID says whether s has the form of an identifier.
func IsID(s string) bool { return idPattern.MatchString(s) }

// ParseRequirements reads the rows "| identifier | level | requirement | code | differs |" of a Markdown page, in order. Lines that
// do not begin with an identifier in the first cell are no rows.
func ParseRequirements(page string) ([]Requirement, error) {
	var all []Requirement
	seen := map[string]bool{}
	for n, line := range strings.Split(page, "\n") {
		c, ok := cells(line)
		if !ok || strings.HasPrefix(c[0], "---") || c[0] == "Id" {
			continue
		}
		r := Requirement{ID: c[0]}
		if !IsID(r.ID) {
			return nil, fmt.Errorf("line %d: a row begins with an identifier like 0045-7.2.8-1, not with %q: | id | level | requirement | code | differs |", n+1, c[0])
		}
		if len(c) != 5 {
			return nil, fmt.Errorf("line %d: %s has %d cells: | id | level | requirement | code | differs |", n+1, r.ID, len(c))
		}
		r.Level, r.Text, r.Code, r.Differs = Level(c[1]), c[2], strings.Fields(c[3]), c[4]
		switch {
		case seen[r.ID]:
			return nil, fmt.Errorf("line %d: a second row %s", n+1, r.ID)
		case r.Level != Must && r.Level != Should:
			return nil, fmt.Errorf("line %d: %s has level %q", n+1, r.ID, c[1])
		case r.Text == "":
			return nil, fmt.Errorf("line %d: %s demands nothing", n+1, r.ID)
		case len(r.Code) == 0 && r.Differs == "":
			return nil, fmt.Errorf("line %d: %s names no code", n+1, r.ID)
		}
		seen[r.ID] = true
		all = append(all, r)
	}
	return all, nil
}

// cells are the trimmed cells of a table's line.
func cells(line string) ([]string, bool) {
	if len(line) < 2 || line[0] != '|' || !strings.HasSuffix(line, "|") {
		return nil, false
	}
	c := strings.Split(line[1:len(line)-1], "|")
	for i := range c {
		c[i] = strings.TrimSpace(c[i])
	}
	return c, true
}

// Evidence is one claim of a test that passed.
type Evidence struct {
	ID     string
	By     string // transcript and case, or Go test, or client and server
	Client bool   // By is a real client on a real server
}

func compareEvidence(a, b Evidence) int {
	return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.By, b.By))
}

// Matrix is the page docs/conformance.md. Evidence for something that is no requirement is an error.
func Matrix(all []Requirement, evidence []Evidence) (string, error) {
	by, clients := map[string][]string{}, map[string][]string{}
	known := map[string]bool{}
	for i := range all {
		known[all[i].ID] = true
	}
	evidence = slices.Clone(evidence)
	slices.SortFunc(evidence, compareEvidence)
	for _, e := range slices.Compact(evidence) {
		switch {
		case !known[e.ID]:
			return "", fmt.Errorf("%s claims to hold %s, which no table has", e.By, e.ID)
		case strings.ContainsAny(e.By, "|\n") || e.By == "":
			return "", fmt.Errorf("%q cannot be the name of a test in a table", e.By)
		case e.Client:
			clients[e.ID] = append(clients[e.ID], e.By)
		default:
			by[e.ID] = append(by[e.ID], e.By)
		}
	}
	type total struct{ held, client, differs, open, all int }
	totals := map[Level]*total{Must: {}, Should: {}}
	var rows strings.Builder
	for i := range all {
		r := &all[i]
		t := totals[r.Level]
		t.all++
		tests := strings.Join(by[r.ID], "; ")
		if len(clients[r.ID]) > 0 {
			t.client++
		}
		switch {
		case r.Differs != "":
			t.differs++
			tests = strings.TrimSuffix("*differs*; "+tests, "; ")
		case tests == "" && len(clients[r.ID]) == 0:
			t.open++
			tests = "**not held**"
		default:
			t.held++
		}
		text := r.Text
		if r.Differs != "" {
			text += " *Here: " + r.Differs + "*"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s |\n", r.ID, r.Level, text, tests, strings.Join(clients[r.ID], "; "))
	}
	var b strings.Builder
	b.WriteString(head)
	m, s := totals[Must], totals[Should]
	for _, line := range []struct {
		name         string
		must, should int
	}{
		{"held by a test that ran and passed", m.held, s.held},
		{"of all: seen by a real client on a real server too", m.client, s.client},
		{"differs on purpose, see the row", m.differs, s.differs},
		{"not held", m.open, s.open},
		{"all", m.all, s.all},
	} {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", line.name, line.must, line.should, line.must+line.should)
	}
	b.WriteString(tableHead)
	b.WriteString(rows.String())
	return b.String(), nil
}

const head = `# Conformance

Made by tests from what ran and passed; do not edit. Requirements and code: [validation-muc.md](validation-muc.md). Where a test is a
transcript, its file in ` + "`mucmap/testdata`" + ` and the case's comment stand here. ` + "`ANTEROOM_REWRITE=1 go test ./mucmap`" + ` renews the fourth
column, ` + "`ANTEROOM_REWRITE=1 make test`" + ` both; without it they fail when this page says anything else than what they saw.

| Requirements of XEP-0045 1.35.5 on a service | MUST | SHOULD | together |
|---|---|---|---|
`

const tableHead = `
| Id | Level | Requirement | Held by | By real clients |
|---|---|---|---|---|
`

// ParseMatrix reads the evidence out of a page that Matrix wrote.
func ParseMatrix(page string) []Evidence {
	var all []Evidence
	for _, line := range strings.Split(page, "\n") {
		c, ok := cells(line)
		if !ok || len(c) != 5 || !IsID(c[0]) {
			continue
		}
		for i, client := range []bool{false, true} {
			for _, by := range strings.Split(c[3+i], "; ") {
				if by != "" && by[0] != '*' {
					all = append(all, Evidence{c[0], by, client})
				}
			}
		}
	}
	return all
}
