package mucmap

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"anteroom/internal/script"
)

// Every transcript, live: what comes out, and after every step the state replayed from the log equals the live one.
func TestTranscripts(t *testing.T) {
	script.Run(t, filepath.Join("testdata", "*.txt"), func(t *testing.T) script.Runner {
		b := newBench(t)
		b.check = true
		return b
	})
}

// Every transcript with a crash before and after every write: the room that recovers ends where the undisturbed one ends.
func TestTranscriptsWithCrashes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := script.Parse(file, data)
			if err != nil {
				t.Fatal(err)
			}
			calm := newBench(t)
			want := runAll(t, calm, steps)
			for n := 1; n <= calm.writes; n++ {
				for _, after := range []bool{false, true} {
					b := newBench(t)
					b.crashAt, b.after = n, after
					got := runAll(t, b, steps)
					if !b.crashed {
						continue // the write was in a step that holds its jobs back
					}
					if got != want {
						t.Errorf("crash at write %d (after it took effect: %v):\n%s", n, after, script.Diff(want, got))
					}
				}
			}
		})
	}
}

func runAll(t *testing.T, b *bench, steps []*script.Step) string {
	t.Helper()
	for _, s := range steps {
		if _, err := b.Do(s); err != nil {
			t.Fatalf("%s: crash at write %d, after %v: %v", s.Pos(), b.crashAt, b.after, err)
		}
	}
	return fmt.Sprint(b.digest())
}
