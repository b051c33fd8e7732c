package mucmap

import (
	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// renamed says that an occupant has another nick. It is the XMPP side's alone: the leaf keeps the nick that it was made with.
type renamed struct {
	User mimi.URI
	Nick string
	ID   string `json:",omitempty"`

	Assigned bool `json:",omitempty"` // it is not the nick that was asked for: 210
}

func (e *renamed) apply(s *state, p *stage) {
	o := s.occupant(e.User)
	if o == nil {
		return
	}
	p.send(func() []xmpp.Broadcast {
		return s.here.Farewell(o, presence.Change{NewNick: e.Nick, Codes: []muc.Status{muc.StatusNickChanged}})
	})
	s.here.Rename(o, e.Nick)
	if m := s.members[e.User]; m != nil {
		m.Nick = e.Nick
	}
	c := presence.Change{ID: e.ID}
	if e.Assigned {
		c.SelfCodes = []muc.Status{muc.StatusNickAssigned}
	}
	s.announce(p, o, c)
}

// rename gives an occupant, with all its devices, another nick (XEP-0045 §7.6).
func (t *turn) rename(st *xmpp.Stanza, o *presence.Occupant, nick string) {
	u := userOf(o)
	if o.Nick == nick {
		return
	}
	if e := t.mayRename(u); e != nil {
		t.limited(st, e)
		return
	}
	if e := t.r.nickRefusal(nick, u); e != nil {
		t.refuse(st, e)
		return
	}
	t.emit(&renamed{User: u, Nick: nick, ID: st.ID, Assigned: nick != st.To.Resource()})
	if payload := payloadText(ownPayload(st)); payload != payloadText(o.Session(st.From).Payload) {
		t.emit(&available{JID: st.From, Payload: payload})
	}
}
