package gateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// turn is one batch of inputs on its way through Step, store and world.
type turn struct {
	items   []item
	asked   []*xmpp.Stanza  // of them, requests that may be answered later (unanswered.go)
	outs    []mucmap.Output // of Steps, in order
	batch   store.Batch
	durable bool
	debts   []debt
}

// turn steps for each item, writes what must be durable, and lets the rest go.
func (a *actor) turn(now time.Time, items []item) {
	t := &turn{items: items}
	size := 0
	for i, it := range items {
		out, p, stack := a.step(now, it)
		if p != nil {
			a.crashed(now, items, i, p, stack)
			return
		}
		if out != nil {
			t.outs = append(t.outs, *out)
			if st := it.stanza; st != nil && st.IsRequest() && st.To.Resource() == "" && len(out.Queries) == 0 && len(out.Forward) == 0 {
				t.asked = append(t.asked, st)
			}
			if size += weight(out); out.Destroyed || size > MaxTurnBytes {
				t.items = items[:i+1]
				a.box.restore(items[i+1:]) // for the next turn, or for the room that comes after
				break
			}
		}
	}
	if len(t.outs) > 0 {
		a.idleSince = now
	}
	if err := a.assemble(now, t); err != nil {
		a.lost(now, t, err)
		return
	}
	due := !a.flushAt.IsZero() && !now.Before(a.flushAt)
	if due {
		a.flushAt = time.Time{}
	}
	if t.durable || due && (a.sent > a.sentStored || a.debts.news) {
		if err := a.write(now, t); err != nil {
			a.lost(now, t, err)
			return
		}
	}
	a.publish(now, t)
}

// weight is about what a Step wants written, in bytes.
func weight(out *mucmap.Output) int {
	n := len(out.Snapshot)
	for _, e := range out.Events {
		n += len(e)
	}
	for _, part := range out.SetSecrets {
		n += len(part)
	}
	for i, d := range out.Outbox {
		if i == 0 || !bytes.Equal(d.Body, out.Outbox[i-1].Body) {
			n += len(d.Body)
		}
	}
	for _, e := range out.Archive {
		n += len(e.Data)
	}
	return n
}

// step gives one item to the room, or handles it when it is not for the room. A panic is the item's.
func (a *actor) step(now time.Time, it item) (out *mucmap.Output, p any, stack []byte) {
	defer func() {
		if p = recover(); p != nil {
			stack = debug.Stack()
		}
	}()
	var in mucmap.Input
	switch {
	case it.stanza != nil:
		in = mucmap.StanzaIn{Stanza: it.stanza}
	case it.request != nil:
		in = it.request.Request
	case it.done != nil:
		if it.done.incarnation != a.incarnation {
			return nil, nil, nil
		}
		a.jobs--
		if it.done.panicked != nil {
			return nil, it.done.panicked, it.done.stack
		}
		in = it.done.CommitDone
	case it.page != nil:
		if it.page.incarnation == a.incarnation {
			a.jobs--
		}
		in = it.page.ArchivePage
	case it.answered != nil:
		if it.answered.incarnation != a.incarnation {
			return nil, nil, nil
		}
		in = it.answered.Answered
	case it.ask != nil:
		it.ask(a)
		return nil, nil, nil
	case it.delivered != 0:
		a.debts.pay(it.delivered, it.by)
		a.noteProgress(now)
		return nil, nil, nil
	case it.shutdown:
		in = mucmap.Shutdown{}
	case it.release:
		in = mucmap.Release{}
	default:
		in = mucmap.Timer{}
	}
	o := a.room.Step(now, a.g.opt.Seed(), in)
	a.wake = o.Wake
	a.g.m.steps.Inc()
	return &o, nil, nil
}

// noteProgress asks for a write before long.
func (a *actor) noteProgress(now time.Time) {
	if a.flushAt.IsZero() {
		a.flushAt = now.Add(FlushAfter)
	}
}

// assemble makes one batch of what the Steps want durable.
func (a *actor) assemble(now time.Time, t *turn) error {
	b := &t.batch
	b.Room, b.Seq, b.Sent = a.name, a.seq, a.sent
	b.SetSecrets = make(map[string][]byte)
	drop := make(map[string]bool)
	for i := range t.outs {
		out := &t.outs[i]
		t.durable = t.durable || out.Durable()
		b.Events = append(b.Events, out.Events...)
		if out.Snapshot != nil {
			b.Snapshot, b.SnapshotSeq = out.Snapshot, store.Seq(out.SnapshotSeq)
		}
		for _, name := range out.DropSecrets {
			drop[name] = true
			delete(b.SetSecrets, name)
		}
		for name, part := range out.SetSecrets {
			b.SetSecrets[name] = part
		}
		for _, e := range out.Archive {
			b.Archive = append(b.Archive, store.ArchiveEntry{ID: e.ID, Time: e.Time, Sender: e.Sender, Body: e.Data})
		}
		for _, r := range out.Redact {
			b.Redact = append(b.Redact, store.Redaction{ID: r.ID, Body: r.Data})
		}
		for _, d := range out.Outbox {
			if err := a.owe(now, t, d); err != nil {
				return err
			}
		}
		if out.Destroyed {
			b.SetSecrets[partTombstone] = append([]byte{tombstoneFormat}, out.Tombstone...)
		}
	}
	if a.clean {
		drop[partClean] = true
	}
	for name := range drop {
		b.DropSecrets = append(b.DropSecrets, name)
	}
	for i := range t.debts {
		b.Outbox = append(b.Outbox, store.OutboxEntry{ID: t.debts[i].id, Body: t.debts[i].encode()})
	}
	end := uint64(b.Seq) + uint64(len(b.Events))
	if n := len(t.outs); n > 0 && len(b.Events) > 0 && t.outs[n-1].Seq != end {
		return fmt.Errorf("gateway: the room counts %d events, the store would have %d", t.outs[n-1].Seq, end)
	}
	return nil
}

// owe turns a delivery into an outbox entry, or adds its provider to one of this turn that says the same, unless that changed what a provider
// gets first. An entry's id is about the time in microseconds, so that it tells the entry's age after a restart and is never used twice.
func (a *actor) owe(now time.Time, t *turn, d mucmap.Delivery) error {
	uri, err := mimi.ParseURI(d.Room)
	if err != nil {
		return err
	}
	for i := len(t.debts) - 1; i >= 0 && !slices.Contains(t.debts[i].to, d.Provider); i-- {
		if e := &t.debts[i]; string(e.endpoint) == d.Endpoint && e.uri == uri && bytes.Equal(e.body, d.Body) {
			e.to = append(e.to, d.Provider)
			return nil
		}
	}
	a.debts.last = max(a.debts.last+1, uint64(max(now.UnixMicro(), 1)))
	t.debts = append(t.debts, debt{a.debts.last, []string{d.Provider}, mimi.Endpoint(d.Endpoint), uri, d.Body})
	return nil
}

// write makes the turn durable.
func (a *actor) write(now time.Time, t *turn) error {
	if a.fence == 0 {
		if err := a.claim(now); err != nil {
			return err
		}
	}
	if !a.opened {
		if err := a.g.dir.open(a.name); err != nil {
			return err
		}
		a.opened = true
	}
	t.batch.Fence = a.fence
	a.debts.write(&t.batch)
	if err := a.g.writer.write(t.batch); err != nil {
		return err
	}
	a.written(t)
	return nil
}

// written notes what the store has now.
func (a *actor) written(t *turn) {
	a.stored, a.failedWrites = true, 0
	a.seq = t.batch.Seq + store.Seq(len(t.batch.Events))
	a.sentStored = max(a.sentStored, t.batch.Sent)
	a.debts.written(&t.batch)
	a.flushAt = time.Time{}
	_, a.clean = t.batch.SetSecrets[partClean]
	if tombstone, ok := t.batch.SetSecrets[partTombstone]; ok {
		a.tombstone, a.buryBy = tombstone, time.Now().Add(BuryWithin)
	}
}

// writeClean notes that nothing is in flight.
func (a *actor) writeClean() bool {
	t := &turn{}
	now := time.Now()
	if err := a.assemble(now, t); err != nil {
		panic(err) // there is no delivery to be malformed
	}
	t.batch.SetSecrets[partClean] = binary.BigEndian.AppendUint64(nil, uint64(a.seq))
	if err := a.write(now, t); err != nil {
		a.lost(now, t, err)
		return false
	}
	return true
}

// answer gives a Reply to the request that it belongs to.
func (t *turn) answer(r mucmap.Reply) {
	for i := range t.items {
		if q := t.items[i].request; q != nil && q.ID == r.ID {
			q.answer <- r
			t.items[i].request = nil
			return
		}
	}
}

// answerRest answers requests that the core left without a Reply: nobody may wait for nothing.
func (t *turn) answerRest() {
	for i := range t.items {
		if q := t.items[i].request; q != nil {
			q.answer <- mucmap.Reply{ID: q.ID, Status: http.StatusInternalServerError, Body: []byte("the room gave no answer")}
			t.items[i].request = nil
		}
	}
}
