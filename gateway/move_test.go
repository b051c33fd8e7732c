package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// operator does something at the administration's socket of one of the two.
func (p *pair) operator(b *bench, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	b.g.AdminHandler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	p.settle()
	return w.Code, w.Body.String()
}

// A room moves to another provider: its document names everybody so that the other provider means the same people, and the old room ends
// only when the new one is there and has them.
func TestMove(t *testing.T) {
	inPair(t, func(p *pair) {
		const made = `{"policy": {"moderated": true, "discoverable": true, "open": true},
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": ["mimi://b.example/u/benvolio"], "member": ["mimi://c.example/u/bob", "paris@x.example"], "outcast": ["tybalt@a.example"]},
  "metadata": {"name": "Garden", "description": "where we meet", "language": "en", "subject": "Roses"}}`
		do := func(b *bench, method, path, body string, status int, parts ...string) string {
			t.Helper()
			got, text := p.operator(b, method, path, body)
			for _, part := range parts {
				if !strings.Contains(text, part) {
					t.Errorf("%s %s: no %q in %s", method, path, part, text)
				}
			}
			if got != status {
				t.Errorf("%s %s: status %d, want %d: %s", method, path, got, status, text)
			}
			return text
		}
		do(p.bench, "POST", "/rooms/garden", made, http.StatusCreated)
		p.send(enter("juliet@a.example/x", "garden@rooms.a.example/Juliet"))
		p.send(enter("benvolio@b.example/x", "garden%a.example@rooms.b.example/Benvolio"))
		do(p.bench, "GET", "/rooms/garden/document?to=a.example", "", http.StatusBadRequest, "at a.example already")
		do(p.bench, "GET", "/rooms/garden/document?to=B.", "", http.StatusBadRequest, "no provider's name")
		document := do(p.bench, "GET", "/rooms/garden/document?to=b.example", "", http.StatusOK, `"mimi://a.example/u/juliet"`, `"mimi://b.example/u/benvolio"`,
			`"mimi://c.example/u/bob"`, `"mimi://a.example/u/paris%40x.example"`, `"mimi://a.example/u/tybalt"`, `"owning-system": []`, `"subject": "Roses"`)

		const done = `{"to": "b.example"}`
		do(p.bench, "POST", "/rooms/meadow/move", done, http.StatusNotFound, "no such room")
		do(p.bench, "POST", "/rooms/garden/move", `{"to": "a.example"}`, http.StatusBadRequest, "no room of another provider")
		do(p.bench, "POST", "/rooms/garden/move", `{"to": "b.example", "as": "gar%den"}`, http.StatusBadRequest, "no room of another provider")
		do(p.bench, "POST", "/rooms/garden/move", done, http.StatusConflict, "made there first")
		do(p.b, "POST", "/rooms/garden", `{"policy": {}, "user-affiliations": {"owner": ["mimi://a.example/u/juliet", "mimi://a.example/u/escalus"]}}`, http.StatusCreated)
		do(p.bench, "POST", "/rooms/garden/move", done, http.StatusConflict, "mimi://a.example/u/escalus is nobody here and owner there", "mimi://a.example/u/tybalt is banned here and nobody there")
		do(p.b, "POST", "/rooms/park", document, http.StatusCreated)
		do(p.b, "GET", "/rooms/park", "", http.StatusOK, `"title": "Garden"`, `"description": "where we meet"`)
		if p.last("juliet@a.example/x", "<destroy") != "" {
			t.Fatal("the old room ended too early")
		}
		do(p.bench, "POST", "/rooms/garden/move", `{"to": "b.example", "as": "park"}`, http.StatusOK, "moved to b.example")
		p.want("where it went", "juliet@a.example/x", "<destroy jid='park%b.example@rooms.a.example'><reason>the room has moved to b.example</reason>")
		p.want("where it went", "benvolio@b.example/x", "<destroy jid='park@rooms.b.example'><reason>the room has moved to b.example</reason>")

		for _, user := range []string{"juliet@a.example/x", "romeo@a.example/x"} { // what operators closed an owner does not open by coming back
			p.send(enter(user, "garden@rooms.a.example/Me"))
			p.want("the old name", user, "<gone", "xmpp:park%25b.example@rooms.a.example?join")
		}
		p.send(enter("tybalt@a.example/x", "park%b.example@rooms.a.example/Tybalt"))
		p.want("banned as before", "tybalt@a.example/x", "type='error'", "<forbidden")
		p.send(enter("juliet@a.example/x", "park%b.example@rooms.a.example/Juliet"))
		p.want("owner as before", "juliet@a.example/x", "affiliation='owner' role='moderator'", "code='110'")
		p.want("subject as before", "juliet@a.example/x", "<subject>Roses</subject>")
		p.send(enter("benvolio@b.example/x", "park@rooms.b.example/Benvolio"))
		p.want("admin as before", "benvolio@b.example/x", "from='park@rooms.b.example/Benvolio'", "affiliation='admin' role='moderator'", "code='110'")
		p.send(enter("lady@a.example/x", "park%b.example@rooms.a.example/Lady"))
		p.want("moderated as before", "lady@a.example/x", "affiliation='none' role='visitor'", "code='110'")

		// The other provider need not show its rooms.
		do(p.bench, "POST", "/rooms/hall", made, http.StatusCreated)
		do(p.bench, "POST", "/rooms/hall/move", done, http.StatusConflict, "made there first")
		do(p.bench, "POST", "/rooms/hall/move", `{"to": "b.example", "unseen": true, "reason": "bye"}`, http.StatusOK)
	})
}
