package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strings"

	"github.com/cloudflare/circl/dh/x25519"
)

// needs counts the primitives that an operation cannot do without. What is counted by the member is assumed to use all cores, as
// Config.Parallel lets it, and single ones to use one.
type needs struct {
	verify, sign, key float64 // Ed25519: signatures, and keys from seeds
	seal, open        float64 // HPKE to and from X25519: two scalar multiplications each
	base              float64 // X25519 public keys
	sha512, sha256    float64 // bytes
}

// primitives are milliseconds per operation on one core, and with all cores at work; the hashes per byte.
type primitives struct{ one, all needs }

// measurePrimitives measures what the cipher suite rests on, as package mls calls it: Ed25519 and the hashes of the standard library, X25519
// of circl.
func measurePrimitives() primitives {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	message := make([]byte, 300)
	signature := ed25519.Sign(private, message)
	public := private.Public().(ed25519.PublicKey)
	scalar, point := x25519.Key{1: 1}, x25519.Key{9}
	base := func() { var out x25519.Key; x25519.KeyGen(&out, &scalar) }
	dh := func() { var out x25519.Key; x25519.Shared(&out, &scalar, &point) }
	const size = 250_000 // some ratchet tree
	data := make([]byte, size)
	var p primitives
	for _, m := range []struct {
		of func(*needs) *float64
		f  func()
	}{
		{func(n *needs) *float64 { return &n.verify }, func() { ed25519.Verify(public, message, signature) }},
		{func(n *needs) *float64 { return &n.sign }, func() { ed25519.Sign(private, message) }},
		{func(n *needs) *float64 { return &n.key }, func() { ed25519.NewKeyFromSeed(signature[:ed25519.SeedSize]) }},
		{func(n *needs) *float64 { return &n.seal }, func() { base(); dh() }},
		{func(n *needs) *float64 { return &n.open }, func() { base(); dh() }},
		{func(n *needs) *float64 { return &n.base }, base},
		{func(n *needs) *float64 { return &n.sha512 }, func() { sha512.Sum512(data) }},
		{func(n *needs) *float64 { return &n.sha256 }, func() { sha256.Sum256(data) }},
	} {
		const many = 200
		*m.of(&p.one) = median(nil, m.f)
		*m.of(&p.all) = median(nil, func() { parallel(many, func(int) { m.f() }) }) / many
	}
	for _, n := range []*needs{&p.one, &p.all} {
		n.sha512 /= size
		n.sha256 /= size
	}
	return p
}

// terms lists what is needed with the time of one and the words for it.
func (n needs) terms(of needs) []term {
	return []term{
		{n.verify, of.verify, "%.0f Ed25519 verifications"},
		{n.sign, of.sign, "%.0f Ed25519 signatures"},
		{n.key, of.key, "%.0f Ed25519 keys"},
		{n.seal, of.seal, "%.0f HPKE seals"},
		{n.open, of.open, "%.0f HPKE opens"},
		{n.base, of.base, "%.0f X25519 public keys"},
		{n.sha512, of.sha512, "SHA-512 of %.0f bytes"},
		{n.sha256, of.sha256, "SHA-256 of %.0f bytes"},
	}
}

type term struct {
	count, each float64
	words       string
}

// single is up to how many operations are taken to be one after the other.
const single = 16

// floor is the least time in milliseconds that the needs of an operation take, and what they are.
func (p *primitives) floor(n needs) (least float64, words string) {
	var list []string
	all := n.terms(p.all)
	for i, t := range n.terms(p.one) {
		if t.count == 0 {
			continue
		}
		if t.count > single && !strings.Contains(t.words, "bytes") {
			t = all[i]
		}
		least += t.count * t.each
		list = append(list, fmt.Sprintf(t.words, t.count))
	}
	return least, strings.Join(list, ", ")
}

// printFloors tells for each goal that was missed what the primitives alone take, and then the primitives.
func (b *bench) printFloors() {
	p := measurePrimitives()
	fmt.Printf("\nMissed goals, and what the primitives of each take alone in this run (%d cores where there are many):\n", workers())
	missed := 0
	for _, r := range rows {
		for _, n := range b.sizes {
			v, goal := b.results[r.name][n], r.goal(n)
			if goal == 0 || v <= goal {
				continue
			}
			missed++
			fmt.Printf("  %s, %d members: %s %s, goal %s", r.name, n, number(v), r.unit, number(goal))
			if r.needs != nil {
				least, words := p.floor(r.needs(b, float64(n)))
				fmt.Printf("; primitives %s ms: %s", number(least), words)
			}
			fmt.Println()
		}
	}
	if missed == 0 {
		fmt.Println("  none")
	}
	fmt.Println("\nprimitives, milliseconds on one core, and per operation with all cores at work:")
	ones, alls := needs{1, 1, 1, 1, 1, 1, 1e6, 1e6}.terms(p.one), needs{1, 1, 1, 1, 1, 1, 1e6, 1e6}.terms(p.all)
	for i, t := range ones {
		fmt.Printf("%28s  %.3f  %.3f\n", fmt.Sprintf(t.words, t.count), t.count*t.each, alls[i].count*alls[i].each)
	}
}
