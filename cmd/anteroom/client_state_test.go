package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/mimi/content"
)

// A crash while the state was written leaves a file of its own with keys in it, which are not kept for ever.
func TestLeftoversOfACrash(t *testing.T) {
	path := t.TempDir()
	left, kept := filepath.Join(path, clientStateFile+".123"), filepath.Join(path, "mine")
	for _, file := range []string{left, kept} {
		if err := os.WriteFile(file, []byte("keys"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := openStateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.save(&clientState{Version: clientStateVersion, User: testBob.ClientUser()}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what the crash left is there: %v", err)
	}
	for _, file := range []string{kept, filepath.Join(path, clientStateFile)} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// A text may be as long as a message; a longer line ends the commands, and that is said.
func TestLongLines(t *testing.T) {
	var out bytes.Buffer
	long := "send " + strings.Repeat("x", content.MaxMessage)
	lines := make(chan string, 3)
	readLines(t.Context(), strings.NewReader(long+"\nquit\n"+strings.Repeat("y", maxLine+1)+"\nlost\n"), lines, &clientPrinter{w: &out})
	if got := <-lines; got != long {
		t.Errorf("a long line came as one of %d bytes", len(got))
	}
	if got := <-lines; got != "quit" {
		t.Errorf("then came %.20q", got)
	}
	if got, more := <-lines; more || !strings.Contains(out.String(), "too long") {
		t.Errorf("after the end came %.20q; printed %q", got, out.String())
	}
}

// Neither colours nor another writing direction come from other people's text.
func TestClean(t *testing.T) {
	if got, want := clean("a\x1b[31mb\nc\u202egnp.exe\u2066 \u2067x\u2069 \u200f👩\u200d👧"), "a[31mb cgnp.exe x 👩\u200d👧"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
