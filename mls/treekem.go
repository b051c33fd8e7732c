package mls

import (
	"bytes"
	"slices"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// hpkeKey derives an HPKE key pair from a seed that serves nothing else.
func hpkeKey(s *suite.Suite, seed Seed) (HPKEPrivateKey, HPKEPublicKey) {
	return s.DeriveKeyPair(expandSeed(s, seed))
}

// expandSeed stretches a seed to the length of a secret of the suite.
func expandSeed(s *suite.Suite, seed Seed) []byte {
	return s.Expand(s.Extract([]byte("anteroom seed"), seed[:]), nil, s.HashSize())
}

// nodeKey derives the key pair of a parent from its path secret (§7.4).
func nodeKey(s *suite.Suite, pathSecret []byte) (HPKEPrivateKey, HPKEPublicKey) {
	return s.DeriveKeyPair(s.DeriveSecret(pathSecret, "node"))
}

// nextPathSecret is the path secret of the next node up, and after the last one the commit secret (§7.4).
func nextPathSecret(s *suite.Suite, pathSecret []byte) []byte {
	return s.DeriveSecret(pathSecret, "path")
}

// pathKeys derives the secrets and key pairs of n path nodes upwards from the first one's secret, and the commit secret (§7.4).
func pathKeys(s *suite.Suite, cfg *Config, n int, secret []byte) (secrets [][]byte, private []HPKEPrivateKey, public []HPKEPublicKey, commit []byte) {
	secrets, private, public = make([][]byte, n), make([]HPKEPrivateKey, n), make([]HPKEPublicKey, n)
	for k := range secrets {
		secrets[k], secret = secret, nextPathSecret(s, secret)
	}
	cfg.each(n, func(k int) error {
		private[k], public[k] = nodeKey(s, secrets[k])
		return nil
	})
	return secrets, private, public, secret
}

// newPath is a path that we make: all its secrets are known.
type newPath struct {
	tree    tree // with the path merged, hashed
	leaf    *LeafNode
	leafKey HPKEPrivateKey
	path    *UpdatePath // without ciphertexts until encrypt
	steps   []pathStep
	secrets [][]byte // one per step
	private []HPKEPrivateKey
	commit  []byte // commit_secret
}

// makePath generates the update path of leaf i (§7.4, §7.5). t is the tree with the proposals applied, hashed; leaf holds what the
// new leaf node keeps: everything but encryption key, source, parent hash and signature.
func (t tree) makePath(s *suite.Suite, cfg *Config, seed Seed, i LeafIndex, leaf LeafNode, groupID []byte, signer SignaturePrivateKey) (*newPath, error) {
	p := &newPath{steps: t.filteredPath(i)}
	secret := expandSeed(s, seed.Derive("path secret"))
	var keys []HPKEPublicKey
	p.secrets, p.private, keys, p.commit = pathKeys(s, cfg, len(p.steps), secret)
	p.path = &UpdatePath{Nodes: make([]UpdatePathNode, len(p.steps))}
	for k := range p.steps {
		p.path.Nodes[k].EncryptionKey = keys[k]
	}
	var parents map[nodeIndex]*ParentNode
	p.leafKey, leaf.EncryptionKey = hpkeKey(s, seed.Derive("leaf key"))
	leaf.Source = LeafNodeSourceCommit
	leaf.Lifetime = Lifetime{}
	parents, leaf.ParentHash = t.pathParents(s, p.steps, keys)
	if err := leaf.sign(s, signer, groupID, i); err != nil {
		return nil, err
	}
	p.leaf, p.path.LeafNode = &leaf, leaf
	p.tree = t.withPath(i, p.leaf, parents).hashed(s)
	return p, nil
}

// encrypt fills in the ciphertexts: one for every node in the resolution of each copath node, local ones too, members added by this
// commit excepted (§7.6).
func (p *newPath) encrypt(s *suite.Suite, cfg *Config, added []LeafIndex, provisional *GroupContext) error {
	type task struct {
		to     HPKEPublicKey
		secret []byte
		out    *HPKECiphertext
	}
	var tasks []task
	for k, step := range p.steps {
		to := p.tree.pathRecipients(step, added)
		p.path.Nodes[k].EncryptedPathSecrets = make([]HPKECiphertext, len(to))
		for j, x := range to {
			tasks = append(tasks, task{p.tree.at(x).key(), p.secrets[k], &p.path.Nodes[k].EncryptedPathSecrets[j]})
		}
	}
	encryption := s.Encryption("UpdatePathNode", wire.Marshal(provisional))
	return cfg.each(len(tasks), func(i int) (err error) {
		t := &tasks[i]
		t.out.KEMOutput, t.out.Ciphertext, err = encryption.Encrypt(t.to, t.secret)
		return err
	})
}

// pathRecipients is the resolution of a copath node without the members that the same commit added (§7.6).
func (t tree) pathRecipients(step pathStep, added []LeafIndex) []nodeIndex {
	to := t.resolution(nil, step.copath)
	if len(added) == 0 {
		return to
	}
	return slices.DeleteFunc(to, func(x nodeIndex) bool {
		if !x.IsLeaf() {
			return false
		}
		_, found := slices.BinarySearch(added, leafAt(x))
		return found
	})
}

// secretFor returns the path secret that new member i needs: that of the lowest node above both it and the committer (§12.4.3.1).
func (p *newPath) secretFor(i LeafIndex) []byte {
	for k, step := range p.steps {
		if step.node.Contains(i.node()) {
			return p.secrets[k]
		}
	}
	return nil
}

// mergePath verifies the shape of somebody else's update path against t, the tree with the proposals applied and hashed, and merges
// its public part (§7.5, §12.4.2). taken are the keys of t.
func (t tree) mergePath(s *suite.Suite, i LeafIndex, path *UpdatePath, added []LeafIndex, taken keyIndex) (tree, []pathStep, error) {
	steps := t.filteredPath(i)
	if len(steps) != len(path.Nodes) {
		return t, nil, invalidf("9420-7.6-path-length", "path has %d nodes, the filtered direct path %d", len(path.Nodes), len(steps))
	}
	if err := checkPathKeys(s, path, taken); err != nil {
		return t, nil, err
	}
	keys := make([]HPKEPublicKey, len(steps))
	for k, step := range steps {
		n := &path.Nodes[k]
		// Members that the commit added are in every resolution above them: as blank parents' leaves or as unmerged ones.
		if want := int(t.at(step.copath).resolution) - len(below(added, step.copath)); len(n.EncryptedPathSecrets) != want {
			return t, nil, invalidf("9420-7.6-ciphertext-count", "node %d has %d path secrets, the resolution %d nodes",
				step.node, len(n.EncryptedPathSecrets), want)
		}
		keys[k] = n.EncryptionKey
	}
	parents, leafHash := t.pathParents(s, steps, keys)
	if !bytes.Equal(leafHash, path.LeafNode.ParentHash) {
		return t, nil, invalid("9420-7.9.2-leaf-parent-hash", "parent hash of the committer's leaf does not match its path")
	}
	leaf := path.LeafNode
	return t.withPath(i, &leaf, parents).hashed(s), steps, nil
}

// checkPathKeys verifies that the path's public keys are well formed, differ from each other, and appear nowhere in the new tree
// (§12.4.2).
func checkPathKeys(s *suite.Suite, path *UpdatePath, taken keyIndex) error {
	keys := make(map[string]struct{}, len(path.Nodes)+1)
	use := func(k HPKEPublicKey) error {
		if err := s.CheckHPKEPublic(k); err != nil {
			return invalid("9420-5.1.1-public-key", err.Error())
		}
		if _, found := keys[string(k)]; found {
			return invalid("9420-12.4.2-path-key-unique", "a public key appears twice in the path")
		}
		keys[string(k)] = struct{}{}
		if x, found := taken.find(encryptionKeys, k); found {
			return invalidf("9420-12.4.2-path-key-unique", "a public key of the path is that of node %d", x)
		}
		return nil
	}
	if err := use(path.LeafNode.EncryptionKey); err != nil {
		return err
	}
	for k := range path.Nodes {
		if err := use(path.Nodes[k].EncryptionKey); err != nil {
			return err
		}
	}
	return nil
}

// openedPath is what a recipient learns from an update path: the private keys from one step on, and the commit secret.
type openedPath struct {
	from    int // index into the steps
	private []HPKEPrivateKey
	commit  []byte
}

// openPath decrypts one path secret and derives the rest of the path (§7.5). For the local leaves in order of preference, the
// first for which held knows the private key of a resolution node decides. t is the tree with the path merged.
func (t tree) openPath(s *suite.Suite, steps []pathStep, path *UpdatePath, added, local []LeafIndex,
	held func(nodeIndex) HPKEPrivateKey, provisional *GroupContext, cfg *Config) (*openedPath, error) {
	for k, step := range steps {
		if len(below(local, step.copath)) == 0 {
			continue
		}
		for j, x := range t.pathRecipients(step, added) {
			private := held(x)
			if private == nil {
				continue
			}
			c := &path.Nodes[k].EncryptedPathSecrets[j]
			secret, err := s.DecryptPairWithLabel(private, t.at(x).key(), "UpdatePathNode", wire.Marshal(provisional), c.KEMOutput, c.Ciphertext)
			if err != nil {
				return nil, invalidf("9420-7.6-decrypt", "path secret of node %d: %v", step.node, err)
			}
			return t.derivePath(s, cfg, steps, k, secret)
		}
	}
	return nil, invalid("9420-7.6-no-recipient", "the path has no secret for a local leaf")
}

// derivePath derives private keys upwards from the path secret of steps[from] and verifies them against the tree (§7.5).
func (t tree) derivePath(s *suite.Suite, cfg *Config, steps []pathStep, from int, secret []byte) (*openedPath, error) {
	if len(secret) != s.HashSize() {
		return nil, invalidf("9420-7.4-path-secret", "path secret of %d bytes, want %d", len(secret), s.HashSize())
	}
	_, private, public, commit := pathKeys(s, cfg, len(steps)-from, secret)
	for k, step := range steps[from:] {
		p := t.at(step.node).parent
		if p == nil || !bytes.Equal(public[k], p.EncryptionKey) {
			return nil, invalidf("9420-7.5-path-key", "path secret of node %d does not yield its public key", step.node)
		}
	}
	return &openedPath{from, private, commit}, nil
}
