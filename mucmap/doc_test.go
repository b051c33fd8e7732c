package mucmap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The index of files in the package comment names every file but tests and itself, once, and none that is not there.
func TestFilesAreIndexed(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, index, ok := strings.Cut(string(doc), "// A Step:\n")
	if !ok {
		t.Fatal("doc.go has no index")
	}
	named := map[string]int{}
	for _, f := range regexp.MustCompile(`\b[a-z0-9]+\.go\b`).FindAllString(index, -1) {
		named[f]++
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || f == "doc.go" {
			continue
		}
		if named[f] != 1 {
			t.Errorf("%s is named %d times in the index of doc.go, want once", f, named[f])
		}
		delete(named, f)
	}
	for f := range named {
		t.Errorf("the index of doc.go names %s, which is not there", f)
	}
}
