package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.2, §5.7: whoever has no consent gets no key package; consent is for a room or for all, and survives a restart.
func TestConsentOfClient(t *testing.T) {
	path := t.TempDir()
	var out bytes.Buffer
	open := func() (*nativeClient, io.Closer) {
		dir, err := openStateDir(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newNativeClient(testBob.ClientUser(), dir, nil, &clientPrinter{w: &out, json: true}, vouching{authenticate: mimi.AuthenticateBasic})
		if err != nil {
			t.Fatal(err)
		}
		c.consent = consentAsk
		return c, dir
	}
	c, dir := open()
	alice, other := testAlice.ClientUser(), mimi.MustURI("mimi://a.example/r/other")
	signer, err := mls.NewSigner(clientSuite, freshSeed())
	if err != nil {
		t.Fatal(err)
	}
	code := func(room mimi.URI) mimi.KeyMaterialCode {
		q := &mimi.KeyMaterialRequest{Requester: alice, Target: c.user, Room: room, Suites: []mls.CipherSuite{clientSuite},
			Required: mimi.RequiredCapabilities(), Credential: mimi.BasicCredential(testAlice)}
		if err := q.Sign(signer); err != nil {
			t.Fatal(err)
		}
		status, body := c.KeyMaterial(t.Context(), "a.example", c.user, wire.Marshal(q))
		var a mimi.KeyMaterialResponse
		if err := wire.Unmarshal(body, &a); status != 200 || err != nil {
			t.Fatalf("status %d, %v", status, err)
		}
		return a.Code
	}
	want := func(what string, in, elsewhere mimi.KeyMaterialCode) {
		t.Helper()
		if a, b := code(testRoom), code(other); a != in || b != elsewhere {
			t.Errorf("%s: codes %d and %d, want %d and %d", what, a, b, in, elsewhere)
		}
	}
	want("nobody asked", mimi.KeyMaterialNoConsent, mimi.KeyMaterialNoConsent)
	ask := func(peer string, op mimi.ConsentOperation, requester mimi.URI) int {
		status, _ := c.RequestConsent(t.Context(), peer, c.user, wire.Marshal(&mimi.ConsentEntry{Operation: op, Requester: requester, Target: c.user, Room: testRoom}))
		return status
	}
	if status := ask("a.example", mimi.ConsentRequest, alice); status != 201 || !strings.Contains(out.String(), `"type":"consent_requested","room":"`+testRoom.String()+`","user":"`+alice.String()) {
		t.Errorf("asked: %d, printed %s", status, out.String())
	}
	if status := ask("c.example", mimi.ConsentRequest, alice); status != 403 {
		t.Errorf("asked by another provider: %d", status)
	}
	if status := ask("a.example", mimi.ConsentGrant, alice); status != 400 {
		t.Errorf("a grant in the place of a request: %d", status)
	}
	want("asked", mimi.KeyMaterialNoConsent, mimi.KeyMaterialNoConsent)
	decide := func(room mimi.URI, d *storedConsent) {
		t.Helper()
		if err := c.decide(alice, room, d); err != nil {
			t.Fatal(err)
		}
	}
	decide(testRoom, &storedConsent{Requester: alice, Room: testRoom, Granted: true})
	want("for one room", mimi.KeyMaterialSuccess, mimi.KeyMaterialNoConsent)
	decide(mimi.URI{}, &storedConsent{Requester: alice, Granted: true})
	want("for all", mimi.KeyMaterialSuccess, mimi.KeyMaterialSuccess)
	dir.Close()
	c, dir = open()
	defer func() { dir.Close() }()
	want("after a restart", mimi.KeyMaterialSuccess, mimi.KeyMaterialSuccess)
	decide(mimi.URI{}, nil)
	want("revoked", mimi.KeyMaterialNoConsent, mimi.KeyMaterialNoConsent)
	for i := range maxConsents + 1 {
		u, err := mimi.UserURI("a.example", "u"+strings.Repeat("x", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.decide(u, testRoom, &storedConsent{Requester: u, Room: testRoom}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.state.Consents); n != maxConsents {
		t.Errorf("%d consents are kept, want %d", n, maxConsents)
	}
	for _, line := range []string{"consent", "consent x", "ask " + c.user.String(), "refuse " + alice.String() + " " + alice.String(), "ask a b c"} {
		if _, err := c.command(line); err == nil {
			t.Errorf("%q is obeyed", line)
		}
	}
}

// Who asks for key packages must be who it says: consent to one user is none to whoever takes its name.
func TestConsentIsForWhoProvesItsName(t *testing.T) {
	dir, err := openStateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	believed := mls.SignaturePublicKey(nil)
	c, err := newNativeClient(testBob.ClientUser(), dir, nil, &clientPrinter{w: io.Discard}, vouching{authenticate: func(_ mls.Credential, key mls.SignaturePublicKey, _ uint64) error {
		if !bytes.Equal(key, believed) {
			return errors.New("nobody vouches for this key")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.consent = consentAsk
	alice := testAlice.ClientUser()
	if err := c.decide(alice, mimi.URI{}, &storedConsent{Requester: alice, Granted: true}); err != nil {
		t.Fatal(err)
	}
	signer, err := mls.NewSigner(clientSuite, freshSeed())
	if err != nil {
		t.Fatal(err)
	}
	q := &mimi.KeyMaterialRequest{Requester: alice, Target: c.user, Room: testRoom, Suites: []mls.CipherSuite{clientSuite},
		Required: mimi.RequiredCapabilities(), Credential: mimi.BasicCredential(testAlice)}
	if err := q.Sign(signer); err != nil {
		t.Fatal(err)
	}
	if status, _ := c.KeyMaterial(t.Context(), "a.example", c.user, wire.Marshal(q)); status != 403 || len(c.state.KeyPackages) > 0 {
		t.Errorf("a key of somebody's own making: status %d, %d key packages", status, len(c.state.KeyPackages))
	}
	believed = signer.Public
	if status, _ := c.KeyMaterial(t.Context(), "a.example", c.user, wire.Marshal(q)); status != 200 || len(c.state.KeyPackages) != 1 {
		t.Errorf("alice's own: status %d, %d key packages", status, len(c.state.KeyPackages))
	}
}

// People read who asks, and for what.
func TestConsentInWords(t *testing.T) {
	var out bytes.Buffer
	p := &clientPrinter{w: &out}
	alice, bob := testAlice.ClientUser(), testBob.ClientUser()
	p.consent(&mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: alice, Target: bob, Room: testRoom})
	p.consent(&mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: bob, Target: alice})
	p.asked(storedAddition{Room: testRoom, User: alice})
	want := "consent requested: " + alice.String() + ", for " + testRoom.String() + "\nconsent granted: " + alice.String() + ", for all rooms\nconsent asked: " +
		alice.String() + ", for " + testRoom.String() + "\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
