package mucmap

import (
	"errors"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The commands by which admins list the bots of a room, and owners let them in and take them out.
const (
	commandBots    = "urn:anteroom:room#bots"
	commandBot     = "urn:anteroom:room#allow-bot"
	commandBotsOut = "urn:anteroom:room#remove-bots"
)

// The fields of their forms.
const (
	fieldBot         = "jid"
	fieldBotName     = "name"
	fieldBotText     = "description"
	fieldBotHomepage = "homepage"
	fieldBotRights   = "rights"
	fieldBotTarget   = "private_messages"
	fieldBotPerUser  = "per_user_content"
	fieldBots        = "bots"
)

// The values of fieldBotRights.
const (
	botReads     = "read"
	botWrites    = "read-write"
	botIsOutside = "none"
	botIsLocal   = "local"
)

// botRights are the roles that rights of a bot stand for.
var botRights = map[string]mimi.RoleIndex{botReads: roleBotReader, botWrites: roleBot, botIsOutside: roleNone, botIsLocal: roleNone}

// rightsOf undoes botRights.
func rightsOf(b *mimi.Bot) string {
	switch {
	case b.LocalClient:
		return botIsLocal
	case b.Role == roleBot:
		return botWrites
	case b.Role == roleBotReader:
		return botReads
	}
	return botIsOutside
}

func botForm(*Room) muc.Form {
	return commandForm("Let a bot in",
		muc.Field{Var: fieldBot, Type: muc.FieldJIDSingle, Label: "Its address; empty for one that takes no part itself"},
		required(muc.TextField(fieldBotName, "Its name", "")),
		muc.TextField(fieldBotText, "What it does", ""),
		muc.TextField(fieldBotHomepage, "Where more is said about it, if it has no address", ""),
		required(muc.ListField(fieldBotRights, "What it may do", botReads,
			muc.Option{Label: "Read", Value: botReads}, muc.Option{Label: "Read and write", Value: botWrites},
			muc.Option{Label: "Take no part", Value: botIsOutside}, muc.Option{Label: "Work in the client of somebody who takes part", Value: botIsLocal})),
		muc.BoolField(fieldBotTarget, "May write to one occupant alone", false),
		muc.BoolField(fieldBotPerUser, "May say different things to different occupants", false))
}

// botOf is what a filled-in form says.
func (r *Room) botOf(f *muc.Form) (b mimi.Bot, e *xmpp.StanzaError) {
	for _, field := range []struct {
		name  string
		at    *string
		limit int
	}{{fieldBotName, &b.Name, maxBotName}, {fieldBotText, &b.Description, maxBotText}, {fieldBotHomepage, &b.Homepage, maxBotHomepage}} {
		v, _ := f.Text(field.name)
		if faulty(v) || len(v) > field.limit {
			return b, refusal(xmpp.BadRequest, field.name+" is too long or not possible")
		}
		*field.at = v
	}
	for name, at := range map[string]*bool{fieldBotTarget: &b.CanTarget, fieldBotPerUser: &b.PerUserContent} {
		v, _, err := f.Bool(name)
		if err != nil {
			return b, asStanzaError(err)
		}
		*at = v
	}
	rights, _ := f.Text(fieldBotRights)
	role, known := botRights[rights]
	b.Role, b.LocalClient = role, rights == botIsLocal
	addresses, _, err := f.JIDs(fieldBot)
	switch {
	case err != nil:
		return b, asStanzaError(err)
	case b.Name == "":
		return b, refusal(xmpp.BadRequest, fieldBotName+" is missing")
	case !known:
		return b, refusal(xmpp.BadRequest, fieldBotRights+" is none of read, read-write, none, local")
	case len(addresses) > 1:
		return b, refusal(xmpp.BadRequest, "one bot has one address")
	case len(addresses) == 0 && isBotRole(b.Role):
		return b, refusal(xmpp.BadRequest, "a bot that takes part has an address")
	case len(addresses) == 0:
		if _, user := b.User(); user {
			return b, refusal(xmpp.BadRequest, fieldBotHomepage+" is the address of a user")
		}
		return b, nil
	case b.LocalClient:
		return b, refusal(xmpp.BadRequest, "a bot that is local to a client has no address of its own")
	case b.Homepage != "":
		return b, refusal(xmpp.BadRequest, "a bot has an address or a homepage: by the one it is known in the group")
	}
	u, err := r.svc.UserURI(addresses[0].Bare())
	if err != nil || addresses[0].Local() == "" || u == r.keeper {
		return b, refusal(xmpp.BadRequest, fieldBot+" is no user's address")
	}
	b.Homepage = u.String()
	return b, nil
}

// faulty says that a text cannot be shown, or would deceive.
func faulty(text string) bool { return !xmpp.LegalText(text) || xmpp.TextFault(text) != "" }

func checkBot(r *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	b, e := r.botOf(f)
	if e == nil && r.pub.Config.Fixed && isBotRole(b.Role) {
		if u, _ := b.User(); r.pub.members[u] == nil {
			e = refusal(xmpp.NotAllowed, "nobody joins a room of fixed membership")
		}
	}
	return e
}

func allowBot(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	b, e := t.r.botOf(s.filled[0])
	if e != nil {
		refuse(t, e)
		return
	}
	finish := func(t *turn) {
		t.note(NoteInfo, "bot policy changed by a command", Attr{"bot", botKey(&b)}, Attr{"by", u.String()})
		done(t, commandResult{note: "The room's bot policy has the bot."})
	}
	next := func(t *turn, guests map[mimi.URI][]mls.KeyPackage) {
		t.changeBots(u, func(d *delta) *xmpp.StanzaError { return d.allowBot(b, guests) }, finish, refuse)
	}
	bot, named := b.User()
	if !named || !isBotRole(b.Role) {
		next(t, nil)
		return
	}
	items := []muc.Item{{JID: t.r.svc.UserJID(bot).Bare(), Affiliation: muc.AffiliationMember}}
	t.needBotRoles(u, func(t *turn) { t.listRemote(u, items, next) }, refuse)
}

func listBots(t *turn, _ mimi.URI, _ *commandSession, done func(*turn, commandResult), _ func(*turn, *xmpp.StanzaError)) {
	r := t.r
	f := muc.NewForm(muc.FormResult, formCommand)
	f.Title = "Bots"
	f.Reported = []muc.Field{muc.TextField(fieldBotName, "Name", ""), muc.TextField(fieldBot, "Address or homepage", ""), muc.TextField(fieldBotRights, "May", ""),
		muc.TextField("state", "State", ""), muc.TextField(fieldBotTarget, "Writes to one alone", ""), muc.TextField(fieldBotPerUser, "Says different things", ""),
		muc.TextField(fieldBotText, "What it does", "")}
	for _, b := range r.bots() {
		f.Rows = append(f.Rows, []string{b.Name, b.Where, b.Rights, b.State, yesNo(b.PrivateMessages), yesNo(b.PerUserContent), b.Description})
	}
	if len(f.Rows) == 0 {
		done(t, commandResult{note: "The room allows no bots."})
		return
	}
	for len(f.Rows) > 1 && len(f.Element().AppendXML(nil, "")) > maxListBytes {
		f.Rows = f.Rows[:len(f.Rows)/2]
		f.Instructions = []string{"These are not all."}
	}
	done(t, commandResult{form: &f})
}

func botsOutForm(r *Room) muc.Form {
	var options []muc.Option
	for i := range r.pub.Bots {
		b := &r.pub.Bots[i]
		options = append(options, muc.Option{Label: b.Name, Value: botKey(b)})
	}
	return commandForm("Take bots out", required(muc.ListMultiField(fieldBots, "Bots that are allowed no more", nil, options...)))
}

func checkBotsOut(r *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	field := f.Field(fieldBots)
	if field == nil || len(field.Values) == 0 {
		return refusal(xmpp.BadRequest, fieldBots+" is missing")
	}
	for _, v := range field.Values {
		if !slices.ContainsFunc(r.pub.Bots, func(b mimi.Bot) bool { return botKey(&b) == v }) {
			return refusal(xmpp.BadRequest, fieldBots+" names one that the room does not have")
		}
	}
	return nil
}

func removeBots(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	keys := slices.Clone(s.filled[0].Field(fieldBots).Values)
	t.changeBots(u, func(d *delta) *xmpp.StanzaError { return d.dropBots(keys) }, func(t *turn) {
		t.note(NoteInfo, "bots taken out by a command", Attr{"by", u.String()})
		done(t, commandResult{note: "The bots are allowed no more."})
	}, refuse)
}

// BotLine is an entry of a room's bot policy as operators and admins see it.
type BotLine struct {
	Name, Description string
	Where             string // address of the user that the bot is, or its homepage
	Rights            string // read, read-write, none, local; for a role that is not ours, its name
	State             string // of the user, as of Participant; empty: it is no user of the room
	PrivateMessages   bool
	PerUserContent    bool
}

// bots are the entries of the room's bot policy.
func (r *Room) bots() (all []BotLine) {
	for i := range r.pub.Bots {
		b := &r.pub.Bots[i]
		l := BotLine{Name: b.Name, Description: b.Description, Where: b.Homepage, Rights: rightsOf(b), PrivateMessages: b.CanTarget, PerUserContent: b.PerUserContent}
		if u, named := b.User(); named {
			u = r.pub.behind(u)
			l.Where = r.svc.UserJID(u).String()
			if m := r.pub.members[u]; m != nil {
				l.State = string(stateOf(m))
			}
		}
		all = append(all, l)
	}
	return all
}

// documentBot is an entry of the bot policy in a document, with the names that its reader knows.
func (r *Room) documentBot(b *mimi.Bot, name func(mimi.URI) string) roomdoc.Bot {
	d := roomdoc.Bot{Name: b.Name, Description: b.Description, Homepage: b.Homepage, Rights: roomdoc.Rights(rightsOf(b)), PrivateMessages: b.CanTarget, PerUserContent: b.PerUserContent}
	if u, named := b.User(); named {
		d.User, d.Homepage = name(r.pub.behind(u)), ""
	}
	return d
}

// plannedBot undoes documentBot.
func (s *Service) plannedBot(d *roomdoc.Bot) (mimi.Bot, error) {
	b := mimi.Bot{Name: d.Name, Description: d.Description, Homepage: d.Homepage, Role: botRights[string(d.Rights)], LocalClient: d.Rights == roomdoc.BotIsLocal,
		CanTarget: d.PrivateMessages, PerUserContent: d.PerUserContent}
	if len(b.Name) > maxBotName || len(b.Description) > maxBotText || len(b.Homepage) > maxBotHomepage || faulty(b.Name) || faulty(b.Description) || faulty(b.Homepage) {
		return b, errors.New("name, description or homepage is too long or not possible")
	}
	if _, user := b.User(); user {
		return b, errors.New("the homepage of " + d.Name + " is the address of a user")
	}
	if d.User == "" {
		return b, nil
	}
	u, err := s.documentUser(d.User)
	if err != nil {
		return b, err
	}
	b.Homepage = u.String()
	return b, nil
}
