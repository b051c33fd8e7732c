package mucmap

import (
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// The names that MIMI URIs and XMPP addresses have for each other: docs/decisions/041-addresses-and-keeper.md holds the rule.

const (
	// deviceName is the one device of an XMPP user: all resources share a leaf.
	deviceName = "anteroom"
	// foreignMark separates localpart and domain of a user whose domain is not served as u/<local>.
	foreignMark = "@"
	// keeperMark stands in the name of the keeper's user. A localpart cannot contain a slash (RFC 7622 §3.3.1), nor can what an
	// XMPP user's name becomes.
	keeperMark = "/keeper"
)

// UserURI is the MIMI user that an XMPP user is: the localpart for the domains that the provider serves, otherwise the whole
// bare address. The error says that the address has no localpart.
func (s *Service) UserURI(j xmpp.JID) (mimi.URI, error) {
	if j.Local() == "" {
		return mimi.URI{}, errNoLocalpart
	}
	if j.Domain() == s.cfg.Domain.Domain() {
		return s.remoteURI(j)
	}
	name := j.Local()
	if !s.serves(j.Domain()) {
		name += foreignMark + j.Domain()
	}
	return mimi.UserURI(s.cfg.Provider, name)
}

type addressError string

func (e addressError) Error() string { return "mucmap: " + string(e) }

const (
	errNoLocalpart = addressError("address has no localpart, so it is not a user")
	errNotAUser    = addressError("address of this service is not that of a MIMI user (u%name%provider)")
)

func (s *Service) serves(domain string) bool {
	for _, d := range s.cfg.Users {
		if d == domain {
			return true
		}
	}
	return false
}

// UserJID is the bare address by which XMPP users see a MIMI user: her own for one of ours, u%name%provider for others.
func (s *Service) UserJID(u mimi.URI) xmpp.JID {
	if s.local(u) {
		local, domain, foreign := strings.Cut(u.Name(), foreignMark)
		if !foreign {
			if len(s.cfg.Users) > 0 {
				domain = s.cfg.Users[0]
			} else {
				domain = s.cfg.Provider
			}
		}
		if j, err := xmpp.NewJID(local, domain, ""); err == nil {
			return j
		}
	}
	j, err := xmpp.NewJID("u%"+escapePath(u.Name())+"%"+u.Provider(), s.cfg.Domain.Domain(), "")
	if err != nil {
		return s.cfg.Domain // a name too long for an address
	}
	return j
}

// remoteURI undoes UserJID for users of other providers.
func (s *Service) remoteURI(j xmpp.JID) (mimi.URI, error) {
	rest, ok := strings.CutPrefix(j.Local(), "u%")
	if !ok {
		return mimi.URI{}, errNotAUser
	}
	name, provider, ok := strings.Cut(rest, "%")
	if !ok || provider == "" {
		return mimi.URI{}, errNotAUser
	}
	plain, ok := unescapePath(name)
	if !ok || provider == s.cfg.Provider {
		return mimi.URI{}, errNotAUser
	}
	return mimi.UserURI(provider, plain)
}

// local says that a user is one of ours, which means an XMPP user.
func (s *Service) local(u mimi.URI) bool { return u.Provider() == s.cfg.Provider }

// clientURI is the client whose leaf an XMPP user has.
func (s *Service) clientURI(user mimi.URI) mimi.URI {
	c, err := mimi.ClientURI(user.Provider(), user.Name(), deviceName)
	if err != nil {
		panic("mucmap: a user's name is no name for a client: " + err.Error())
	}
	return c
}

// rawMark begins the MIMI name of a room whose localpart is not what escapePath would write, so that the mapping is one to one.
const rawMark = "="

// roomURI is the MIMI room of a localpart; ok is false for names that no room of ours can have.
func (s *Service) roomURI(local string) (mimi.URI, bool) { return roomAt(s.cfg.Provider, local) }

func roomAt(provider, local string) (u mimi.URI, ok bool) {
	if local == "" || strings.Contains(local, "%") {
		return mimi.URI{}, false
	}
	name, plain := unescapePath(local)
	if !plain {
		name = rawMark + local
	} else if strings.HasPrefix(name, rawMark) {
		return mimi.URI{}, false // it would share its name with another localpart
	}
	u, err := mimi.RoomURI(provider, name)
	return u, err == nil
}

// RoomName is the localpart of one of our rooms, "" for a room of another provider and for what is not the URI of any room of ours.
func (s *Service) RoomName(u mimi.URI) string {
	if u.Kind() != mimi.KindRoom || !s.local(u) {
		return ""
	}
	local, raw := strings.CutPrefix(u.Name(), rawMark)
	if !raw {
		local = escapePath(local)
	}
	if back, ok := s.roomURI(local); !ok || back != u || !s.addressable(local) {
		return ""
	}
	return local
}

// addressable says that XMPP addresses can have this localpart, in this spelling.
func (s *Service) addressable(local string) bool {
	j, err := xmpp.NewJID(local, s.cfg.Domain.Domain(), "")
	return err == nil && j.Local() == local
}

// followURI is the room of another provider that the localpart name%provider means.
func (s *Service) followURI(local string) (mimi.URI, bool) {
	name, provider, ok := strings.Cut(local, "%")
	if !ok || provider == s.cfg.Provider || mimi.CheckProvider(provider) != nil {
		return mimi.URI{}, false
	}
	plain, ok := unescapePath(name)
	if !ok || plain == "" {
		return mimi.URI{}, false
	}
	u, err := mimi.RoomURI(provider, plain)
	return u, err == nil
}

// FollowedName is the localpart by which our users enter a room of another provider, "" for one of ours and for one whose name no
// address can hold.
func (s *Service) FollowedName(u mimi.URI) string {
	if u.Kind() != mimi.KindRoom || s.local(u) {
		return ""
	}
	local := escapePath(u.Name()) + "%" + u.Provider()
	if back, ok := s.followURI(local); !ok || back != u || !s.addressable(local) {
		return ""
	}
	return local
}

// meansURI says that what somebody typed is meant as the URI of a user or a room, which mimi.ReadURI reads. An address has no colon there.
func meansURI(text string) bool {
	return strings.HasPrefix(text, "mimi:") || strings.HasPrefix(text, "im:")
}

// keeperURI is the user that keeps a room.
func (s *Service) keeperURI(name string) mimi.URI {
	u, err := mimi.UserURI(s.cfg.Provider, name+keeperMark)
	if err != nil {
		panic("mucmap: room name is no user name: " + err.Error())
	}
	return u
}

const lowerHex = "0123456789abcdef"

// escapePath writes every byte outside [a-z0-9._~-] as =hh: localparts fold case, MIMI names do not.
func escapePath(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._~-", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(lowerHex[c>>4])
			b.WriteByte(lowerHex[c&15])
		}
	}
	return b.String()
}

// unescapePath undoes escapePath and accepts nothing else.
func unescapePath(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte(lowerHex, s[i+1]), strings.IndexByte(lowerHex, s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out), escapePath(string(out)) == s
}
