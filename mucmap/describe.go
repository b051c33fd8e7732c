package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// Description is a room as operators see it.
type Description struct {
	Summary
	URI          string    // mimi:// URI; empty while the room does not exist
	Group        string    // id of its MLS group
	Suite        string    // registered name of the group's cipher suite; empty while we are not in it
	Hub          string    // the provider that owns the room, if it is not ours
	HubUntil     time.Time // when the certificate that the group has of its hub is over; zero: it has a basic credential
	Leaves       int       // clients in the group, the keeper's included
	Participants []Participant

	Preauthorised []Preauthorised // who is not listed and may enter without being asked
	Bots          []BotLine       // that the bot policy allows
	Policies      []PolicyLine    // for the content of messages, and such as are not known
}

// Participant is an entry of the participant list, the keeper's left out.
type Participant struct {
	User        mimi.URI // the name that the group lists: a pseudonym of an XMPP user in a semi-anonymous room of ours
	JID         xmpp.JID // who that is
	Affiliation string   // of XEP-0045
	Role        string   // of XEP-0045, as it is or would be while present
	State       UserState
	Leaves      int    // clients in the group
	Nick        string // the last one used
	Sessions    int    // devices that are present
	Bot         bool   // by its role
}

// Describe tells what an operator may want to know; it changes nothing.
func (r *Room) Describe() Description {
	d := Description{Summary: r.Summary()}
	if r.follow != nil {
		d.URI, d.Hub = r.uri.String(), r.uri.Provider()
	}
	if !r.pub.Exists {
		return d
	}
	d.URI, d.Group = r.uri.String(), r.pub.Group
	if g := r.group(); g != nil {
		d.Suite = g.Public().Suite().Name()
		d.HubUntil = hubUntil(g.Public(), r.uri.Provider())
	}
	for _, u := range r.pub.users() {
		m := r.pub.members[u]
		d.Leaves += m.Leaves
		if u == r.keeper {
			continue
		}
		st := standingOf(m.Role)
		p := Participant{User: r.pub.listed(u), JID: r.svc.UserJID(u), Affiliation: st.affiliation.String(), Role: st.role.String(), State: stateOf(m), Leaves: m.Leaves, Nick: m.Nick, Bot: isBotRole(m.Role)}
		if o := r.pub.occupant(u); o != nil {
			p.Nick, p.Sessions = o.Nick, len(o.Sessions)
		}
		d.Participants = append(d.Participants, p)
	}
	d.Preauthorised, d.Bots, d.Policies = r.preauthorisedUsers(), r.bots(), r.policies()
	return d
}
