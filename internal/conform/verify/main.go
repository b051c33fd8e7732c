// Command verify compares docs/conformance.md with what the tests of a whole run hold, as their log says (internal/conform).
//
// usage: go test -v ./... >LOG; verify LOG
//
// It ends with 1 when the page claims something that no test of the run held, or the other way round; with ANTEROOM_REWRITE=1 it
// writes the page.
package main

import (
	"fmt"
	"os"

	"anteroom/internal/conform"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: verify LOG")
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		return err
	}
	defer f.Close()
	evidence, err := conform.ReadLog(f)
	if err != nil {
		return err
	}
	return conform.Compare("docs", evidence, func(conform.Evidence) bool { return false })
}
