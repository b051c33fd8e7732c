package mucmap

import (
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Consent in a room of another provider: whoever wants to add a user of ours asks for it, the user sees an invitation, agrees by entering and
// refuses by declining it (XEP-0045 §7.8.2).

// welcomePatience is how long a user who has agreed by entering waits for the Welcome, before it tries to enter as anybody else.
const welcomePatience = 20 * time.Second

// MaxInviters is how many may wait for the answer of one user of ours.
const MaxInviters = 8

// secretAsked begins the names of what is stored of open questions.
const secretAsked = "asked/"

// loadAsked reads who asked.
func (f *follow) loadAsked(secrets map[string][]byte) error {
	for name, b := range secrets {
		user, ok := strings.CutPrefix(name, secretAsked)
		if !ok {
			continue
		}
		u, err := mimi.ParseURI(user)
		if err != nil {
			return err
		}
		for _, by := range strings.Split(string(b), inviterBreak) {
			uri, err := mimi.ParseURI(by)
			if err != nil {
				return err
			}
			f.inviters[u] = append(f.inviters[u], uri)
		}
	}
	return nil
}

// inviterBreak stands between those who asked, in what is stored.
const inviterBreak = "\n"

// noteInviter notes who asked, after those who did before; false: there are too many.
func (t *turn) noteInviter(u, by mimi.URI) bool {
	f := t.r.follow
	before := f.inviters[u]
	switch {
	case slices.Contains(before, by):
		return true
	case len(before) >= MaxInviters, len(before) == 0 && len(f.inviters) >= MaxKeyUsers:
		return false
	}
	f.inviters[u] = append(slices.Clip(before), by)
	var names []string
	for _, by := range f.inviters[u] {
		names = append(names, by.String())
	}
	if t.out.SetSecrets == nil {
		t.out.SetSecrets = map[string][]byte{}
	}
	t.out.SetSecrets[secretAsked+u.String()] = []byte(strings.Join(names, inviterBreak))
	return true
}

// takeInviters forgets who asked, the first of them first.
func (t *turn) takeInviters(u mimi.URI) []mimi.URI {
	asked := t.r.follow.inviters[u]
	if len(asked) > 0 {
		delete(t.r.follow.inviters, u)
		delete(t.out.SetSecrets, secretAsked+u.String())
		t.out.DropSecrets = append(t.out.DropSecrets, secretAsked+u.String())
	}
	return asked
}

// invitationAsked puts the question of somebody to a user of ours. It comes from the user's person, which has looked whether it is decided.
func (t *turn) invitationAsked(in Request) {
	reply := Reply{ID: in.ID, Status: statusCreated}
	var c mimi.ConsentEntry
	err := wire.Unmarshal(in.Body, &c)
	switch {
	case err != nil:
		reply.Status, reply.Body = statusBadRequest, []byte(err.Error())
	case in.Provider != t.r.svc.cfg.Provider || c.Room != t.r.uri || t.r.svc.PersonName(c.Target) == "":
		reply.Status, reply.Body = statusForbidden, []byte("questions about consent go to the user")
	case t.r.pub.members[c.Target] != nil && t.r.pub.members[c.Target].Leaves > 0:
	case asksIn(&c): // it knocked
		delete(t.r.follow.knocked, c.Target)
		t.passTo([]xmpp.JID{t.r.svc.UserJID(c.Target)}, xmpp.Stanza{Kind: xmpp.Message, From: t.r.addr, ID: t.id(), Payload: []*xmpp.Element{
			muc.User{Invites: []muc.Invite{{From: t.r.addr.Bare(), Reason: "You knocked, and are let in"}}}.Element()}})
	case !t.noteInviter(c.Target, c.Requester):
		t.note(NoteWarn, "question about consent is dropped: there are too many", Attr{"user", c.Target.String()})
	default:
		t.passTo([]xmpp.JID{t.r.svc.UserJID(c.Target)}, xmpp.Stanza{Kind: xmpp.Message, From: t.r.addr, ID: t.id(), Payload: []*xmpp.Element{
			muc.User{Invites: []muc.Invite{{From: t.r.svc.UserJID(c.Requester), Reason: c.Requester.String() + " asks to add you to this room"}}}.Element()}})
	}
	t.out.Replies = append(t.out.Replies, reply)
}

// agreeByEntering says that a user who enters was asked, and so agrees: with a key package for who asked first, by which it is added. False: nobody asked.
func (t *turn) agreeByEntering(j *join) bool {
	asked := t.takeInviters(j.user)
	if len(asked) == 0 {
		return false
	}
	by := asked[0]
	t.r.joining[j.st.From] = j
	key, err := t.newKey(t.r.suite(), j.user, t.r.svc.clientURI(j.user), by, false)
	if err != nil {
		delete(t.r.joining, j.st.From)
		t.note(NoteError, "no key package could be made", Attr{"user", j.user.String()}, Attr{"error", err.Error()})
		return false
	}
	t.answerConsent(&mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: by, Target: j.user, Room: t.r.uri, KeyPackages: []mls.KeyPackage{key.keys.KeyPackage}})
	for _, other := range asked[1:] {
		t.answerConsent(&mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: other, Target: j.user, Room: t.r.uri})
	}
	j.wish = &wish{what: "join of " + j.user.String(), join: j}
	t.r.pendingNicks[nickKey(j.nick)] = j
	t.r.follow.expected[j.user] = expectation{j, t.now.Add(welcomePatience)}
	return true
}

// expectation is a user who waits for a Welcome.
type expectation struct {
	join  *join
	until time.Time
}

// expected lets a user in who was waiting for its Welcome. False: it was not.
func (t *turn) expected(u mimi.URI) bool {
	e, ok := t.r.follow.expected[u]
	if !ok {
		return false
	}
	delete(t.r.follow.expected, u)
	t.entered(e.join)
	return true
}

// impatient lets those enter as anybody else whose Welcome does not come, and returns when to look again.
func (t *turn) impatient() (wake time.Time) {
	var due []mimi.URI
	for u, e := range t.r.follow.expected {
		if e.until.After(t.now) {
			wake = earlier(wake, e.until)
		} else {
			due = append(due, u)
		}
	}
	sortURIs(due)
	for _, u := range due {
		j := t.r.follow.expected[u].join
		delete(t.r.follow.expected, u)
		if t.unwait(j); !j.wish.closed {
			t.followEnter(j)
		}
	}
	return wake
}

// followMessage is a message to the room that is not for everybody. Declining an invitation from elsewhere is an answer to the question about consent.
func (t *turn) followMessage(st *xmpp.Stanza) {
	x := st.Child(muc.NSUser, "x")
	u, err := t.r.svc.UserURI(st.From.Bare())
	if err != nil || len(t.r.follow.inviters[u]) == 0 || x == nil || x.Child(muc.NSUser, "decline") == nil {
		t.messageToRoom(st)
		return
	}
	for _, by := range t.takeInviters(u) {
		t.answerConsent(&mimi.ConsentEntry{Operation: mimi.ConsentRevoke, Requester: by, Target: u, Room: t.r.uri})
	}
}

// answerConsent lets our memory of a user, and who asked, know what the user answers. A consent with key packages reaches who asked by way of
// that memory: whoever hears of it asks for more of them at once, and would be refused where it is not known yet.
func (t *turn) answerConsent(entry *mimi.ConsentEntry) {
	t.consent(t.r.svc.cfg.Provider, mimi.EndpointUpdateConsent, entry.Target, entry)
	if len(entry.KeyPackages) == 0 {
		t.consent(entry.Requester.Provider(), mimi.EndpointUpdateConsent, entry.Requester, entry)
	}
}
