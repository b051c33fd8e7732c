package redisstore

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	given := &tls.Config{ServerName: "given"}
	for _, c := range []struct {
		url            string
		o              Options
		addrs          string
		user, password string
		db             int
		master         string
		cluster        bool
		server         string // of TLS; "-": no TLS
		prefix         string
	}{
		{"redis://h", Options{}, "h:6379", "", "", 0, "", false, "-", DefaultPrefix},
		{"redis://u:p%40w@h:7000/3", Options{Prefix: "o:"}, "h:7000", "u", "p@w", 3, "", false, "-", "o:"},
		{"redis://[::1]:7000/3?prefix=q:", Options{Prefix: "o:", TLS: given}, "[::1]:7000", "", "", 3, "", false, "-", "q:"},
		{"rediss://h:7000", Options{}, "h:7000", "", "", 0, "", false, "h", DefaultPrefix},
		{"rediss://h:7000", Options{TLS: given}, "h:7000", "", "", 0, "", false, "given", DefaultPrefix},
		{"unix:///run/r.sock?db=2", Options{}, "/run/r.sock", "", "", 2, "", false, "-", DefaultPrefix},
		{"redis+unix://u:p@/run/r.sock", Options{}, "/run/r.sock", "u", "p", 0, "", false, "-", DefaultPrefix},
		{"redis+sentinel://u:p@a,b:7000/main/4", Options{}, "a:26379 b:7000", "u", "p", 4, "main", false, "-", DefaultPrefix},
		{"redis+sentinel://a/main", Options{}, "a:26379", "", "", 0, "main", false, "-", DefaultPrefix},
		{"redis+cluster://a:7000,b", Options{}, "a:7000 b:6379", "", "", 0, "", true, "-", DefaultPrefix},
		{"rediss+cluster://a", Options{}, "a:6379", "", "", 0, "", true, "", DefaultPrefix},
	} {
		got, prefix, err := parseURL(c.url, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		server := "-"
		if got.TLSConfig != nil {
			server = got.TLSConfig.ServerName
		}
		if !slices.Equal(got.Addrs, strings.Fields(c.addrs)) || got.Username != c.user || got.Password != c.password || got.DB != c.db ||
			got.MasterName != c.master || got.IsClusterMode != c.cluster || server != c.server || prefix != c.prefix {
			t.Errorf("%s: addrs %q, user %q, db %d, master %q, cluster %v, server name %q, prefix %q",
				c.url, got.Addrs, got.Username, got.DB, got.MasterName, got.IsClusterMode, server, prefix)
		}
	}
}

func TestParseURLRefused(t *testing.T) {
	for _, url := range []string{
		"h:6379", "http://u:secret@h", "redis+raft://u:secret@h", "unix+cluster://u:secret@h", "redis://u:secret@a,b",
		"redis://u:secret@h/x", "redis://u:secret@h:port", "redis://u:secret@h?unknown=1", "redis://u:secret@h?prefix={", "redis://u:sec%ret@h",
		"redis+sentinel://u:secret@h", "redis+sentinel://u:secret@h/", "redis+cluster://u:secret@h/2",
	} {
		if err := CheckURL(url); err == nil {
			t.Errorf("%s: accepted", url)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%ret") {
			t.Errorf("%s: the error shows the password: %v", url, err)
		}
	}
}

func TestRoomKeys(t *testing.T) {
	s := &Store{prefix: "p[*]:"}
	for _, room := range []string{"a", "{", "}", "%7b", "a}b{c", "\x00 \n\x7f\xff", "mimi://a.example/r/x"} {
		key := s.key(kindRoom, room, partHead)
		if strings.Count(key, "{") != 1 || strings.Count(key, "}") != 1 {
			t.Errorf("%q: braces in %q", room, key)
		}
		if got, err := s.roomOf(key); err != nil || got != room {
			t.Errorf("%q: key %q is of room %q, %v", room, key, got, err)
		}
	}
	for _, key := range []string{"", "p[*]:room:{a}:events", "other:room:{a}:head", "p[*]:room:{%}:head", "p[*]:room:{%zz}:head", "p[*]:room:{%1"} {
		if got, err := s.roomOf(key); err == nil {
			t.Errorf("%q: room %q", key, got)
		}
	}
}
