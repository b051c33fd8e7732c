package policy

import (
	"slices"
	"strings"

	"anteroom/mimi"
)

// Bots (draft-ietf-mimi-room-policy-04 §7.7). The draft's policy says which role a bot has and not which participant is the bot. Two things make
// that decidable, and a hub holds them for its own rooms (docs/decisions/129-bots.md): bots have roles of their own, known by their names as the
// banned role is, and an entry whose homepage is a user's URI is about that user.

// BotRoleName is the name of a role for bots; others begin with it and an underscore.
const BotRoleName = "bot"

// IsBotRole says that a role is one for bots.
func IsBotRole(r *mimi.Role) bool {
	return r.Index > mimi.RoleBanned && (r.Name == BotRoleName || strings.HasPrefix(r.Name, BotRoleName+"_"))
}

// BotRole says that a role of the room is one for bots.
func (s *State) BotRole(i mimi.RoleIndex) bool {
	r, defined := s.Role(i)
	return defined && IsBotRole(r)
}

// Bot is the entry of the bot policy that is about a user: the one that names it, or one without a name for the bot's role that the user has.
func (s *State) Bot(user mimi.URI) (*mimi.Bot, bool) {
	if s.bots == nil {
		return nil, false
	}
	role := s.RoleOf(user)
	var nameless *mimi.Bot
	for i := range s.bots.Allowed {
		bot := &s.bots.Allowed[i]
		switch named, is := bot.User(); {
		case is && named == user:
			return bot, true
		case !is && nameless == nil && bot.Role == role && s.BotRole(role):
			nameless = bot
		}
	}
	return nameless, nameless != nil
}

// seedBots holds, where a commit concerns bots, that their roles are for bots and bots are what their entries say ("check if a logger/bot/system
// device is present").
func (c *change) seedBots(after *State) *mimi.Refusal {
	if !c.concernsBots(after) {
		return nil
	}
	if r := after.botEntries(); r != nil {
		return r
	}
	return after.botParticipants()
}

// concernsBots says that a change is about roles, about the bot policy, or about who is listed where there are bots.
func (c *change) concernsBots(after *State) bool {
	for i := range c.components {
		if isComponent(&c.components[i].p, mimi.ComponentBotPolicy, mimi.ComponentRolesList) {
			return true
		}
	}
	if len(c.transitions) == 0 {
		return false
	}
	return after.bots != nil || slices.ContainsFunc(after.roles, func(r mimi.Role) bool { return IsBotRole(&r) })
}

// botEntries holds the bot policy against the roles: a bot that takes part has a role for bots, and a user is one bot.
func (s *State) botEntries() *mimi.Refusal {
	if s.bots == nil {
		return nil
	}
	seen := make(map[mimi.URI]bool, len(s.bots.Allowed))
	for i := range s.bots.Allowed {
		bot := &s.bots.Allowed[i]
		if bot.Role != mimi.RoleNone && !s.BotRole(bot.Role) {
			r := deny("bot-own-role", "the bot %q has role %s, which is for people", bot.Name, s.name(bot.Role))
			r.Roles = s.rolesWith(IsBotRole)
			return r
		}
		if user, named := bot.User(); named {
			if seen[user] {
				return deny("bot-twice", "%s is named as two bots", user)
			}
			seen[user] = true
		}
	}
	return nil
}

// botParticipants holds the participant list against the bot policy: whom an entry names has its role and no other, or is banned, and nobody else
// has a role for bots, but as many as there are entries without a name.
func (s *State) botParticipants() *mimi.Refusal {
	named, free := s.botsByUser()
	for i := range s.list.Participants {
		p := &s.list.Participants[i]
		bot := named[p.User]
		switch {
		case p.Role == mimi.RoleBanned:
		case bot != nil && bot.Role == mimi.RoleNone:
			return deny("bot-no-participant", "%s is a bot that takes no part in this room by its bot policy", p.User)
		case bot != nil && bot.Role != p.Role:
			return deny("bot-other-role", "%s is a bot by this room's bot policy and takes part as %s, not as %s", p.User, s.name(bot.Role), s.name(p.Role))
		case bot == nil && s.BotRole(p.Role):
			if free[p.Role]--; free[p.Role] < 0 {
				return deny("bot-not-allowed", "%s is none of the bots that this room's bot policy allows as %s", p.User, s.name(p.Role))
			}
		}
	}
	return nil
}

// botsByUser sorts the bot policy: entries that name a user, and for each role how many do not.
func (s *State) botsByUser() (named map[mimi.URI]*mimi.Bot, free map[mimi.RoleIndex]int) {
	named, free = map[mimi.URI]*mimi.Bot{}, map[mimi.RoleIndex]int{}
	if s.bots == nil {
		return named, free
	}
	for i := range s.bots.Allowed {
		bot := &s.bots.Allowed[i]
		if user, is := bot.User(); is {
			named[user] = bot
		} else {
			free[bot.Role]++
		}
	}
	return named, free
}
