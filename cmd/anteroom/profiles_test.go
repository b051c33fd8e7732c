package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The administration's own paths stay, and the heap profile says how much there is after a garbage collection: make bench-room reads it.
func TestProfiles(t *testing.T) {
	h := profiles(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "admin "+r.URL.Path) }))
	for path, want := range map[string]string{"/rooms": "admin /rooms", "/debug/pprof/heap?gc=1&debug=1": "\n# HeapAlloc = "} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, w.Code, body)
		}
	}
}
