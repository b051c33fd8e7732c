package mucmap

import (
	"os"
	"strings"
	"testing"

	"anteroom/internal/conform"
)

// When all tests ran, docs/conformance.md says of them what they held.
func TestMain(m *testing.M) {
	os.Exit(conform.Main(m, "../docs", func(e conform.Evidence) bool { return !e.Client && !strings.Contains(e.By, "/Test") }))
}
