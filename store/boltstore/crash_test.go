package boltstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"anteroom/store/boltstore"
	"anteroom/store/storetest"
)

// crashFile, in the environment, makes this test binary a writer of that file until it is killed.
const crashFile = "BOLTSTORE_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		fmt.Println(writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func writeForever(path string) error {
	s, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	return storetest.WriteForever(context.Background(), s, func(batches int) { fmt.Println(batches) })
}

// TestKill kills a writing process, several times: every acknowledged batch is there and no batch is there in part.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.db")
	for _, rounds := range []int{1, 2, 7, 12} {
		acked := killWriter(t, path, rounds)
		s := open(t, path)
		found := storetest.CheckCrash(t, s, acked)
		t.Logf("acknowledged %d, found %d", acked, found)
		s.Close()
	}
}

// killWriter lets a process write until it acknowledged a number of rounds more, kills it, and returns the last
// acknowledgement that it gave.
func killWriter(t *testing.T, path string, rounds int) (acked int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		if acked, err = strconv.Atoi(lines.Text()); err != nil {
			t.Errorf("the writer says: %s", lines.Text())
			break
		}
		if n++; n == rounds {
			cmd.Process.Kill() // what it still says before it ends was acknowledged as well
		}
	}
	cmd.Wait() // reports the kill
	return acked
}
