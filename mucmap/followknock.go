package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// One of our users knocks at a room of another provider by registering with it (XEP-0045 §7.10): the room's provider gets the user's consent to be
// added, with a key package, though it has not asked (docs/decisions/126-knocking.md). Ending the registration takes it back.

// knockAgain is how long a user waits before it knocks at the same room again.
const knockAgain = 10 * time.Minute

// knocker is one of our users who may knock at this room.
func (t *turn) knocker(st *xmpp.Stanza) (mimi.URI, *xmpp.StanzaError) {
	u, err := t.r.svc.UserURI(st.From.Bare())
	switch {
	case err != nil || t.r.svc.PersonName(u) == "":
		return u, refusal(xmpp.Forbidden, "only users of "+t.r.svc.cfg.Provider+" register here")
	case t.r.pub.barred(u):
		return u, refusal(xmpp.NotAllowed, "you may not register with this room")
	}
	return u, nil
}

// followRegisterGet says what knocking takes.
func (t *turn) followRegisterGet(st *xmpp.Stanza) {
	u, e := t.knocker(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	if t.r.pub.affiliation(u) >= muc.AffiliationMember {
		t.result(st, muc.RegisterQuery{Registered: true, Username: t.r.nickOf(u)}.Element())
		return
	}
	f := muc.NewForm(muc.FormAsk, muc.FormRegister, muc.TextField(muc.RegisterRoomNick, "Nick", t.r.nickOf(u)))
	f.Title = "Registration with the room"
	t.result(st, muc.RegisterQuery{Instructions: "Submit this form to ask the admins of the room, at " + t.r.uri.Provider() + ", to let you in. If they do, you get an invitation.", Form: &f}.Element())
}

// followRegisterSet knocks, or knocks no more.
func (t *turn) followRegisterSet(st *xmpp.Stanza) {
	u, e := t.knocker(st)
	var q muc.RegisterQuery
	if e == nil {
		var err error
		if q, err = muc.ParseRegisterQuery(st.Payload[0]); err != nil {
			e = asStanzaError(err)
		}
	}
	at, knocked := t.r.follow.knocked[u]
	switch {
	case e != nil:
	case q.Remove && !knocked:
		e = refusal(xmpp.RegistrationRequired, "you are not registered")
	case q.Remove:
		delete(t.r.follow.knocked, u)
		t.tellDoor(u, mimi.ConsentRevoke, nil)
		t.result(st)
		return
	case q.Form == nil || q.Form.Type != muc.FormSubmit || q.Form.FormType() != muc.FormRegister:
		e = refusal(xmpp.BadRequest, "registration takes the room's form, submitted") // XEP-0045 §7.10
	case t.r.pub.affiliation(u) >= muc.AffiliationMember, t.r.pub.members[u] != nil && t.r.pub.members[u].Leaves > 0:
		e = refusal(xmpp.Conflict, "you are in the room's list already")
	case knocked && t.now.Before(at.Add(knockAgain)):
		e = tooFast(xmpp.PolicyViolation, "you knocked at this room", at.Add(knockAgain).Sub(t.now))
	case len(t.r.follow.knocked) >= MaxKnocks && !knocked:
		e = refusal(xmpp.ResourceConstraint, "too many users knock at this room")
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	if t.r.keysOut(u) >= MaxKeyPackages {
		t.refuse(st, refusal(xmpp.ResourceConstraint, "you knocked at this room, or were to be added to it, too often").WithType(xmpp.Wait))
		return
	}
	key, err := t.newKey(t.r.suite(), u, t.r.svc.clientURI(u), mimi.URI{}, false)
	if err != nil {
		t.note(NoteError, "no key package could be made", Attr{"user", u.String()}, Attr{"error", err.Error()})
		t.refuse(st, refusal(xmpp.InternalServerError, "no key package could be made"))
		return
	}
	t.r.follow.knocked[u] = t.now
	t.tellDoor(u, mimi.ConsentGrant, []mls.KeyPackage{key.keys.KeyPackage})
	t.result(st)
}

// keysOut is how many key packages of a user are out for this room.
func (r *Room) keysOut(u mimi.URI) (n int) {
	for _, k := range r.keys {
		if k.user == u {
			n++
		}
	}
	return n
}

// tellDoor lets the room's provider, and our own memory of the user, know that the user agrees to be added by the room, or no more.
func (t *turn) tellDoor(u mimi.URI, op mimi.ConsentOperation, packages []mls.KeyPackage) {
	door, err := hubUser(t.r.uri.Provider())
	if err != nil {
		return // the provider's name was good enough for the room's address
	}
	t.answerConsent(&mimi.ConsentEntry{Operation: op, Requester: door, Target: u, Room: t.r.uri, KeyPackages: packages})
}

// endKnocked forgets who knocked so long ago that it may knock again.
func (f *follow) endKnocked(now time.Time) {
	for u, at := range f.knocked {
		if !now.Before(at.Add(knockPatience)) {
			delete(f.knocked, u)
		}
	}
}
