package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"anteroom/mimi"
)

// An operator makes a room of a document and sees it; so does a provider that takes part, by its own way, and nobody else.
func TestRoomDocument(t *testing.T) {
	inBubble(t, func(b *bench) {
		h := b.g.AdminHandler()
		do := func(method, path, body string) (int, string) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
			b.settle()
			return w.Code, w.Body.String()
		}
		const text = `{"policy": {"moderated": true}, "user-affiliations": {"owner": ["juliet@a.example"], "member": ["mimi://b.example/u/bob"]}}`
		for _, c := range []struct {
			method, path, body string
			status             int
			wants              string
		}{
			{"GET", "/rooms/hall/document", "", http.StatusNotFound, "no such room"},
			{"POST", "/rooms/hall", "{", http.StatusBadRequest, "roomdoc"},
			{"POST", "/rooms/hall", text, http.StatusCreated, ""},
			{"POST", "/rooms/hall", text, http.StatusConflict, "exists"},
			{"POST", "/rooms/@hall", text, http.StatusBadRequest, "name"},
			{"POST", "/rooms/hall%2525b.example", text, http.StatusBadRequest, "name"},
			{"POST", "/rooms/Hall", text, http.StatusBadRequest, "name"},
			{"GET", "/rooms/hall/document", "", http.StatusOK, `"juliet@a.example"`},
			{"GET", "/rooms/hall", "", http.StatusOK, `"persistent": true`},
			{"GET", "/rooms/hall/explain?user=juliet@a.example&act=enter", "", http.StatusOK, `"allowed": true`},
			{"GET", "/rooms/hall/explain?user=romeo@a.example&act=speak", "", http.StatusOK, "only occupants may send"},
			{"GET", "/rooms/hall/explain?user=romeo@a.example&act=ban&target=juliet@a.example", "", http.StatusOK, "only an admin or owner"},
			{"GET", "/rooms/hall/explain?user=romeo@a.example&act=fly", "", http.StatusBadRequest, "none of enter, speak, subject"},
			{"GET", "/rooms/mimi:%2F%2Fa.example%2Fr%2Fhall", "", http.StatusOK, `"name": "hall"`},
			{"GET", "/rooms/im:mimi=hall@a.example/document", "", http.StatusOK, `"juliet@a.example"`},
			{"GET", "/rooms/im:mimi=hall@b.example", "", http.StatusNotFound, "no such room"},
			{"POST", "/rooms/im:mimi=attic@a.example", text, http.StatusCreated, ""},
			{"POST", "/rooms/im:mimi=attic@b.example", text, http.StatusBadRequest, "name"},
			{"GET", "/rooms/attic", "", http.StatusOK, `"mimi://a.example/r/attic"`},
			{"GET", "/rooms/hall/explain?user=im:mimi=%2540bob@b.example&act=enter", "", http.StatusOK, `"allowed": true`},
			{"GET", "/rooms/cellar/explain?user=romeo@a.example&act=speak", "", http.StatusNotFound, "no such room"},
		} {
			if status, body := do(c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.wants) {
				t.Errorf("%s %s: %d %s, want %d with %q", c.method, c.path, status, body, c.status, c.wants)
			}
		}
		for provider, want := range map[string]int{"b.example": http.StatusOK, "c.example": http.StatusNotFound} {
			if status, body := b.g.RoomDocument(context.Background(), provider, mimi.MustURI("mimi://a.example/r/hall")); status != want {
				t.Errorf("%s: %d %s, want %d", provider, status, body, want)
			}
		}
	}, withRooms(t))
}
