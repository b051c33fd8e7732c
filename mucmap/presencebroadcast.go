package mucmap

import (
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Whose presence is broadcast (muc#roomconfig_presencebroadcast, XEP-0045 §10.2). An occupant of another role knows that it is in the
// room, and may do there what its role may; others are not told that it is there. A list of roles, and its messages, name it.

// allRoles is every role that an occupant can have.
const allRoles roleSet = 1 | 2 | 4

func (c *roomConfig) broadcastField() muc.Field {
	return rolesField(muc.FieldPresenceBroadcast, "Whose presence is broadcast", allRoles&^c.Hidden)
}

func (c *roomConfig) submitBroadcast(f *muc.Form) *xmpp.StanzaError {
	shown, present, e := submitRoles(f, muc.FieldPresenceBroadcast)
	if present && e == nil {
		c.Hidden = allRoles &^ shown
	}
	return e
}

// announce is an occupant's presence to everybody who is to see it.
func (s *state) announce(p *stage, o *presence.Occupant, c presence.Change) {
	p.send(func() []xmpp.Broadcast { return s.here.Announce(o, c) })
	s.here.Told(o)
}

// setHidden follows the configuration, and tells of whom others see now, or see no more.
func (s *state) setHidden(p *stage) {
	for _, o := range s.here.SetHidden(s.Config.Hidden.has) {
		p.send(func() []xmpp.Broadcast { return s.here.ToOthers(o, presence.Change{}) })
		s.here.Told(o)
	}
}
