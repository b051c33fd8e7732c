package script

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sample = `# Why it matters.
stanza from=juliet@a.example/balcony note="two words" bare
<presence/>
<second/>
----
one
two

advance 30m
----

# Output with an empty line.
show
----
----
a

b
----
----
`

func TestParseAndFormatAreInverse(t *testing.T) {
	steps, err := Parse("sample", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 3 {
		t.Fatalf("steps: %d, want 3", len(steps))
	}
	s := steps[0]
	if v, _ := s.Arg("note"); s.Name != "stanza" || v != "two words" || s.Bare(0) != "bare" || s.Input != "<presence/>\n<second/>" || s.Want != "one\ntwo\n" || s.Line != 2 {
		t.Errorf("first step read as %+v", s)
	}
	if steps[1].Bare(0) != "30m" || steps[1].Want != "" || steps[2].Want != "a\n\nb\n" {
		t.Errorf("later steps read as %+v %+v", steps[1], steps[2])
	}
	var outs []string
	for _, s := range steps {
		outs = append(outs, s.Want)
	}
	if got := string(Format(steps, outs)); got != sample {
		t.Errorf("format differs:\n%s", Diff(sample, got))
	}
}

func TestParseSaysWhereItFails(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb\n":                   "f:1: step \"a\" has no line ----",
		"\n\na x=\"y\n----\n":      "f:3: argument with an open quotation mark",
		"a\n----\n----\nb\n":       "not closed",
		"a\n----\nb\n\n# tail\n":   "a comment without a step",
		"a\n----\n----\n----\nb\n": "not closed",
	} {
		if _, err := Parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

type runner func(*Step) (string, error)

func (r runner) Do(s *Step) (string, error) { return r(s) }

func TestRewriteThenRunAgrees(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.txt")
	if err := os.WriteFile(file, []byte("say hello\n----\nwrong\n\nsay a\n\nb\n----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	echo := runner(func(s *Step) (string, error) {
		if s.Name != "say" {
			return "", errors.New("unknown directive")
		}
		return s.Bare(0) + s.Input, nil
	})
	t.Setenv(RewriteEnv, "1")
	RunFile(t, file, echo)
	t.Setenv(RewriteEnv, "")
	RunFile(t, file, echo)
	data, _ := os.ReadFile(file)
	if want := "say hello\n----\nhello\n\nsay a\n\nb\n----\na\nb\n"; string(data) != want {
		t.Errorf("rewritten file:\n%s", Diff(want, string(data)))
	}
}

func TestStepNamesWhatItHolds(t *testing.T) {
	steps, err := Parse("f", []byte("# Taken nicks (§7.2.8) are refused: always.\n# 0045-7.2.8-1 0045-7.6-3\n# 0045-7.6-4 is not meant here\na\n----\n\nb\n----\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(steps[0].Holds(), " "); got != "0045-7.2.8-1 0045-7.6-3" || len(steps[1].Holds()) != 0 {
		t.Errorf("held: %q, %q", got, steps[1].Holds())
	}
	if a, b := steps[0].Case(), steps[1].Case(); a != "Taken nicks" || b != "" {
		t.Errorf("cases: %q %q", a, b)
	}
}
