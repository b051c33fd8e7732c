package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/mimihttp"
)

// assetsFunc answers for a hub that fetches assets.
type assetsFunc func(hub, asset string) (status int, body string)

func (f assetsFunc) Download(_ context.Context, hub, asset string, _ int64, w io.Writer) (mimihttp.Reply, error) {
	status, body := f(hub, asset)
	if status != 200 {
		return mimihttp.Reply{Status: status, Body: []byte(body)}, nil
	}
	_, err := io.WriteString(w, body)
	return mimihttp.Reply{Status: 200}, err
}

// draft-ietf-mimi-protocol-06 §5.10.2: what was shared in a room comes by way of its hub, and becomes a file if it is what was shared.
func TestClientFetches(t *testing.T) {
	const address = "https://assets.a.example/lark.ogg"
	file := content.Part{Disposition: content.Attachment, Cardinality: content.External, ContentType: "audio/ogg", External: &content.ExternalPart{URL: address, Size: 4, Filename: "lark.ogg"}}
	m := &content.Message{Body: file}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, of := bodyText(data); of != "audio/ogg" {
		t.Errorf("a file is %q", of)
	}
	c, _, w := finder(t)
	room := &nativeRoom{heard: []heardMessage{{said: mimi.AbusiveMessage{Content: data}}}}
	c.rooms[testRoom] = room
	path := filepath.Join(t.TempDir(), "lark.ogg")
	for _, step := range []struct {
		what, line string
		status     int
		body       string
		wants      string // type and part of the text; without a type: the command is refused
	}{
		{"another file", address + "x " + path, 200, "song", " nobody shared"},
		{"no path", address, 200, "song", " wants the file's url"},
		{"the hub does not", address + " " + path, 403, "not from there", "refused not from there"},
		{"another size", address + " " + path, 200, "songs", "error has 5 bytes and not 4"},
		{"the file", address + " " + path, 200, "song", "fetched " + path},
		{"once more", address + " " + path, 200, "sing", "error exists"},
	} {
		c.assets = assetsFunc(func(hub, asset string) (int, string) {
			if hub != testRoom.Provider() || asset != address {
				t.Errorf("%s: %s is asked for %s", step.what, hub, asset)
			}
			return step.status, step.body
		})
		_, err := c.command("fetch " + testRoom.String() + " " + step.line)
		c.wait()
		kind, text, _ := strings.Cut(step.wants, " ")
		switch {
		case kind == "":
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q", step.what, err, text)
			}
		case err != nil:
			t.Errorf("%s: %v", step.what, err)
		default:
			if e := w.events[len(w.events)-1]; e.Type != kind || !strings.Contains(e.Text, text) {
				t.Errorf("%s: %+v, want %q", step.what, e, step.wants)
			}
		}
	}
	if got, err := os.ReadFile(path); string(got) != "song" {
		t.Errorf("written: %q %v", got, err)
	}
	if got := filesOf(m); len(got) != 1 || got[0] != (clientFile{URL: address, Name: "lark.ogg", ContentType: "audio/ogg", Size: 4}) {
		t.Errorf("told of %+v", got)
	}
}
