package store

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sealed bytes are: format 1, key id (4), nonce (24), XChaCha20-Poly1305 ciphertext with tag (16). Nonces are random.
// The associated data names kind, place and part, so that no sealed part opens in place of another.
const (
	sealFormat   = 1
	sealHead     = 1 + 4
	sealOverhead = sealHead + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// kind separates what is sealed, by subkey and associated data.
type kind string

const (
	kindSecret   kind = "secret part"  // room, name
	kindEvent    kind = "event"        // room, sequence
	kindSnapshot kind = "snapshot"     // room, sequence
	kindOutbox   kind = "outbox body"  // room and id
	kindArchive  kind = "archive body" // room, id
	kindRecord   kind = "record"       // bucket, key
	kindGrave    kind = "tombstone"    // room
	kindCheck    kind = "key check"
)

// The key check is a record, in clear as far as the store knows, that only the right key opens.
const (
	checkBucket = "anteroom store"
	checkKeyRec = "key check"
)

type sealer struct {
	id   [4]byte
	aead map[kind]cipher.AEAD
}

func newSealer(k Key) *sealer {
	s := &sealer{id: k.id(), aead: make(map[kind]cipher.AEAD)}
	for _, kd := range []kind{kindSecret, kindEvent, kindSnapshot, kindOutbox, kindArchive, kindRecord, kindGrave, kindCheck} {
		aead, err := chacha20poly1305.NewX(k.derive(string(kd), chacha20poly1305.KeySize))
		if err != nil {
			panic(err) // only for a wrong key length
		}
		s.aead[kd] = aead
	}
	return s
}

func (s *sealer) seal(kd kind, place, part string, plain []byte) []byte {
	out := make([]byte, sealHead+chacha20poly1305.NonceSizeX, len(plain)+sealOverhead)
	out[0] = sealFormat
	copy(out[1:], s.id[:])
	nonce := out[sealHead:]
	rand.Read(nonce)
	return s.aead[kd].Seal(out, nonce, plain, associated(kd, place, part))
}

func (s *sealer) open(kd kind, place, part string, sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) < sealOverhead:
		return nil, fmt.Errorf("%w: %s of %q: too short to be sealed", ErrCorrupt, kd, place)
	case sealed[0] != sealFormat:
		return nil, fmt.Errorf("%w: %s of %q: unknown format %d", ErrCorrupt, kd, place, sealed[0])
	case [4]byte(sealed[1:sealHead]) != s.id:
		return nil, fmt.Errorf("%w: %s of %q: sealed with key %x, have %x", ErrWrongKey, kd, place, sealed[1:sealHead], s.id)
	}
	nonce := sealed[sealHead : sealHead+chacha20poly1305.NonceSizeX]
	plain, err := s.aead[kd].Open([]byte{}, nonce, sealed[sealHead+chacha20poly1305.NonceSizeX:], associated(kd, place, part))
	if err != nil {
		return nil, fmt.Errorf("%w: %s of %q does not open: changed, or moved from elsewhere", ErrCorrupt, kd, place)
	}
	return plain, nil
}

// associated encodes without ambiguity: the place is prefixed with its length.
func associated(kd kind, place, part string) []byte {
	ad := append([]byte(kd), 0)
	ad = binary.BigEndian.AppendUint32(ad, uint32(len(place)))
	ad = append(ad, place...)
	return append(ad, part...)
}

func seqPart(n Seq) string { return strconv.FormatUint(uint64(n), 10) }

func outboxPart(e OutboxEntry) string { return strconv.FormatUint(e.ID, 10) }

// Seal returns inner with events, snapshots, secret parts, outbox bodies, archive bodies, tombstones and record values encrypted on their way
// in and decrypted on their way out. In clear stay: room keys, part names, senders, times and sequences. On a fresh store it leaves a key check; ErrWrongKey: the store was sealed with another
// key. What does not open is ErrCorrupt.
func Seal(ctx context.Context, inner Store, k Key) (Store, error) {
	s := newSealer(k)
	if err := s.check(ctx, inner); err != nil {
		return nil, err
	}
	return &sealed{Store: inner, s: s}, nil
}

// SealedWith names the key that a store was sealed with; "" is a fresh one.
func SealedWith(ctx context.Context, inner Store) (id string, err error) {
	rec, err := inner.Get(ctx, checkBucket, checkKeyRec)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("store: cannot read the key check: %w", err)
	case len(rec.Value) < sealOverhead:
		return "", fmt.Errorf("%w: the key check is too short to be sealed", ErrCorrupt)
	}
	return hex.EncodeToString(rec.Value[1:sealHead]), nil
}

func (s *sealer) check(ctx context.Context, inner Store) error {
	rec, err := inner.Get(ctx, checkBucket, checkKeyRec)
	if errors.Is(err, ErrNotFound) {
		fresh := Change{Key: checkKeyRec, Value: s.seal(kindCheck, "", "", nil), If: Absent}
		if err := inner.Update(ctx, checkBucket, fresh); err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("store: cannot write the key check: %w", err)
		}
		rec, err = inner.Get(ctx, checkBucket, checkKeyRec)
	}
	if err != nil {
		return fmt.Errorf("store: cannot read the key check: %w", err)
	}
	_, err = s.open(kindCheck, "", "", rec.Value)
	if errors.Is(err, ErrWrongKey) {
		return fmt.Errorf("%w: this store is sealed with key %x, the key file holds %x; use the key file that belongs to the store",
			ErrWrongKey, rec.Value[1:sealHead], s.id)
	}
	return err
}
