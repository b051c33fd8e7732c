package mimitest

import (
	"bytes"
	"fmt"
	"strings"
)

// SameParts holds that what was stored of a followed room change by change is what would be stored at once. The attempts at a wish whose request is stored may be older.
func SameParts(stored, whole map[string][]byte) error {
	for name, want := range whole {
		got, ok := stored[name]
		if rest, is := strings.CutPrefix(name, "q."); is && whole["r."+rest] != nil && ok {
			continue
		}
		if !ok || !bytes.Equal(got, want) {
			return fmt.Errorf("part %s is %x, want %x", name, got, want)
		}
	}
	for name := range stored {
		if _, ok := whole[name]; !ok {
			return fmt.Errorf("part %s is left over", name)
		}
	}
	return nil
}
