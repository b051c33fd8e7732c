// Package script reads and runs transcripts: files in which each step is a directive, its input and the output that is
// expected of it. A transcript reads like a conversation, is reviewed as a diff, and is regenerated with a flag:
//
//	# A sentence that says why the next steps matter.
//	stanza from=juliet@a.example/balcony
//	<presence to='garden@rooms.a.example/juliet'/>
//	----
//	to juliet@a.example/balcony: <presence .../>
//
//	advance 30m
//	----
//	(nothing)
//
// A step is one line with a directive and its arguments (key=value, quoted where a value has spaces, or bare), then lines
// of input, a line "----", and lines of expected output up to an empty line. Where the output itself has empty lines it
// stands between two lines "----" twice each. Lines that begin with # before a directive belong to the step as its comment; a comment
// line of nothing but identifiers (# 0045-7.2.8-1 0045-7.6-3) names the requirements that the step holds (internal/conform).
//
// The package does no testing itself beyond comparing: a Runner turns a step into output, and the same transcript is given
// to several runners. Not safe for concurrent use.
package script

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"anteroom/internal/conform"
)

// RewriteEnv is the environment variable that, when set to 1, makes Run write the produced output into the transcripts.
const RewriteEnv = "ANTEROOM_REWRITE"

// Arg is one argument of a directive. Key is empty for a bare argument.
type Arg struct{ Key, Value string }

// Step is one directive of a transcript with its input and what is expected of it.
type Step struct {
	File    string
	Line    int      // of the directive, counted from 1
	Comment []string // lines before the directive, with their #
	Name    string
	Args    []Arg
	Input   string // without the final newline
	Want    string // with a final newline unless empty

	head string // the directive's line as written
}

// Arg returns the value of key.
func (s *Step) Arg(key string) (string, bool) {
	for _, a := range s.Args {
		if a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// Bare returns the n-th argument without a key, or "".
func (s *Step) Bare(n int) string {
	for _, a := range s.Args {
		if a.Key != "" {
			continue
		}
		if n == 0 {
			return a.Value
		}
		n--
	}
	return ""
}

// Holds are the requirements that the step's comment names.
func (s *Step) Holds() (ids []string) {
	for _, line := range s.Comment {
		words := strings.Fields(strings.TrimPrefix(line, "#"))
		if !slices.ContainsFunc(words, func(w string) bool { return !conform.IsID(w) }) {
			ids = append(ids, words...)
		}
	}
	return ids
}

// Case is what the step's comment says first: the name of the case that begins with it. Empty if it says nothing.
func (s *Step) Case() string {
	for _, line := range s.Comment {
		text := strings.TrimSpace(strings.TrimPrefix(line, "#"))
		if first, _, _ := strings.Cut(text, " "); text != "" && !conform.IsID(first) {
			if end := strings.IndexAny(text, ".:;("); end > 0 {
				text = text[:end]
			}
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// Pos says where the step stands, for messages.
func (s *Step) Pos() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Runner carries out steps. The output it returns is compared to what the transcript expects; an error ends the transcript.
type Runner interface {
	Do(*Step) (output string, err error)
}

// Parse reads a transcript. file is used in messages only.
func Parse(file string, data []byte) ([]*Step, error) {
	p := parser{file: file, lines: strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")}
	var steps []*Step
	for {
		s, err := p.step()
		if err != nil {
			return nil, err
		}
		if s == nil {
			return steps, nil
		}
		steps = append(steps, s)
	}
}

type parser struct {
	file  string
	lines []string
	next  int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file, p.next+1, fmt.Sprintf(format, args...))
}

func (p *parser) step() (*Step, error) {
	s := &Step{File: p.file}
	for p.next < len(p.lines) && (p.lines[p.next] == "" || strings.HasPrefix(p.lines[p.next], "#")) {
		s.Comment = append(s.Comment, p.lines[p.next])
		p.next++
	}
	if p.next == len(p.lines) {
		if len(strings.Join(s.Comment, "")) == 0 {
			return nil, nil
		}
		return nil, p.errorf("a comment without a step behind it")
	}
	s.Line, s.head = p.next+1, p.lines[p.next]
	fields, err := splitArgs(s.head)
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	s.Name, s.Args = fields[0].Value, fields[1:]
	p.next++
	start := p.next
	for p.next < len(p.lines) && p.lines[p.next] != "----" {
		p.next++
	}
	if p.next == len(p.lines) {
		p.next = s.Line - 1
		return nil, p.errorf("step %q has no line ----", s.Name)
	}
	s.Input = strings.Join(p.lines[start:p.next], "\n")
	p.next++
	return s, p.want(s)
}

// want reads the expected output: up to an empty line, or between doubled rules.
func (p *parser) want(s *Step) error {
	end := func() bool { return p.lines[p.next] == "" }
	doubled := p.next < len(p.lines) && p.lines[p.next] == "----"
	if doubled {
		p.next++
		end = func() bool {
			return p.lines[p.next] == "----" && p.next+1 < len(p.lines) && p.lines[p.next+1] == "----"
		}
	}
	var b strings.Builder
	for ; p.next < len(p.lines) && !end(); p.next++ {
		b.WriteString(p.lines[p.next])
		b.WriteByte('\n')
	}
	if doubled {
		if p.next == len(p.lines) {
			return p.errorf("output of %s is not closed by two lines ----", s.Pos())
		}
		p.next += 2
	}
	s.Want = b.String()
	return nil
}

// splitArgs cuts a directive's line at spaces; key="two words" keeps its spaces.
func splitArgs(line string) ([]Arg, error) {
	var args []Arg
	rest := strings.TrimSpace(line)
	for rest != "" {
		var a Arg
		if i := strings.IndexAny(rest, "= "); i > 0 && rest[i] == '=' && len(args) > 0 {
			a.Key, rest = rest[:i], rest[i+1:]
		}
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, errors.New("argument with an open quotation mark")
			}
			a.Value, rest = rest[1:1+end], rest[2+end:]
		} else {
			a.Value, rest, _ = strings.Cut(rest, " ")
		}
		args = append(args, a)
		rest = strings.TrimLeft(rest, " ")
	}
	return args, nil
}

// Format writes steps with the given outputs as a transcript.
func Format(steps []*Step, outputs []string) []byte {
	var b bytes.Buffer
	for i, s := range steps {
		comment := s.Comment
		for i == 0 && len(comment) > 0 && comment[0] == "" {
			comment = comment[1:]
		}
		if i > 0 && (len(comment) == 0 || comment[0] != "") {
			b.WriteByte('\n')
		}
		for _, c := range comment {
			fmt.Fprintln(&b, c)
		}
		fmt.Fprintln(&b, s.head)
		if s.Input != "" {
			fmt.Fprintln(&b, s.Input)
		}
		b.WriteString("----\n")
		if out := outputs[i]; strings.Contains("\n"+out, "\n\n") || strings.HasPrefix(out, "----\n") {
			b.WriteString("----\n" + out + "----\n----\n")
		} else {
			b.WriteString(out)
		}
	}
	return b.Bytes()
}

// Run gives every transcript that matches pattern (of filepath.Glob) to a runner of its own, as a subtest named after the
// file. With ANTEROOM_REWRITE=1 it writes what came out into the file instead of comparing. A pattern without a file fails.
func Run(t *testing.T, pattern string, newRunner func(t *testing.T) Runner) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcript matches %s (%v)", pattern, err)
	}
	sort.Strings(files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) {
			RunFile(t, file, newRunner(t))
		})
	}
}

// RunFile gives one transcript to r.
func RunFile(t *testing.T, file string, r Runner) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	rewrite := os.Getenv(RewriteEnv) == "1"
	var outputs []string
	name := ""
	for _, s := range steps {
		if c := s.Case(); c != "" {
			name = c
		}
		out, err := r.Do(s)
		if err != nil {
			t.Fatalf("%s: %s: %v", s.Pos(), s.head, err)
		}
		if out != "" && !strings.HasSuffix(out, "\n") {
			out += "\n"
		}
		outputs = append(outputs, out)
		if !rewrite && out != s.Want {
			t.Fatalf("%s: %s\n%s", s.Pos(), s.head, Diff(s.Want, out))
		}
		conform.HoldsCase(t, filepath.Base(file)+": "+name, s.Holds()...)
	}
	if rewrite {
		if err := os.WriteFile(file, Format(steps, outputs), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Diff shows two texts line by line: common first and last lines once, what differs with - for want and + for got.
func Diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	head := 0
	for head < len(w) && head < len(g) && w[head] == g[head] {
		head++
	}
	tail := 0
	for tail < len(w)-head && tail < len(g)-head && w[len(w)-1-tail] == g[len(g)-1-tail] {
		tail++
	}
	var b strings.Builder
	section := func(mark string, lines []string) {
		for _, l := range lines {
			fmt.Fprintf(&b, "%s %s\n", mark, l)
		}
	}
	section(" ", w[:head])
	section("-", w[head:len(w)-tail])
	section("+", g[head:len(g)-tail])
	section(" ", w[len(w)-tail:])
	return b.String()
}
