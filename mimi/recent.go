package mimi

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// Recent remembers byte strings in the order in which they came, so many of the last. It is stored in blocks, so that one more changes a part of the
// size of a block, and not of all. It is a value: With leaves the earlier one as it is. The zero Recent holds nothing.
type Recent struct {
	blocks []*recentBlock // oldest first; those before the last are full
	size   int
}

type recentBlock struct {
	n       uint64 // of the blocks that there ever were
	entries [][]byte
}

// RecentBlock is how many entries a block holds. So many more than the limit may be remembered.
const RecentBlock = 16

// With remembers one more and forgets the oldest block when without it there are still limit entries.
func (r Recent) With(limit int, entry []byte) Recent {
	next := r.Add(entry)
	if next.size-next.Oldest() >= limit {
		next = next.Forget()
	}
	return next
}

// Add remembers one more and forgets nothing.
func (r Recent) Add(entry []byte) Recent {
	blocks := slices.Clone(r.blocks)
	switch n := len(blocks); {
	case n == 0:
		blocks = []*recentBlock{{entries: [][]byte{entry}}}
	case len(blocks[n-1].entries) >= RecentBlock:
		blocks = append(blocks, &recentBlock{blocks[n-1].n + 1, [][]byte{entry}})
	default:
		last := blocks[n-1]
		blocks[n-1] = &recentBlock{last.n, append(slices.Clip(last.entries), entry)}
	}
	return Recent{blocks, r.size + 1}
}

// Oldest is how many entries the oldest block holds: those that Forget forgets.
func (r Recent) Oldest() int {
	if len(r.blocks) == 0 {
		return 0
	}
	return len(r.blocks[0].entries)
}

// Forget drops the oldest block.
func (r Recent) Forget() Recent { return Recent{r.blocks[1:], r.size - r.Oldest()} }

// Len is how many are remembered.
func (r Recent) Len() int { return r.size }

// Find returns the latest entry that begins with prefix.
func (r Recent) Find(prefix []byte) ([]byte, bool) {
	for _, b := range slices.Backward(r.blocks) {
		for _, e := range slices.Backward(b.entries) {
			if bytes.HasPrefix(e, prefix) {
				return e, true
			}
		}
	}
	return nil, false
}

// Parts adds to out what has changed since an earlier value, the zero one for everything. Names begin with prefix.
func (r Recent) Parts(out *mls.Parts, prefix string, since Recent) {
	name := func(b *recentBlock) string { return prefix + strconv.FormatUint(b.n, 10) }
	find := func(of Recent, n uint64) *recentBlock {
		if i := slices.IndexFunc(of.blocks, func(b *recentBlock) bool { return b.n == n }); i >= 0 {
			return of.blocks[i]
		}
		return nil
	}
	for _, b := range r.blocks {
		if old := find(since, b.n); old == b || old != nil && slices.EqualFunc(old.entries, b.entries, bytes.Equal) {
			continue
		}
		w := wire.NewWriter(nil)
		w.Vector(func(w *wire.Writer) {
			for _, e := range b.entries {
				w.Opaque(e)
			}
		})
		out.Set[name(b)] = w.Bytes()
	}
	for _, old := range since.blocks {
		if find(r, old.n) == nil {
			out.Drop = append(out.Drop, name(old))
		}
	}
}

// LoadRecent reads what Parts wrote: the parts whose names begin with prefix.
func LoadRecent(parts map[string][]byte, prefix string) (Recent, error) {
	var r Recent
	for name, body := range parts {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return Recent{}, fmt.Errorf("mimi: part %s: %w", name, err)
		}
		b := &recentBlock{n: n}
		in := wire.NewReader(body)
		in.At("recent").Vector(func(in *wire.Reader) { b.entries = append(b.entries, bytes.Clone(in.Opaque())) })
		if err := in.Done(); err != nil {
			return Recent{}, fmt.Errorf("mimi: part %s: %w", name, err)
		}
		r.blocks, r.size = append(r.blocks, b), r.size+len(b.entries)
	}
	slices.SortFunc(r.blocks, func(a, b *recentBlock) int { return cmp.Compare(a.n, b.n) })
	return r, nil
}
