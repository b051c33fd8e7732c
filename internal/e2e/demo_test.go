package e2e

import (
	"strings"
	"testing"
)

// The demo's scenario is observed completely, on either store.
func TestDemo(t *testing.T) {
	for _, store := range []string{"bolt", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, demoBinary, "-anteroom", anteroomBinary, "-store", store, "-once")
			if err != nil || !strings.Contains(out, "Every step was observed by the other side.") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
