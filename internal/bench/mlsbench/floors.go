package main

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
)

// printFloors measures the primitives as the standard library has them, on one core.
func printFloors() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	message := make([]byte, 300)
	signature := ed25519.Sign(key, message)
	public := key.Public().(ed25519.PublicKey)
	dh := must(ecdh.X25519().GenerateKey(rand.Reader))
	kem := must(hpke.DHKEM(ecdh.X25519()).GenerateKey())
	million := make([]byte, 1e6)
	fmt.Print("\nthe same machine, one core, standard library:\n")
	for _, p := range []struct {
		name string
		f    func()
	}{
		{"Ed25519 key from seed", func() { ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }},
		{"Ed25519 sign 300 bytes", func() { ed25519.Sign(key, message) }},
		{"Ed25519 verify 300 bytes", func() { ed25519.Verify(public, message, signature) }},
		{"X25519", func() { must(dh.ECDH(dh.PublicKey())) }},
		{"HPKE seal (two X25519)", func() {
			_, s, err := hpke.NewSender(kem.PublicKey(), hpke.HKDFSHA256(), hpke.AES128GCM(), message)
			check(err)
			must(s.Seal(nil, message[:32]))
		}},
		{"SHA-256 of 1 MB", func() { sha256.Sum256(million) }},
		{"SHA-512 of 1 MB", func() { sha512.Sum512(million) }},
	} {
		fmt.Printf("%26s  %.3f ms\n", p.name, median(nil, p.f))
	}
}
