package mucmap

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Bots (draft-ietf-mimi-room-policy-04 §7.7): the group's bot policy says which bots a room allows, and with which role. In rooms of ours bots have roles
// of their own, so that what a bot can do is what its role says, and everybody sees that it is one. docs/decisions/129-bots.md.

// hatBot is the hat of a bot (XEP-0317).
const hatBot = "urn:anteroom:hat:bot"

// Limits of what a room says of its bots.
const (
	MaxBots        = 64
	maxBotName     = 256
	maxBotText     = 1024
	maxBotHomepage = 1024
)

// isBotRole says that a role of ours is one for bots.
func isBotRole(i mimi.RoleIndex) bool { return i == roleBot || i == roleBotReader }

// botRoles are the roles for bots, as a room has them that has bots: one reads and writes, the other one reads.
func botRoles() []mimi.Role {
	self := []mimi.Capability{mimi.CanRemoveSelf}
	return []mimi.Role{
		{Index: roleBot, Name: policy.BotRoleName, Capabilities: caps(capsClient, capsRead, capsSend, self), Changes: []mimi.RoleTargets{targets(roleBot, roleNone)}},
		{Index: roleBotReader, Name: policy.BotRoleName + "_reader", Capabilities: caps(capsClient, capsRead, self), Changes: []mimi.RoleTargets{targets(roleBotReader, roleNone)}},
	}
}

// bot is the entry of the bot policy by which a user takes part, or would: the one that names it, or one without a name for the bot's role that it has.
func (s *state) bot(u mimi.URI) *mimi.Bot {
	if len(s.Bots) == 0 {
		return nil
	}
	as, role := s.listed(u), s.role(u)
	var nameless *mimi.Bot
	for i := range s.Bots {
		b := &s.Bots[i]
		switch named, is := b.User(); {
		case is && named == as:
			return b
		case !is && nameless == nil && isBotRole(role) && b.Role == role:
			nameless = b
		}
	}
	return nameless
}

// namedBot says that the bot policy names a user by its own URI: a bot has no pseudonym.
func (s *state) namedBot(u mimi.URI) bool {
	if m := s.members[u]; m != nil && !m.As.IsZero() {
		return false // the policy means somebody whom the group does not list like that
	}
	return slices.ContainsFunc(s.Bots, func(b mimi.Bot) bool { named, is := b.User(); return is && named == u })
}

// entryRole is the role of a listed user who enters, or of somebody new: a bot's is what the policy says, everybody else's goes by affiliation.
func (s *state) entryRole(u mimi.URI, now mimi.RoleIndex) mimi.RoleIndex {
	if isBotRole(now) {
		return now
	}
	if b := s.bot(u); b != nil && now == roleNone && isBotRole(b.Role) {
		return b.Role
	}
	return s.Config.defaultRole(standingOf(now).affiliation)
}

// botRefusal says that a bot's standing is the bot policy's to change, to whoever would make it something else by affiliation or voice.
func botRefusal() *xmpp.StanzaError {
	return refusal(xmpp.NotAllowed, "this is a bot: what it may do is set by the room's bot policy, which owners change by the commands of the room")
}

// mayTarget says whether a user may address somebody alone: everybody may, a bot where its entry says so (can_target_message_in_group).
func (s *state) mayTarget(u mimi.URI) *xmpp.StanzaError {
	if !isBotRole(s.role(u)) {
		return nil
	}
	if b := s.bot(u); b == nil || !b.CanTarget {
		return refusal(xmpp.Forbidden, "you are a bot here, and the room's bot policy does not let you write to one of its occupants alone")
	}
	return nil
}

// botTitle is what the hat of a bot says.
func (s *state) botTitle(u mimi.URI) string {
	title := "Bot"
	b := s.bot(u)
	if b != nil && b.Name != "" && xmpp.LegalText(b.Name) {
		title += " " + b.Name
	}
	if s.role(u) == roleBotReader {
		return title + ", reads only"
	}
	return title
}

// botsChanged says that the group has another bot policy.
type botsChanged struct{ Bots []mimi.Bot }

func (e *botsChanged) apply(s *state, p *stage) {
	s.Bots = e.Bots
	for _, o := range s.here.Sorted() {
		hats := s.hats(userOf(o))
		if !isBotRole(s.role(userOf(o))) || sameElement(hats, o.Hats) {
			continue
		}
		s.here.SetHats(o, hats)
		s.announce(p, o, presence.Change{})
	}
}

func sameElement(a, b *xmpp.Element) bool {
	if a == nil || b == nil {
		return a == b
	}
	return string(a.AppendXML(nil, "")) == string(b.AppendXML(nil, ""))
}

// followBots takes over what the group's bot policy says. It says whether that is news.
func (t *turn) followBots(s *policy.State) bool {
	p, _ := s.Bots()
	if slices.Equal(p.Allowed, t.r.pub.Bots) {
		return false
	}
	t.emit(&botsChanged{Bots: slices.Clone(p.Allowed)})
	return true
}

// roleHere is the role of ours that stands for what a user of a followed room is: a bot that the room's policy names is one whatever its role is called.
func roleHere(s *policy.State, roles map[mimi.RoleIndex]mimi.RoleIndex, u mimi.URI) mimi.RoleIndex {
	role := roles[s.RoleOf(u)]
	if _, is := s.Bot(u); !is {
		return role
	}
	switch role {
	case roleMember, roleGuest:
		return roleBot
	case roleMemberVisitor, roleVisitor:
		return roleBotReader
	}
	return role
}

// needBotRoles lets a room have the roles for bots, which the first bot needs: the list of roles and the list of participants do not change in one commit.
func (t *turn) needBotRoles(by mimi.URI, next func(*turn), refuse func(*turn, *xmpp.StanzaError)) {
	t.askAs(by, &wish{
		what: "roles for bots",
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.mayChangeBots(by); e != nil {
				return e
			}
			d.signer, d.actor = by, d.r.nickOf(by)
			if d.empty = d.state.BotRole(roleBot) && d.state.BotRole(roleBotReader); d.empty {
				return nil
			}
			cfg := d.r.pub.Config
			cfg.Bots = true
			d.replace(mimi.ComponentRolesList, cfg.roles(false))
			d.replace(mimi.ComponentBaseRoomPolicy, cfg.base(d.state.Base()))
			return nil
		},
		done: next, refuse: refuse,
	})
}

func (r *Room) mayChangeBots(by mimi.URI) *xmpp.StanzaError {
	if r.pub.affiliation(by) != muc.AffiliationOwner {
		return refusal(xmpp.Forbidden, "only an owner changes the bot policy")
	}
	return nil
}

// changeBots asks for another bot policy: plan makes it, and what of the participant list goes with it, in one commit that the owner signs.
func (t *turn) changeBots(by mimi.URI, plan func(d *delta) *xmpp.StanzaError, done func(*turn), refuse func(*turn, *xmpp.StanzaError)) {
	t.askAs(by, &wish{
		what: "bot policy",
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.mayChangeBots(by); e != nil {
				return e
			}
			d.signer, d.actor = by, d.r.nickOf(by)
			return plan(d)
		},
		done: done, refuse: refuse,
	})
}

// allowBot plans that a bot is allowed, in place of what the policy says of it now. A bot that takes part is listed.
func (d *delta) allowBot(b mimi.Bot, guests map[mimi.URI][]mls.KeyPackage) *xmpp.StanzaError {
	p, _ := d.state.Bots()
	next := &mimi.BotPolicy{Allowed: slices.Clone(p.Allowed)}
	same := func(o mimi.Bot) bool {
		u, named := b.User()
		v, other := o.User()
		return named && other && u == v || !named && !other && o.Name == b.Name
	}
	if i := slices.IndexFunc(next.Allowed, same); i >= 0 {
		next.Allowed[i] = b
	} else if next.Allowed = append(next.Allowed, b); len(next.Allowed) > MaxBots {
		return refusal(xmpp.ResourceConstraint, "the room has too many bots")
	}
	d.replace(mimi.ComponentBotPolicy, next)
	u, named := b.User()
	if !named {
		return nil
	}
	w := why{actor: d.actor}
	now := d.state.RoleOf(u)
	switch a := standingOf(now).affiliation; {
	case now == b.Role:
	case a == muc.AffiliationOutcast:
		return refusal(xmpp.NotAllowed, "this user is banned")
	case a >= muc.AffiliationAdmin:
		return refusal(xmpp.NotAllowed, "an admin or owner is no bot: take the affiliation away first")
	case b.Role == roleNone:
		d.expelBot(u)
	case d.r.pub.listed(u) != u || d.r.pub.members[u] == nil:
		d.listBot(u, b.Role, w)
		d.guests = append(d.guests, guests[u]...)
	default:
		d.setRole(u, b.Role, w)
	}
	return nil
}

// listBot lists a bot by its own name, in place of the pseudonym that it may have had.
func (d *delta) listBot(u mimi.URI, role mimi.RoleIndex, w why) {
	clients := d.state.Clients(u)
	d.unlist(u, w)
	d.removeLeaves(u)
	d.list.Added = append(d.list.Added, mimi.Participant{User: u, Role: role})
	if clients > 0 {
		d.joiners = append(d.joiners, joiner{user: u, as: u, nick: d.r.nickOf(u)})
	}
}

// expelBot takes a bot out.
func (d *delta) expelBot(u mimi.URI) {
	d.unlist(u, why{actor: d.actor, cause: causeAffiliation})
	d.removeLeaves(u)
}

// dropBots plans that bots are allowed no more, and out. keys are as of botKey.
func (d *delta) dropBots(keys []string) *xmpp.StanzaError {
	p, _ := d.state.Bots()
	next := &mimi.BotPolicy{}
	for _, b := range p.Allowed {
		if !slices.Contains(keys, botKey(&b)) {
			next.Allowed = append(next.Allowed, b)
			continue
		}
		if u, named := b.User(); named && isBotRole(d.state.RoleOf(u)) {
			d.expelBot(u)
		}
	}
	if d.empty = len(next.Allowed) == len(p.Allowed); !d.empty {
		d.replace(mimi.ComponentBotPolicy, next)
	}
	return nil
}

// botKey tells the entries of a bot policy apart.
func botKey(b *mimi.Bot) string {
	if u, named := b.User(); named {
		return u.String()
	}
	return b.Name
}
