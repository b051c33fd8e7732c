package mls

import (
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// benchEpoch is what a member of a group of 1,000 has at hand to protect and unprotect application messages.
type benchEpoch struct {
	st         *suite.Suite
	signer     Signer
	context    []byte
	senderData []byte
	tree       schedule.SecretTree
	content    authenticatedContent
}

func newBenchEpoch(tb testing.TB) *benchEpoch {
	tb.Helper()
	st, err := suite.ByID(suite.X25519AES128SHA256Ed25519)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := NewSigner(SuiteX25519AES128SHA256Ed25519, Seed{1})
	if err != nil {
		tb.Fatal(err)
	}
	secret := make([]byte, 32)
	context := &GroupContext{Version: ProtocolVersionMLS10, Suite: 1, GroupID: []byte("a group"), TreeHash: secret, ConfirmedTranscriptHash: secret,
		Extensions: []Extension{{ExtensionAppDataDictionary, make([]byte, 2000)}}}
	return &benchEpoch{st, signer, wire.Marshal(context), secret, schedule.NewSecretTree(st, secret, 1024), authenticatedContent{
		WireFormat: WireFormatPrivateMessage,
		Content: FramedContent{GroupID: []byte("a group"), Sender: Sender{Type: SenderMember, Leaf: 500}, ContentType: ContentApplication,
			Application: make([]byte, 300)},
	}}
}

func (e *benchEpoch) protect(tb testing.TB, tree schedule.SecretTree) (schedule.SecretTree, *PrivateMessage) {
	a := e.content
	if err := a.sign(e.st, e.signer.Private, e.context); err != nil {
		tb.Fatal(err)
	}
	tree, key, err := tree.Next(500, schedule.ApplicationRatchet)
	if err != nil {
		tb.Fatal(err)
	}
	return tree, a.protectPrivate(e.st, e.senderData, key, [4]byte{1}, 0)
}

func BenchmarkProtect(b *testing.B) {
	e := newBenchEpoch(b)
	tree, err := e.tree.Reserve(500, schedule.ApplicationRatchet, schedule.MaxReserve)
	if err != nil {
		b.Fatal(err)
	}
	start := tree
	b.ReportAllocs()
	for b.Loop() {
		if tree.Reserved(500, schedule.ApplicationRatchet) == 0 {
			tree = start
		}
		tree, _ = e.protect(b, tree)
	}
}

func BenchmarkUnprotect(b *testing.B) {
	e := newBenchEpoch(b)
	tree, err := e.tree.Reserve(500, schedule.ApplicationRatchet, 1)
	if err != nil {
		b.Fatal(err)
	}
	_, m := e.protect(b, tree)
	encoded := wire.Marshal(&Message{Format: WireFormatPrivateMessage, Private: m})
	b.ReportAllocs()
	for b.Loop() {
		var m Message
		if err := wire.Unmarshal(encoded, &m); err != nil {
			b.Fatal(err)
		}
		d, err := m.Private.openSenderData(e.st, e.senderData)
		if err != nil {
			b.Fatal(err)
		}
		_, key, err := e.tree.Key(500, schedule.ApplicationRatchet, d.Generation)
		if err != nil {
			b.Fatal(err)
		}
		a, err := m.Private.openContent(e.st, d, key)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.verifySignature(e.st, e.signer.Public, e.context); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeLeaf decodes one leaf of ordinary size, as a joiner does for every member.
func BenchmarkDecodeLeaf(b *testing.B) {
	kp := testKeyPackage(b, 1)
	in := wire.Marshal(&kp.KeyPackage.LeafNode)
	b.ReportAllocs()
	for b.Loop() {
		var n LeafNode
		if err := wire.Unmarshal(in, &n); err != nil {
			b.Fatal(err)
		}
	}
}
