package vectors

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// recorder notes how a test ended, which it does not survive.
type recorder struct {
	testing.TB
	failed, skipped bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatal(...any)          { r.failed = true; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }
func (r *recorder) Skipf(string, ...any)  { r.skipped = true; runtime.Goexit() }

func TestMissingVectors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "there.json"), []byte("[1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.json"), []byte("[1"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Variable, dir)
	for _, test := range []struct {
		file, ci        string
		failed, skipped bool
	}{
		{"there.json", "", false, false},
		{"there.json", "true", false, false},
		{"missing.json", "", false, true},
		{"missing.json", "true", true, false},
		{"broken.json", "", true, false},
	} {
		t.Setenv("CI", test.ci)
		r, done := &recorder{}, make(chan bool)
		var v []int
		go func() {
			defer close(done)
			Read(r, &v, test.file)
		}()
		<-done
		if r.failed != test.failed || r.skipped != test.skipped || !r.failed && !r.skipped && len(v) != 1 {
			t.Errorf("%s with CI=%q: failed %t, skipped %t, read %v", test.file, test.ci, r.failed, r.skipped, v)
		}
	}
	t.Setenv(Variable, "")
	if got, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "vectors")); err != nil || root(t) != got {
		t.Errorf("by default %s, want %s (%v)", root(t), got, err)
	}
}
