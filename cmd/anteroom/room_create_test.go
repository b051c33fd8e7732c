package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRoomCreateDocument(t *testing.T) {
	preset := roomCreateCommand{Preset: "semi-open", Owner: []string{"alice@a.example"}, Preauth: []string{"domain:example.net"}}
	d, err := preset.document()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "room.json")
	if err := os.WriteFile(file, d.Format(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := (&roomCreateCommand{From: file}).document()
	if err != nil || !reflect.DeepEqual(read.PreauthMember, d.PreauthMember) || read.Policy != d.Policy {
		t.Errorf("%+v %v, want %+v", read, err, d)
	}
	for wants, c := range map[string]roomCreateCommand{
		"--from or --preset": {},
		"names its users":    {From: file, Owner: []string{"alice@a.example"}},
		"no such file":       {From: file + "x"},
		"KIND:NAME":          {Preset: "open", Owner: []string{"alice@a.example"}, Preauth: []string{"example.net"}},
		"an owner":           {Preset: "open"},
	} {
		if _, err := c.document(); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("error %v, want one about %q", err, wants)
		}
	}
}

func TestCertificateEnd(t *testing.T) {
	now := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	for until, want := range map[string]string{"": "", "2026-05-03T12:00:00Z": "until 2026-05-03T12:00:00Z", "2026-05-03T11:59:59Z": "over since 2026-05-03T11:59:59Z"} {
		if got := certificateEnd(until, now); got != want {
			t.Errorf("until %q: %q, want %q", until, got, want)
		}
	}
}
