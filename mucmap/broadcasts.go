package mucmap

import (
	"slices"

	"anteroom/xmpp"
)

// broadcasts collects stanzas in order. A crowd that enters at once makes half a million: what comes in large pieces is not copied before all is there.
type broadcasts struct {
	pieces [][]xmpp.Broadcast
	last   []xmpp.Broadcast // behind the pieces
}

// largePiece is from how many stanzas on a piece stays as it is.
const largePiece = 64

// add puts stanzas behind those that are there. The caller gives bs away.
func (b *broadcasts) add(bs ...xmpp.Broadcast) {
	if len(bs) < largePiece {
		b.last = append(b.last, bs...)
		return
	}
	b.cut()
	b.pieces = append(b.pieces, bs)
}

func (b *broadcasts) cut() {
	if len(b.last) > 0 {
		b.pieces = append(b.pieces, b.last)
		b.last = nil
	}
}

// all is everything in order.
func (b *broadcasts) all() []xmpp.Broadcast {
	if len(b.pieces) == 0 {
		return b.last
	}
	b.cut()
	b.pieces = [][]xmpp.Broadcast{slices.Concat(b.pieces...)}
	return b.pieces[0]
}
