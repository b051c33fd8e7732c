package mls

import (
	"testing"

	"anteroom/mls/wire"
)

// GREASE values and other unknown ones in every field where they may stand are carried along and otherwise ignored (RFC 9420 §13.5,
// draft-ietf-mls-extensions, GREASE): capabilities, leaf and key package extensions, GroupInfo extensions, components, padding.
func TestGREASE(t *testing.T) {
	var s testSeed
	client := func(name string) *KeyPackageSecrets {
		signer, err := NewSigner(testSuite, s.next())
		if err != nil {
			t.Fatal(err)
		}
		dictionary := AppDataDictionary{{ComponentAppComponents, wire.Marshal(ComponentsList{1, 2, 0x0a0a})},
			{ComponentSafeAAD, wire.Marshal(ComponentsList{0x1a1a})}, {0x2a2a, []byte("grease")}}
		kp, err := NewKeyPackage(s.next(), KeyPackageParams{
			Signer:     signer,
			Credential: Credential{Type: CredentialBasic, Identity: []byte(name)},
			Capabilities: Capabilities{
				Versions:     []ProtocolVersion{0x0a0a, ProtocolVersionMLS10},
				CipherSuites: []CipherSuite{0x1a1a, testSuite, 0xfafa},
				Extensions:   []ExtensionType{0x2a2a, ExtensionAppDataDictionary, 0x3a3a},
				Proposals:    []ProposalType{0x4a4a, ProposalSelfRemove},
				Credentials:  []CredentialType{0x5a5a, CredentialBasic},
			},
			Lifetime:       Lifetime{1000, 2000},
			LeafExtensions: []Extension{{0x3a3a, []byte("grease")}, {ExtensionAppDataDictionary, wire.Marshal(dictionary)}},
			Extensions:     []Extension{{0x6a6a, nil}, {ExtensionAppDataDictionary, wire.Marshal(AppDataDictionary{{0x7a7a, nil}})}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return kp
	}
	a := s.newGroup(t, client("alice"))
	bob := client("bob")
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)
	staged = commit(t, &s, b, 1, CommitParams{})
	a, b = follow(t, a, staged.Commit), staged.Group
	b, m, err := b.ProposeUpdate(s.next(), 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, q, err := a.AddProposal(reencode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	staged = commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{q.Ref}})
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	gi, err := a.GroupInfo(0, true)
	if err != nil {
		t.Fatal(err)
	}
	gi.Extensions = append(gi.Extensions, Extension{0x8a8a, []byte("grease")})
	if err := gi.sign(a.public.suite, a.localAt(0).signature); err != nil {
		t.Fatal(err)
	}
	info := reencode(t, &Message{Format: WireFormatGroupInfo, GroupInfo: gi}).GroupInfo
	joined, err := ExternalCommit(s.next(), info, client("carol"), ExternalCommitParams{Config: testConfig()})
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, joined.Group, follow(t, a, joined.Commit), follow(t, b, joined.Commit))
	n, _ := joined.Group.Public().Leaf(1)
	if len(n.Extensions) != 2 || n.Extensions[0].Type != 0x3a3a || n.Capabilities.Proposals[0] != 0x4a4a {
		t.Errorf("what was not known was lost: %+v", n)
	}
}
