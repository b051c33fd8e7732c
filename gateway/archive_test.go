package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"anteroom/store"
	"anteroom/xmpp"
)

// deaf is a store whose archive can be told not to answer.
type deaf struct {
	store.Store
	on atomic.Bool
}

func (d *deaf) Archive(ctx context.Context, room string, q store.ArchiveQuery) (store.ArchivePage, error) {
	if d.on.Load() {
		return store.ArchivePage{}, errors.New("told to")
	}
	return d.Store.Archive(ctx, room, q)
}

func (b *bench) feed(stanza string) {
	b.t.Helper()
	st, err := xmpp.ParseStanzaXML([]byte(stanza))
	if err != nil {
		b.t.Fatal(err)
	}
	if e := b.g.Deliver(&st); e != nil {
		b.t.Fatal(e, stanza)
	}
	b.settle()
}

// A query is answered from the store, beside the actor; a store that fails gives an error, not silence (XEP-0313 §4).
func TestArchiveIsReadFromTheStore(t *testing.T) {
	d := &deaf{}
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		in := entering(juliet, "Juliet")
		b.feed(in.stanza)
		for i := range 3 {
			b.feed(fmt.Sprintf("<message xmlns='jabber:client' type='groupchat' from='%s' to='garden@rooms.a.example' id='m%d'><body>text %d</body></message>", juliet, i, i))
		}
		ask := func(id string) {
			b.feed(fmt.Sprintf("<iq xmlns='jabber:client' type='set' from='%s' to='garden@rooms.a.example' id='%s'><query xmlns='urn:xmpp:mam:2' queryid='%s'/></iq>", juliet, id, id))
		}
		ask("q1")
		for i := range 3 {
			if !c.got(juliet, "<result", "queryid='q1'", fmt.Sprintf("<body>text %d</body>", i)) {
				t.Errorf("message %d is not in the archive", i)
			}
		}
		if !c.got(juliet, "id='q1'", "type='result'", "<fin", "<count>3</count>") {
			t.Error("no fin")
		}
		d.on.Store(true)
		ask("q2")
		if !c.got(juliet, "id='q2'", "type='error'", "internal-server-error", "type='wait'") {
			t.Error("a failing store gives no error")
		}
		d.on.Store(false)
		ask("q3")
		if !c.got(juliet, "id='q3'", "type='result'", "<fin") {
			t.Error("the archive stays silent after a failure")
		}
	}, withRooms(t), func(o *Options) {
		d.Store = o.Store
		o.Store = d
	})
}
