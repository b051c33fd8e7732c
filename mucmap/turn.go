package mucmap

import (
	"encoding/hex"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
)

// turn is one Step under way.
type turn struct {
	r     *Room
	now   time.Time
	seed  mls.Seed
	seeds int
	out   Output // but for the stanzas, until the end

	stanzas broadcasts

	marks map[mimi.URI]bool // whose bookmark may change

	belonging map[mimi.URI]bool // whose belonging to the room may change, and whether it belonged before
}

// derive returns a seed that nothing else in this turn gets.
func (t *turn) derive(label string) mls.Seed {
	t.seeds++
	return t.seed.Derive(label, []byte(strconv.Itoa(t.seeds)))
}

// id is a new identifier for a stanza.
func (t *turn) id() string {
	s := t.derive("stanza id")
	return hex.EncodeToString(s[:10])
}

// emit decides an event: it is logged, applied, and its stanzas follow those that are out already.
func (t *turn) emit(e event) {
	t.out.Events = append(t.out.Events, encodeEvent(e))
	t.r.seq++
	switch e := e.(type) {
	case *committed:
		t.r.absent = true
		if t.r.bansMissed(e) {
			t.r.enforced = nil
		}
	case *stopped:
		t.r.absent = true
	case *left: // nobody else's time is up earlier than before: no need to look through all members
		t.r.wake = earlier(t.r.wake, t.now.Add(t.r.svc.cfg.GuestLinger))
	}
	t.bookmarks(e)
	if t.r.svc.cfg.Indicators {
		t.belongs(e)
		defer t.belongs(e)
	}
	p := stage{live: true, out: &t.stanzas}
	e.apply(t.r.pub, &p)
	t.r.watch.follow(e, t.now)
}

// output is what the turn asks of the world.
func (t *turn) output() Output {
	t.out.Stanzas = t.stanzas.all()
	return t.out
}

// send puts out a stanza that no event stands for: an answer.
func (t *turn) send(s xmpp.Stanza) {
	if s.To.IsZero() || s.Kind == xmpp.IQ && s.ID == "" {
		return // a request without id cannot be answered (RFC 6120 §8.2.3)
	}
	t.stanzas.add(xmpp.Broadcast{Template: xmpp.NewTemplate(s), To: []xmpp.JID{s.To}})
}

// refuse answers a stanza with an error, if it may be answered, and notes why.
func (t *turn) refuse(st *xmpp.Stanza, e *xmpp.StanzaError) {
	t.note(NoteDebug, "refused", Attr{"from", st.From.String()}, Attr{"stanza", st.Kind.String()}, Attr{"condition", string(e.Condition)}, Attr{"reason", e.Text})
	if !st.AcceptsError() {
		return
	}
	t.send(st.ErrorReply(e))
}

// result answers an iq.
func (t *turn) result(st *xmpp.Stanza, payload ...*xmpp.Element) { t.send(st.Reply(payload...)) }

func (t *turn) note(level NoteLevel, msg string, attrs ...Attr) {
	t.out.Notes = append(t.out.Notes, Note{Level: level, Msg: msg, Attrs: attrs})
}

func refusal(c xmpp.Condition, text string) *xmpp.StanzaError { return xmpp.NewError(c, text) }
