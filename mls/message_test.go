package mls

import (
	"bytes"
	"errors"
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// What an attacker without the group's keys can do to a PrivateMessage is refused, each by its rule.
func TestPrivateMessageRejects(t *testing.T) {
	e := newBenchEpoch(t)
	tree, err := e.tree.Reserve(500, schedule.ApplicationRatchet, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, good := e.protect(t, tree)
	open := func(m *PrivateMessage) error {
		d, err := m.openSenderData(e.st, e.senderData)
		if err != nil {
			return err
		}
		_, key, err := e.tree.Key(500, schedule.ApplicationRatchet, d.Generation)
		if err != nil {
			return err
		}
		a, err := m.openContent(e.st, d, key)
		if err != nil {
			return err
		}
		return a.verifySignature(e.st, e.signer.Public, e.context)
	}
	if err := open(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why, rule string
		change    func(m *PrivateMessage)
	}{
		{"group id", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.GroupID = []byte("b group") }},
		{"epoch", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.Epoch++ }},
		{"content type", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.ContentType = ContentProposal }},
		{"authenticated data", "9420-6.3.1-content", func(m *PrivateMessage) { m.AuthenticatedData = []byte("x") }},
		{"first byte of the ciphertext", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.Ciphertext = flip(m.Ciphertext, 0) }},
		{"last byte of the ciphertext", "9420-6.3.1-content", func(m *PrivateMessage) { m.Ciphertext = flip(m.Ciphertext, len(m.Ciphertext)-1) }},
		{"no ciphertext", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.Ciphertext = nil }},
		{"sender data", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.EncryptedSenderData = flip(m.EncryptedSenderData, 3) }},
		{"no sender data", "9420-6.3.2-sender-data", func(m *PrivateMessage) { m.EncryptedSenderData = nil }},
	} {
		m := *good
		c.change(&m)
		wantRule(t, c.why, c.rule, open(&m))
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// A member that pads with anything but zeros, or lets bytes follow, is refused (RFC 9420 §6.3.1).
func TestPaddingMustBeZero(t *testing.T) {
	e := newBenchEpoch(t)
	a := e.content
	if err := a.sign(e.st, e.signer.Private, e.context); err != nil {
		t.Fatal(err)
	}
	_, key, err := e.tree.Key(500, schedule.ApplicationRatchet, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		padding []byte
		ok      bool
	}{{nil, true}, {[]byte{0}, true}, {make([]byte, 300), true}, {[]byte{0, 0, 1}, false}, {[]byte{1}, false}} {
		m := &PrivateMessage{GroupID: a.Content.GroupID, ContentType: ContentApplication}
		var w wire.Writer
		a.Content.marshalBody(&w)
		a.Auth.marshal(&w, ContentApplication)
		w.Raw(c.padding)
		aad, _ := m.aad()
		d := senderData{Leaf: 500, Guard: [4]byte{9, 8, 7, 6}}
		m.Ciphertext = e.st.Seal(nil, key.Key, guardedNonce(key.Nonce, d.Guard), aad, w.Bytes())
		_, err := m.openContent(e.st, d, key)
		var we *wire.Error
		if c.ok && err != nil || !c.ok && (!errors.As(err, &we) || we.Field != "PrivateMessageContent.padding") {
			t.Errorf("padding %x: %v", c.padding, err)
		}
	}
}

// Padding hides the length, and the reuse guard changes the ciphertext under the same key (RFC 9420 §6.3.1).
func TestPaddingAndGuard(t *testing.T) {
	e := newBenchEpoch(t)
	a := e.content
	if err := a.sign(e.st, e.signer.Private, e.context); err != nil {
		t.Fatal(err)
	}
	_, key, err := e.tree.Key(500, schedule.ApplicationRatchet, 0)
	if err != nil {
		t.Fatal(err)
	}
	plain := a.protectPrivate(e.st, e.senderData, key, [4]byte{1}, 0)
	padded := a.protectPrivate(e.st, e.senderData, key, [4]byte{1}, 100)
	guarded := a.protectPrivate(e.st, e.senderData, key, [4]byte{2}, 0)
	if len(padded.Ciphertext) != len(plain.Ciphertext)+100 {
		t.Errorf("ciphertexts of %d and %d bytes", len(plain.Ciphertext), len(padded.Ciphertext))
	}
	if bytes.Equal(plain.Ciphertext, guarded.Ciphertext) {
		t.Error("the guard does not matter")
	}
}

// A PublicMessage holds for its group context, sender, content and membership only (RFC 9420 §6.1, §6.2).
func TestPublicMessageRejects(t *testing.T) {
	e := newBenchEpoch(t)
	member := []byte("membership key")
	a := authenticatedContent{WireFormat: WireFormatPublicMessage, Content: FramedContent{
		GroupID: []byte("a group"), Sender: Sender{Type: SenderMember, Leaf: 4}, ContentType: ContentProposal, Proposal: Remove{7},
	}}
	if err := a.sign(e.st, e.signer.Private, e.context); err != nil {
		t.Fatal(err)
	}
	good := a.protectPublic(e.st, member, e.context)
	open := func(m *PublicMessage, key, context []byte) error {
		a, err := m.unprotect(e.st, key, context)
		if err != nil {
			return err
		}
		return a.verifySignature(e.st, e.signer.Public, context)
	}
	if err := open(good, member, e.context); err != nil {
		t.Fatal(err)
	}
	wantRule(t, "other membership key", "9420-6.2-membership-tag", open(good, []byte("x"), e.context))
	wantRule(t, "other group context", "9420-6.2-membership-tag", open(good, member, flip(e.context, 20)))
	for why, change := range map[string]func(m *PublicMessage){
		"sender":             func(m *PublicMessage) { m.Content.Sender.Leaf = 5 },
		"proposal":           func(m *PublicMessage) { m.Content.Proposal = Remove{8} },
		"authenticated data": func(m *PublicMessage) { m.Content.AuthenticatedData = []byte("x") },
		"signature":          func(m *PublicMessage) { m.Auth.Signature = flip(m.Auth.Signature, 1) },
		"tag":                func(m *PublicMessage) { m.MembershipTag = flip(m.MembershipTag, 1) },
		"no tag":             func(m *PublicMessage) { m.MembershipTag = nil },
	} {
		m := *good
		change(&m)
		wantRule(t, why, "9420-6.2-membership-tag", open(&m, member, e.context))
	}
	forged := *good
	forged.Content.Proposal = Remove{8}
	forged.MembershipTag = (&authenticatedContent{WireFormat: WireFormatPublicMessage, Content: forged.Content, Auth: forged.Auth}).protectPublic(e.st, member, e.context).MembershipTag
	wantRule(t, "a member's forgery in another's name", "9420-6.1-signature", open(&forged, member, e.context))
	application := PublicMessage{Content: e.content.Content}
	wantRule(t, "application data", "9420-6-application-public", open(&application, member, e.context))
}

// The wire format is signed: a PublicMessage cannot be turned into a PrivateMessage or back (RFC 9420 §6.1).
func TestWireFormatIsSigned(t *testing.T) {
	e := newBenchEpoch(t)
	a := e.content
	if err := a.sign(e.st, e.signer.Private, e.context); err != nil {
		t.Fatal(err)
	}
	a.WireFormat = WireFormatPublicMessage
	wantRule(t, "other wire format", "9420-6.1-signature", a.verifySignature(e.st, e.signer.Public, e.context))
}

func TestGroupInfoSignature(t *testing.T) {
	st, _ := suite.ByID(uint16(SuiteX25519AES128SHA256Ed25519))
	signer, err := NewSigner(SuiteX25519AES128SHA256Ed25519, Seed{1})
	if err != nil {
		t.Fatal(err)
	}
	gi := &GroupInfo{Context: GroupContext{Version: ProtocolVersionMLS10, Suite: 1, GroupID: []byte("g")}, ConfirmationTag: []byte("tag"), Signer: 2}
	if err := gi.sign(st, signer.Private); err != nil {
		t.Fatal(err)
	}
	var got GroupInfo
	if err := wire.Unmarshal(wire.Marshal(gi), &got); err != nil {
		t.Fatal(err)
	}
	if err := got.verifySignature(st, signer.Public); err != nil {
		t.Error(err)
	}
	got.Signer = 3
	wantRule(t, "other signer", "9420-12.4.3-group-info-signature", got.verifySignature(st, signer.Public))
}
