package mimi

import (
	"runtime"
	"strings"
	"testing"

	"anteroom/mls/wire"
)

// A tree that is too large is refused by its length, before any node is read, and one of too many blank nodes before they fill the memory.
func TestOversizedTree(t *testing.T) {
	tree := func(length int, content []byte) []byte {
		w := wire.NewWriter(nil)
		w.U8(uint8(TreeFull))
		w.Varint(length)
		w.Raw(content)
		return w.Bytes()
	}
	for _, test := range []struct {
		why, rule string
		b         []byte
	}{
		{"length beyond the limit, with nothing behind it", "longer than 14680064 bytes", tree(MaxTreeBytes+1, nil)},
		{"length beyond the limit, with all behind it", "longer than 14680064 bytes", tree(MaxTreeBytes+1, make([]byte, MaxTreeBytes+1))},
		{"length at the limit, cut short", "needs 14680064 bytes", tree(MaxTreeBytes, make([]byte, 10))},
		{"blank nodes only", "more than 65536 leaves", tree(MaxTreeBytes, make([]byte, MaxTreeBytes))},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var o RatchetTreeOption
		r := wire.NewReader(test.b)
		o.UnmarshalTLS(r)
		runtime.ReadMemStats(&after)
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), test.rule) {
			t.Errorf("%s: error %v, want one that says %q", test.why, err, test.rule)
		}
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > MaxTreeBytes {
			t.Errorf("%s: %d bytes are allocated for an input of %d", test.why, bytes, len(test.b))
		}
	}
}
