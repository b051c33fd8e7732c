package mucmap

import (
	"errors"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// Each provider has its own addresses for the rooms of all: garden of b.example is garden@rooms.b.example there, and garden%b.example@rooms.a.example
// here. So the alternate venue of a room that ends travels to other providers by its URI, and is told to users as the address that their own
// client can enter (docs/decisions/150-venues.md).

// ParseVenue reads which room an operator sends people to: the address of a room, or the mimi:// URI of one.
func (s *Service) ParseVenue(text string) (xmpp.JID, error) {
	if meansURI(text) {
		u, err := mimi.ReadURI(text)
		if err != nil {
			return xmpp.JID{}, err
		}
		j, ok := s.roomJID(u)
		if !ok {
			return xmpp.JID{}, errors.New(text + " is no room that has an address here")
		}
		return j, nil
	}
	j, err := xmpp.ParseJID(text)
	switch {
	case err != nil:
		return xmpp.JID{}, errors.New(strings.TrimPrefix(err.Error(), "xmpp: "))
	case j.Local() == "":
		return xmpp.JID{}, errors.New(text + " is no address of a room")
	}
	return j.Bare(), nil
}

// RoomURI is the room that has a localpart at an anteroom of a provider: of this one, if it is ours.
func (s *Service) RoomURI(provider, local string) (mimi.URI, bool) { return roomAt(provider, local) }

// roomJID is the address by which XMPP users enter a room here.
func (s *Service) roomJID(u mimi.URI) (xmpp.JID, bool) {
	name := s.RoomName(u)
	if name == "" {
		name = s.FollowedName(u)
	}
	if name == "" {
		return xmpp.JID{}, false
	}
	j, err := xmpp.NewJID(name, s.cfg.Domain.Domain(), "")
	return j, err == nil
}

// venueElsewhere is an alternate venue as other providers understand it: the URI of a room of which j is an address of ours, and otherwise the
// address. Neither is ever longer than mimi.MaxSafeAADItem, which would cut it off.
func (s *Service) venueElsewhere(j xmpp.JID) string {
	if j.IsZero() {
		return ""
	}
	text := j.Bare().String()
	if j.Domain() == s.cfg.Domain.Domain() {
		u, ok := s.roomURI(j.Local())
		if !ok {
			u, ok = s.followURI(j.Local())
		}
		if ok {
			text = u.String()
		}
	}
	return text
}

// venueFrom is the address here of an alternate venue that another provider names; zero if it has none.
func (s *Service) venueFrom(alternate string) xmpp.JID {
	j, err := s.ParseVenue(alternate)
	if alternate == "" || err != nil {
		return xmpp.JID{}
	}
	return j
}
