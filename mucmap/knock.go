package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Knocking (draft-mahy-mimi-group-chat, "membership": "knock-first"): somebody whom a members-only room does not let in asks to be let in, by trying
// it. Admins decide by the form with which they decide about registrations (XEP-0045 §9.9). Users of other providers knock by a consent that
// nobody asked for, with their key packages, or by a groupInfo request (docs/decisions/126-knocking.md).

const (
	// MaxKnocks is how many users of one other provider wait at one room's door.
	MaxKnocks = 32
	// MaxTurnedAway is how many users a room remembers that it has turned away.
	MaxTurnedAway = 256

	knockPatience = 7 * 24 * time.Hour // after which nobody waits any more
	knockPause    = time.Hour          // after which somebody who was turned away is heard again
)

// fieldKnock is ours: XEP-0045 registers no field for it.
const fieldKnock = "x-anteroom_knock"

func (c *roomConfig) knockField() muc.Field {
	return muc.BoolField(fieldKnock, "Who is refused because only members may enter knocks: admins are asked", c.Knock)
}

func (c *roomConfig) submitKnock(f *muc.Form) *xmpp.StanzaError {
	on, present, err := f.Bool(fieldKnock)
	if err != nil {
		return asStanzaError(err)
	}
	if present {
		c.Knock = on
	}
	return nil
}

// turnedAway is somebody whose knock was refused.
type turnedAway struct {
	User mimi.URI
	At   time.Time
}

// unknock forgets that somebody knocks who is in, or banned.
func (s *state) unknock(u mimi.URI) {
	if slices.ContainsFunc(s.Applicants, func(a applicant) bool { return a.User == u && a.Knock }) {
		s.settle(u)
	}
}

// turnAway remembers a refusal for a while.
func (s *state) turnAway(u mimi.URI, at time.Time) {
	rest := slices.DeleteFunc(slices.Clone(s.TurnedAway), func(x turnedAway) bool { return x.User == u || x.At.Add(knockPause).Before(at) })
	if len(rest) >= MaxTurnedAway {
		rest = rest[1:]
	}
	s.TurnedAway = append(rest, turnedAway{u, at})
}

// knocks says that a user may knock at this room.
func (r *Room) knocks(u mimi.URI) bool {
	c := &r.pub.Config
	return r.hub != nil && c.Knock && c.MembersOnly && !c.Fixed && !r.pub.Closing && !r.pub.Locked && r.pub.role(u) == roleNone && r.pub.strangerRefusal(u) == nil
}

// knock lets somebody wait for a decision of the admins, who are told at once if they are present. Knocking again changes nothing, but for key packages.
func (t *turn) knock(a applicant) *xmpp.StanzaError {
	s := t.r.pub
	waiting, neighbours := -1, 0
	for i := range s.Applicants {
		if s.Applicants[i].User == a.User {
			waiting = i
		} else if s.Applicants[i].Knock && s.Applicants[i].User.Provider() == a.User.Provider() {
			neighbours++
		}
	}
	i := slices.IndexFunc(s.TurnedAway, func(x turnedAway) bool { return x.User == a.User })
	switch {
	case waiting >= 0 && (!s.Applicants[waiting].Knock || len(a.Packages) == 0):
		return nil
	case i >= 0 && t.now.Before(s.TurnedAway[i].At.Add(knockPause)):
		return tooFast(xmpp.PolicyViolation, "the admins of this room have turned you away", s.TurnedAway[i].At.Add(knockPause).Sub(t.now))
	case waiting < 0 && (len(s.Applicants) >= MaxApplicants || !t.r.svc.local(a.User) && neighbours >= MaxKnocks):
		return refusal(xmpp.ResourceConstraint, "too many wait at the door of this room")
	}
	a.Knock, a.At = true, t.now
	t.note(NoteInfo, "knock", Attr{"user", a.User.String()})
	t.emit(&applied{User: a.User, Nick: a.Nick, Knock: true, At: t.now, As: a.As, Packages: a.Packages})
	if waiting < 0 {
		t.toRole(muc.RoleNone, muc.AffiliationAdmin, t.r.approval(a))
	}
	return nil
}

// knockByEntering answers one of our users whom the room does not let in.
func (t *turn) knockByEntering(u mimi.URI, nick string, e *xmpp.StanzaError) *xmpp.StanzaError {
	if e.Condition != xmpp.RegistrationRequired || !t.r.knocks(u) {
		return e
	}
	if refused := t.knock(applicant{User: u, Nick: nick}); refused != nil {
		return refusal(e.Condition, e.Text+"; "+refused.Text)
	}
	return refusal(e.Condition, e.Text+"; its admins have been asked to let you in")
}

// knockByRequest takes the refused groupInfo request of a user of another provider as a knock. Who is preauthorised by its domain or team is being
// listed, and answered to ask again: true.
func (t *turn) knockByRequest(in Request) bool {
	var q mimi.GroupInfoRequest
	if wire.Unmarshal(in.Body, &q) != nil {
		return false
	}
	client, err := mimi.CredentialClient(q.Credential)
	if err != nil || client.Provider() != in.Provider || q.Verify() != nil {
		return false
	}
	u := client.ClientUser()
	if t.listPreauthorised(u, func(*turn, bool) {}) {
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: statusTryAgain, Body: []byte("you are preauthorised and are being listed: ask again in a moment")})
		return true
	}
	if !t.r.knocks(u) {
		return false
	}
	if e := t.knock(applicant{User: u}); e != nil {
		t.note(NoteInfo, "knock refused", Attr{"user", u.String()}, Attr{"reason", e.Text})
	}
	return false
}

// knockByConsent takes the consent of a user of another provider whom nobody asked: it wants to be added, with these key packages. Taken back,
// it knocks no more.
func (t *turn) knockByConsent(c *mimi.ConsentEntry) {
	if c.Room != t.r.uri {
		return
	}
	if c.Operation == mimi.ConsentRevoke {
		if slices.ContainsFunc(t.r.pub.Applicants, func(a applicant) bool { return a.User == c.Target && a.Knock }) {
			t.emit(&applied{User: c.Target, Settled: true})
		}
		return
	}
	asked := func(t *turn, listed bool) {
		if listed {
			t.knockAnswered(applicant{User: c.Target, Knock: true})
		}
	}
	if c.Operation != mimi.ConsentGrant || t.listPreauthorised(c.Target, asked) || !t.r.knocks(c.Target) {
		return
	}
	a := applicant{User: c.Target, As: c.Requester}
	for i := range c.KeyPackages[:min(len(c.KeyPackages), MaxClientsAdded)] {
		a.Packages = append(a.Packages, wire.Marshal(&c.KeyPackages[i]))
	}
	if e := t.knock(a); e != nil {
		t.note(NoteInfo, "knock refused", Attr{"user", c.Target.String()}, Attr{"reason", e.Text})
	}
}

// open lets somebody in who knocks, by an admin's proposal: with the key packages that came, or by listing it, so that it enters by itself.
func (t *turn) open(st *xmpp.Stanza, by mimi.URI, a applicant) {
	end := func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }
	if t.r.svc.local(a.User) || len(a.Packages) == 0 {
		t.admit(st, by, a)
		return
	}
	// Who decides may be absent and without leaf, which signs the proposal.
	t.askAs(by, &wish{
		what: "leaf of " + by.String(),
		plan: func(d *delta) *xmpp.StanzaError { d.empty = true; return nil },
		done: func(t *turn) {
			m := t.learn(a.User, t.r.suite(), givenPackages(a.User, a.Packages))
			if m.refused != nil {
				t.note(NoteInfo, "key packages of a knock cannot be used", Attr{"user", a.User.String()}, Attr{"reason", m.refused.Text})
				t.admit(st, by, a)
				return
			}
			t.addRemote(by, a.User, m.packages, "", end)
		},
		refuse: end,
	})
}

// givenPackages are key packages that came without being asked for, as if they were an answer.
func givenPackages(u mimi.URI, packages [][]byte) *mimi.KeyMaterialResponse {
	given := &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialSuccess, User: u}
	for _, b := range packages {
		kp := new(mls.KeyPackage)
		if wire.Unmarshal(b, kp) != nil {
			continue
		}
		if client, err := mimi.CredentialClient(kp.LeafNode.Credential); err == nil {
			given.Clients = append(given.Clients, mimi.ClientKeyMaterial{Code: mimi.ClientSuccess, Client: client, KeyPackage: kp})
		}
	}
	return given
}

// knockAnswered tells somebody who knocked that it may enter: one of our users by an invitation (XEP-0045 §7.8.2), a user of another provider by the
// room's system user, which asks it in (draft-ietf-mimi-protocol-06 §5.7).
func (t *turn) knockAnswered(a applicant) {
	switch {
	case !a.Knock || t.r.pub.occupant(a.User) != nil:
	case t.r.svc.local(a.User):
		t.emit(&invited{User: a.User, ID: t.id()})
	default:
		door, err := hubUser(t.r.svc.cfg.Provider)
		if err != nil {
			panic("mucmap: provider name was checked: " + err.Error())
		}
		t.consent(a.User.Provider(), mimi.EndpointRequestConsent, a.User,
			&mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: door, Target: a.User, Room: t.r.uri})
	}
}

// asksIn says that somebody is asked into a room by the room itself, which lets it in: there is nothing to consent to.
func asksIn(c *mimi.ConsentEntry) bool {
	if c.Operation != mimi.ConsentRequest || c.Room.IsZero() {
		return false
	}
	door, err := hubUser(c.Room.Provider())
	return err == nil && c.Requester == door
}

// turnAway ends a knock, or a request for registration, without letting in. A user of another provider learns that its consent is not wanted.
func (t *turn) turnAway(a applicant) {
	t.emit(&applied{User: a.User, Settled: true, Away: a.Knock, At: t.now})
	if !a.As.IsZero() {
		t.consent(a.User.Provider(), mimi.EndpointRequestConsent, a.User,
			&mimi.ConsentEntry{Operation: mimi.ConsentCancel, Requester: a.As, Target: a.User, Room: t.r.uri})
	}
}

// endKnocks lets nobody wait forever, and returns when to look again.
func (t *turn) endKnocks() (wake time.Time) {
	for _, a := range slices.Clone(t.r.pub.Applicants) {
		if !a.Knock {
			continue
		}
		if end := a.At.Add(knockPatience); end.After(t.now) {
			wake = earlier(wake, end)
		} else {
			t.emit(&applied{User: a.User, Settled: true})
		}
	}
	return wake
}
