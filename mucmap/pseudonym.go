package mucmap

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
)

// Pseudonyms: in a semi-anonymous room (XEP-0045 §4.2, muc#roomconfig_whois) the group does not learn who our users are. Inside this
// package a user is always named by its own URI; state.listed is the name under which the group lists it, state.behind undoes that.
// docs/decisions/060-pseudonyms.md.

const (
	// pseudonymMark begins the name of a pseudonym. A localpart has no colon (RFC 7622 §3.3.1), so no user's name begins like this.
	pseudonymMark = "anon:"
	// pseudonymSize is how much of the HMAC stands in a pseudonym, in bytes.
	pseudonymSize = 20
	// MaxDeparted bounds how many users who are not listed any more a room still knows by their pseudonyms, so that a moderator of
	// another provider can ban somebody who has just left.
	MaxDeparted = 256
	// MaxRenamed is how many users one commit renames, so that it is never larger than other providers take.
	MaxRenamed = 2048
)

var pseudonymText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// pseudonym is a user's name in a room that hides it: the same whenever the user comes, so that bans hold, another one in every
// room, and nothing to anybody without the room's key. Only our users have one; the keeper is nobody to hide.
func (s *Service) pseudonym(key []byte, u mimi.URI) mimi.URI {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s.UserJID(u).Bare().String()))
	p, err := mimi.UserURI(s.cfg.Provider, pseudonymMark+pseudonymText.EncodeToString(h.Sum(nil)[:pseudonymSize]))
	if err != nil {
		panic("mucmap: a pseudonym is no user name: " + err.Error())
	}
	return p
}

// isPseudonym says that a URI of our provider stands for somebody hidden.
func isPseudonym(u mimi.URI) bool { return strings.HasPrefix(u.Name(), pseudonymMark) }

// hidden says whether the room gives a user a pseudonym when it is listed next.
func (s *state) hidden(u mimi.URI) bool {
	return len(s.Veil) > 0 && !s.Config.Anyone && s.svc.local(u) && !strings.HasSuffix(u.Name(), keeperMark) && !s.namedBot(u)
}

// wanted is the name under which the group should list a user.
func (s *state) wanted(u mimi.URI) mimi.URI {
	if s.hidden(u) {
		return s.svc.pseudonym(s.Veil, u)
	}
	return u
}

// listed is the name under which the group lists a user, or would if it were listed now.
func (s *state) listed(u mimi.URI) mimi.URI {
	switch m := s.members[u]; {
	case m == nil:
		return s.wanted(u)
	case !m.As.IsZero():
		return m.As
	}
	return u
}

// behind is the user whom the group knows by a name.
func (s *state) behind(name mimi.URI) mimi.URI {
	if u, known := s.veiled[name]; known {
		return u
	}
	return name
}

// veil notes under which name the group lists a user.
func (s *state) veil(u, as mimi.URI) {
	m := s.members[u]
	if m == nil {
		return
	}
	if !m.As.IsZero() {
		delete(s.veiled, m.As)
	}
	if m.As = as; as == u {
		m.As = mimi.URI{}
	}
	if !m.As.IsZero() {
		s.veiled[m.As] = u
		s.Departed = slices.DeleteFunc(slices.Clone(s.Departed), func(d mimi.URI) bool { return d == u })
	}
}

// depart remembers for a while who is behind the pseudonym of a user that is not listed any more.
func (s *state) depart(u mimi.URI) {
	m := s.members[u]
	if m == nil || m.As.IsZero() {
		return
	}
	s.Departed = append(slices.Clone(s.Departed), u)
	if len(s.Departed) > MaxDeparted {
		delete(s.veiled, s.svc.pseudonym(s.Veil, s.Departed[0]))
		s.Departed = s.Departed[1:]
	}
}

// unveil rebuilds the table of pseudonyms of a decoded state.
func (s *state) unveil() {
	for u, m := range s.members {
		if !m.As.IsZero() {
			s.veiled[m.As] = u
		}
	}
	for _, u := range s.Departed {
		s.veiled[s.svc.pseudonym(s.Veil, u)] = u
	}
}

// unveiling answers who is behind a name of the group, while a commit of ours that lists new ones is taken in: s does not know those yet.
func (s *state) unveiling(deltas []*delta) func(mimi.URI) mimi.URI {
	fresh := map[mimi.URI]mimi.URI{}
	if len(s.Veil) > 0 {
		for _, d := range deltas {
			for _, u := range d.touched {
				if s.svc.local(u) {
					fresh[s.svc.pseudonym(s.Veil, u)] = u
				}
			}
		}
	}
	return func(name mimi.URI) mimi.URI {
		if u, is := fresh[name]; is {
			return u
		}
		return s.behind(name)
	}
}

// listing is the group's policy with users in place of their pseudonyms.
type listing struct {
	*policy.State
	pub *state
}

// RoleOf is a user's role in the group.
func (l listing) RoleOf(u mimi.URI) mimi.RoleIndex { return l.State.RoleOf(l.pub.listed(u)) }

// Clients is how many clients a user has in the group.
func (l listing) Clients(u mimi.URI) int { return l.State.Clients(l.pub.listed(u)) }

// Can says whether a user's role has a capability, MayChange whether it may move somebody from one role to another.
func (l listing) Can(u mimi.URI, c mimi.Capability) bool { return l.State.Can(l.pub.listed(u), c) }

// MayChange: see Can.
func (l listing) MayChange(u mimi.URI, from, to mimi.RoleIndex) bool {
	return l.State.MayChange(l.pub.listed(u), from, to)
}

// Position is a user's place in the participant list.
func (l listing) Position(u mimi.URI) (uint32, bool) { return l.State.Position(l.pub.listed(u)) }

// Participants is the participant list.
func (l listing) Participants() []mimi.Participant {
	list := slices.Clone(l.State.Participants())
	for i := range list {
		list[i].User = l.pub.behind(list[i].User)
	}
	return list
}

// misnamed are our users whom the group lists under another name than it should, in order.
func (s *state) misnamed() (out []mimi.URI) {
	for u, m := range s.members {
		if m.As.IsZero() == s.hidden(u) {
			out = append(out, u)
		}
	}
	sortURIs(out)
	return out
}

// renewNames lets the group list our users under their pseudonyms, or under their names again, after whois changed: they and their
// clients go and come in one commit of the keeper, or in some if they are very many, with new keys, in an order that tells nothing. A
// crash before it is made up for when the room is restored.
func (t *turn) renewNames() {
	if len(t.r.pub.misnamed()) == 0 {
		return
	}
	t.ask(&wish{
		what: "renewal of credentials",
		plan: func(d *delta) *xmpp.StanzaError {
			d.renewNames()
			return nil
		},
		done: func(t *turn) { t.renewNames() },
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.note(NoteError, "users keep the names that they had in the group", Attr{"reason", e.Text})
		},
	})
}

func (d *delta) renewNames() {
	s := d.r.pub
	misnamed := s.misnamed()
	misnamed = misnamed[:min(len(misnamed), MaxRenamed)]
	for _, u := range misnamed {
		d.unlist(u, why{})
		d.removeLeaves(u)
	}
	slices.SortFunc(misnamed, func(a, b mimi.URI) int { return compareURI(s.wanted(a), s.wanted(b)) })
	for _, u := range misnamed {
		d.list.Added = append(d.list.Added, mimi.Participant{User: s.wanted(u), Role: d.state.RoleOf(u)})
		if d.state.Clients(u) > 0 {
			d.joiners = append(d.joiners, joiner{user: u, as: s.wanted(u), nick: d.r.nickOf(u)})
		}
	}
	d.empty = len(misnamed) == 0
}

// unsigned is a message as the group may have it: where a pseudonym hides the sender, without the payloads in which its client or
// its server wrote the sender's address. What a user writes in a body is the user's own word.
func (s *state) unsigned(u mimi.URI, st *xmpp.Stanza) *xmpp.Stanza {
	if s.listed(u) == u {
		return st
	}
	out, address := *st, []byte(s.svc.UserJID(u).Bare().String())
	out.Payload = slices.DeleteFunc(slices.Clone(st.Payload), func(e *xmpp.Element) bool {
		return !e.Is(xmpp.NSClient, "body") && bytes.Contains(bytes.ToLower(e.AppendXML(nil, "")), address)
	})
	return &out
}

// impostor refuses users of ours that another provider's user lists under a name by which the room does not know them: a real
// address where the room hides it, which would be a second participant for the same person and a way around a ban, and a pseudonym
// that stands for nobody here.
func (s *state) impostor(act policy.Act) *mimi.Refusal {
	if act.From != roleNone || !s.svc.local(act.Target) || s.svc.local(act.Actor) {
		return nil
	}
	hides := len(s.Veil) > 0 && !s.Config.Anyone
	_, known := s.veiled[act.Target]
	if hides && known || !hides && !isPseudonym(act.Target) {
		return nil
	}
	return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "pseudonyms",
		Text: "users of " + s.svc.cfg.Provider + " are listed in this room by the names that their provider gives them"}
}
