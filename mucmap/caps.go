package mucmap

import (
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

const (
	nodeCaps      = "urn:anteroom"        // node of the room's capabilities (XEP-0115 §4)
	nsVCardUpdate = "vcard-temp:x:update" // XEP-0153
)

// entityCaps is a room's presence of its own: its capabilities (XEP-0115), so that who enters need not ask for them, and the hash of its
// avatar (XEP-0153). It is made once per configuration.
type entityCaps struct {
	config   roomConfig
	avatar   string
	group    string
	ver      string
	presence *xmpp.Template
}

// capabilities of the room as it is now.
func (s *state) capabilities() *entityCaps {
	if c := s.caps; c != nil && c.config == s.Config && c.avatar == s.AvatarHash && c.group == s.Group {
		return c
	}
	c := &entityCaps{config: s.Config, avatar: s.AvatarHash, group: s.Group, ver: s.info().CapsHash()}
	photo := xmpp.NewElement(nsVCardUpdate, "x").With(xmpp.NewElement(nsVCardUpdate, "photo").WithText(s.AvatarHash))
	c.presence = xmpp.NewTemplate(xmpp.Stanza{Kind: xmpp.Presence, From: s.addr, Payload: []*xmpp.Element{
		muc.Caps{Hash: "sha-1", Node: nodeCaps, Ver: c.ver}.Element(), photo}})
	s.caps = c
	return c
}

// introduce is the room's own presence for somebody who enters.
func (s *state) introduce(to xmpp.JID) xmpp.Broadcast {
	return xmpp.Broadcast{Template: s.capabilities().presence, To: []xmpp.JID{to}}
}

// capsNode says that a node of disco#info is that of the room's present capabilities.
func (s *state) capsNode(node string) bool { return node == nodeCaps+"#"+s.capabilities().ver }
