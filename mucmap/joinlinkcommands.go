package mucmap

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The commands by which admins and owners make, list and revoke join links.
const (
	commandLinks  = "urn:anteroom:room#join-links"
	commandLink   = "urn:anteroom:room#make-join-link"
	commandUnlink = "urn:anteroom:room#revoke-join-links"
)

// The fields of their forms, and what stands in a new one.
const (
	fieldLinkRole     = "affiliation"
	fieldLinkHours    = "hours"
	fieldLinkUses     = "uses"
	fieldLinkPassword = "password"
	fieldLinks        = "links"

	defaultLinkHours = 72
)

var errNoLeaf = errors.New("who signs a join link has a client in the group")

// linkRoles are the affiliations that a link can give, with the roles of the room.
var linkRoles = map[string]mimi.RoleIndex{
	muc.AffiliationNone.String(): roleGuest, muc.AffiliationMember.String(): roleMember, muc.AffiliationAdmin.String(): roleAdmin}

func linkForm(*Room) muc.Form {
	return commandForm("Make a join link",
		muc.ListField(fieldLinkRole, "What it makes of who shows it", muc.AffiliationMember.String(),
			muc.Option{Label: "A guest", Value: muc.AffiliationNone.String()}, muc.Option{Label: "A member", Value: muc.AffiliationMember.String()},
			muc.Option{Label: "An admin (by owners only)", Value: muc.AffiliationAdmin.String()}),
		muc.TextField(fieldLinkHours, "For how many hours it is good, 720 at most", strconv.Itoa(defaultLinkHours)),
		muc.TextField(fieldLinkUses, "How many users it lets in, "+strconv.Itoa(MaxLinkUses)+" at most", "1"),
		muc.PrivateField(fieldLinkPassword, "A password that it takes, too", ""))
}

// wantedLink is what a filled-in form asks for.
type wantedLink struct {
	role     mimi.RoleIndex
	age      time.Duration
	uses     int
	password string
}

func linkOf(f *muc.Form) (w wantedLink, e *xmpp.StanzaError) {
	a, present := f.Text(fieldLinkRole)
	if !present || a == "" {
		a = muc.AffiliationMember.String()
	}
	var ok bool
	if w.role, ok = linkRoles[a]; !ok {
		return w, refusal(xmpp.BadRequest, fieldLinkRole+" is none of none, member, admin")
	}
	number := func(field string, def, most int) int {
		n, present, err := f.Count(field)
		switch {
		case err == nil && !present:
			return def
		case err != nil || n < 1 || n > most:
			e = refusal(xmpp.BadRequest, field+" is not a number from 1 to "+strconv.Itoa(most))
		}
		return n
	}
	w.age = time.Duration(number(fieldLinkHours, defaultLinkHours, int(MaxLinkAge/time.Hour))) * time.Hour
	w.uses = number(fieldLinkUses, 1, MaxLinkUses)
	if w.password, _ = f.Text(fieldLinkPassword); len(w.password) > maxPassword {
		e = refusal(xmpp.BadRequest, fieldLinkPassword+" is too long")
	}
	return w, e
}

func checkLink(r *Room, u mimi.URI, f *muc.Form) *xmpp.StanzaError {
	w, e := linkOf(f)
	switch {
	case e != nil:
		return e
	case r.pub.Config.Fixed:
		return refusal(xmpp.NotAllowed, "nobody joins a room of fixed membership")
	case r.pub.Config.MembersOnly && w.role == roleGuest:
		return refusal(xmpp.BadRequest, "only members may enter this room: a link has to make members")
	case !r.pub.mayLink(u, w.role):
		return refusal(xmpp.Forbidden, "only owners make links that make admins")
	case len(r.pub.Links) >= MaxJoinLinks:
		return refusal(xmpp.ResourceConstraint, "the room has "+strconv.Itoa(MaxJoinLinks)+" join links: revoke some")
	}
	return nil
}

func makeLink(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	w, e := linkOf(s.filled[0])
	if e != nil {
		refuse(t, e)
		return
	}
	t.askAs(u, &wish{
		what: "join link",
		plan: func(d *delta) *xmpp.StanzaError {
			d.empty = true
			return checkLink(d.r, u, s.filled[0])
		},
		done: func(t *turn) {
			l, err := t.makeLink(u, w.role, w.age, w.uses, w.password)
			if err != nil {
				refuse(t, refusal(xmpp.InternalServerError, err.Error()))
				return
			}
			made := t.r.pub.Links[len(t.r.pub.Links)-1]
			t.note(NoteInfo, "join link made", Attr{"link", made.handle()}, Attr{"by", u.String()})
			f := muc.NewForm(muc.FormResult, formCommand,
				muc.TextField("link", "The link, as the room's password or as a joining code", l.String()),
				muc.TextField("uri", "For XMPP clients", t.r.addr.URI()+"?join;password="+l.String()),
				muc.TextField("room", "For MIMI clients, with the link as joining code", t.r.uri.String()),
				muc.TextField("id", "Its name in the list", made.handle()),
				muc.TextField("expires", "Good until", made.Until.Format(time.RFC3339)))
			f.Title = "Join link"
			note := "Whoever has the link may enter. It is shown only now."
			if made.Password != nil {
				note += " Its password goes behind it, after a dot."
			}
			done(t, commandResult{note: note, form: &f})
		},
		refuse: refuse,
	})
}

func listLinks(t *turn, _ mimi.URI, _ *commandSession, done func(*turn, commandResult), _ func(*turn, *xmpp.StanzaError)) {
	f := muc.NewForm(muc.FormResult, formCommand)
	f.Title = "Join links"
	f.Reported = []muc.Field{muc.TextField("id", "Name", ""), muc.TextField("affiliation", "Makes", ""), muc.TextField("used", "Used", ""),
		muc.TextField("expires", "Good until", ""), muc.TextField("by", "Made by", ""), muc.TextField("password", "Takes a password", "")}
	for i := range t.r.pub.Links {
		l := &t.r.pub.Links[i]
		password := "no"
		if l.Password != nil {
			password = "yes"
		}
		f.Rows = append(f.Rows, []string{l.handle(), standingOf(l.Role).affiliation.String(), strconv.Itoa(l.Used) + " of " + strconv.Itoa(l.Uses),
			l.Until.Format(time.RFC3339), t.r.svc.UserJID(l.By).String(), password})
	}
	if len(f.Rows) == 0 {
		done(t, commandResult{note: "The room has no join links."})
		return
	}
	done(t, commandResult{form: &f})
}

func unlinkForm(r *Room) muc.Form {
	var options []muc.Option
	for i := range r.pub.Links {
		l := &r.pub.Links[i]
		options = append(options, muc.Option{Label: l.handle() + " of " + r.svc.UserJID(l.By).String(), Value: l.handle()})
	}
	return commandForm("Revoke join links", required(muc.ListMultiField(fieldLinks, "Links that are good no more", nil, options...)))
}

// unlinking are the links that a form names and its user may revoke.
func unlinking(r *Room, u mimi.URI, f *muc.Form) (digests []string, e *xmpp.StanzaError) {
	field := f.Field(fieldLinks)
	if field == nil || len(field.Values) == 0 {
		return nil, refusal(xmpp.BadRequest, fieldLinks+" is missing")
	}
	for _, v := range field.Values {
		i := slices.IndexFunc(r.pub.Links, func(l joinLink) bool { return l.handle() == v })
		switch {
		case i < 0:
			return nil, refusal(xmpp.BadRequest, fieldLinks+" names one that does not exist")
		case !r.pub.mayLink(u, r.pub.Links[i].Role):
			return nil, refusal(xmpp.Forbidden, "only owners revoke links that make admins")
		}
		digests = append(digests, r.pub.Links[i].Digest)
	}
	return digests, nil
}

func checkUnlink(r *Room, u mimi.URI, f *muc.Form) *xmpp.StanzaError {
	_, e := unlinking(r, u, f)
	return e
}

func revokeLinks(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	digests, e := unlinking(t.r, u, s.filled[0])
	if e != nil {
		refuse(t, e)
		return
	}
	t.note(NoteInfo, "join links revoked", Attr{"number", strconv.Itoa(len(digests))}, Attr{"by", u.String()})
	t.emit(&unlinked{Digests: digests})
	done(t, commandResult{note: "The links are revoked. Who came by them stays."})
}
