package component

import (
	"testing"
	"time"
)

func TestLogLimit(t *testing.T) {
	var l logLimit
	now := time.Unix(1000, 0)
	for i := range logLines {
		if ok, n := l.allow(now); !ok || n != 0 {
			t.Fatalf("line %d: %v, %d", i, ok, n)
		}
	}
	for range 5 {
		if ok, _ := l.allow(now.Add(logPeriod - 1)); ok {
			t.Fatal("a line too many")
		}
	}
	if ok, n := l.allow(now.Add(logPeriod)); !ok || n != 5 {
		t.Errorf("in the next period: %v, %d left out, want 5", ok, n)
	}
	if ok, n := l.allow(now.Add(logPeriod)); !ok || n != 0 {
		t.Errorf("the number is told once: %v, %d", ok, n)
	}
}
