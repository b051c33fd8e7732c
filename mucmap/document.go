package mucmap

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mimi/roomdoc"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room is made by an operator, and described to operators and to providers that take part, as the JSON document of
// draft-mahy-mimi-group-chat, "Example Use" (docs/decisions/081-room-document.md).

// listedUser is somebody on the list of a room that begins.
type listedUser struct {
	User mimi.URI
	As   mimi.URI `json:",omitzero"` // the name in the group, when that is another
	Role mimi.RoleIndex
}

// documentUser is the user that a document names: by address, or by URI.
func (s *Service) documentUser(name string) (mimi.URI, error) {
	if meansURI(name) {
		u, err := mimi.ReadURI(name)
		if err == nil && (u.Kind() != mimi.KindUser || s.local(u) && s.PersonName(u) == "") {
			err = errors.New(name + " is no user")
		}
		return u, err
	}
	jid, err := xmpp.ParseJID(name)
	if err != nil {
		return mimi.URI{}, err
	}
	if jid.IsFull() || jid.Local() == "" {
		return mimi.URI{}, errors.New(name + " is no user's address")
	}
	return s.UserURI(jid)
}

// documentName undoes documentUser.
func (s *Service) documentName(u mimi.URI) string {
	if s.PersonName(u) != "" {
		return s.UserJID(u).String()
	}
	return u.String()
}

// systemName is how documents name the hub, the system user of rooms that we own.
func (s *Service) systemName() string {
	return s.hubClient().ClientUser().String()
}

// documentRequest answers an operator, who is our own provider, or another provider.
func (t *turn) documentRequest(in Request) {
	r := t.r
	reply := func(status int, body []byte) {
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: status, Body: body})
	}
	operator := in.Provider == r.svc.cfg.Provider
	if in.Kind == RequestCreate {
		switch {
		case !operator:
			reply(statusForbidden, []byte("only an operator makes rooms"))
		case r.uri.IsZero() || r.forTwo():
			reply(statusBadRequest, []byte("no room can have this name"))
		case r.pub.Exists || r.job != nil || len(r.queue) > 0:
			reply(statusConflict, []byte("the room exists already"))
		default:
			if err := t.createFrom(in.Body); err != nil {
				reply(statusBadRequest, []byte(err.Error()))
				return
			}
			reply(statusCreated, nil)
		}
		return
	}
	_, two := r.direct()
	switch {
	case !r.pub.Exists || r.hub == nil || r.pub.Closing || two:
		reply(statusNotFound, []byte("no such room"))
	case operator && len(in.Body) > 0:
		d, err := r.documentFor(string(in.Body))
		if err != nil {
			reply(statusBadRequest, []byte(err.Error()))
			return
		}
		reply(statusOK, d.Format())
	case operator:
		d := r.document(r.svc.documentName)
		d.Metadata = r.pub.documentMetadata()
		reply(statusOK, d.Format())
	case r.pub.Locked || !r.knows(in.Provider):
		reply(statusNotFound, []byte("no such room, or not one that this provider takes part in")) // who may not see it learns nothing of it
	default:
		reply(statusOK, r.document(func(u mimi.URI) string {
			if as := r.pub.listed(u); as != u {
				return as.String()
			}
			return r.svc.documentName(u)
		}).Format())
	}
}

// knows says that users of a provider take part in the room, or are preauthorised to.
func (r *Room) knows(provider string) bool {
	for u, m := range r.pub.members {
		if u.Provider() == provider && m.Role != roleBanned {
			return true
		}
	}
	return slices.ContainsFunc(r.pub.Preauth, func(p preauth) bool {
		switch p.Kind {
		case roomdoc.Domain:
			return p.Name == provider
		case roomdoc.Team:
			return slices.ContainsFunc(r.svc.cfg.Teams[p.Name], func(j xmpp.JID) bool {
				u, err := r.svc.UserURI(j)
				return err == nil && u.Provider() == provider
			})
		}
		return p.User.Provider() == provider
	})
}

// document describes the room.
func (r *Room) document(name func(mimi.URI) string) *roomdoc.Document {
	c := &r.pub.Config
	d := &roomdoc.Document{
		Policy: roomdoc.Policy{Discoverable: c.Public, Open: !c.MembersOnly && !c.Protected && !c.Closed && !c.Fixed, Moderated: c.Moderated,
			Logging: c.Logging, FixedMembership: c.Fixed, MultiDevice: !c.Single, WelcomeDirectly: true},
		OwningSystem: []string{r.svc.systemName()},
	}
	if c.MembersOnly && !c.Fixed && c.Knock {
		d.Policy.Membership = roomdoc.KnockFirst
	}
	d.SystemAuth = r.documentSystems(name)
	for i := range r.pub.Bots {
		d.Bots = append(d.Bots, r.documentBot(&r.pub.Bots[i], name))
	}
	for _, u := range r.pub.users() {
		if isBotRole(r.pub.role(u)) && r.pub.bot(u) != nil {
			continue
		}
		a := &d.Affiliations
		switch r.pub.affiliation(u) {
		case muc.AffiliationOwner:
			a.Owner = append(a.Owner, name(u))
		case muc.AffiliationAdmin:
			a.Admin = append(a.Admin, name(u))
		case muc.AffiliationMember:
			a.Member = append(a.Member, name(u))
		case muc.AffiliationOutcast:
			a.Outcast = append(a.Outcast, name(u))
		}
	}
	lists := map[string]mimi.RoleIndex{}
	for role, list := range preauthLists {
		lists[list] = role
	}
	d.Lists(func(list string, out *[]roomdoc.Preauth) {
		for _, p := range r.pub.Preauth {
			if p.Role == lists[list] {
				shown := roomdoc.Preauth{Kind: p.Kind, Name: p.Name}
				if !p.User.IsZero() {
					shown.Name = name(p.User)
				}
				*out = append(*out, shown)
			}
		}
	})
	return d
}

// documentMetadata is what a document says about how the room presents itself; nil: nothing.
func (s *state) documentMetadata() *roomdoc.Metadata {
	m := roomdoc.Metadata{Name: s.Config.Name, Description: s.Config.Description, Language: s.Config.Lang, Subject: s.Subject.Text}
	if m == (roomdoc.Metadata{}) {
		return nil
	}
	return &m
}

// checkMetadata holds a document to what the form of the room's configuration takes.
func checkMetadata(m *roomdoc.Metadata) error {
	for _, f := range []struct {
		name, text string
		limit      int
	}{{"name", m.Name, maxName}, {"description", m.Description, maxDescription}, {"language", m.Language, maxLang}, {"subject", m.Subject, maxSubject}} {
		why := xmpp.TextFault(f.text)
		switch {
		case len(f.text) > f.limit:
			return fmt.Errorf("%s is longer than %d bytes", f.name, f.limit)
		case !xmpp.LegalText(f.text):
			return fmt.Errorf("%s holds characters that XML forbids", f.name)
		case why != "":
			return fmt.Errorf("%s is not possible: %s", f.name, why)
		}
	}
	return nil
}

// plan is a room to be made.
type plan struct {
	config  roomConfig
	subject string
	users   []listedUser
	preauth []preauth
	loggers []mimi.URI
	bots    []mimi.Bot
	systems []mls.ExternalSender // of other providers
}

// planned reads a document. The error names what cannot be done.
func (s *Service) planned(body []byte, now time.Time) (*plan, error) {
	d, err := roomdoc.Parse(body)
	if err != nil {
		return nil, err
	}
	p := &plan{config: defaultConfig()}
	c := &p.config
	c.Persistent, c.Public, c.Moderated, c.Logging = true, d.Policy.Discoverable, d.Policy.Moderated, d.Policy.Logging
	c.Knock = d.Policy.Membership == roomdoc.KnockFirst
	c.MembersOnly, c.Fixed, c.Single = !d.Policy.Open, d.Policy.FixedMembership, !d.Policy.MultiDevice
	switch {
	case !d.Policy.WelcomeDirectly:
		return nil, errors.New("welcome-directly: here a Welcome always goes with the commit that adds")
	case len(d.OwningSystem) > 1 || len(d.OwningSystem) == 1 && d.OwningSystem[0] != s.systemName():
		return nil, fmt.Errorf("owning-system: the system user of rooms of this provider is %s", s.systemName())
	case len(d.Affiliations.Owner) == 0:
		return nil, errors.New("owner: a room has at least one")
	}
	if m := d.Metadata; m != nil {
		c.Name, c.Description, c.Lang, p.subject = m.Name, m.Description, m.Language, m.Subject
		if err := checkMetadata(m); err != nil {
			return nil, fmt.Errorf("metadata: %w", err)
		}
	}
	if p.systems, err = s.plannedSystems(d, now); err != nil {
		return nil, fmt.Errorf("system-auth: %w", err)
	}
	seen := map[mimi.URI]bool{}
	for i := range p.systems {
		u, _ := s.systemUser(&p.systems[i])
		seen[u] = true
	}
	for _, l := range []struct {
		name string
		role mimi.RoleIndex
		list []string
	}{{"owner", roleOwner, d.Affiliations.Owner}, {"admin", roleAdmin, d.Affiliations.Admin}, {"member", roleMember, d.Affiliations.Member}, {"outcast", roleBanned, d.Affiliations.Outcast}} {
		for _, name := range l.list {
			u, err := s.documentUser(name)
			if err == nil && seen[u] {
				err = errors.New(name + " is listed twice")
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.name, err)
			}
			seen[u] = true
			p.users = append(p.users, listedUser{User: u, Role: l.role})
		}
	}
	for i := range d.Bots {
		bot, err := s.plannedBot(&d.Bots[i])
		if err != nil {
			return nil, fmt.Errorf("bots: %w", err)
		}
		p.bots = append(p.bots, bot)
		u, named := bot.User()
		if named && seen[u] {
			return nil, fmt.Errorf("bots: %s is listed twice", d.Bots[i].User)
		}
		if seen[u] = true; named && isBotRole(bot.Role) {
			p.users = append(p.users, listedUser{User: u, Role: bot.Role})
		}
	}
	c.Bots, c.Systems = len(p.bots) > 0, len(p.systems) > 0
	if len(p.users) >= s.cfg.Limits.Affiliation {
		return nil, fmt.Errorf("user-affiliations: more than %d users", s.cfg.Limits.Affiliation-1)
	}
	if p.preauth, err = s.preauths(d); err != nil {
		return nil, err
	}
	for _, name := range d.Loggers() {
		u, err := s.documentUser(name)
		if err != nil {
			return nil, fmt.Errorf("system: %w", err)
		}
		p.loggers = append(p.loggers, u)
	}
	c.Preauthed, c.Anyone = len(p.preauth) > 0, len(p.loggers) > 0 // a logger is a participant with a name that everybody knows
	return p, nil
}

// createFrom makes the room of a document, in this Step: its group has no leaf but the keeper's.
func (t *turn) createFrom(body []byte) error {
	r := t.r
	p, err := r.svc.planned(body, t.now)
	if err != nil {
		return err
	}
	id, veil, secret := t.derive("group id"), t.derive("pseudonyms"), t.derive("occupant ids")
	group, err := mimi.GroupURI(r.svc.cfg.Provider, r.uri.Name()+"-"+hex.EncodeToString(id[:8]))
	if err != nil {
		return errors.New("the room's name is too long")
	}
	as := func(u mimi.URI) mimi.URI {
		bot := slices.ContainsFunc(p.bots, func(b mimi.Bot) bool { named, is := b.User(); return is && named == u })
		if !p.config.Anyone && r.svc.local(u) && !bot {
			return r.svc.pseudonym(veil[:], u)
		}
		return u
	}
	list := []mimi.Participant{{User: r.keeper, Role: roleKeeper}}
	for i := range p.users {
		u := &p.users[i]
		list = append(list, mimi.Participant{User: as(u.User), Role: u.Role})
		if name := as(u.User); name != u.User {
			u.As = name
		}
	}
	sender, err := r.svc.hubSender(suite, t.now)
	if err != nil {
		return err
	}
	roles := p.config.roles(false)
	first := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: list},
		Roles:        *roles,
		Metadata:     *p.config.metadata(&mimi.RoomMetadata{Room: r.uri, Subject: p.subject}),
		Base:         *p.config.base(&mimi.BaseRoomPolicy{}),
		Franking:     frankingAgent(sender),
		Hub:          append([]mls.ExternalSender{sender}, p.systems...),
		Credentials:  r.svc.credentialTypes(),
	}
	for i := range p.systems { // before all others: it is nothing else
		u, _ := r.svc.systemUser(&p.systems[i])
		first.Preauth.Entries = append(first.Preauth.Entries, mimi.PreauthUser(u, enforcer()))
	}
	for _, e := range p.preauth {
		if !e.User.IsZero() { // the rest is ours to decide: the drafts match whole values only
			first.Preauth.Entries = append(first.Preauth.Entries, mimi.PreauthUser(as(e.User), roles.Roles[e.Role]))
		}
	}
	if len(p.loggers) > 0 {
		logging := mimi.LoggingPolicy{Logging: mimi.Required}
		for _, u := range p.loggers {
			logging.Clients = append(logging.Clients, as(u).String())
		}
		first.Others = append(first.Others, mls.ComponentData{ID: mimi.ComponentLoggingPolicy, Data: marshal(&logging)})
	}
	if len(p.bots) > 0 {
		first.Others = append(first.Others, mls.ComponentData{ID: mimi.ComponentBotPolicy, Data: marshal(&mimi.BotPolicy{Allowed: p.bots})})
	}
	extensions, err := first.Extensions()
	if err != nil {
		return err
	}
	kp, err := r.svc.keyPackage(t.derive("keeper"), t.now, r.svc.clientURI(r.keeper), "")
	if err != nil {
		return err
	}
	g, err := mls.NewGroup(t.derive("group"), mls.NewGroupParams{GroupID: []byte(group.String()), Creator: kp, Extensions: extensions, Config: r.svc.groupConfig(t.now)})
	if err != nil {
		return err
	}
	h, err := hub.New(r.uri, g, r.hubOptions(suite))
	if err != nil {
		return err
	}
	r.hub, r.tomb = h, nil
	t.emit(&created{At: t.now, Secret: secret[:], Veil: veil[:], Group: group.String(), Keeper: r.keeper, Config: p.config, Subject: p.subject, Listed: p.users, Preauth: p.preauth,
		Bots: p.bots})
	t.note(NoteInfo, "room created by an operator", Attr{"group", group.String()})
	return nil
}
