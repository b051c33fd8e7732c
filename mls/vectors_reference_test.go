package mls

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// reference computes what RFC 9420 §5.2, §8 and §9 define, by crypto/hkdf and by formulas written out once more, so that vectors made with
// it say something about package suite and package schedule.
type reference struct {
	id     CipherSuite
	hash   func() hash.Hash
	nh, nk int
}

func referenceOf(id CipherSuite) reference {
	r := reference{id: id, hash: sha256.New, nk: 16}
	switch id {
	case SuiteX448AES256SHA512Ed448, SuiteP521AES256SHA512P521, SuiteX448ChaCha20SHA512Ed448:
		r.hash = sha512.New
	case SuiteP384AES256SHA384P384:
		r.hash = sha512.New384
	}
	if id >= SuiteX25519ChaCha20SHA256Ed25519 {
		r.nk = 32
	}
	r.nh = r.hash().Size()
	return r
}

// vector is opaque<V> for up to 16383 bytes (§2.1.2).
func vector(b []byte) []byte {
	if len(b) < 64 {
		return append([]byte{byte(len(b))}, b...)
	}
	return append([]byte{0x40 | byte(len(b)>>8), byte(len(b))}, b...)
}

func (r reference) expand(secret []byte, label string, context []byte, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, vector([]byte("MLS 1.0 "+label))...)
	info = append(info, vector(context)...)
	out, err := hkdf.Expand(r.hash, secret, string(info), length)
	if err != nil {
		panic(err)
	}
	return out
}

func (r reference) derive(secret []byte, label string) []byte {
	return r.expand(secret, label, nil, r.nh)
}

func (r reference) extract(salt, ikm []byte) []byte {
	m := hmac.New(r.hash, salt)
	m.Write(ikm)
	return m.Sum(nil)
}

func (r reference) sum(b []byte) []byte {
	h := r.hash()
	h.Write(b)
	return h.Sum(nil)
}

func (r reference) generation(secret []byte, label string, generation uint32, length int) []byte {
	return r.expand(secret, label, binary.BigEndian.AppendUint32(nil, generation), length)
}

// The formats that restate a function's output are produced from the standard library and written-out formulas, and pass the same checks as the
// official files. Key pairs, signatures and HPKE are the suite's own: its vectors and curve25519_test.go hold those.
func TestReferenceVectors(t *testing.T) {
	var s testSeed
	p := &producer{t: t, cases: map[string][]any{}}
	for _, id := range suite.Supported() {
		r := referenceOf(CipherSuite(id))
		fresh := func() []byte { seed := s.next(); return r.sum(seed[:]) }
		p.cryptoBasics(r, fresh)
		p.keySchedule(r, fresh)
		p.pskSecrets(r, fresh)
		p.secretTrees(r, fresh)
	}
	for n := uint32(1); n <= 64; n *= 2 {
		p.treeMath(n)
	}
	for _, n := range []int{0, 1, 63, 64, 16383, 16384, 1<<20 + 1, wire.MaxVector} {
		var header []byte
		switch {
		case n < 1<<6:
			header = []byte{byte(n)}
		case n < 1<<14:
			header = binary.BigEndian.AppendUint16(nil, 1<<14|uint16(n))
		default:
			header = binary.BigEndian.AppendUint32(nil, 1<<31|uint32(n))
		}
		p.add("deserialization", vectorCase{"vlbytes_header": hexOf(header), "length": n})
	}
	p.verify("crypto-basics", "key-schedule", "psk_secret", "secret-tree", "tree-math", "deserialization")
}

func (p *producer) cryptoBasics(r reference, fresh func() []byte) {
	s, err := suite.ByID(uint16(r.id))
	if err != nil {
		p.t.Fatal(err)
	}
	secret, context, content := fresh(), fresh(), fresh()
	key := s.GenerateSignatureKey(fresh())
	signature, err := key.SignWithLabel("SignWithLabel", content)
	if err != nil {
		p.t.Fatal(err)
	}
	private, public := s.DeriveKeyPair(fresh())
	out, ciphertext, err := s.EncryptWithLabel(public, "EncryptWithLabel", context, content)
	if err != nil {
		p.t.Fatal(err)
	}
	p.add("crypto-basics", vectorCase{
		"cipher_suite": r.id,
		"ref_hash": vectorCase{"label": "RefHash", "value": hexOf(content),
			"out": hexOf(r.sum(append(vector([]byte("RefHash")), vector(content)...)))},
		"expand_with_label": vectorCase{"secret": hexOf(secret), "label": "ExpandWithLabel", "context": hexOf(context), "length": 77,
			"out": hexOf(r.expand(secret, "ExpandWithLabel", context, 77))},
		"derive_secret": vectorCase{"secret": hexOf(secret), "label": "DeriveSecret", "out": hexOf(r.derive(secret, "DeriveSecret"))},
		"derive_tree_secret": vectorCase{"secret": hexOf(secret), "label": "DeriveTreeSecret", "generation": 258, "length": r.nk,
			"out": hexOf(r.generation(secret, "DeriveTreeSecret", 258, r.nk))},
		"sign_with_label": vectorCase{"priv": hexOf(key.Private()), "pub": hexOf(key.Public()), "content": hexOf(content),
			"label": "SignWithLabel", "signature": hexOf(signature)},
		"encrypt_with_label": vectorCase{"priv": hexOf(private), "pub": hexOf(public), "label": "EncryptWithLabel", "context": hexOf(context),
			"plaintext": hexOf(content), "kem_output": hexOf(out), "ciphertext": hexOf(ciphertext)},
	})
}

// keySchedule writes out the figure of §8.
func (p *producer) keySchedule(r reference, fresh func() []byte) {
	s, err := suite.ByID(uint16(r.id))
	if err != nil {
		p.t.Fatal(err)
	}
	init := fresh()
	c := vectorCase{"cipher_suite": r.id, "group_id": hexOf([]byte("group")), "initial_init_secret": hexOf(init)}
	var epochs []vectorCase
	for epoch := range uint64(3) {
		tree, transcript, commit, psk := fresh(), fresh(), fresh(), fresh()
		context := binary.BigEndian.AppendUint16([]byte{0, 1}, uint16(r.id))
		context = binary.BigEndian.AppendUint64(append(context, vector([]byte("group"))...), epoch)
		context = append(append(append(context, vector(tree)...), vector(transcript)...), 0)
		joiner := r.expand(r.extract(init, commit), "joiner", context, r.nh)
		member := r.extract(joiner, psk)
		secret := r.expand(member, "epoch", context, r.nh)
		exporter := r.derive(secret, "exporter")
		external := r.derive(secret, "external")
		_, externalPub := s.DeriveKeyPair(external)
		init = r.derive(secret, "init")
		epochs = append(epochs, vectorCase{
			"tree_hash": hexOf(tree), "commit_secret": hexOf(commit), "psk_secret": hexOf(psk), "confirmed_transcript_hash": hexOf(transcript),
			"group_context": hexOf(context), "joiner_secret": hexOf(joiner), "welcome_secret": hexOf(r.derive(member, "welcome")),
			"init_secret": hexOf(init), "sender_data_secret": hexOf(r.derive(secret, "sender data")),
			"encryption_secret": hexOf(r.derive(secret, "encryption")), "exporter_secret": hexOf(exporter),
			"epoch_authenticator": hexOf(r.derive(secret, "authentication")), "external_secret": hexOf(external),
			"confirmation_key": hexOf(r.derive(secret, "confirm")), "membership_key": hexOf(r.derive(secret, "membership")),
			"resumption_psk": hexOf(r.derive(secret, "resumption")), "external_pub": hexOf(externalPub),
			"exporter": vectorCase{"label": "label", "context": hexOf(tree), "length": 40,
				"secret": hexOf(r.expand(r.derive(exporter, "label"), "exported", r.sum(tree), 40))},
		})
	}
	c["epochs"] = epochs
	p.add("key-schedule", c)
}

// pskSecrets writes out §8.4 for external PSKs.
func (p *producer) pskSecrets(r reference, fresh func() []byte) {
	for n := range 4 {
		zero := make([]byte, r.nh)
		secret, psks := zero, []vectorCase{}
		for k := range n {
			id, psk, nonce := fresh(), fresh(), fresh()
			label := append(append([]byte{1}, vector(id)...), vector(nonce)...)
			label = append(label, 0, byte(k), 0, byte(n))
			secret = r.extract(r.expand(r.extract(zero, psk), "derived psk", label, r.nh), secret)
			psks = append(psks, vectorCase{"psk_id": hexOf(id), "psk": hexOf(psk), "psk_nonce": hexOf(nonce)})
		}
		p.add("psk_secret", vectorCase{"cipher_suite": r.id, "psks": psks, "psk_secret": hexOf(secret)})
	}
}

// secretTrees writes out §9 and §9.1 for a tree of eight leaves, and §6.3.2.
func (p *producer) secretTrees(r reference, fresh func() []byte) {
	secret, sender, ciphertext := fresh(), fresh(), append(fresh(), fresh()...)
	const nonce, leaves = 12, 8
	var list [][]vectorCase
	for leaf := range leaves {
		node := secret
		for level := leaves / 2; level > 0; level /= 2 {
			side := "left"
			if leaf&level != 0 {
				side = "right"
			}
			node = r.expand(node, "tree", []byte(side), r.nh)
		}
		handshake, application := r.derive(node, "handshake"), r.derive(node, "application")
		var generations []vectorCase
		for g := range uint32(4) {
			generations = append(generations, vectorCase{"generation": g,
				"handshake_key": hexOf(r.generation(handshake, "key", g, r.nk)), "handshake_nonce": hexOf(r.generation(handshake, "nonce", g, nonce)),
				"application_key": hexOf(r.generation(application, "key", g, r.nk)), "application_nonce": hexOf(r.generation(application, "nonce", g, nonce))})
			handshake, application = r.generation(handshake, "secret", g, r.nh), r.generation(application, "secret", g, r.nh)
		}
		list = append(list, generations)
	}
	p.add("secret-tree", vectorCase{"cipher_suite": r.id, "encryption_secret": hexOf(secret), "leaves": list, "sender_data": vectorCase{
		"sender_data_secret": hexOf(sender), "ciphertext": hexOf(ciphertext), "key": hexOf(r.expand(sender, "key", ciphertext[:r.nh], r.nk)),
		"nonce": hexOf(r.expand(sender, "nonce", ciphertext[:r.nh], nonce))}})
}

// treeMath numbers a tree by walking it in order, as the array form of appendix C is defined.
func (p *producer) treeMath(leaves uint32) {
	nodes := 2*leaves - 1
	left, right, parent, sibling := make([]*uint32, nodes), make([]*uint32, nodes), make([]*uint32, nodes), make([]*uint32, nodes)
	next := uint32(0)
	var number func(leaves uint32) uint32
	number = func(leaves uint32) uint32 {
		if leaves == 1 {
			next++
			return next - 1
		}
		l := number(leaves / 2)
		x := next
		next++
		r := number(leaves / 2)
		left[x], right[x], parent[l], parent[r], sibling[l], sibling[r] = &l, &r, &x, &x, &r, &l
		return x
	}
	p.add("tree-math", vectorCase{"n_leaves": leaves, "n_nodes": nodes, "root": number(leaves), "left": left, "right": right, "parent": parent, "sibling": sibling})
}
