package mls

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"anteroom/mls/wire"
)

// FuzzMessage decodes anything as each kind of structure: no panic, memory bounded by the input's size, and what is accepted
// encodes again to the same bytes.
func FuzzMessage(f *testing.F) {
	for _, s := range messageSeeds(f) {
		f.Add(s)
	}
	for _, c := range craftedMessages() {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for name, empty := range messageStructures {
			v := empty()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := wire.Unmarshal(in, v)
			runtime.ReadMemStats(&after)
			if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(100*len(in)+1<<16); got > limit {
				t.Fatalf("%s: %d bytes allocated for %d of input", name, got, len(in))
			}
			if err == nil && !bytes.Equal(wire.Marshal(v), in) {
				t.Fatalf("%s: %x encodes again as %x", name, in, wire.Marshal(v))
			}
		}
	})
}

// craftedMessages holds one message of each shape that the official vectors lack.
func craftedMessages() [][]byte {
	var all [][]byte
	for _, p := range extensionProposals {
		m := &Message{Format: WireFormatPublicMessage, Public: &PublicMessage{
			Content: FramedContent{GroupID: []byte("group"), Epoch: 7, Sender: Sender{Type: SenderMember, Leaf: 3}, ContentType: ContentProposal, Proposal: p},
			Auth:    FramedContentAuthData{Signature: []byte("signature")}, MembershipTag: []byte("tag"),
		}}
		all = append(all, wire.Marshal(m))
	}
	return all
}

var extensionProposals = []Proposal{
	AppDataUpdate{Component: 0x8001, Update: []byte("update")},
	AppDataUpdate{Component: 0x8001, Remove: true},
	AppEphemeral{Component: 0x8002, Data: []byte("data")},
	SelfRemove{},
	PreSharedKey{PreSharedKeyID{Type: PSKApplication, Component: 9, ID: []byte("id"), Nonce: []byte("nonce")}},
	PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionBranch, GroupID: []byte("group"), Epoch: 9, Nonce: []byte("nonce")}},
	UnknownProposal{0x0a0a, []byte("unknown")},
}

// The proposals of draft-ietf-mls-extensions and unknown ones survive decoding and encoding.
func TestExtensionProposals(t *testing.T) {
	for i, in := range craftedMessages() {
		var m Message
		if err := wire.Unmarshal(in, &m); err != nil {
			t.Fatalf("proposal %d: %v", i, err)
		}
		if got := m.Public.Content.Proposal; got.Type() != extensionProposals[i].Type() {
			t.Errorf("proposal %d decoded as %T", i, got)
		}
		if !bytes.Equal(wire.Marshal(&m), in) {
			t.Errorf("proposal %d encodes again differently", i)
		}
	}
}

// Unknown and GREASE values in capabilities, extensions and credentials are kept (RFC 9420 §13.5).
func TestUnknownValuesAreKept(t *testing.T) {
	n := &LeafNode{
		EncryptionKey: []byte("enc"), SignatureKey: []byte("sig"),
		Credential:   Credential{Type: 0xf123, Raw: []byte("raw")},
		Capabilities: Capabilities{Versions: []ProtocolVersion{1, 0x0a0a}, CipherSuites: []CipherSuite{1, 0x1a1a}, Extensions: []ExtensionType{0x2a2a}, Proposals: []ProposalType{0x3a3a}, Credentials: []CredentialType{1, 0x4a4a}},
		Source:       LeafNodeSourceKeyPackage,
		Extensions:   []Extension{{0x2a2a, []byte("grease")}},
	}
	in := wire.Marshal(n)
	var got LeafNode
	if err := wire.Unmarshal(in, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wire.Marshal(&got), in) || string(got.Credential.Raw) != "raw" || got.Capabilities.Proposals[0] != 0x3a3a {
		t.Errorf("decoded as %+v", got)
	}
}

func TestCodecRejects(t *testing.T) {
	content := func(s Sender, t ContentType, p Proposal, c *Commit) []byte {
		return wire.Marshal(&FramedContent{Sender: s, ContentType: t, Proposal: p, Commit: c})
	}
	extensions := func(types ...ExtensionType) []byte {
		var list []Extension
		for _, e := range types {
			list = append(list, Extension{e, nil})
		}
		return wire.Marshal(&body{p: GroupContextExtensions{list}})
	}
	many := make([]ExtensionType, MaxExtensions+1)
	for i := range many {
		many[i] = ExtensionType(i)
	}
	gce := func() structure { return &body{kind: ProposalGroupContextExtensions} }
	framed := func() structure { return new(FramedContent) }
	for _, c := range []struct {
		name  string
		in    []byte
		into  func() structure
		field string
		rule  string
	}{
		{"an extension type twice (RFC 9420 §13.4)", extensions(7, 9, 7), gce, "GroupContextExtensions.extensions", "twice"},
		{"more extensions than the limit", extensions(many...), gce, "GroupContextExtensions.extensions", "more than"},
		{"version of a GroupContext", []byte{0, 2}, func() structure { return new(GroupContext) }, "GroupContext.version", "not mls10"},
		{"version of a message", []byte{0, 2, 0, 1}, func() structure { return new(Message) }, "MLSMessage.version", "not mls10"},
		{"unknown wire format", []byte{0, 1, 0, 6}, func() structure { return new(Message) }, "MLSMessage.wire_format", "unknown"},
		{"sender type 0", []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, framed, "Sender.sender_type", "unknown"},
		{"content type 4", content(Sender{Type: SenderMember}, 4, nil, nil), framed, "FramedContent.content_type", "unknown"},
		{"application data of an external sender (RFC 9420 §6.1)", content(Sender{Type: SenderExternal}, ContentApplication, nil, nil), framed, "FramedContent.sender", "proposals only"},
		{"Update of an external sender (RFC 9420 §12.1.8)", content(Sender{Type: SenderExternal}, ContentProposal, ExternalInit{}, nil), framed, "FramedContent.sender", "may not send"},
		{"SelfRemove of an external sender", content(Sender{Type: SenderExternal}, ContentProposal, SelfRemove{}, nil), framed, "FramedContent.sender", "may not send"},
		{"Remove of a new member (RFC 9420 §6.1)", content(Sender{Type: SenderNewMemberProposal}, ContentProposal, Remove{}, nil), framed, "FramedContent.sender", "Add only"},
		{"commit without path of a new member", content(Sender{Type: SenderNewMemberCommit}, ContentCommit, nil, &Commit{}), framed, "FramedContent.sender", "path only"},
		{"odd vector of uint16", []byte{3, 0, 1, 0}, func() structure { return new(Capabilities) }, "Capabilities.versions", "3 bytes"},
		{"unmerged leaves not ascending (RFC 9420 §7.1)", wire.Marshal(&ParentNode{UnmergedLeaves: []LeafIndex{2, 2}}), func() structure { return new(ParentNode) }, "ParentNode.unmerged_leaves", "ascending"},
		{"tree that ends in a blank node (RFC 9420 §12.4.3.3)", []byte{1, 0}, func() structure { return new(RatchetTree) }, "ratchet_tree", "blank"},
		{"tree without nodes", []byte{0}, func() structure { return new(RatchetTree) }, "ratchet_tree", "blank"},
		{"parent in a leaf's place", wire.Marshal(RatchetTree{{Parent: &ParentNode{}}}), func() structure { return new(RatchetTree) }, "ratchet_tree", "wrong type"},
		{"components out of order", wire.Marshal(AppDataDictionary{{2, nil}, {1, nil}}), func() structure { return new(AppDataDictionary) }, "ComponentData.component_id", "sorted"},
		{"a component twice", wire.Marshal(AppDataDictionary{{2, nil}, {2, nil}}), func() structure { return new(AppDataDictionary) }, "ComponentData.component_id", "twice"},
		{"unknown AppDataUpdate operation", []byte{0, 1, 3}, func() structure { return &body{kind: ProposalAppDataUpdate} }, "AppDataUpdate.op", "unknown"},
		{"unknown PSK type", []byte{4, 0, 0}, func() structure { return &body{kind: ProposalPSK} }, "PreSharedKeyID.psktype", "unknown"},
		{"unknown use of a resumption PSK", []byte{2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, func() structure { return &body{kind: ProposalPSK} }, "PreSharedKeyID.usage", "unknown"},
		{"unknown leaf node source", []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4}, func() structure { return new(LeafNode) }, "LeafNode.leaf_node_source", "unknown"},
		{"unknown ProposalOrRef", []byte{1, 3, 0}, func() structure { return new(Commit) }, "ProposalOrRef.type", "unknown"},
		{"no proposal and no reference", []byte{0, 2}, func() structure { return new(Commit) }, "Commit.path", "0 or 1"},
	} {
		err := wire.Unmarshal(c.in, c.into())
		e, ok := err.(*wire.Error)
		if !ok || e.Field != c.field || !strings.Contains(e.Rule, c.rule) {
			t.Errorf("%s: error %v, want field %s and rule %q", c.name, err, c.field, c.rule)
		}
	}
}

func TestAppDataDictionary(t *testing.T) {
	var d AppDataDictionary
	d2 := d.With(5, []byte("five")).With(3, []byte("three")).With(9, []byte("nine"))
	d3 := d2.With(5, []byte("FIVE")).Without(3)
	if v, ok := d2.Get(5); !ok || string(v) != "five" {
		t.Errorf("the earlier value changed: %q", v)
	}
	if v, ok := d3.Get(5); !ok || string(v) != "FIVE" {
		t.Errorf("component 5: %q", v)
	}
	if _, ok := d3.Get(3); ok || len(d) != 0 {
		t.Error("component 3 is still there, or the empty dictionary changed")
	}
	var got AppDataDictionary
	if err := wire.Unmarshal(wire.Marshal(d2), &got); err != nil || len(got) != 3 || got[0].ID != 3 || got[2].ID != 9 {
		t.Errorf("decoded %v, %v", got, err)
	}
}

// A decoded leaf does not hold on to the message that it came in.
func TestLeafNodeOwnsItsMemory(t *testing.T) {
	kp := &KeyPackage{Version: ProtocolVersionMLS10, InitKey: make([]byte, 32), LeafNode: LeafNode{EncryptionKey: []byte("key"), Source: LeafNodeSourceUpdate}, Signature: make([]byte, 1000)}
	in := wire.Marshal(kp)
	var got KeyPackage
	got.UnmarshalTLS(wire.NewReader(in))
	clear(in)
	if string(got.LeafNode.EncryptionKey) != "key" {
		t.Errorf("the leaf shares memory with the message: %q", got.LeafNode.EncryptionKey)
	}
}
