package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// The policies of draft-ietf-mimi-room-policy-04 §7 that a room may have beside its base policy: whether newcomers get the history, which bots may be
// there, when messages expire, what files it takes, whether links are shown with previews, what is told of delivery and reading, and how join links
// are given out. Clients keep them; what is held of them here is that they make sense in their room.

// History returns the room's history policy, Expiration its message expiration policy and Bots its bot policy: the zero value where it has none, which
// is optional without bounds. Whether there is one says the second result. The caller must not change them.
func (s *State) History() (*mimi.HistoryPolicy, bool)        { return orNew(s.history) }
func (s *State) Expiration() (*mimi.MessageExpiration, bool) { return orNew(s.expiration) }
func (s *State) Bots() (*mimi.BotPolicy, bool)               { return orNew(s.bots) }

// Assets returns the room's policy for files, Previews that for previews of links, Status that for delivery and reading, and JoinLinks that for links to
// join by, each as above.
func (s *State) Assets() (*mimi.AssetPolicy, bool)              { return orNew(s.assets) }
func (s *State) Previews() (*mimi.LinkPreviewPolicy, bool)      { return orNew(s.previews) }
func (s *State) Status() (*mimi.StatusNotificationPolicy, bool) { return orNew(s.status) }
func (s *State) JoinLinks() (*mimi.JoinLinkPolicy, bool)        { return orNew(s.linkPolicy) }

func orNew[T any](p *T) (*T, bool) {
	if p == nil {
		return new(T), false
	}
	return p, true
}

// readOptional reads the policies that a group need not have; nil: it has none.
func (s *State) readOptional(g Group) error {
	for _, id := range []mls.ComponentID{mimi.ComponentChatHistoryPolicy, mimi.ComponentMessageExpiration, mimi.ComponentBotPolicy} {
		data, present := g.AppData(id)
		if !present {
			continue
		}
		if err := s.setOptional(id, data); err != nil {
			return err
		}
	}
	for _, id := range forClients {
		if data, present := g.AppData(id); present && s.setOptional(id, data) != nil {
			s.dropOptional(id)
		}
	}
	return nil
}

// forClients are policies that decide nothing about who takes part: a room whose data of them we cannot read, of a later draft, is followed all the same. Updates
// that cannot be read are refused, as of every component (mimi.Components).
var forClients = []mls.ComponentID{mimi.ComponentAssetPolicy, mimi.ComponentLinkPreviewPolicy, mimi.ComponentStatusNotification, mimi.ComponentJoinLinkPolicy}

func (s *State) setOptional(id mls.ComponentID, data []byte) (err error) {
	switch id {
	case mimi.ComponentChatHistoryPolicy:
		s.history, err = mimi.ParseHistoryPolicy(data)
	case mimi.ComponentMessageExpiration:
		s.expiration, err = mimi.ParseMessageExpiration(data)
	case mimi.ComponentBotPolicy:
		s.bots, err = mimi.ParseBotPolicy(data)
	case mimi.ComponentAssetPolicy:
		s.assets, err = mimi.ParseAssetPolicy(data)
	case mimi.ComponentLinkPreviewPolicy:
		s.previews, err = mimi.ParseLinkPreviewPolicy(data)
	case mimi.ComponentStatusNotification:
		s.status, err = mimi.ParseStatusNotificationPolicy(data)
	case mimi.ComponentJoinLinkPolicy:
		s.linkPolicy, err = mimi.ParseJoinLinkPolicy(data)
	}
	return err
}

func (s *State) dropOptional(id mls.ComponentID) {
	switch id {
	case mimi.ComponentChatHistoryPolicy:
		s.history = nil
	case mimi.ComponentMessageExpiration:
		s.expiration = nil
	case mimi.ComponentBotPolicy:
		s.bots = nil
	case mimi.ComponentAssetPolicy:
		s.assets = nil
	case mimi.ComponentLinkPreviewPolicy:
		s.previews = nil
	case mimi.ComponentStatusNotification:
		s.status = nil
	case mimi.ComponentJoinLinkPolicy:
		s.linkPolicy = nil
	}
}

// changeOptional decides on an update of one of these policies: as on any other policy, and it must make sense in the room.
func (c *change) changeOptional(u *componentUpdate, after *State) *mimi.Refusal {
	if r := c.changeOther(u); r != nil || u.p.Remove {
		return r
	}
	switch u.p.Component {
	case mimi.ComponentChatHistoryPolicy:
		for _, index := range after.history.Roles {
			role, defined := after.Role(index)
			if !defined || role.MaxActive.Limited && role.MaxActive.N == 0 {
				return deny("history-roles", "role %d, which is to share history, is not defined or has no clients", index) // §7.6
			}
		}
	case mimi.ComponentMessageExpiration:
		if d := after.expiration.Default; d.Limited && (d.N < after.expiration.Min || d.N > after.expiration.Max) {
			return deny("expiration-default", "the default of %d s is not between %d and %d", d.N, after.expiration.Min, after.expiration.Max) // §7.8
		}
	case mimi.ComponentAssetPolicy:
		if p := after.assets; p.Location == mimi.AssetsWithHub && p.Domains[0].Provider != after.owningProvider() {
			return deny("asset-hub", "assets are uploaded to the hub, which is %s and not %s", after.owningProvider(), p.Domains[0].Provider) // §7.4
		}
	case mimi.ComponentBotPolicy:
		for i := range after.bots.Allowed {
			bot := &after.bots.Allowed[i]
			if _, defined := after.Role(bot.Role); bot.Role == mimi.RoleBanned || bot.Role != mimi.RoleNone && !defined {
				return deny("bot-role", "the bot %q has role %d, which is not defined or banned", bot.Name, bot.Role) // §7.7
			}
		}
	}
	return nil
}
