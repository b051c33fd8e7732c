// Package vectors finds the published test vectors, which are no part of this tree: in $ANTEROOM_VECTORS, by default in ../shared/vectors beside
// the module. A test for which they are missing is skipped, loudly, and fails where CI is set.
//
// It is for tests only, and keeps no state.
package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Variable names the folder in the environment.
const Variable = "ANTEROOM_VECTORS"

// Path is where something of the vectors is. It ends the test if it is not there.
func Path(t testing.TB, path ...string) string {
	t.Helper()
	full := filepath.Join(append([]string{root(t)}, path...)...)
	if _, err := os.Stat(full); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("vectors are required under CI: %v", err)
		}
		t.Skipf("VECTORS MISSING, nothing checked; set %s: %v", Variable, err)
	}
	return full
}

// Read decodes a JSON file of the vectors into v. It ends the test if there is no such file.
func Read(t testing.TB, v any, path ...string) {
	t.Helper()
	file := Path(t, path...)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// root is the folder of all vectors, whatever package is tested.
func root(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(Variable); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for module := dir; ; module = filepath.Dir(module) {
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			return filepath.Join(module, "..", "shared", "vectors")
		}
		if module == filepath.Dir(module) {
			t.Fatalf("%s is in no module", dir)
		}
	}
}
