package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/store"
)

// debt is one message that a room owes to providers, as it stands in the stored outbox: once, whoever it is for.
type debt struct {
	id       uint64 // about the time it was made, in microseconds
	to       []string
	endpoint mimi.Endpoint
	uri      mimi.URI
	body     []byte
}

// encode is what an outbox entry's Body holds.
func (d *debt) encode() []byte {
	w := wire.NewWriter(nil)
	w.Vector(func(w *wire.Writer) {
		for _, provider := range d.to {
			w.OpaqueString(provider)
		}
	})
	w.OpaqueString(string(d.endpoint))
	w.OpaqueString(d.uri.String())
	w.Opaque(d.body)
	return w.Bytes()
}

func decodeDebt(e store.OutboxEntry) (debt, error) {
	d := debt{id: e.ID}
	in := wire.NewReader(e.Body)
	in.At("to").Vector(func(in *wire.Reader) { d.to = append(d.to, in.String()) })
	d.endpoint = mimi.Endpoint(in.At("endpoint").String())
	name := in.At("uri").String()
	d.body = bytes.Clone(in.At("body").Opaque())
	err := in.Done()
	if err == nil {
		d.uri, err = mimi.ParseURI(name)
	}
	if err != nil {
		return debt{}, fmt.Errorf("outbox entry %d: %w", e.ID, err)
	}
	return d, nil
}

// deliveries are the POSTs that pay it.
func (d *debt) deliveries(room string) (list []delivery) {
	for _, provider := range d.to {
		list = append(list, delivery{room: room, id: d.id, provider: provider, endpoint: d.endpoint, uri: d.uri, body: d.body})
	}
	return list
}

// debts is which of the entries in a room's stored outbox which provider has not taken yet. How far the providers are that are ahead of
// others stands in a part of the room's secrets, which is small, so that a message for many is written once.
type debts struct {
	last  uint64              // id given out last
	open  map[uint64]int      // entries in the store: how many providers have not taken them
	done  []uint64            // of them, which nobody waits for: forgotten with the next write
	at    map[string]*account // by provider
	news  bool                // the store does not know all of it
	noted bool                // the store has partTaken
}

// account is one provider's.
type account struct {
	owed []uint64 // entries that it has not taken, ids ascending
	last uint64   // the newest entry that was ever for it
}

// taken is the last entry before which the provider owes us nothing: all that was for it so far it took, or it was given up.
func (c *account) taken() uint64 {
	if len(c.owed) > 0 {
		return c.owed[0] - 1
	}
	return c.last
}

func (b *debts) account(provider string) *account {
	if b.at == nil {
		b.at = make(map[string]*account)
	}
	c, ok := b.at[provider]
	if !ok {
		c = new(account)
		b.at[provider] = c
	}
	return c
}

// owe notes an entry that is stored and the providers that have not taken it.
func (b *debts) owe(id uint64, to []string) {
	if b.open == nil {
		b.open = make(map[uint64]int)
	}
	b.open[id] = len(to)
	for _, provider := range to {
		c := b.account(provider)
		c.owed, c.last = append(c.owed, id), max(c.last, id)
	}
	if len(to) == 0 {
		b.done, b.news = append(b.done, id), true
	}
}

// pay notes that an entry needs no further attempt at a provider.
func (b *debts) pay(id uint64, provider string) {
	c := b.at[provider]
	if c == nil {
		return
	}
	i, ok := slices.BinarySearch(c.owed, id)
	if !ok {
		return
	}
	if i == 0 {
		c.owed = c.owed[1:]
	} else {
		c.owed = slices.Delete(c.owed, i, i+1)
	}
	if b.open[id]--; b.open[id] == 0 {
		b.done = append(b.done, id)
	}
	b.news = true
}

// paid says whether a provider took an entry that is known here.
func (b *debts) paid(id uint64, provider string) bool {
	if _, known := b.open[id]; !known {
		return false
	}
	c := b.at[provider]
	if c == nil {
		return true
	}
	_, owed := slices.BinarySearch(c.owed, id)
	return !owed
}

// count is how many deliveries are owed.
func (b *debts) count() (n int) {
	for _, c := range b.at {
		n += len(c.owed)
	}
	return n
}

// write adds to a batch what the store is to know.
func (b *debts) write(batch *store.Batch) {
	batch.OutboxDone = b.done
	if !b.news {
		return
	}
	if part := b.encodeTaken(); part != nil {
		batch.SetSecrets[partTaken] = part
	} else if b.noted {
		batch.DropSecrets = append(batch.DropSecrets, partTaken)
	}
}

// written notes that a batch is in the store.
func (b *debts) written(batch *store.Batch) {
	for _, id := range batch.OutboxDone {
		delete(b.open, id)
	}
	b.done = b.done[len(batch.OutboxDone):]
	b.news = len(b.done) > 0
	if batch.SetSecrets[partTaken] != nil {
		b.noted = true
	} else if slices.Contains(batch.DropSecrets, partTaken) {
		b.noted = false
	}
}

// encodeTaken is what partTaken holds: how far the providers are that are ahead of others; nil: none is. Accounts that have nothing to say are closed.
func (b *debts) encodeTaken() []byte {
	oldest := uint64(math.MaxUint64)
	for _, c := range b.at {
		if len(c.owed) > 0 {
			oldest = min(oldest, c.owed[0])
		}
	}
	marks := make(map[string]uint64)
	for provider, c := range b.at {
		if taken := c.taken(); taken >= oldest {
			marks[provider] = taken
		} else if len(c.owed) == 0 {
			delete(b.at, provider)
		}
	}
	if len(marks) == 0 {
		return nil
	}
	part, err := json.Marshal(marks)
	if err != nil {
		panic(err) // strings and numbers
	}
	return part
}

func decodeTaken(part []byte) (marks map[string]uint64, err error) {
	if len(part) > 0 {
		err = json.Unmarshal(part, &marks)
	}
	return marks, err
}

// resumeOutbox takes over the stored outbox of a restored room. What providers took and the store does not know yet is remembered.
func (a *actor) resumeOutbox(now time.Time, stored *store.Room) {
	before, part := a.debts, stored.Secrets[partTaken]
	a.debts = debts{last: before.last, news: before.news, noted: part != nil}
	marks, err := decodeTaken(part)
	if err != nil {
		a.log.Error("who has taken deliveries cannot be read; they are delivered again", "error", err)
	}
	var again []delivery
	for _, e := range stored.Outbox {
		a.debts.last = max(a.debts.last, e.ID)
		d, err := decodeDebt(e)
		if err != nil {
			a.log.Error("delivery cannot be read and is given up", "error", err)
			d = debt{}
		}
		d.to = slices.DeleteFunc(d.to, func(provider string) bool {
			taken := e.ID <= marks[provider] || before.paid(e.ID, provider)
			if taken {
				c := a.debts.account(provider)
				c.last = max(c.last, e.ID)
			}
			return taken
		})
		a.debts.owe(e.ID, d.to)
		again = append(again, d.deliveries(a.name)...)
	}
	if a.debts.news {
		a.noteProgress(now)
	}
	a.g.outbox.add(again)
}
