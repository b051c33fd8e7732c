package mimi

import (
	"strings"
	"testing"

	"anteroom/mls"
)

func mediaTypes(names ...string) (list []mls.MediaType) {
	for _, n := range names {
		list = append(list, mls.MediaType{Type: n})
	}
	return list
}

// assets has something in every field.
func assets() *AssetPolicy {
	return &AssetPolicy{Location: AssetsLocally, Domains: []AssetDomains{{"a.example", []string{"files.a.example"}}, {"b.example", []string{"files.b.example", "up.b.example"}}},
		Allowed: []DownloadType{DownloadProxy, DownloadOHTTP}, Denied: []DownloadType{DownloadDirect}, Default: DownloadProxy,
		MaxImage: 1 << 20, MaxAudio: 2 << 20, MaxVideo: 3 << 20, MaxAttach: 4 << 20,
		Forbidden: mediaTypes("application/x-msdownload", "image/svg+xml"), OnlyPermitted: true, Permitted: mediaTypes("image/png", "image/svg+xml", "audio/ogg", "video/webm", "text/plain")}
}

// draft-ietf-mimi-room-policy-04 §7.4: where an asset may be, what it may be and how large.
func TestAssetPolicy(t *testing.T) {
	local, anything := assets(), assets()
	anything.OnlyPermitted, anything.Permitted, anything.Location = false, nil, AssetsAnywhere
	withHub := assets()
	withHub.Location, withHub.Domains = AssetsWithHub, withHub.Domains[:1]
	for name, c := range map[string]struct {
		p     *AssetPolicy
		a     Asset
		wants string // empty: it is taken
	}{
		"with the own provider":       {local, Asset{"b.example", "up.b.example", "image/png", 1000}, ""},
		"host in capitals":            {local, Asset{"b.example", "UP.B.example", "image/png", 1000}, ""},
		"with another's provider":     {local, Asset{"b.example", "files.a.example", "image/png", 1000}, "from files.a.example"},
		"of a provider without hosts": {local, Asset{"c.example", "files.a.example", "image/png", 1000}, "from"},
		"elsewhere":                   {local, Asset{"a.example", "evil.example", "image/png", 1000}, "from evil.example"},
		"a host below":                {local, Asset{"a.example", "x.files.a.example", "image/png", 1000}, "from"},
		"with the hub":                {withHub, Asset{"c.example", "files.a.example", "image/png", 1000}, ""},
		"not with the hub":            {withHub, Asset{"c.example", "files.c.example", "image/png", 1000}, "from"},
		"anywhere":                    {anything, Asset{"c.example", "files.c.example", "application/pdf", 4 << 20}, ""},
		"not permitted":               {local, Asset{"a.example", "files.a.example", "image/gif", 1000}, "image/gif"},
		"permitted and forbidden":     {local, Asset{"a.example", "files.a.example", "image/svg+xml", 1000}, "svg"},
		"forbidden, with parameters":  {anything, Asset{"a.example", "files.a.example", "Application/X-MSDownload; v=1", 1000}, "ownload"},
		"permitted, with parameters":  {local, Asset{"a.example", "files.a.example", "text/plain;charset=utf-8", 1000}, ""},
		"the largest image":           {local, Asset{"a.example", "files.a.example", "image/png", 1 << 20}, ""},
		"too large an image":          {local, Asset{"a.example", "files.a.example", "image/png", 1<<20 + 1}, "larger than this room takes images"},
		"too large a sound":           {local, Asset{"a.example", "files.a.example", "audio/ogg", 2<<20 + 1}, "sounds"},
		"too large a video":           {local, Asset{"a.example", "files.a.example", "video/webm", 3<<20 + 1}, "videos"},
		"too large a file":            {local, Asset{"a.example", "files.a.example", "text/plain", 4<<20 + 1}, "files"},
		"of unknown size":             {local, Asset{"a.example", "files.a.example", "image/png", 0}, ""},
	} {
		if got := c.p.Fault(&c.a); (got == "") != (c.wants == "") || !strings.Contains(got, c.wants) {
			t.Errorf("%s: %q, want %q", name, got, c.wants)
		}
	}
}
