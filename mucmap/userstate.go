package mucmap

import (
	"strconv"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// UserState is how far somebody belongs to a room: draft-mahy-mimi-group-chat, "Security Considerations", keeps "pre-authorized for room membership", "room
// membership" and "MLS group membership" apart. Operators see it (room members), admins by an ad-hoc command.
type UserState string

const (
	StatePreauthorised UserState = "pre-authorised" // may enter without being asked, by itself, its domain or its team; is not listed
	StateParticipant   UserState = "participant"    // is listed by the group and has no client in it
	StateMember        UserState = "MLS member"     // is listed and has a client: it can read and write
	StateBanned        UserState = "banned"         // is listed so that it cannot come back
)

// commandStates shows the states, maxStates is how many users at most: an answer is one stanza.
const (
	commandStates = "urn:anteroom:room#states"
	maxStates     = 500
)

func stateOf(m *member) UserState {
	switch {
	case m.Role == roleBanned:
		return StateBanned
	case m.Leaves > 0:
		return StateMember
	}
	return StateParticipant
}

// Preauthorised is an entry by which somebody may enter who is not listed.
type Preauthorised struct {
	Kind        string   // user, system, domain or team
	Name        string   // as the room's document has it
	User        mimi.URI // of Kind user and system
	JID         xmpp.JID // that user's
	Affiliation string   // that it would have
	Role        string
}

// preauthorisedUsers are the entries that still wait for somebody: a domain or team always does.
func (r *Room) preauthorisedUsers() (all []Preauthorised) {
	for i := range r.pub.Preauth {
		p := &r.pub.Preauth[i]
		st := standingOf(p.Role)
		e := Preauthorised{Kind: string(p.Kind), Name: p.Name, User: p.User, Affiliation: st.affiliation.String(), Role: st.role.String()}
		if p.Kind == roomdoc.User || p.Kind == roomdoc.System {
			if r.pub.members[p.User] != nil {
				continue
			}
			e.JID = r.svc.UserJID(p.User)
		}
		all = append(all, e)
	}
	return all
}

// showStates lists everybody with its state.
func showStates(t *turn, _ mimi.URI, _ *commandSession, done func(*turn, commandResult), _ func(*turn, *xmpp.StanzaError)) {
	f := muc.NewForm(muc.FormResult, formCommand)
	f.Title = "Who may enter, who takes part, who is in the group"
	f.Reported = []muc.Field{muc.TextField("user", "Who", ""), muc.TextField("state", "State", ""), muc.TextField("affiliation", "Affiliation", ""),
		muc.TextField("clients", "Clients in the group", "")}
	d := t.r.Describe()
	for i := range d.Participants {
		p := &d.Participants[i]
		f.Rows = append(f.Rows, []string{p.JID.String(), string(p.State), p.Affiliation, strconv.Itoa(p.Leaves)})
	}
	for i := range d.Preauthorised {
		p := &d.Preauthorised[i]
		name := p.Kind + " " + p.Name
		if !p.JID.IsZero() {
			name = p.JID.String()
		}
		f.Rows = append(f.Rows, []string{name, string(StatePreauthorised), p.Affiliation, "0"})
	}
	note := "An MLS member has keys of the room, a participant is on its list, and who is pre-authorised may enter without being asked."
	if n := len(f.Rows); n > maxStates {
		f.Rows = f.Rows[:maxStates]
		note += " " + strconv.Itoa(n-maxStates) + " more are not shown."
	}
	done(t, commandResult{note: note, form: &f})
}
