package mls

import (
	"bytes"
	"errors"
	"testing"

	"anteroom/mls/wire"
)

// Signatures and ciphertexts made for one component mean nothing to another one, nor to MLS itself (draft-ietf-mls-extensions, Safe
// Application Interface).
func TestComponentKeys(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	content, context := []byte("content"), []byte("context")
	signature, err := a.SafeSign(0, 0x8000, "label", content)
	if err != nil {
		t.Fatal(err)
	}
	key := b.Public().tree.leaf(0).SignatureKey
	if err := SafeVerifyWithLabel(testSuite, key, 0x8000, "label", content, signature); err != nil {
		t.Error(err)
	}
	if SafeVerifyWithLabel(testSuite, key, 0x8001, "label", content, signature) == nil {
		t.Error("verifies for another component")
	}
	if SafeVerifyWithLabel(testSuite, key, 0x8000, "lebal", content, signature) == nil {
		t.Error("verifies under another label")
	}
	if VerifyWithLabel(testSuite, key, "label", content, signature) == nil {
		t.Error("verifies without component")
	}
	// The label is the encoded ComponentOperationLabel.
	if err := VerifyWithLabel(testSuite, key, "\x0dMLS Component\x80\x00\x05label", content, signature); err != nil {
		t.Error(err)
	}
	signer := Signer{testSuite, key, a.localAt(0).signature}
	if again, err := signer.SafeSignWithLabel(0x8000, "label", content); err != nil || !bytes.Equal(again, signature) {
		t.Errorf("the signer's own signature differs: %v", err)
	}
	if _, err := a.SafeSign(1, 0x8000, "label", content); !errors.Is(err, ErrNoLocalLeaf) {
		t.Errorf("leaf of another: %v", err)
	}

	sealed, err := SafeEncryptWithLabel(testSuite, b.Public().tree.leaf(0).EncryptionKey, 0x8000, "label", context, content)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.SafeDecrypt(0, 0x8000, "label", context, sealed); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := SafeDecryptWithLabel(testSuite, a.localAt(0).key, 0x8000, "label", context, sealed); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := a.SafeDecrypt(0, 0x8001, "label", context, sealed); err == nil {
		t.Error("another component decrypts")
	}
	if _, err := b.SafeDecrypt(1, 0x8000, "label", context, sealed); err == nil {
		t.Error("another member decrypts")
	}
	if _, err := b.SafeDecrypt(0, 0x8000, "label", context, sealed); !errors.Is(err, ErrNoLocalLeaf) {
		t.Errorf("leaf of another: %v", err)
	}
	if sealed, err = SafeEncryptWithLabel(testSuite, a.ExternalPub(), 0x8000, "label", context, content); err != nil {
		t.Fatal(err)
	}
	if got, err := b.SafeDecryptExternal(0x8000, "label", context, sealed); err != nil || !bytes.Equal(got, content) {
		t.Errorf("for the whole group: got %q, %v", got, err)
	}
}

// Members export the same secret for a component, each once per epoch, and not again after the value was stored and loaded.
func TestSafeExport(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	stored := a.Parts(nil).Set
	a1, secret, err := a.SafeExport(0x8000)
	if err != nil {
		t.Fatal(err)
	}
	if _, other, err := b.SafeExport(0x8000); err != nil || !bytes.Equal(secret, other) {
		t.Errorf("members differ: %v", err)
	}
	if _, other, err := a1.SafeExport(0x8001); err != nil || bytes.Equal(secret, other) {
		t.Errorf("components share a secret: %v", err)
	}
	if _, _, err := a1.SafeExport(0x8000); !errors.Is(err, ErrExported) {
		t.Errorf("twice: %v", err)
	}
	delta := a1.Parts(a)
	if len(delta.Set) != 1 || delta.Set[partExports] == nil || len(delta.Drop) != 0 {
		t.Errorf("the delta is %v", delta)
	}
	stored[partExports] = delta.Set[partExports]
	loaded, err := LoadGroup(stored, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := loaded.SafeExport(0x8000); !errors.Is(err, ErrExported) {
		t.Errorf("twice, after loading: %v", err)
	}
	if _, again, err := commit(t, &s, a1, 0, CommitParams{}).Group.SafeExport(0x8000); err != nil || bytes.Equal(again, secret) {
		t.Errorf("the next epoch: %v", err)
	}
}

func (s *testSeed) componentClient(t testing.TB, name string, extensions []ExtensionType, leaf ...Extension) *KeyPackageSecrets {
	t.Helper()
	signer, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	capabilities := testCapabilities()
	capabilities.Extensions = append(capabilities.Extensions, extensions...)
	kp, err := NewKeyPackage(s.next(), KeyPackageParams{Signer: signer, Credential: Credential{Type: CredentialBasic, Identity: []byte(name)},
		Capabilities: capabilities, Lifetime: Lifetime{NotBefore: 1000, NotAfter: 2000}, LeafExtensions: leaf})
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

// Where the group lists media types, application data is ApplicationFraming, in past epochs too (draft-ietf-mls-extensions, Content
// Advertisement).
func TestApplicationFraming(t *testing.T) {
	var s testSeed
	types := MediaTypeList{{Type: "text/plain", Parameters: []MediaParameter{{"charset", "UTF-8"}}}, {Type: "image/png"}}
	dict := func(list MediaTypeList) Extension {
		return Extension{ExtensionAppDataDictionary, wire.Marshal(AppDataDictionary{{ComponentContentMediaTypes, wire.Marshal(list)}})}
	}
	alice, bob := s.componentClient(t, "alice", nil, dict(types)), s.componentClient(t, "bob", nil, dict(types[:1]))
	a := s.newGroup(t, alice, dict(types))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)
	a, err := a.Reserve(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	framed := wire.Marshal(&ApplicationFraming{MediaType: types[1], Content: []byte("png")})
	_, _, err = a.Protect(s.next(), 0, []byte("bare"), nil)
	wantRule(t, "sending without frame", "mlsext-application-framing", err)
	_, good, err := a.Protect(s.next(), 0, framed, nil)
	if err != nil {
		t.Fatal(err)
	}
	careless := *a.public
	careless.dictionary = nil
	_, bare, err := a.withPublic(&careless).Protect(s.next(), 0, []byte("bare"), nil)
	if err != nil {
		t.Fatal(err)
	}
	later := commit(t, &s, b, 1, CommitParams{}).Group
	loaded, err := LoadGroup(later.Parts(nil).Set, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	for what, g := range map[string]*Group{"now": b, "past epoch": later, "loaded": loaded} {
		_, _, err := g.Unprotect(bare)
		wantRule(t, what, "mlsext-application-framing", err)
		_, got, err := g.Unprotect(good)
		if err != nil {
			t.Fatal(err)
		}
		var f ApplicationFraming
		if err := wire.Unmarshal(got.Data, &f); err != nil || f.MediaType.Type != "image/png" || string(f.Content) != "png" {
			t.Errorf("%s: got %+v, %v", what, f, err)
		}
	}
	required, err := a.Public().MediaTypes()
	if err != nil || len(required) != 2 || required[0].Parameters[0].Value != "UTF-8" {
		t.Errorf("required %v, %v", required, err)
	}
	for i, want := range []bool{true, false} {
		n, _ := a.Public().Leaf(LeafIndex(i))
		have, err := n.MediaTypes()
		if err != nil || have.Supports(required) != want {
			t.Errorf("leaf %d has %v, %v", i, have, err)
		}
	}
	_, err = mediaTypes(AppDataDictionary{{ComponentContentMediaTypes, []byte{0}}})
	wantRule(t, "empty list", "mlsext-media-types", err)
}

// A group that requires a wire format has only members that list it; those of RFC 9420 need no listing.
func TestRequiredWireFormats(t *testing.T) {
	var s testSeed
	const private WireFormat = 0xf001
	both := []ExtensionType{ExtensionSupportedWireFormats, ExtensionRequiredWireFormats}
	required := Extension{ExtensionRequiredWireFormats, wire.Marshal(WireFormats{private, WireFormatWelcome})}
	supported := Extension{ExtensionSupportedWireFormats, wire.Marshal(WireFormats{0x0a0a, private})}
	a := s.newGroup(t, s.componentClient(t, "alice", both, supported), required)
	if _, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{s.componentClient(t, "bob", both, supported).KeyPackage}}}); err != nil {
		t.Error(err)
	}
	for what, kp := range map[string]*KeyPackageSecrets{
		"nothing":    s.componentClient(t, "carol", both),
		"another":    s.componentClient(t, "dave", both, Extension{ExtensionSupportedWireFormats, wire.Marshal(WireFormats{0x0a0a})}),
		"unreadable": s.componentClient(t, "erin", both, Extension{ExtensionSupportedWireFormats, []byte{9}}),
	} {
		_, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{kp.KeyPackage}}})
		wantRule(t, what, "mlsext-required-wire-format", err)
	}
	_, err := NewGroup(s.next(), NewGroupParams{GroupID: []byte("g"), Creator: s.componentClient(t, "alice", both, supported),
		Extensions: []Extension{{ExtensionRequiredWireFormats, []byte{9}}}, Config: testConfig()})
	wantRule(t, "unreadable requirement", "mlsext-required-wire-format", err)
}

// A key package may be marked as of last resort, and then be used for several groups.
func TestLastResortKeyPackage(t *testing.T) {
	var s testSeed
	mark := func(data []byte) []Extension {
		return []Extension{{ExtensionAppDataDictionary, wire.Marshal(AppDataDictionary{{ComponentLastResortKeyPackage, data}})}}
	}
	signer, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	bob, err := NewKeyPackage(s.next(), KeyPackageParams{Signer: signer, Credential: Credential{Type: CredentialBasic, Identity: []byte("bob")},
		Capabilities: testCapabilities(), Lifetime: Lifetime{NotBefore: 1000, NotAfter: 2000}, Extensions: mark(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if !bob.KeyPackage.LastResort() {
		t.Error("not seen as last resort")
	}
	for _, e := range [][]Extension{nil, mark([]byte("x")), {{ExtensionAppDataDictionary, []byte{9}}}} {
		if kp := (KeyPackage{Extensions: e}); kp.LastResort() {
			t.Errorf("%v is seen as last resort", e)
		}
	}
	for range 2 {
		staged := commit(t, &s, s.newGroup(t, s.newClient(t, "alice")), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
		wantAgreement(t, staged.Group, join(t, staged, bob))
	}
}

type refusingEphemeral struct{ appendComponent }

func (refusingEphemeral) CheckEphemeral(id ComponentID, data []byte) error {
	if id != 0x8000 || string(data) == "refuse" {
		return errors.New("refused")
	}
	return nil
}

// AppEphemeral carries data to all members with a commit, in order, if the application accepts it; it needs no path
// (draft-ietf-mls-extensions, AppEphemeral).
func TestAppEphemeral(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	cfg := testConfig()
	cfg.Components = refusingEphemeral{}
	careless := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{AppEphemeral{0x8001, nil}}})
	_, err := b.WithConfig(cfg).StageCommit(careless.Commit)
	wantRule(t, "unknown component", "mlsext-app-ephemeral-refused", err)
	a, b = a.WithConfig(cfg), b.WithConfig(cfg)
	_, err = a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{AppEphemeral{0x8000, []byte("refuse")}}})
	wantRule(t, "refused data", "mlsext-app-ephemeral-refused", err)
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{AppEphemeral{0x8000, []byte("1")}, AppEphemeral{0x8000, []byte("2")}}})
	got, err := b.StageCommit(reencode(t, staged.Commit))
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, p := range got.Effects.Proposals {
		data = append(data, p.Proposal.(AppEphemeral).Data...)
	}
	if string(data) != "12" || got.Effects.HasPath {
		t.Errorf("data %q, path %v", data, got.Effects.HasPath)
	}
	wantAgreement(t, staged.Group, got.Group)
}
