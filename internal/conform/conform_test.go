package conform

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const table = `# Requirements

| Id | Level | Requirement | Code | Differs |
|---|---|---|---|---|
| 0045-7.2.8-1 | MUST | A taken nick is refused. | join.go | |
| 0045-7.4-2 | SHOULD | Ids stay. | message.go | |
| 0045-8.2-9 | MUST | Nobody kicks itself. | kick.go | it leaves |
| 0045-9.1-1 | MUST | Bans stick. | ban.go | |
`

func requirements(t *testing.T) []Requirement {
	t.Helper()
	all, err := ParseRequirements(table)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	return all
}

func TestMatrixCountsAndReadsBack(t *testing.T) {
	evidence := []Evidence{{"0045-7.2.8-1", "join.txt: taken", false}, {"0045-7.2.8-1", "xmpp.js on ejabberd", true}, {"0045-8.2-9", "kick.txt", false},
		{"0045-9.1-1", "profanity on prosody", true}}
	page, err := Matrix(requirements(t), evidence)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| held by a test that ran and passed | 2 | 0 | 2 |", "| not held | 0 | 1 | 1 |", "| differs on purpose, see the row | 1 | 0 | 1 |",
		"| of all: seen by a real client on a real server too | 2 | 0 | 2 |", "| all | 3 | 1 | 4 |",
		"| 0045-7.2.8-1 | MUST | A taken nick is refused. | join.txt: taken | xmpp.js on ejabberd |",
		"| 0045-7.4-2 | SHOULD | Ids stay. | **not held** |  |",
		"| 0045-8.2-9 | MUST | Nobody kicks itself. *Here: it leaves* | *differs*; kick.txt |  |",
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no line %s in\n%s", want, page)
		}
	}
	if got := ParseMatrix(page); !reflect.DeepEqual(got, evidence) {
		t.Errorf("read back %v", got)
	}
	if _, err := Matrix(requirements(t), []Evidence{{"0045-1-1", "x", false}}); err == nil {
		t.Error("evidence for what nobody demands was taken")
	}
}

func TestTableSaysWhereItIsWrong(t *testing.T) {
	for row, want := range map[string]string{
		"| 0045-7.2.8-1 | MAY | x | y | |":                                   "level",
		"| §7.2 | x | y | z |":                                               "begins with an identifier",
		"| 0045-7.2.8-1 | MUST | x | y |":                                    "4 cells",
		"| 0045-7.2.8-1 | MUST | x |  | |":                                   "names no code",
		"| 0045-7-1 | MUST | x | y | |\n| 0045-7-1 | MUST | x | y | |":       "a second row",
		"| 0045-7.2.8-1 | MUST |  | y | |":                                   "demands nothing",
		"| Id | Level |\n|---|---|\n| 0045-7.2.8- | MUST | x | join.go |  |": "begins with an identifier",
	} {
		if _, err := ParseRequirements(row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", row, err, want)
		}
	}
}

const log = `=== RUN   TestTranscripts
=== RUN   TestTranscripts/join
=== ATTR  TestTranscripts/join holds 0045-7.2.8-1 join.txt: Taken
--- PASS: TestTranscripts (0.1s)
    --- PASS: TestTranscripts/join (0.1s)
PASS
ok  	anteroom/mucmap	0.1s
=== ATTR  TestSlixmpp/prosody holds-by-client 0045-9.1-1 slixmpp on prosody
--- PASS: TestSlixmpp (0.1s)
    --- PASS: TestSlixmpp/prosody (0.1s)
ok  	anteroom/internal/e2e	0.1s
`

func TestReadLog(t *testing.T) {
	got, err := ReadLog(strings.NewReader(log))
	want := []Evidence{{"0045-7.2.8-1", "join.txt: Taken", false}, {"0045-9.1-1", "slixmpp on prosody", true}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for why, text := range map[string]string{
		"failed":   strings.Replace(log, "--- PASS: TestSlixmpp/prosody", "--- FAIL: TestSlixmpp/prosody", 1),
		"skipped":  strings.Replace(log, "--- PASS: TestTranscripts/join", "--- SKIP: TestTranscripts/join", 1),
		"vanished": strings.Replace(log, "    --- PASS: TestTranscripts/join (0.1s)\n", "", 1),
		"cut off":  strings.TrimSuffix(log, "ok  	anteroom/internal/e2e	0.1s\n"),
	} {
		if es, err := ReadLog(strings.NewReader(text)); err == nil {
			t.Errorf("a claim of a test that %s gave %v", why, es)
		}
	}
}

// The page is compared, part by part, and written only on demand.
func TestCompare(t *testing.T) {
	docs := t.TempDir()
	t.Setenv("ANTEROOM_REWRITE", "")
	if err := os.WriteFile(filepath.Join(docs, "validation-muc.md"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	mine := []Evidence{{"0045-7.4-2", "message.txt: ids", false}}
	clients := func(e Evidence) bool { return e.Client }
	if err := Compare(docs, mine, clients); err == nil {
		t.Error("a page that is not there was accepted")
	}
	page, err := Matrix(requirements(t), []Evidence{{"0045-9.1-1", "xmpp.js on prosody", true}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(docs, "conformance.md")
	if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Compare(docs, mine, clients); err == nil || !strings.Contains(err.Error(), "+ | held by a test that ran and passed | 1 | 1 | 2 |") {
		t.Errorf("a page without a claim that was held: %v", err)
	}
	t.Setenv("ANTEROOM_REWRITE", "1")
	if err := Compare(docs, mine, clients); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ANTEROOM_REWRITE", "")
	if err := Compare(docs, mine, clients); err != nil {
		t.Error(err)
	}
	if err := Compare(docs, nil, clients); err == nil {
		t.Error("a page with a claim that nobody held was accepted")
	}
	if written, _ := os.ReadFile(name); !strings.Contains(string(written), "xmpp.js on prosody") {
		t.Error("the other part of the page was lost")
	}
}

// Every requirement of the real tables names files that exist.
func TestTablesNameCode(t *testing.T) {
	all, err := Requirements(filepath.Join("..", "..", "docs"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Errorf("%d rows", len(all))
	}
	for _, r := range all {
		for _, f := range r.Code {
			if _, err := os.Stat(filepath.Join("..", "..", "mucmap", f)); err != nil {
				t.Errorf("%s: %v", r.ID, err)
			}
		}
	}
}
