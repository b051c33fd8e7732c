package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Consent of users of other providers whom our users invite (draft-ietf-mimi-protocol-06 §5.7): it is asked for, and when it comes the
// invitation is carried out. Who waits, and for whom, is part of the room.

const (
	// MaxAwaiting is for how many users' consent a room waits.
	MaxAwaiting = 256

	consentPatience = 7 * 24 * time.Hour // for an answer, and then for key packages
)

// awaited is a user of another provider whose consent was asked for.
type awaited struct {
	User, By mimi.URI
	As       mimi.URI // the name of By in the group: by this it is known to User
	Reason   string   `json:",omitempty"`
	At       time.Time

	Agreed   bool      `json:",omitempty"`
	AgreedAt time.Time `json:",omitzero"`
	Packages [][]byte  `json:",omitempty"` // key packages that came with the consent
}

// end is when nobody waits for this user any more: neither for its answer, nor, after its consent, for its key packages.
func (a *awaited) end() time.Time {
	if a.AgreedAt.After(a.At) {
		return a.AgreedAt.Add(consentPatience)
	}
	return a.At.Add(consentPatience)
}

// asked says that a user's consent is asked for.
type asked struct{ awaited }

func (e *asked) apply(s *state, _ *stage) { s.Awaiting = append(s.Awaiting, e.awaited) }

// agreed says that a user lets itself be added.
type agreed struct {
	User     mimi.URI
	At       time.Time `json:",omitzero"`
	Packages [][]byte  `json:",omitempty"`
}

func (e *agreed) apply(s *state, _ *stage) {
	if a := s.awaitedUser(e.User); a != nil {
		a.Agreed, a.AgreedAt, a.Packages = true, e.At, e.Packages
	}
}

// unasked says that nobody waits for a user's consent any more.
type unasked struct{ User mimi.URI }

func (e *unasked) apply(s *state, _ *stage) { s.unawait(e.User) }

func (s *state) awaitedUser(u mimi.URI) *awaited {
	for i := range s.Awaiting {
		if s.Awaiting[i].User == u {
			return &s.Awaiting[i]
		}
	}
	return nil
}

func (s *state) unawait(u mimi.URI) {
	s.Awaiting = slices.DeleteFunc(s.Awaiting, func(a awaited) bool { return a.User == u })
	if len(s.Awaiting) == 0 {
		s.Awaiting = nil
	}
}

// await asks for the consent of a user. Until it answers the inviter hears nothing, as with every invitation.
func (t *turn) await(by, target mimi.URI, reason string, refuse func(*turn, *xmpp.StanzaError)) {
	s := t.r.pub
	switch a := s.awaitedUser(target); {
	case a != nil:
		refuse(t, refusal(xmpp.Conflict, target.String()+" was asked for its consent already"))
		return
	case len(s.Awaiting) >= MaxAwaiting:
		refuse(t, refusal(xmpp.ResourceConstraint, "too many users were asked for their consent already"))
		return
	}
	as := s.listed(by)
	t.emit(&asked{awaited{User: target, By: by, As: as, Reason: reason, At: t.now}})
	t.consent(target.Provider(), mimi.EndpointRequestConsent, target,
		&mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: as, Target: target, Room: t.r.uri})
}

// consent owes a provider a word about consent. about is the user in the endpoint's template.
func (t *turn) consent(provider string, e mimi.Endpoint, about mimi.URI, entry *mimi.ConsentEntry) {
	t.out.Outbox = append(t.out.Outbox, Delivery{Provider: provider, Endpoint: string(e), Room: about.String(), Body: wire.Marshal(entry)})
}

// updateConsent takes the answer of a user of another provider: 201 whatever follows from it (draft-ietf-mimi-protocol-06 §5.7).
func (t *turn) updateConsent(in Request) {
	reply := Reply{ID: in.ID, Status: statusCreated}
	var c mimi.ConsentEntry
	err := wire.Unmarshal(in.Body, &c)
	switch {
	case err != nil:
		reply.Status, reply.Body = statusBadRequest, []byte(err.Error())
	case c.Target.Provider() != in.Provider:
		reply.Status, reply.Body = statusForbidden, []byte("targetUri: belongs to another provider")
	default:
		t.consentAnswered(&c)
	}
	t.out.Replies = append(t.out.Replies, reply)
}

func (t *turn) consentAnswered(c *mimi.ConsentEntry) {
	a := t.r.pub.awaitedUser(c.Target)
	switch {
	case a == nil:
		t.knockByConsent(c)
	case t.r.pub.Closing, a.As != c.Requester, !c.Room.IsZero() && c.Room != t.r.uri:
	case a.Agreed && (c.Operation != mimi.ConsentRevoke || t.r.adding[a.User].committing): // said before, or on its way into the room already
	case c.Operation == mimi.ConsentGrant:
		e := &agreed{User: c.Target, At: t.now}
		for i := range c.KeyPackages[:min(len(c.KeyPackages), MaxClientsAdded)] {
			e.Packages = append(e.Packages, wire.Marshal(&c.KeyPackages[i]))
		}
		t.note(NoteInfo, "consent given", Attr{"user", c.Target.String()}, Attr{"to", c.Requester.String()})
		t.emit(e)
		t.addAgreed(*t.r.pub.awaitedUser(c.Target))
	case c.Operation == mimi.ConsentRevoke:
		t.note(NoteInfo, "consent refused", Attr{"user", c.Target.String()}, Attr{"to", c.Requester.String()})
		t.declined(*a, c.Target.String()+" does not want to be added to this room")
	}
}

// declined ends an invitation and tells the inviter, if present, as if the invited had declined (XEP-0045 §7.8.2).
func (t *turn) declined(a awaited, reason string) {
	t.emit(&unasked{a.User})
	if t.r.forTwo() {
		t.bounceHeld(refusal(xmpp.Forbidden, reason))
		return
	}
	o := t.r.pub.occupant(a.By)
	if o == nil || o.Remote {
		return
	}
	t.pass(o, xmpp.Stanza{Kind: xmpp.Message, From: t.r.pub.addr, ID: t.id(), Payload: []*xmpp.Element{
		muc.User{Decline: &muc.Decline{From: t.r.svc.UserJID(a.User), Reason: reason}}.Element()}})
}

// cancelConsent takes a question back.
func (t *turn) cancelConsent(a awaited) {
	t.consent(a.User.Provider(), mimi.EndpointRequestConsent, a.User,
		&mimi.ConsentEntry{Operation: mimi.ConsentCancel, Requester: a.As, Target: a.User, Room: t.r.uri})
}

// endAwaiting gives up on those who do not answer, adds those who consented and could not be added before, and returns when to look again.
func (t *turn) endAwaiting() (wake time.Time) {
	r := t.r
	for _, a := range slices.Clone(r.pub.Awaiting) {
		if !a.end().After(t.now) {
			why := a.User.String() + " did not answer"
			if a.Agreed {
				why = r.adding[a.User].whyNot(a.User)
			}
			t.cancelConsent(a)
			t.declined(a, why)
			continue
		}
		if t.r.group() != nil {
			wake = earlier(wake, earlier(a.end(), t.addAgain(a)))
		}
	}
	for u := range r.adding {
		if r.pub.awaitedUser(u) == nil {
			delete(r.adding, u)
		}
	}
	return wake
}
