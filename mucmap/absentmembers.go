package mucmap

import (
	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room can show its members who are not present, as unavailable (the status codes 102 and 103 of XEP-0045 tell that it begins or
// ends to, docs/decisions/045-hidden-and-absent.md). Those are shown whose nick the room knows: a reserved one, or the one they had last.

// fieldShowAbsent is ours: XEP-0045 registers codes for it but no field.
const fieldShowAbsent = "x-anteroom_show_absent"

// MaxAbsentShown bounds how many absent members a room shows, and maxAbsentStanzas what it sends when it begins to.
const (
	MaxAbsentShown   = 200
	maxAbsentStanzas = 100_000
)

func (c *roomConfig) absentField() muc.Field {
	return muc.BoolField(fieldShowAbsent, "Show members who are not here, as unavailable", c.ShowAbsent)
}

func (c *roomConfig) submitAbsent(f *muc.Form) *xmpp.StanzaError {
	on, present, err := f.Bool(fieldShowAbsent)
	if err != nil {
		return asStanzaError(err)
	}
	if present {
		c.ShowAbsent = on
	}
	return nil
}

// absent is a member who is not present, under the nick that it would have.
type absent struct {
	user mimi.URI
	nick string
}

// absentees are the members whom the room shows though they are not present, in the order of their names.
func (s *state) absentees() (all []absent) {
	if !s.Config.ShowAbsent {
		return nil
	}
	for _, u := range s.users() {
		m := s.members[u]
		nick := m.Reserved
		if nick == "" {
			nick = m.Nick
		}
		if nick == "" || m.Role == roleKeeper || s.affiliation(u) < muc.AffiliationMember || s.occupant(u) != nil || s.here.ByNick(nick) != nil {
			continue
		}
		if all = append(all, absent{u, nick}); len(all) == MaxAbsentShown {
			break
		}
	}
	return all
}

// presenceOf is the unavailable presence of somebody absent. Only who may see real addresses gets that of the member, a bare one.
func (s *state) presenceOf(a absent, real bool) *xmpp.Template {
	item := muc.Item{Affiliation: s.affiliation(a.user), Role: muc.RoleNone}
	if real {
		item.JID = s.svc.UserJID(a.user)
	}
	st := xmpp.Stanza{Kind: xmpp.Presence, Type: xmpp.TypeUnavailable, From: s.here.Address(a.nick), Payload: []*xmpp.Element{muc.User{Items: []muc.Item{item}}.Element()}}
	if id := s.occupantID(a.user); id != "" {
		st.Payload = append(st.Payload, muc.OccupantID(id))
	}
	return xmpp.NewTemplate(st)
}

// absentFor is what a newcomer's device gets to see of them.
func (s *state) absentFor(o *presence.Occupant, device xmpp.JID) (bs []xmpp.Broadcast) {
	for _, a := range s.absentees() {
		bs = append(bs, xmpp.Broadcast{Template: s.presenceOf(a, s.here.MaySee(o)), To: []xmpp.JID{device}})
	}
	return bs
}

// showAbsent is what everybody gets when the room begins to show them; where that would be too much, newcomers see them alone.
func (s *state) showAbsent() (bs []xmpp.Broadcast) {
	all := s.absentees()
	if len(all)*s.here.Len() > maxAbsentStanzas {
		return nil
	}
	see, blind := s.here.Watchers()
	for _, a := range all {
		if len(see) > 0 {
			bs = append(bs, xmpp.Broadcast{Template: s.presenceOf(a, true), To: see})
		}
		if len(blind) > 0 {
			bs = append(bs, xmpp.Broadcast{Template: s.presenceOf(a, false), To: blind})
		}
	}
	return bs
}
