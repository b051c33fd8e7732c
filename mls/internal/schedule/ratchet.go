package schedule

import (
	"errors"
	"fmt"
	"slices"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Limits of a receiving ratchet. A sender that runs further ahead than MaxForward loses the message; keys of skipped
// generations beyond the newest MaxSkipped are forgotten.
const (
	MaxForward = 1024
	MaxSkipped = 1024
)

// MaxReserve is how many generations one call of Reserve may add.
const MaxReserve = 1 << 16

// maxGeneration is never used, so that the following generation always has a number.
const maxGeneration = 1<<32 - 1

// Why a ratchet yields no key.
var (
	ErrGenerationUsed = errors.New("schedule: the key of this generation was used or forgotten")
	ErrTooFarAhead    = errors.New("schedule: the generation is too far ahead")
	ErrNotReserved    = errors.New("schedule: the sending generation is not reserved")
	ErrSending        = errors.New("schedule: the ratchet is for sending")
	ErrExhausted      = errors.New("schedule: the ratchet has no generations left")
	ErrLeaf           = errors.New("schedule: no such leaf")
	ErrCorrupt        = errors.New("schedule: malformed stored state")
)

// MessageKey encrypts a single message.
type MessageKey struct {
	Key, Nonce []byte
	Generation uint32
}

// point is a place in a ratchet: the secret from which generation next and all later ones follow.
type point struct {
	secret []byte
	next   uint32
}

func (p point) step(st *suite.Suite) point {
	return point{st.DeriveTreeSecret(p.secret, "secret", p.next, st.HashSize()), p.next + 1}
}

func (p point) key(st *suite.Suite) MessageKey {
	k, n := st.KeySize(), st.NonceSize()
	b := st.AppendTreeSecret(make([]byte, 0, k+n), p.secret, "key", p.next, k)
	b = st.AppendTreeSecret(b, p.secret, "nonce", p.next, n)
	return MessageKey{b[:k:k], b[k:], p.next}
}

// ratchet is one of the two hash ratchets of a leaf, RFC 9420 §9.1: an immutable value. It is for receiving until the first
// reservation makes it one for sending.
type ratchet struct {
	point
	skipped []*MessageKey // receiving: keys passed over, by ascending generation
	bound   *point        // sending: where the reserved generations end; this is what is stored
}

// receive returns the key of a generation and the ratchet without it.
func (r ratchet) receive(st *suite.Suite, generation uint32) (ratchet, MessageKey, error) {
	if r.bound != nil {
		return r, MessageKey{}, ErrSending
	}
	if generation == maxGeneration {
		return r, MessageKey{}, ErrExhausted
	}
	if generation < r.next {
		i, ok := slices.BinarySearchFunc(r.skipped, generation, func(k *MessageKey, g uint32) int {
			return int(int64(k.Generation) - int64(g))
		})
		if !ok {
			return r, MessageKey{}, ErrGenerationUsed
		}
		key := *r.skipped[i]
		r.skipped = slices.Concat(r.skipped[:i], r.skipped[i+1:])
		return r, key, nil
	}
	ahead := generation - r.next
	if ahead > MaxForward {
		return r, MessageKey{}, fmt.Errorf("%w: %d after %d", ErrTooFarAhead, generation, r.next)
	}
	if ahead > 0 {
		keep := r.skipped[max(0, len(r.skipped)+int(ahead)-MaxSkipped):]
		r.skipped = append(make([]*MessageKey, 0, len(keep)+int(ahead)), keep...)
		for r.next < generation {
			key := r.key(st)
			r.skipped = append(r.skipped, &key)
			r.point = r.step(st)
		}
	}
	key := r.key(st)
	r.point = r.step(st)
	return r, key, nil
}

// reserve extends the reserved generations by n.
func (r ratchet) reserve(st *suite.Suite, n uint32) (ratchet, error) {
	bound := r.point
	if r.bound != nil {
		bound = *r.bound
	} else if len(r.skipped) > 0 {
		return r, ErrSending
	}
	if n > MaxReserve || n >= maxGeneration-bound.next {
		return r, ErrExhausted
	}
	for range n {
		bound = bound.step(st)
	}
	r.bound = &bound
	return r, nil
}

// send returns the key of the next generation and the ratchet without it.
func (r ratchet) send(st *suite.Suite) (ratchet, MessageKey, error) {
	if r.bound == nil || r.next == r.bound.next {
		return r, MessageKey{}, ErrNotReserved
	}
	key := r.key(st)
	r.point = r.step(st)
	return r, key, nil
}

func (r ratchet) reserved() uint32 {
	if r.bound == nil {
		return 0
	}
	return r.bound.next - r.next
}

// MarshalTLS writes the stored form. A sending ratchet is stored at the end of its reserved generations: it cannot decrypt
// what was sent, and sending within the reservation leaves it unchanged.
func (r *ratchet) MarshalTLS(w *wire.Writer) {
	p := r.point
	if r.bound != nil {
		p = *r.bound
	}
	w.Bool(r.bound != nil)
	w.Opaque(p.secret)
	w.U32(p.next)
	w.Vector(func(w *wire.Writer) {
		for _, k := range r.skipped {
			w.U32(k.Generation)
			w.Opaque(k.Key)
			w.Opaque(k.Nonce)
		}
	})
}

// read consumes the stored form.
func (r *ratchet) read(rd *wire.Reader, st *suite.Suite) {
	*r = ratchet{}
	sending := rd.At("ratchet.sending").Bool()
	r.secret = rd.At("ratchet.secret").Opaque()
	r.next = rd.At("ratchet.next").U32()
	if rd.Err() == nil && len(r.secret) != st.HashSize() {
		rd.Fail("secret of the wrong size")
	}
	rd.At("ratchet.skipped").Vector(func(rd *wire.Reader) {
		k := MessageKey{Generation: rd.U32(), Key: rd.Opaque(), Nonce: rd.Opaque()}
		switch n := len(r.skipped); {
		case rd.Err() != nil:
		case len(k.Key) != st.KeySize() || len(k.Nonce) != st.NonceSize():
			rd.Fail("key of the wrong size")
		case sending || n == MaxSkipped || k.Generation >= r.next || n > 0 && r.skipped[n-1].Generation >= k.Generation:
			rd.Fail("skipped keys do not fit the ratchet")
		default:
			r.skipped = append(r.skipped, &k)
		}
	})
	if sending {
		bound := r.point
		r.bound = &bound
	}
}
