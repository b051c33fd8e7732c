package mucmap

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The commands of a room, and the FORM_TYPE of their forms.
const (
	formCommand      = "urn:anteroom:room#command"
	commandEntry     = "urn:anteroom:room#entry"
	commandSlowMode  = "urn:anteroom:room#slow-mode"
	commandStatus    = "urn:anteroom:room#encryption"
	commandBans      = "urn:anteroom:room#domain-bans"
	commandBan       = "urn:anteroom:room#ban-domain"
	commandLift      = "urn:anteroom:room#lift-domain-bans"
	commandDestroy   = "urn:anteroom:room#destroy"
	authenticatorLen = 8 // bytes of the epoch authenticator that are shown: enough to compare by eye
)

var roomCommands []*command

func init() {
	owner, admin := atLeast(muc.AffiliationOwner), atLeast(muc.AffiliationAdmin)
	roomCommands = []*command{
		{commandStatus, "Show the encryption of the room", occupants, nil, showEncryption},
		{commandReport, "Report what somebody said", occupants, []stageOf{{reportForm, checkReport}}, reportLast},
		{commandStates, "Show who may enter, who takes part and who is in the group", admin, nil, showStates},
		{commandEntry, "Close the room to newcomers, or open it", owner, []stageOf{{entryForm, configCheck((*roomConfig).submitClosed, fieldClosed)}},
			changeConfig((*roomConfig).submitClosed)},
		{commandSlowMode, "Set the slow mode", owner, []stageOf{{slowModeForm, configCheck((*roomConfig).submitSlowMode, fieldSlowMode)}},
			changeConfig((*roomConfig).submitSlowMode)},
		{commandBans, "List the banned domains", admin, nil, listDomains},
		{commandBan, "Ban a domain", admin, []stageOf{{banForm, checkBan}}, banDomains},
		{commandLift, "Lift bans of domains", admin, []stageOf{{liftForm, checkLift}}, liftDomains},
		{commandLinks, "List the join links", admin, nil, listLinks},
		{commandLink, "Make a join link", admin, []stageOf{{linkForm, checkLink}}, makeLink},
		{commandUnlink, "Revoke join links", admin, []stageOf{{unlinkForm, checkUnlink}}, revokeLinks},
		{commandBots, "List the bots", admin, nil, listBots},
		{commandBot, "Let a bot in", owner, []stageOf{{botForm, checkBot}}, allowBot},
		{commandBotsOut, "Take bots out", owner, []stageOf{{botsOutForm, checkBotsOut}}, removeBots},
		{commandReInit, "Give the group another cipher suite", owner, []stageOf{{suiteForm, checkSuite}}, reInitRoom},
		{commandDestroy, "Destroy the room", owner, []stageOf{{destroyForm, checkDestroy}, {confirmForm, checkConfirm}}, destroyRoom},
	}
}

func atLeast(a muc.Affiliation) func(r *Room, u mimi.URI, _ xmpp.JID) *xmpp.StanzaError {
	return func(r *Room, u mimi.URI, _ xmpp.JID) *xmpp.StanzaError {
		if r.pub.affiliation(u) < a {
			return refusal(xmpp.Forbidden, "this command takes the affiliation "+a.String())
		}
		return nil
	}
}

func occupants(r *Room, _ mimi.URI, from xmpp.JID) *xmpp.StanzaError {
	if r.pub.here.BySession(from) == nil {
		return refusal(xmpp.Forbidden, "this command is for occupants")
	}
	return nil
}

func commandForm(title string, fields ...muc.Field) muc.Form {
	f := muc.NewForm(muc.FormAsk, formCommand, fields...)
	f.Title = title
	return f
}

func required(f muc.Field) muc.Field {
	f.Required = true
	return f
}

func entryForm(r *Room) muc.Form {
	return commandForm("Entry", required(r.pub.Config.closedField()))
}

func slowModeForm(r *Room) muc.Form {
	return commandForm("Slow mode", required(r.pub.Config.slowModeField()))
}

type submitConfig func(*roomConfig, *muc.Form) *xmpp.StanzaError

// configCheck wants one field of the configuration, and a good value in it.
func configCheck(submit submitConfig, field string) func(*Room, mimi.URI, *muc.Form) *xmpp.StanzaError {
	return func(r *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
		if v, _ := f.Text(field); v == "" {
			return refusal(xmpp.BadRequest, field+" is missing")
		}
		c := r.pub.Config
		return submit(&c, f)
	}
}

// changeConfig changes what of the configuration is the gateway's alone, after whatever commit is under way.
func changeConfig(submit submitConfig) func(*turn, mimi.URI, *commandSession, func(*turn, commandResult), func(*turn, *xmpp.StanzaError)) {
	return func(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
		t.ask(&wish{
			what: "configuration by a command", config: true,
			plan: func(d *delta) *xmpp.StanzaError {
				d.empty = true
				return s.command.may(d.r, u, s.from)
			},
			done: func(t *turn) {
				next := t.r.pub.Config
				if e := submit(&next, s.filled[0]); e != nil {
					refuse(t, e)
					return
				}
				if now := t.r.pub.Config; now != next {
					t.note(NoteInfo, "configuration changed by a command", Attr{"command", s.command.name}, Attr{"by", u.String()})
					t.emit(&configured{ID: t.id(), Config: next, Codes: now.codes(&next)})
				}
				done(t, commandResult{note: "The configuration of the room is changed."})
			},
			refuse: refuse,
		})
	}
}

// showEncryption tells what of the group can be told to anybody in it. Who compares the authenticator with another member's knows that
// both are in the same epoch of the same group (RFC 9420 §8.7).
func showEncryption(t *turn, _ mimi.URI, _ *commandSession, done func(*turn, commandResult), _ func(*turn, *xmpp.StanzaError)) {
	r := t.r
	leaves := 0
	for _, m := range r.pub.members {
		leaves += m.Leaves
	}
	f := muc.NewForm(muc.FormResult, formCommand,
		muc.TextField("encryption", "Encryption", "MLS between providers and MIMI clients; for XMPP clients it ends at this gateway"),
		muc.TextField("epoch", "Epoch", utoa(r.pub.Epoch)),
		muc.TextField("leaves", "Clients in the group, the gateway's keeper included", strconv.Itoa(leaves)))
	if r.hub != nil {
		f.Fields = append(f.Fields, muc.TextField("authenticator", "Beginning of the epoch authenticator", hex.EncodeToString(r.hub.Group().EpochAuthenticator()[:authenticatorLen])))
	}
	f.Title = "Encryption of the room"
	done(t, commandResult{form: &f})
}

func listDomains(t *turn, _ mimi.URI, _ *commandSession, done func(*turn, commandResult), _ func(*turn, *xmpp.StanzaError)) {
	f := muc.NewForm(muc.FormResult, formCommand)
	f.Title = "Banned domains"
	f.Reported = []muc.Field{muc.TextField("domain", "Domain", ""), muc.TextField("reason", "Reason", ""), muc.TextField("by", "Banned by", ""), muc.TextField("at", "Since", "")}
	for _, d := range t.r.pub.Domains {
		f.Rows = append(f.Rows, []string{d.Domain, d.Reason, t.r.svc.UserJID(d.By).String(), d.At.Format(time.RFC3339)})
	}
	if len(f.Rows) == 0 {
		done(t, commandResult{note: "No domain is banned."})
		return
	}
	for len(f.Rows) > 1 && len(f.Element().AppendXML(nil, "")) > maxListBytes {
		f.Rows = f.Rows[:len(f.Rows)/2]
		f.Instructions = []string{"These are not all: the ban list of the room has the others."}
	}
	done(t, commandResult{form: &f})
}

func banForm(*Room) muc.Form {
	return commandForm("Ban a domain", required(muc.TextField("domain", "Domain of XMPP users, or MIMI provider", "")), muc.TextField("reason", "Reason", ""))
}

// banItems is a form to ban a domain as the change of the ban list that it means.
func banItems(f *muc.Form) ([]muc.Item, *xmpp.StanzaError) {
	domain, _ := f.Text("domain")
	reason, _ := f.Text("reason")
	j, err := xmpp.ParseJID(domain)
	if err != nil || j.Local() != "" || j.IsFull() {
		return nil, refusal(xmpp.BadRequest, "this is no domain")
	}
	return []muc.Item{{JID: j, Affiliation: muc.AffiliationOutcast, Reason: reason}}, nil
}

func checkBan(r *Room, u mimi.URI, f *muc.Form) *xmpp.StanzaError {
	items, e := banItems(f)
	if e != nil {
		return e
	}
	_, domains, e := r.splitDomains(items)
	if e != nil {
		return e
	}
	return r.checkDomains(u, domains)
}

func banDomains(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	items, e := banItems(s.filled[0])
	if e != nil {
		refuse(t, e)
		return
	}
	t.commandDomains(u, s, items, "The domain is banned.", done, refuse)
}

func liftForm(r *Room) muc.Form {
	var options []muc.Option
	for _, d := range r.pub.Domains {
		options = append(options, muc.Option{Label: d.Domain, Value: d.Domain})
	}
	return commandForm("Lift bans of domains", required(muc.ListMultiField("domains", "Domains that are banned no more", nil, options...)))
}

func checkLift(r *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	field := f.Field("domains")
	if field == nil || len(field.Values) == 0 {
		return refusal(xmpp.BadRequest, "domains is missing")
	}
	for _, v := range field.Values {
		if !slices.ContainsFunc(r.pub.Domains, func(d domainBan) bool { return d.Domain == v }) {
			return refusal(xmpp.BadRequest, "domains names one that is not banned")
		}
	}
	return nil
}

func liftDomains(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	values := slices.Clone(s.filled[0].Field("domains").Values)
	slices.Sort(values)
	var items []muc.Item
	for _, v := range slices.Compact(values) {
		if j, err := xmpp.ParseJID(v); err == nil {
			items = append(items, muc.Item{JID: j, Affiliation: muc.AffiliationNone})
		}
	}
	t.commandDomains(u, s, items, "The bans are lifted.", done, refuse)
}

// commandDomains changes bans of domains, after whatever commit is under way.
func (t *turn) commandDomains(u mimi.URI, s *commandSession, items []muc.Item, note string, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	var domains []domainBanned
	t.askAs(u, &wish{
		what: "bans of domains by a command",
		plan: func(d *delta) (e *xmpp.StanzaError) {
			d.empty = true
			if _, domains, e = d.r.splitDomains(items); e != nil {
				return e
			}
			return d.r.checkDomains(u, domains)
		},
		done: func(t *turn) {
			t.changeDomains(u, domains)
			done(t, commandResult{note: note})
		},
		refuse: refuse,
	})
}

func destroyForm(*Room) muc.Form {
	return commandForm("Destroy the room", muc.TextField("reason", "Reason", ""),
		muc.Field{Var: "venue", Type: muc.FieldJIDSingle, Label: "Room to go to instead"}, muc.PrivateField("password", "Its password", ""))
}

// destroyOf is what a filled-in form to destroy a room says.
func destroyOf(f *muc.Form) (d muc.Destroy, e *xmpp.StanzaError) {
	d.Reason, _ = f.Text("reason")
	d.Password, _ = f.Text("password")
	venues, _, err := f.JIDs("venue")
	switch {
	case err != nil:
		return d, asStanzaError(err)
	case len(venues) > 0:
		d.Venue = venues[0].Bare()
	}
	if len(d.Reason) > maxReason || len(d.Password) > maxPassword {
		return d, refusal(xmpp.BadRequest, "reason or password is too long")
	}
	return d, nil
}

func checkDestroy(_ *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	_, e := destroyOf(f)
	return e
}

func confirmForm(r *Room) muc.Form {
	return commandForm("Destroy "+r.addr.String()+" and all that is in it?", required(muc.TextField("name", "To confirm, write the name of the room: "+r.name, "")))
}

func checkConfirm(r *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	if name, _ := f.Text("name"); name != r.name {
		return refusal(xmpp.BadRequest, "this is not the name of the room")
	}
	return nil
}

func destroyRoom(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	d, e := destroyOf(s.filled[0])
	if e != nil {
		refuse(t, e)
		return
	}
	t.raze(u, d, func(t *turn) { done(t, commandResult{note: "The room is destroyed."}) }, refuse)
}
