package policy

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// The policies of room-policy §7.1 to §7.4: who may change them, what makes sense, that the next state has them, and what they allow.
func TestPoliciesForClients(t *testing.T) {
	f := newFixture()
	assets := func(location mimi.AssetLocation, providers ...string) *mimi.AssetPolicy {
		p := &mimi.AssetPolicy{Location: location, MaxImage: 1000}
		for _, provider := range providers {
			p.Domains = append(p.Domains, mimi.AssetDomains{Provider: provider, Hosts: []string{"files." + provider}})
		}
		return p
	}
	hub := assets(mimi.AssetsWithHub, "a.example")
	previews := &mimi.LinkPreviewPolicy{Send: mimi.Forbidden, ProxyUse: mimi.Forbidden}
	status := &mimi.StatusNotificationPolicy{Read: mimi.Forbidden}
	links := &mimi.JoinLinkPolicy{OnRequest: true, Expiration: 3600}
	all := map[mls.ComponentID]wire.Marshaler{mimi.ComponentAssetPolicy: hub, mimi.ComponentLinkPreviewPolicy: previews,
		mimi.ComponentStatusNotification: status, mimi.ComponentJoinLinkPolicy: links}
	var rows []seedRow
	var commit []said
	for id, v := range all {
		gone := mls.AppDataUpdate{Component: id, Remove: true}
		rows = append(rows,
			seedRow{"by an owner", f, []said{{by: "owner", p: update(id, v)}}, ""},
			seedRow{"by an admin", f, []said{{by: "admin", p: update(id, v)}}, "can-change-policy"},
			seedRow{"by a stranger", f, []said{{by: "new", p: update(id, v)}}, "can-change-policy"},
			seedRow{"nothing that can be read", f, []said{{by: "owner", p: mls.AppDataUpdate{Component: id, Update: []byte{9}}}}, "component"},
			seedRow{"removed by a member", f, []said{{by: "member", p: gone}}, "can-change-policy"},
			seedRow{"removed by an owner", f, []said{{by: "owner", p: gone}}, ""})
		commit = append(commit, said{by: "owner", p: update(id, v)})
	}
	rows = append(rows,
		seedRow{"assets with another hub", f, []said{{by: "owner", p: update(mimi.ComponentAssetPolicy, assets(mimi.AssetsWithHub, "b.example"))}}, "asset-hub"},
		seedRow{"assets with the providers", f, []said{{by: "owner", p: update(mimi.ComponentAssetPolicy, assets(mimi.AssetsLocally, "b.example", "c.example"))}}, ""})
	seedTable(t, rows)

	after, r := f.judge(t, Options{}, commit...)
	if r != nil {
		t.Fatal(r)
	}
	read := with(func(f *fixture) {
		f.others = map[mls.ComponentID][]byte{}
		for id, v := range all {
			f.others[id] = wire.Marshal(v)
		}
	})
	stored, err := StateOf(read)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*State{"after the commit": after, "read": stored} {
		a, ok := s.Assets()
		p, ok2 := s.Previews()
		n, ok3 := s.Status()
		l, ok4 := s.JoinLinks()
		if !ok || !ok2 || !ok3 || !ok4 || a.MaxImage != 1000 || p.Send != mimi.Forbidden || n.Read != mimi.Forbidden || l.Expiration != 3600 {
			t.Errorf("%s: %+v %+v %+v %+v", name, a, p, n, l)
		}
		checkRule(t, AuthorizeAsset(s, mimi.Asset{Provider: "b.example", Host: "files.a.example", MediaType: "image/png", Size: 1000}), "")
		checkRule(t, AuthorizeAsset(s, mimi.Asset{Provider: "b.example", Host: "files.b.example", MediaType: "image/png"}), "asset-policy")
		checkRule(t, AuthorizeAsset(s, mimi.Asset{Provider: "b.example", Host: "files.a.example", MediaType: "image/png", Size: 1001}), "asset-policy")
		checkRule(t, AuthorizeReport(s, true, false), "")
		checkRule(t, AuthorizeReport(s, true, true), "status-policy")
		checkRule(t, AuthorizeReport(s, false, true), "status-policy")
	}
	undelivered, err := StateOf(with(func(f *fixture) {
		f.others = map[mls.ComponentID][]byte{mimi.ComponentStatusNotification: wire.Marshal(&mimi.StatusNotificationPolicy{Delivery: mimi.Forbidden}), mimi.ComponentAssetPolicy: {9}}
	}))
	if err != nil {
		t.Fatalf("a room with an asset policy of a form to come: %v", err)
	}
	if _, there := undelivered.Assets(); there {
		t.Error("an asset policy that cannot be read")
	}
	checkRule(t, AuthorizeReport(undelivered, true, false), "status-policy")
	checkRule(t, AuthorizeReport(undelivered, false, true), "")
	free, err := StateOf(f)
	if err != nil {
		t.Fatal(err)
	}
	checkRule(t, AuthorizeAsset(free, mimi.Asset{Provider: "b.example", Host: "anywhere.example", MediaType: "video/webm", Size: 1 << 40}), "")
	checkRule(t, AuthorizeReport(free, true, true), "")
}
