package mucmap

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// When the keys of our leaves are renewed (docs/decisions/100-renewal.md). All of it is computed from the ages of the keys, which are stored with
// the leaves, and from names: a room that was put away, or restored after a crash, has the same plan as before.
//
//   - A key is due when it has served its interval, less an eighth of it, which it may have to wait, and less up to a quarter, by which the leaves
//     of a room are spread.
//   - A room renews keys only in its windows, one after each pause. Where they lie depends on the room's name, so that rooms are spread, also
//     when a gateway comes back after a long time and everything is overdue: each room waits for its next window.
//   - In a window a bounded number of leaves is renewed; the pause is so short that all of them get their turn in an eighth of the interval.

// The bounds of a plan.
const (
	// MaxRenewed is how many leaves of a room of ours one commit renews: one commits, the others' Updates blank their paths
	// (docs/multileaf.md). In rooms of other providers it is one.
	MaxRenewed = 4
	// MaxRenewalPause and MinRenewalPause bound the time from one window of a room to the next, which is shorter only where Limits.Renewal asks for it;
	// RenewalWindow is how long one is open.
	MaxRenewalPause = time.Hour
	MinRenewalPause = time.Minute
	RenewalWindow   = time.Minute
	// credentialRenewal is how long encryption keys serve at most where leaves have certificates: these are renewed with them (credential.go), in the
	// last third of their 90 days.
	credentialRenewal = 20 * 24 * time.Hour
	// maxLook is how far ahead a room looks, in seconds: a policy may name times that no clock shows.
	maxLook = 366 * 24 * 60 * 60
	// MinRenewal is the shortest interval that the configuration may ask for.
	MinRenewal = time.Hour
	// MinShortestRenewal is the least that Limits.Renewal may be: windows begin every second then.
	MinShortestRenewal = 8 * time.Second
)

// renewalPlan says when keys of a room's leaves are renewed. All times are seconds, of clocks since 1970.
type renewalPlan struct {
	every mls.RenewalInterval
	least uint64                     // from one renewal of a leaf to its next, by the room's policy
	since func(mls.LeafIndex) uint64 // when the policy began to count, if that is later than a leaf's keys
	pause uint64                     // between the beginnings of two windows
	phase uint64                     // of the windows
	room  uint64
	batch int // leaves in a window
}

// dueLeaf is a leaf of ours whose keys are to be renewed.
type dueLeaf struct {
	leaf      mls.LeafIndex
	at        uint64 // its turn
	from      uint64 // the room's policy forbids it before; 0: it does not
	signature uint64 // when its signature key is due
	signs     bool   // it gets a new signature key, too
}

const never = math.MaxUint64

// planRenewals makes the plan of a room with so many leaves of ours. What the room's policy says of times comes before our configuration.
func (s *Service) planRenewals(room string, times mimi.Times, leaves, batch int) *renewalPlan {
	p := &renewalPlan{batch: batch, least: times.Min, since: func(mls.LeafIndex) uint64 { return 0 },
		every: mls.RenewalInterval{Encryption: uint64(s.cfg.RenewEncryption / time.Second), Signature: uint64(s.cfg.RenewSignature / time.Second)}}
	if s.cfg.Issue != nil {
		most := uint64(credentialRenewal / time.Second)
		if p.every.Encryption == 0 || p.every.Encryption > most {
			p.every.Encryption = most
		}
	}
	p.obey(times)
	h := fnv.New64a()
	h.Write([]byte(room))
	p.room = spread(h.Sum64())
	rounds := uint64(leaves/batch + 1)
	least := min(s.cfg.Limits.Renewal/8, MinRenewalPause)
	p.pause = min(max(p.shortest()/8/rounds, uint64(least/time.Second)), uint64(MaxRenewalPause/time.Second))
	p.phase = p.room % p.pause
	return p
}

// obey lets a room's policy decide how long keys serve: what it says is usual, no longer than it allows, and no shorter.
func (p *renewalPlan) obey(times mimi.Times) {
	every := &p.every.Encryption
	switch times.Default {
	case 0:
	case mimi.Infinity:
		*every = 0
	default:
		*every = times.Default
	}
	if times.Max != 0 && times.Max != mimi.Infinity && (*every == 0 || *every > times.Max) {
		*every = times.Max
	}
	if *every != 0 {
		*every = max(*every, times.Min)
	}
	if times.Min == mimi.Infinity {
		p.every = mls.RenewalInterval{}
	}
}

// spread mixes the bits of a number (the finalizer of MurmurHash3), so that numbers that differ by little differ by much.
func spread(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// idle says that the plan renews nothing, ever.
func (p *renewalPlan) idle() bool { return p.every == mls.RenewalInterval{} }

// begin is when the window of a time begins, which may be over by then.
func (p *renewalPlan) begin(at uint64) uint64 {
	if at < p.phase {
		return 0 // in the first hour of 1970
	}
	return at - (at-p.phase)%p.pause
}

// open says that keys may be renewed at a time.
func (p *renewalPlan) open(at uint64) bool {
	return at-p.begin(at) < uint64(RenewalWindow/time.Second)
}

// next is the beginning of the first window after a time.
func (p *renewalPlan) next(at uint64) uint64 { return p.begin(at) + p.pause }

// due says when a key that has served since a time is to be renewed.
func (p *renewalPlan) due(leaf mls.LeafIndex, since, every uint64) uint64 {
	switch {
	case every == 0:
		return never
	case since == 0:
		return 0 // nobody knows how old it is
	}
	return since + every - every/8 - spread(p.room^since^uint64(leaf)<<32)%(every/4+1)
}

// windowFrom is the beginning of the first window that does not begin before a time.
func (p *renewalPlan) windowFrom(at uint64) time.Time {
	w := p.begin(at)
	if w < at {
		w += p.pause
	}
	return time.Unix(int64(w), 0).UTC()
}

// leaves are the leaves of ours that do not wait for a commit, those first whose turn comes first.
func (p *renewalPlan) leaves(g *mls.Group) []dueLeaf {
	var all []dueLeaf
	for _, l := range g.RenewalDue(never, mls.RenewalInterval{Encryption: 1, Signature: 1}) { // all of them
		d := dueLeaf{leaf: l.Leaf, at: p.due(l.Leaf, l.Since, p.every.Encryption), signature: p.due(l.Leaf, l.SignatureSince, p.every.Signature)}
		if d.at = min(d.at, d.signature); d.at == never {
			continue
		}
		if since := max(l.Since, p.since(l.Leaf)); p.least > 0 && since > 0 {
			d.from = since + min(p.least, never-since)
			d.at = max(d.at, d.from)
		}
		if d.at != never {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b dueLeaf) int { return cmp.Compare(a.at, b.at) })
	return all
}

// take returns who is renewed now, none unless a window is open. Those go along whose turn would come before the next one and, in a room of few,
// an eighth of the interval early, so that it is not woken for each of its leaves.
func (p *renewalPlan) take(g *mls.Group, now uint64) []dueLeaf {
	all := p.leaves(g)
	if len(all) == 0 || all[0].at > now || !p.open(now) {
		return nil
	}
	soon := now + p.pause
	if len(all) <= p.batch {
		soon = now + p.shortest()/8
	}
	var out []dueLeaf
	for _, d := range all {
		if len(out) == p.batch || d.at > soon {
			break
		}
		if d.from <= now {
			d.signs = d.signature <= soon
			out = append(out, d)
		}
	}
	return out
}

// look is the beginning of the first window, after this one and within maxLook, in which a leaf may be due; zero: none ever is.
func (p *renewalPlan) look(g *mls.Group, now uint64) time.Time {
	all := p.leaves(g)
	if len(all) == 0 {
		return time.Time{}
	}
	at := p.next(now)
	return p.windowFrom(max(at, min(all[0].at, now+maxLook)))
}

// shortest is the shorter of the intervals that are not never.
func (p *renewalPlan) shortest() uint64 {
	if p.every.Encryption == 0 || p.every.Signature != 0 && p.every.Signature < p.every.Encryption {
		return p.every.Signature
	}
	return p.every.Encryption
}
