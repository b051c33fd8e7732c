package main

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.2: who gets a key package, and that each is given once.
func TestKeyMaterial(t *testing.T) {
	c := openClient(t, t.TempDir())
	alice, err := mls.NewSigner(clientSuite, freshSeed())
	if err != nil {
		t.Fatal(err)
	}
	request := func(change func(*mimi.KeyMaterialRequest)) []byte {
		q := &mimi.KeyMaterialRequest{
			Requester: testAlice.ClientUser(), Target: testBob.ClientUser(), Room: testRoom, Suites: []mls.CipherSuite{clientSuite},
			Required: mimi.RequiredCapabilities(), Credential: mimi.BasicCredential(testAlice),
		}
		change(q)
		if err := q.Sign(alice); err != nil {
			t.Fatal(err)
		}
		return wire.Marshal(q)
	}
	same := func(*mimi.KeyMaterialRequest) {}
	ask := func(peer string, target mimi.URI, body []byte) (int, mimi.KeyMaterialResponse) {
		status, answer := c.KeyMaterial(t.Context(), peer, target, body)
		var response mimi.KeyMaterialResponse
		if status == 200 {
			if err := wire.Unmarshal(answer, &response); err != nil {
				t.Fatal(err)
			}
		}
		return status, response
	}

	eve := mimi.MustURI("mimi://b.example/u/eve")
	if _, r := ask("a.example", eve, request(func(q *mimi.KeyMaterialRequest) { q.Target = eve })); r.Code != mimi.KeyMaterialUserUnknown || len(r.Clients) > 0 {
		t.Errorf("unknown user: %+v", r)
	}
	if _, r := ask("a.example", testBob.ClientUser(), request(func(q *mimi.KeyMaterialRequest) { q.Required.Extensions = []mls.ExtensionType{0xF0F0} })); r.Code != mimi.KeyMaterialNoCompatible {
		t.Errorf("a capability that we lack: code %d", r.Code)
	}
	damaged := request(same)
	damaged[len(damaged)-1] ^= 1
	for name, test := range map[string]struct {
		peer   string
		target mimi.URI
		body   []byte
		status int
	}{
		"not by way of the hub": {"c.example", testBob.ClientUser(), request(same), 403},
		"bad signature":         {"a.example", testBob.ClientUser(), damaged, 403},
		"another requester":     {"a.example", testBob.ClientUser(), request(func(q *mimi.KeyMaterialRequest) { q.Requester = eve }), 403},
		"path names another":    {"a.example", eve, request(same), 400},
		"malformed":             {"a.example", testBob.ClientUser(), []byte("x"), 400},
	} {
		if status, _ := ask(test.peer, test.target, test.body); status != test.status {
			t.Errorf("%s: status %d, want %d", name, status, test.status)
		}
	}

	given := map[string]bool{}
	var last *mls.KeyPackage
	for i := range maxKeyPackages + 1 {
		_, r := ask("a.example", testBob.ClientUser(), request(same))
		if r.Code != mimi.KeyMaterialSuccess {
			t.Fatalf("key package %d: code %d", i, r.Code)
		}
		last = r.Clients[0].KeyPackage
		key := string(last.InitKey)
		if given[key] {
			t.Fatalf("key package %d was given before", i)
		}
		given[key] = true
		if i < maxKeyPackages && len(last.Extensions) > 0 || i == maxKeyPackages && len(last.Extensions) == 0 {
			t.Errorf("key package %d has extensions %v; only that of last resort is marked", i, last.Extensions)
		}
	}
	_, r := ask("a.example", testBob.ClientUser(), request(same))
	if string(r.Clients[0].KeyPackage.InitKey) != string(last.InitKey) || len(c.state.KeyPackages) != maxKeyPackages+1 {
		t.Errorf("%d key packages are kept, want %d and that of last resort", len(c.state.KeyPackages), maxKeyPackages)
	}
}
