package mucmap

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/mls"
)

// system is the system user of b.example with its key.
func system(t *testing.T) (mls.Signer, roomdoc.SystemUser) {
	t.Helper()
	signer, err := mls.NewSigner(mls.SuiteX25519AES128SHA256Ed25519, mls.Seed{9})
	if err != nil {
		t.Fatal(err)
	}
	return signer, roomdoc.SystemUser{Name: "mimi://b.example/u/system", Key: signer.Public}
}

// A document names system users of other providers with their keys; the group has them as external senders with a role for that, before and after a
// restart, and they take out nobody's clients but their own provider's.
func TestSystemUsersOfDocument(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Preset("one-on-one", roomdoc.Names{Owners: []string{address(0)}, Admins: []string{"mimi://b.example/u/bob"}})
	if err != nil {
		t.Fatal(err)
	}
	signer, sys := system(t)
	d.SystemAuth = []roomdoc.SystemUser{sys}
	b.made(t, d)
	d.OwningSystem = []string{b.svc.systemName()}
	for range 2 {
		if r := b.document(t, RequestDocument, "a.example", nil); !bytes.Equal(r.Body, d.Format()) {
			t.Errorf("document\n%s\nwant\n%s", r.Body, d.Format())
		}
		state := b.room.hub.State()
		role, defined := state.Role(roleEnforcer)
		if !defined || len(role.Capabilities) != 1 || !role.Has(mimi.CanKick) || state.RoleOf(mimi.MustURI(sys.Name)) != roleNone {
			t.Errorf("role %+v", role)
		}
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
	}
	b.send(t, enter(0))
	pg := b.room.hub.Group().Public()
	ask := func(from string, signer mls.Signer, leaf mls.LeafIndex) (a mimi.UpdateResponse) {
		t.Helper()
		m, err := mls.ExternalProposal(pg, signer, mls.Remove{Removed: leaf}, emptyAAD)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.step(Request{ID: "u", Provider: from, Kind: RequestUpdate, Body: marshal(&mimi.UpdateRequest{Message: m})}); err != nil {
			t.Fatal(err)
		}
		if err := unmarshal(b.reply["u"].Body, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	owner, _ := b.room.leaf(mimi.MustURI("mimi://a.example/u/user0"))
	if r := ask("b.example", signer, owner); r.Code != mimi.UpdateNotAllowed || !strings.Contains(r.Text, "removes clients of b.example only") {
		t.Errorf("a client of another provider: %+v", r)
	}
	if r := ask("c.example", signer, owner); r.Code != mimi.UpdateNotAllowed || strings.Contains(r.Text, "removes clients") {
		t.Errorf("by way of another provider: %+v", r)
	}
}

// What system-auth may not say.
func TestSystemUsersRefused(t *testing.T) {
	_, sys := system(t)
	key := base64.StdEncoding.EncodeToString(sys.Key)
	svc := testService(t)
	for name, c := range map[string]struct{ user, key, wants string }{
		"a user of ours":          {"user1@a.example", key, "is of this provider"},
		"our hub":                 {svc.systemName(), key, "is no user"},
		"our hub's key":           {sys.Name, base64.StdEncoding.EncodeToString(svc.cfg.Hub.Public), "that of this provider"},
		"a key of another length": {sys.Name, "AAAA", "cipher suite"},
		"no user":                 {"mimi://b.example/r/room", key, "is no user"},
		"a user of the room":      {"mimi://b.example/u/bob", key, "listed twice"},
	} {
		b := newBench(t)
		text := `{"system-auth": [{"system": "` + c.user + `", "key": "` + c.key + `"}], "user-affiliations": {"owner": ["user0@a.example"], "member": ["mimi://b.example/u/bob"]}}`
		if r := b.document(t, RequestCreate, "a.example", []byte(text)); r.Status != statusBadRequest || !strings.Contains(string(r.Body), c.wants) || b.room.Exists() {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
}
