package parallel

import (
	"sync/atomic"
	"testing"
)

func TestDo(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		calls := make([]atomic.Int32, n)
		Do(n, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("of %d: %d called %d times", n, i, got)
			}
		}
	}
}

// A panic reaches the caller, who knows the room it belongs to.
func TestDoPanic(t *testing.T) {
	defer func() {
		if p := recover(); p != "bug" {
			t.Errorf("recovered %v", p)
		}
	}()
	Do(100, func(i int) {
		if i == 50 {
			panic("bug")
		}
	})
	t.Error("no panic")
}
