package mls

import (
	"bytes"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// JoinParams is what a joiner has besides the Welcome. Tree is needed unless the GroupInfo carries a ratchet_tree extension.
type JoinParams struct {
	Tree   RatchetTree
	PSKs   map[string][]byte // external PSKs by id; Config is asked for others
	Config Config
	// Known says whether the client already is in a group with this id (§12.4.3). Nil: it is in none.
	Known func(groupID []byte) bool
	// SameClient says for JoinBranch and JoinReInit whether two credentials name one client. It must be pure. Nil compares them.
	SameClient func(old, successor Credential) bool
}

func (p *JoinParams) psk(id *PreSharedKeyID) ([]byte, error) {
	if secret, found := p.PSKs[string(id.ID)]; found && id.Type == PSKExternal {
		return secret, nil
	}
	return p.Config.psk(id)
}

// Join enters a group by Welcome (§12.4.3.1). A group that branched off another one or follows its ReInit is entered by JoinBranch or
// JoinReInit of that other group.
func Join(w *Welcome, kp *KeyPackageSecrets, p JoinParams) (*Group, error) {
	return joinWith(w, kp, p, p.psk)
}

func joinWith(w *Welcome, kp *KeyPackageSecrets, p JoinParams, psk func(*PreSharedKeyID) ([]byte, error)) (*Group, error) {
	s, opened, err := openWelcome(w, kp)
	if err != nil {
		return nil, err
	}
	secret, err := pskSecret(s, opened.PSKs, psk)
	if err != nil {
		return nil, err
	}
	join := &joinSecrets{opened.JoinerSecret, secret}
	gi, err := join.open(s, w.EncryptedGroupInfo)
	if err != nil {
		return nil, err
	}
	if gi.Context.Suite != w.Suite || gi.Context.Suite != kp.KeyPackage.Suite {
		return nil, invalid("9420-12.4.3.1-suite", "Welcome, GroupInfo and key package differ in cipher suite")
	}
	if p.Known != nil && p.Known(gi.Context.GroupID) {
		return nil, invalidf("9420-12.4.3-group-id-unique", "already in a group with id %x", gi.Context.GroupID)
	}
	public, err := NewPublicGroup(gi, p.Tree, p.Config)
	if err != nil {
		return nil, err
	}
	secrets := join.epoch(s, &gi.Context)
	if !secrets.verifyConfirmationTag(s, gi.Context.ConfirmedTranscriptHash, gi.ConfirmationTag) {
		return nil, invalid("9420-8.1-confirmation-tag", "confirmation tag in the GroupInfo does not match the epoch's secrets")
	}
	g := startEpoch(public, secrets, nil, nodeKeys{}, nil)
	return g.seat(kp, opened, gi.Signer)
}

// openWelcome decrypts the joiner's share of a Welcome.
func openWelcome(w *Welcome, kp *KeyPackageSecrets) (*suite.Suite, *groupSecrets, error) {
	if w == nil {
		return nil, nil, invalid("9420-12.4.3.1-not-addressed", "no Welcome")
	}
	s, err := suite.ByID(uint16(w.Suite))
	if err != nil {
		return nil, nil, invalid("9420-12.4.3.1-suite", err.Error())
	}
	if w.Suite != kp.KeyPackage.Suite {
		return nil, nil, invalid("9420-12.4.3.1-suite", "Welcome and key package differ in cipher suite")
	}
	ref, err := kp.KeyPackage.Ref()
	if err != nil {
		return nil, nil, err
	}
	for i := range w.Secrets {
		e := &w.Secrets[i]
		if !bytes.Equal(e.NewMember, ref) {
			continue
		}
		plain, err := s.DecryptPairWithLabel(kp.Init, kp.KeyPackage.InitKey, "Welcome", w.EncryptedGroupInfo, e.Secrets.KEMOutput, e.Secrets.Ciphertext)
		if err != nil {
			return nil, nil, invalid("9420-12.4.3.1-decrypt", err.Error())
		}
		secrets := new(groupSecrets)
		if err := wire.Unmarshal(plain, secrets); err != nil {
			return nil, nil, invalid("9420-12.4.3.1-encoding", err.Error())
		}
		return s, secrets, checkWelcomePSKs(s, secrets.PSKs)
	}
	return nil, nil, invalid("9420-12.4.3.1-not-addressed", "Welcome has no secrets for the key package")
}

// checkWelcomePSKs verifies that nonces have the right size (§8.4) and that a resumption PSK for reinitialization or branching stands
// alone (§12.4.3.1).
func checkWelcomePSKs(s *suite.Suite, psks []PreSharedKeyID) error {
	if len(psks) > MaxProposals {
		return invalidf("limit-proposals", "%d PSKs, limit %d", len(psks), MaxProposals)
	}
	special := 0
	for i := range psks {
		if len(psks[i].Nonce) != s.HashSize() {
			return invalidf("9420-8.4-nonce", "psk_nonce of %d bytes, want %d", len(psks[i].Nonce), s.HashSize())
		}
		if psks[i].Type == PSKResumption && psks[i].Usage != ResumptionApplication {
			special++
		}
	}
	if special > 1 {
		return invalid("9420-12.4.3.1-psk", "several PSKs for reinitialization or branching")
	}
	return nil
}

// seat makes local the member that a Welcome brought in: its leaf key, and the path from its lowest common node with the committer.
func (g *Group) seat(kp *KeyPackageSecrets, opened *groupSecrets, committer LeafIndex) (*Group, error) {
	s, t := g.public.suite, g.public.tree
	want := wire.Marshal(&kp.KeyPackage.LeafNode)
	var index LeafIndex
	found := false
	t.eachLeaf(func(i LeafIndex, n *LeafNode) bool {
		if bytes.Equal(n.SignatureKey, kp.KeyPackage.LeafNode.SignatureKey) && bytes.Equal(wire.Marshal(n), want) {
			index, found = i, true
		}
		return !found
	})
	if !found {
		return nil, invalid("9420-12.4.3.1-own-leaf", "the key package's leaf is not in the tree")
	}
	if index == committer {
		return nil, invalid("9420-12.4.3.1-signer", "GroupInfo is signed by the joiner's own leaf")
	}
	if public, err := s.HPKEPublic(kp.Leaf); err != nil || !bytes.Equal(public, kp.KeyPackage.LeafNode.EncryptionKey) {
		return nil, invalid("9420-12.4.3.1-own-key", "the leaf's private key does not fit its key package")
	}
	h := *g
	h.local = withLocal(g.local, &localLeaf{index: index, leafKeys: keysOf(kp, g.public.config.Now)})
	if opened.PathSecret == nil {
		return &h, h.checkHeldAbove(index)
	}
	steps := t.filteredPath(committer)
	for k, step := range steps {
		if !step.node.Contains(index.node()) {
			continue
		}
		path, err := t.derivePath(s, &g.public.config, steps, k, opened.PathSecret)
		if err != nil {
			return nil, err
		}
		h.nodes = make(nodeKeys, len(g.nodes)+len(path.private))
		for x, key := range g.nodes {
			h.nodes[x] = key
		}
		h.nodes.set(steps[k:], path.private)
		return &h, h.checkHeldAbove(index)
	}
	return nil, invalid("9420-12.4.3.1-path-secret", "path secret for a path that has no node above the joiner")
}

// checkHeldAbove verifies that the key of every parent is known at which leaf i is merged: a Welcome that leaves one out would make a
// member that cannot follow later commits.
func (g *Group) checkHeldAbove(i LeafIndex) error {
	t := g.public.tree
	for x := i.node(); x != t.rootIndex(); {
		x = upOf(x)
		p := t.at(x).parent
		if p == nil || g.nodes[x] != nil {
			continue
		}
		if len(below(p.UnmergedLeaves, i.node())) == 0 {
			return invalidf("9420-12.4.3.1-path-secret", "Welcome gives no path secret for node %d", x)
		}
	}
	return nil
}

// WelcomeEpoch says to which epoch of which group a Welcome leads that needs no PSKs. Nothing but its encryption vouches for that.
func WelcomeEpoch(w *Welcome, kp *KeyPackageSecrets) (group []byte, epoch Epoch, err error) {
	s, opened, err := openWelcome(w, kp)
	if err != nil {
		return nil, 0, err
	}
	if len(opened.PSKs) > 0 {
		return nil, 0, invalid("9420-12.4.3.1-psk", "Welcome needs PSKs")
	}
	secret, err := pskSecret(s, nil, nil)
	if err != nil {
		return nil, 0, err
	}
	gi, err := (&joinSecrets{opened.JoinerSecret, secret}).open(s, w.EncryptedGroupInfo)
	if err != nil {
		return nil, 0, err
	}
	return gi.Context.GroupID, gi.Context.Epoch, nil
}

// WelcomeFollows says of which group, that ended with a ReInit in which epoch, the one is the successor to which a Welcome leads (§11.2). Nothing but its
// encryption vouches for that.
func WelcomeFollows(w *Welcome, kp *KeyPackageSecrets) (group []byte, epoch Epoch, ok bool) {
	_, opened, err := openWelcome(w, kp)
	if err != nil {
		return nil, 0, false
	}
	for i := range opened.PSKs {
		if id := &opened.PSKs[i]; id.Type == PSKResumption && id.Usage == ResumptionReInit {
			return id.GroupID, id.Epoch, true
		}
	}
	return nil, 0, false
}

// Adopt makes a leaf local that a remote commit added to this group in this epoch: its Welcome is opened once for its path
// secret, and the epoch it yields must be this one (MULTILEAF: same epoch authenticator).
func (g *Group) Adopt(w *Welcome, kp *KeyPackageSecrets) (*Group, error) {
	return g.adopt(w, kp, g.psk)
}

func (g *Group) adopt(w *Welcome, kp *KeyPackageSecrets, psk func(*PreSharedKeyID) ([]byte, error)) (*Group, error) {
	s, opened, err := openWelcome(w, kp)
	if err != nil {
		return nil, err
	}
	secret, err := pskSecret(s, opened.PSKs, psk)
	if err != nil {
		return nil, err
	}
	join := &joinSecrets{opened.JoinerSecret, secret}
	gi, err := join.open(s, w.EncryptedGroupInfo)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(wire.Marshal(&gi.Context), g.public.encodedContext) {
		return nil, invalid("local-adopt-epoch", "Welcome leads to another epoch than the one held")
	}
	if !bytes.Equal(join.epoch(s, &gi.Context).Authenticator, g.EpochAuthenticator()) {
		return nil, invalid("local-adopt-epoch", "Welcome yields another epoch authenticator than the one held")
	}
	signer := g.public.tree.leaf(gi.Signer)
	if signer == nil {
		return nil, invalidf("9420-12.4.3.1-signer", "GroupInfo is signed by leaf %d, which is blank", gi.Signer)
	}
	if err := gi.verifySignature(s, signer.SignatureKey); err != nil {
		return nil, err
	}
	return g.seat(kp, opened, gi.Signer)
}
