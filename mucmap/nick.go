package mucmap

import (
	"strconv"
	"strings"
	"unicode/utf8"

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

// nickOf is how others know a user, present or not: empty if somebody else has by now the nick that it had.
func (r *Room) nickOf(u mimi.URI) string {
	m := r.pub.members[u]
	if m == nil {
		return ""
	}
	if o := r.pub.here.ByNick(m.Nick); o != nil && o.User != u.String() {
		return ""
	}
	return m.Nick
}

// speaksAs is the nick under which a message of a user is shown who may have left before the hub accepted it: nobody else's.
func (r *Room) speaksAs(u mimi.URI) string {
	if nick := r.nickOf(u); nick != "" {
		return nick
	}
	want := ""
	if m := r.pub.members[u]; m != nil {
		want = m.Nick
	}
	return r.pub.here.FreeNick(want)
}

// nickFault says why nobody may choose a nick: it is too long, or deceives; "" when neither.
func (s *Service) nickFault(nick string) string {
	if utf8.RuneCountInString(nick) > s.cfg.Limits.Nick {
		return "it is longer than " + strconv.Itoa(s.cfg.Limits.Nick) + " characters"
	}
	return xmpp.NicknameFault(nick)
}

// goodNick is a nick under which a user can be shown who chose one elsewhere, and cannot be refused: the one wanted, cut to the length of nicks
// here, or one made of the user's name if that one deceives or is reserved for somebody else.
func (r *Room) goodNick(want string, u mimi.URI) string {
	for _, name := range []string{want, u.Name()} {
		nick, err := xmpp.Nickname(name)
		if err != nil || nick == "" {
			continue
		}
		nick = r.svc.cutNick(nick)
		by, is := r.pub.reserved[nickKey(nick)]
		like, looks := r.pub.reservedLooks[xmpp.NicknameLook(nick)]
		if xmpp.NicknameFault(nick) == "" && (!is || by == u) && (!looks || like == u) {
			return nick
		}
	}
	return r.svc.cutNick(r.svc.UserJID(u).Local())
}

// cutNick cuts a nick to the length of nicks here.
func (s *Service) cutNick(nick string) string {
	if utf8.RuneCountInString(nick) <= s.cfg.Limits.Nick {
		return nick
	}
	return strings.TrimSpace(string([]rune(nick)[:s.cfg.Limits.Nick]))
}
