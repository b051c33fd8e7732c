package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Operators read how long something takes with its unit, in both formats.
func TestDurationsInLogs(t *testing.T) {
	for text, want := range map[bool]string{true: "in=4.5s", false: `"in":"4.5s"`} {
		var out bytes.Buffer
		slog.New(logHandler(&out, text, false, slog.LevelInfo)).Info("trying again", "in", 4500*time.Millisecond)
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
}
