// Package e2e holds the tests that run the built binary with real servers and real clients, each in processes of their own.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Paths of the binaries under test, built once.
var anteroomBinary, demoBinary string

// servers are the XMPP servers that anteroom is tried on.
var servers = []string{"prosody", "ejabberd"}

// patience bounds one end-to-end test and stepTime one observation in it: so long that only what never comes is missed, however busy the machine.
const (
	patience = 10 * time.Minute
	stepTime = 3 * time.Minute
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "anteroom-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	anteroomBinary, demoBinary = filepath.Join(dir, "anteroom"), filepath.Join(dir, "demo")
	for binary, pkg := range map[string]string{anteroomBinary: "anteroom/cmd/anteroom", demoBinary: "anteroom/internal/demo"} {
		if out, err := exec.Command("go", "build", "-o", binary, pkg).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", pkg, err, out)
			os.Exit(1)
		}
	}
	status := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.RemoveAll(dir)
	os.Exit(status)
}

// command runs a program and returns everything it printed.
func command(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
