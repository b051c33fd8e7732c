package mls

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	published "anteroom/internal/vectors"
	"anteroom/mls/internal/suite"
)

// vectors has a test for each file of the official MLS vectors (github.com/mlswg/mls-implementations, test-vectors).
var vectors = map[string]func(t *testing.T, file string){
	"crypto-basics":      vectorCryptoBasics,
	"deserialization":    vectorDeserialization,
	"messages":           vectorMessages,
	"transcript-hashes":  vectorTranscriptHashes,
	"tree-math":          vectorTreeMath,
	"key-schedule":       vectorKeySchedule,
	"psk_secret":         vectorPSKSecret,
	"secret-tree":        vectorSecretTree,
	"message-protection": vectorMessageProtection,
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorDir(t), "*.json"))
	if err != nil || len(files) < len(vectors) {
		t.Fatalf("%d files for %d tests, %v", len(files), len(vectors), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			test := vectors[name]
			if test == nil {
				t.Fatal("nothing tests this file")
			}
			test(t, file)
		})
	}
}

// vectorDir is the folder of the MLS vectors.
func vectorDir(t *testing.T) string {
	t.Helper()
	return published.Path(t, "mls")
}

// loadVectors decodes a file of cases.
func loadVectors[T any](t *testing.T, file string) []T {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("the file has no cases")
	}
	return cases
}

// eachSuite runs test on the cases whose cipher suite is implemented and logs how many were left out. It fails when nothing ran.
func eachSuite[T any](t *testing.T, cases []T, id func(*T) uint16, test func(t *testing.T, st *suite.Suite, c *T)) {
	t.Helper()
	ran, skipped := 0, map[uint16]int{}
	for i := range cases {
		c := &cases[i]
		st, err := suite.ByID(id(c))
		if errors.Is(err, suite.ErrUnsupported) {
			skipped[id(c)]++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		test(t, st, c)
		ran++
		if t.Failed() {
			t.Fatalf("in case %d, suite %s", i, st)
		}
	}
	for id, n := range skipped {
		t.Logf("suite 0x%04x is not implemented: %d cases skipped", id, n)
	}
	if ran == 0 {
		t.Fatal("no case ran")
	}
}

// hexBytes is a byte string of a vector file.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	*h = make([]byte, hex.DecodedLen(len(text)))
	_, err := hex.Decode(*h, text)
	return err
}
