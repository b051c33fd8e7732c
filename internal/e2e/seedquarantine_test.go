package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// damage is one byte of what a stopped anteroom has stored of a room, changed: before and after are the whole value.
type damage struct {
	file          string
	before, after []byte
}

// damages changes a byte of one of a room's sealed secrets.
func (p *scene) damages(at *stack.Stack, room string) (d damage) {
	p.Helper()
	d.file = filepath.Join(at.Dir, "rooms.db")
	db, err := bbolt.Open(d.file, 0o600, &bbolt.Options{ReadOnly: true})
	p.must(err)
	p.must(db.View(func(tx *bbolt.Tx) error {
		secrets := tx.Bucket([]byte("rooms")).Bucket([]byte(room)).Bucket([]byte("secrets"))
		return secrets.ForEach(func(_, value []byte) error {
			if len(value) > len(d.before) {
				d.before = bytes.Clone(value)
			}
			return nil
		})
	}))
	p.must(db.Close())
	d.after = bytes.Clone(d.before)
	d.after[len(d.after)-1] ^= 1
	p.exchanges(d.file, d.before, d.after)
	return d
}

// mends undoes it, also under a running anteroom, as far as nothing else was written to the room.
func (p *scene) mends(d damage) {
	p.Helper()
	p.exchanges(d.file, d.after, d.before)
}

// exchanges replaces bytes of a file wherever they stand.
func (p *scene) exchanges(file string, old, with []byte) {
	p.Helper()
	all, err := os.ReadFile(file)
	p.must(err)
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	p.must(err)
	found := 0
	for at := bytes.Index(all, old); at >= 0; at = bytes.Index(all, old) {
		_, err := f.WriteAt(with, int64(at))
		p.must(err)
		copy(all[at:], with)
		found++
	}
	p.must(f.Close())
	if found == 0 {
		p.Fatalf("%s does not hold what is to be exchanged", file)
	}
}

// quarantined: what is stored of a room is damaged, at its own provider and then at one that follows it. Users are told that the room is in quarantine, other
// rooms go on, operators see why and until when; when they have mended it and released the room, it goes on with what waited.
func quarantined(p *scene) {
	garden, _ := room("quarantined")
	there := far("quarantined")
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, there, "benvolio")
	p.sees(p.juliet, garden, "benvolio", "", "")
	for _, side := range []struct {
		at           *stack.Stack
		name         string
		c, other     *xmppclient.Client
		room, beyond string
	}{{p.here, "quarantined", p.juliet, p.benvolio, garden, there}, {p.there, "quarantined%" + stack.Domain, p.benvolio, p.juliet, there, garden}} {
		p.must(side.at.Anteroom.Stop())
		broken := p.damages(side.at, side.name)
		p.must(side.at.StartAnteroom(p.step()))

		nick := side.c.JID.Local()
		_, err := side.c.Join(p.step(), side.room, nick)
		var e *xmpp.StanzaError
		if !errors.As(err, &e) || e.Condition != xmpp.InternalServerError || e.Type != xmpp.Wait || !strings.Contains(e.Text, "the room is in quarantine") || !strings.Contains(e.Text, "tried again at 20") ||
			strings.Contains(e.Text, "corrupt") {
			p.Errorf("%s enters a damaged room: %v", nick, err)
		}
		p.must(side.other.Say(side.beyond, "is "+nick+" there?"))
		p.enters(side.c, "healthy@rooms."+side.at.Domain, nick)

		const trouble = "in quarantine until "
		for _, looks := range [][]string{{"list"}, {"show", side.name}} {
			if out, said, err := p.operates(side.at, looks[0], looks[1:]...); err != nil || !strings.Contains(out, trouble) || !strings.Contains(out, "corrupt: ") {
				p.Errorf("room %s: %v\n%s%s", looks[0], err, out, said)
			}
		}
		if _, said, err := p.operates(side.at, "members", side.name); err == nil || !strings.Contains(said, trouble) {
			p.Errorf("room members: %v %s", err, said)
		}
		if out, _, err := p.operates(side.at, "release", side.name); err != nil || !strings.Contains(out, "is still in trouble: "+trouble) {
			p.Errorf("released as it is: %v %s", err, out)
		}
		p.mends(broken)
		if out, _, err := p.operates(side.at, "release", side.name); err != nil || !strings.Contains(out, "can be entered again") {
			p.Errorf("released when it is mended: %v %s", err, out)
		}
		if out, _, err := p.operates(side.at, "show", side.name); err != nil || strings.Contains(out, trouble) {
			p.Errorf("room show when all is well: %v\n%s", err, out)
		}
		p.enters(side.c, side.room, nick)
		_, err = side.c.Expect(p.step(), "what was said meanwhile", func(st *xmpp.Stanza) bool {
			body, _ := st.Body()
			return st.Kind == xmpp.Message && st.From.Bare().String() == side.room && body == "is "+nick+" there?"
		})
		p.must(err)
		p.must(side.c.Say(side.room, nick+" is"))
		p.hears(side.other, side.beyond, nick, nick+" is")
	}
}
