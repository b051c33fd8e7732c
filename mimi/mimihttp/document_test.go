package mimihttp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"anteroom/mimi"
)

type describing struct{ echo }

func (describing) RoomDocument(_ context.Context, peer string, room mimi.URI) (int, []byte) {
	return http.StatusOK, []byte(peer + " " + room.String())
}

// GET /room/{provider}/{roomId} knows who asks by the certificate, and rooms of this provider only.
func TestRoomDocument(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), NewHandler("a.example", describing{}, slog.New(slog.DiscardHandler)))
	config := ca.issue("b.example").ClientTLS()
	config.ServerName = "a.example"
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	for path, want := range map[string]string{
		"/room/a.example/garden":         "b.example mimi://a.example/r/garden",
		"/room/a.example/%23%23hash":     "b.example " + mustRoom(t, "##hash"),
		"/room/b.example/garden":         "",
		"/room/a.example/garden/members": "",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("From", "mimi@b.example")
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if want == "" && response.StatusCode != http.StatusNotFound || want != "" && (response.StatusCode != http.StatusOK || string(body) != want) {
			t.Errorf("%s: %d %q, want %q", path, response.StatusCode, body, want)
		}
	}
}

// The client asks for a document as the seed has it, and a refusal is an answer.
func TestClientGetsDocument(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), NewHandler("a.example", describing{}, slog.New(slog.DiscardHandler)))
	client := NewClient(ClientConfig{Domain: "b.example", Identity: ca.issue("b.example"), Peers: map[string]string{"a.example": address, "c.example": address}})
	defer client.Close()
	for _, name := range []string{"garden", "##hash", "a/b c"} {
		room, err := mimi.RoomURI("a.example", name)
		if err != nil {
			t.Fatal(err)
		}
		if reply, err := client.Document(t.Context(), room); err != nil || reply.Status != http.StatusOK || string(reply.Body) != "b.example "+room.String() {
			t.Errorf("%s: %+v %v", room, reply, err)
		}
	}
	if reply, err := client.Document(t.Context(), mimi.MustURI("mimi://c.example/r/garden")); err == nil {
		t.Errorf("of somebody who is not c.example: %+v", reply)
	}
}

func mustRoom(t *testing.T, name string) string {
	t.Helper()
	u, err := mimi.RoomURI("a.example", name)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}
