package mls

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

// vectorCase is one case of a vector file, by the names of its fields; byte strings are in hexadecimal.
type vectorCase map[string]any

func hexOf(v any) string {
	switch b := v.(type) {
	case wire.Marshaler:
		return hex.EncodeToString(wire.Marshal(b))
	default:
		return fmt.Sprintf("%x", b)
	}
}

// producer makes vectors of the working group's formats in one suite, from one small group.
type producer struct {
	t     *testing.T
	s     testSeed
	suite CipherSuite
	cases map[string][]any
}

func (p *producer) add(file string, c any) { p.cases[file] = append(p.cases[file], c) }

// We are a producer of vectors as well: for every format that a group's run yields, in every suite, what we make passes the same check as
// the official files. The formats that restate a function's output are those of TestReferenceVectors.
func TestProducedVectors(t *testing.T) {
	p := &producer{t: t, cases: map[string][]any{}}
	for _, id := range suite.Supported() {
		p.suite = CipherSuite(id)
		p.run()
	}
	p.verify("welcome", "passive-client-welcome", "passive-client-handling-commit", "transcript-hashes", "tree-validation",
		"tree-operations", "messages", "message-protection")
}

// verify checks what was made as the official files are checked; there must be a case per suite of each of the named files.
func (p *producer) verify(names ...string) {
	t := p.t
	for name, cases := range p.cases {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(cases)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), name+".json")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			vectors[name](t, file)
		})
	}
	for _, name := range names {
		if want := len(suite.Supported()); len(p.cases[name]) < want {
			t.Errorf("%s: %d cases for %d suites", name, len(p.cases[name]), want)
		}
	}
}

func (p *producer) run() {
	t := p.t
	client := func(name string) *KeyPackageSecrets { return p.s.clientOfSuite(t, p.suite, name) }
	secret := []byte("a secret")
	cfg := testConfig()
	cfg.ExternalPSK = func(id []byte) ([]byte, bool) { return secret, string(id) == "psk" }
	a, err := NewGroup(p.s.next(), NewGroupParams{GroupID: []byte("group"), Creator: client("alice"), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	joiners := []*KeyPackageSecrets{client("bob"), client("carol")}
	staged := commit(t, &p.s, a, 0, CommitParams{ByValue: []Proposal{Add{joiners[0].KeyPackage}, Add{joiners[1].KeyPackage}}, Joiners: joiners})
	a = commit(t, &p.s, staged.Group, 1, CommitParams{}).Group

	// dave is welcomed with a PSK and follows.
	dave := client("dave")
	nonce := make([]byte, a.public.suite.HashSize())
	psk := PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte("psk"), Nonce: nonce}}
	plain := commit(t, &p.s, a, 2, CommitParams{ByValue: []Proposal{Add{dave.KeyPackage}}, ForcePath: true, WelcomeTree: true})
	p.welcome(plain, dave)
	staged = commit(t, &p.s, a, 0, CommitParams{ByValue: []Proposal{Add{dave.KeyPackage}, psk}, ForcePath: true})
	passive := vectorCase{
		"cipher_suite":    p.suite,
		"external_psks":   []vectorCase{{"psk_id": hexOf([]byte("psk")), "psk": hexOf(secret)}},
		"key_package":     hexOf(&Message{Format: WireFormatKeyPackage, KeyPackage: &dave.KeyPackage}),
		"signature_priv":  hexOf([]byte(dave.Signature)),
		"encryption_priv": hexOf([]byte(dave.Leaf)),
		"init_priv":       hexOf([]byte(dave.Init)),
		"welcome":         hexOf(&Message{Format: WireFormatWelcome, Welcome: staged.Welcome}),
		"ratchet_tree":    hexOf(staged.Group.Public().Tree()),

		"initial_epoch_authenticator": hexOf(staged.Group.EpochAuthenticator()),
	}
	p.add("passive-client-welcome", passive)
	following := vectorCase{"epochs": p.epochs(staged.Group, psk)}
	for key, value := range passive {
		following[key] = value
	}
	p.add("passive-client-handling-commit", following)
	p.transcript(a, staged)
	p.trees(staged.Group, client("erin"))
	p.messages(a, staged, &dave.KeyPackage)
}

func (p *producer) welcome(staged *Staged, kp *KeyPackageSecrets) {
	p.add("welcome", vectorCase{
		"cipher_suite": p.suite,
		"init_priv":    hexOf([]byte(kp.Init)),
		"key_package":  hexOf(&Message{Format: WireFormatKeyPackage, KeyPackage: &kp.KeyPackage}),
		"signer_pub":   hexOf([]byte(staged.Group.public.tree.leaf(2).SignatureKey)),
		"welcome":      hexOf(&Message{Format: WireFormatWelcome, Welcome: staged.Welcome}),
	})
}

// epochs moves the group on: by an Update that another commits, a PSK by reference in a private commit, and a Remove.
func (p *producer) epochs(g *Group, psk PreSharedKey) []vectorCase {
	t := p.t
	var out []vectorCase
	step := func(proposals []*Message, as LeafIndex, params CommitParams) {
		for _, q := range g.Public().Pending() {
			params.ByReference = append(params.ByReference, q.Ref)
		}
		staged := commit(t, &p.s, g, as, params)
		e := vectorCase{"commit": hexOf(staged.Commit), "epoch_authenticator": hexOf(staged.Group.EpochAuthenticator())}
		list := []string{}
		for _, m := range proposals {
			list = append(list, hexOf(m))
		}
		e["proposals"] = list
		out, g = append(out, e), staged.Group
	}
	g, update, err := g.ProposeUpdate(p.s.next(), 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	step([]*Message{update}, 0, CommitParams{})
	g = reserveHandshake(t, g, 2, 2)
	g, private, err := g.ProposePrivate(p.s.next(), 2, psk, nil)
	if err != nil {
		t.Fatal(err)
	}
	step([]*Message{private}, 2, CommitParams{Private: true})
	step(nil, 1, CommitParams{ByValue: []Proposal{Remove{2}}})
	return out
}

func (p *producer) transcript(before *Group, staged *Staged) {
	m := staged.Commit.Public
	p.add("transcript-hashes", vectorCase{
		"cipher_suite":                   p.suite,
		"confirmation_key":               hexOf(staged.Group.secrets.Confirmation),
		"authenticated_content":          hexOf(&authenticatedContent{WireFormat: WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}),
		"interim_transcript_hash_before": hexOf(before.public.interimHash),

		"confirmed_transcript_hash_after": hexOf(staged.Group.public.context.ConfirmedTranscriptHash),
		"interim_transcript_hash_after":   hexOf(staged.Group.public.interimHash),
	})
}

// trees has the tree of a group, and what an Add, an Update and a Remove in real commits make of it.
func (p *producer) trees(g *Group, erin *KeyPackageSecrets) {
	t, s := p.t, g.public.suite
	tr := g.public.tree
	var resolutions [][]nodeIndex
	var hashes []string
	for x := range nodeIndex(treemath.Nodes(tr.width())) {
		resolutions = append(resolutions, tr.resolution([]nodeIndex{}, x))
		hashes = append(hashes, hexOf(tr.at(x).hash))
	}
	p.add("tree-validation", vectorCase{"cipher_suite": p.suite, "tree": hexOf(tr.export()), "group_id": hexOf(g.public.context.GroupID),
		"resolutions": resolutions, "tree_hashes": hashes})

	update := *tr.leaf(1)
	_, public, err := NewHPKEKey(p.suite, p.s.next())
	if err != nil {
		t.Fatal(err)
	}
	update.Source, update.ParentHash, update.EncryptionKey = LeafNodeSourceUpdate, nil, public
	if err := update.sign(s, g.localAt(1).signature, g.public.context.GroupID, 1); err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		proposal Proposal
		ref      ProposalRef
		sender   Sender
	}{
		{Add{erin.KeyPackage}, nil, Sender{Type: SenderMember}},
		{Update{update}, ProposalRef("ref"), Sender{Type: SenderMember, Leaf: 1}},
		{Remove{2}, nil, Sender{Type: SenderMember}},
	} {
		applied, err := g.public.applyProposals([]CommittedProposal{{Proposal: o.proposal, Ref: o.ref, Sender: o.sender}}, Sender{Type: SenderMember})
		if err != nil {
			t.Fatal(err)
		}
		var w wire.Writer
		marshalProposal(&w, o.proposal)
		p.add("tree-operations", vectorCase{"cipher_suite": p.suite, "tree_before": hexOf(tr.export()), "proposal": hexOf(w.Bytes()),
			"proposal_sender": o.sender.Leaf, "tree_hash_before": hexOf(tr.hash()), "tree_after": hexOf(applied.tree.export()),
			"tree_hash_after": hexOf(applied.tree.hash())})
	}
}

// messages has every structure on the wire, and one proposal, commit and application message protected both ways.
func (p *producer) messages(g *Group, staged *Staged, kp *KeyPackage) {
	t, s := p.t, g.public.suite
	gi, err := g.GroupInfo(0, true)
	if err != nil {
		t.Fatal(err)
	}
	_, proposal, err := g.Propose(1, Remove{2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sender := g
	if sender, err = sender.Reserve(1, 1); err != nil {
		t.Fatal(err)
	}
	_, private, err := sender.Protect(p.s.next(), 1, []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.add("messages", vectorCase{
		"mls_welcome":             hexOf(&Message{Format: WireFormatWelcome, Welcome: staged.Welcome}),
		"mls_group_info":          hexOf(&Message{Format: WireFormatGroupInfo, GroupInfo: gi}),
		"mls_key_package":         hexOf(&Message{Format: WireFormatKeyPackage, KeyPackage: kp}),
		"ratchet_tree":            hexOf(g.Public().Tree()),
		"commit":                  hexOf(staged.Commit.Public.Content.Commit),
		"public_message_proposal": hexOf(proposal),
		"public_message_commit":   hexOf(staged.Commit),
		"private_message":         hexOf(private),
		"add_proposal":            hexOf(kp),
		"remove_proposal":         hexOf(&body{kind: ProposalRemove, p: Remove{7}}),
	})

	// A group of two leaves of which leaf 1 sends, with secrets that are only those of this vector.
	context := GroupContext{Version: ProtocolVersionMLS10, Suite: p.suite, GroupID: []byte("group"), Epoch: 9, TreeHash: []byte("tree"), ConfirmedTranscriptHash: []byte("transcript")}
	seed := func(label string) hexBytes { return expandSeed(s, p.s.next().Derive(label)) }
	signer, err := NewSigner(p.suite, p.s.next())
	if err != nil {
		t.Fatal(err)
	}
	c := &messageProtectionCase{CipherSuite: uint16(p.suite), GroupID: context.GroupID, Epoch: 9, SignaturePriv: hexBytes(signer.Private),
		EncryptionSecret: seed("encryption"), SenderDataSecret: seed("sender data"), MembershipKey: seed("membership")}
	v := vectorCase{"cipher_suite": p.suite, "group_id": hexOf(context.GroupID), "epoch": 9, "tree_hash": hexOf(context.TreeHash),
		"confirmed_transcript_hash": hexOf(context.ConfirmedTranscriptHash), "signature_priv": hexOf([]byte(signer.Private)),
		"signature_pub": hexOf([]byte(signer.Public)), "encryption_secret": hexOf([]byte(c.EncryptionSecret)),
		"sender_data_secret": hexOf([]byte(c.SenderDataSecret)), "membership_key": hexOf([]byte(c.MembershipKey))}
	protector := protection{s, c, wire.Marshal(&context)}
	for name, content := range map[string]FramedContent{
		"proposal":    {ContentType: ContentProposal, Proposal: Remove{0}},
		"commit":      {ContentType: ContentCommit, Commit: &Commit{Proposals: []ProposalOrRef{{Proposal: Remove{0}}}}},
		"application": {ContentType: ContentApplication, Application: []byte("hello")},
	} {
		content.GroupID, content.Epoch, content.Sender = context.GroupID, 9, Sender{Type: SenderMember, Leaf: 1}
		a := &authenticatedContent{Content: content, Auth: FramedContentAuthData{ConfirmationTag: make([]byte, s.HashSize())}}
		v[name] = hexOf(bodyOf(a))
		a.WireFormat = WireFormatPrivateMessage
		v[name+"_priv"] = hexOf(protector.protect(t, content.ContentType, a))
		if content.ContentType != ContentApplication {
			a.WireFormat = WireFormatPublicMessage
			v[name+"_pub"] = hexOf(protector.protect(t, content.ContentType, a))
		}
	}
	p.add("message-protection", v)
}
