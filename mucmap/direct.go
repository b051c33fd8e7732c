package mucmap

import (
	"encoding/hex"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// Messages between an XMPP user and a user of another provider outside of rooms travel in the room that the two have for themselves: of fixed
// membership, named after them, owned by whoever wrote first (docs/decisions/072-direct-messages.md). XMPP never sees it as a room: what is
// sent to u%bob%b.example goes in, what bob says comes from there.

// MaxHeld is how many messages wait until the other one can be reached.
const MaxHeld = 50

// pair is who a direct room is for.
type pair struct{ User, Peer mimi.URI }

// opened says that the room of two began, with our user's leaf as its only one.
type opened struct {
	At    time.Time
	Group string
	Pair  pair
}

func (e *opened) apply(s *state, _ *stage) {
	s.Exists, s.Created, s.Group, s.Epoch = true, e.At, e.Group, 0
	s.Config = defaultConfig()
	s.Config.Persistent, s.Config.Public, s.Config.Anyone, s.Config.MembersOnly = true, false, true, true
	s.Direct = &e.Pair
	s.members[e.Pair.User] = &member{Role: roleOwner, Leaves: 1}
}

// kept says that a message waits, let that none does any more.
type (
	kept struct{ XML string }
	let  struct{}
)

func (e *kept) apply(s *state, _ *stage) { s.Held = append(s.Held, e.XML) }
func (*let) apply(s *state, _ *stage)    { s.Held = nil }

// whispered says that the other one said something to our user.
type whispered struct {
	From, To mimi.URI
	XML      string // the stanza without addresses
}

func (e *whispered) apply(s *state, p *stage) {
	p.send(func() []xmpp.Broadcast {
		st, err := xmpp.ParseStanzaXML([]byte(e.XML))
		if err != nil {
			return nil // was written by AppendXML
		}
		st.From = s.svc.UserJID(e.From)
		return []xmpp.Broadcast{{Template: xmpp.NewTemplate(st), To: []xmpp.JID{s.svc.UserJID(e.To)}}}
	})
}

// DirectName is the name under which we keep the room of one of our users and somebody elsewhere, if it is ours.
func (s *Service) DirectName(user, peer mimi.URI) string {
	if s.PersonName(user) == "" || peer.Kind() != mimi.KindUser || s.local(peer) {
		return ""
	}
	return escapePath(mimi.FixedMembershipName(user.String(), peer.String()))
}

// directRoute is where a stanza to the address of a user of another provider goes: to the room of the two that both are in. Where both wrote first at the
// same moment there are two; then both sides use that of the user whose name comes first, as in the rooms' common name.
func (s *Service) directRoute(st *xmpp.Stanza, direct func(name string) bool) (string, bool) {
	peer, err := s.remoteURI(st.To)
	if err != nil || st.To.Domain() != s.cfg.Domain.Domain() {
		return "", false
	}
	user, err := s.UserURI(st.From.Bare())
	if err != nil {
		return "", false
	}
	name := s.DirectName(user, peer)
	if name == "" {
		return "", false
	}
	if theirs := name + "%" + peer.Provider(); direct(theirs) && (compareURI(peer, user) < 0 || !direct(name)) {
		return theirs, true
	}
	return name, true
}

// direct says that the room is one of two users for themselves, and of whom.
func (r *Room) direct() (pair, bool) {
	if r.pub.Direct != nil {
		return *r.pub.Direct, true
	}
	if r.follow == nil || !r.pub.Exists || len(r.pub.members) != 2 || !mimi.IsFixedMembershipName(r.uri.Name()) {
		return pair{}, false
	}
	var p pair
	for u := range r.pub.members {
		if r.svc.local(u) {
			p.User = u
		} else {
			p.Peer = u
		}
	}
	return p, !p.User.IsZero() && !p.Peer.IsZero() && mimi.FixedMembershipName(p.User.String(), p.Peer.String()) == r.uri.Name()
}

// forTwo says that the room can only be one of two users, and ours.
func (r *Room) forTwo() bool { return r.follow == nil && mimi.IsFixedMembershipName(r.uri.Name()) }

// talking says that the room is one of two users for themselves who are both in it.
func (r *Room) talking() bool {
	p, ok := r.direct()
	if !ok {
		return false
	}
	m := r.pub.members[p.Peer]
	return m != nil && m.Leaves > 0
}

// directStanza is what one of our users sends to the address of somebody elsewhere.
func (t *turn) directStanza(st *xmpp.Stanza) {
	r := t.r
	user, err := r.svc.UserURI(st.From.Bare())
	peer, perr := r.svc.UserURI(st.To.Bare())
	_, said := st.Body()
	switch {
	case err != nil || perr != nil || mimi.FixedMembershipName(user.String(), peer.String()) != r.uri.Name():
		t.refuse(st, refusal(xmpp.ItemNotFound, "no room has this name"))
	case st.AcceptsError() && r.svc.ban(peer) != nil:
		t.refuse(st, refusal(xmpp.Forbidden, peer.String()+" is banned from this service"))
	case st.Kind == xmpp.IQ:
		t.refuse(st, refusal(xmpp.ServiceUnavailable, peer.String()+" takes messages only"))
	case st.Kind != xmpp.Message || st.Type == xmpp.TypeError || !said && st.Type != xmpp.TypeGroupchat:
		// Presence, and what goes with a conversation without being one, is not carried (docs/mapping.md §4a).
	case st.Type == xmpp.TypeGroupchat:
		t.refuse(st, refusal(xmpp.BadRequest, "this is a user and no room"))
	case r.follow != nil:
		t.directFollowed(st, user)
	case r.pub.members[peer] != nil && r.pub.members[peer].Leaves > 0 && len(r.pub.Held) == 0:
		if r.mustWait() {
			t.hold(st)
			return
		}
		t.whisper(st, user)
	case len(r.pub.Held) >= MaxHeld:
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many messages to "+peer.String()+" wait").WithType(xmpp.Wait))
	default:
		first := len(r.pub.Held) == 0
		if r.hub == nil {
			if err := t.openDirect(user, peer); err != nil {
				t.note(NoteError, "room of two cannot be made", Attr{"error", err.Error()})
				t.refuse(st, refusal(xmpp.InternalServerError, "the conversation could not be begun").WithType(xmpp.Wait))
				return
			}
		}
		t.emit(&kept{XML: string(st.AppendXML(nil))})
		if first || r.pub.awaitedUser(peer) == nil && len(r.searches) == 0 {
			t.reach(user, peer)
		}
	}
}

// reach adds the other one, or asks for its consent. Until then messages wait; when it cannot be, they come back.
func (t *turn) reach(user, peer mimi.URI) {
	t.seekKeys(user, peer, func(t *turn, m material) {
		switch {
		case len(t.r.pub.Held) == 0: // given up meanwhile
		case m.consent:
			t.await(user, peer, "", func(t *turn, e *xmpp.StanzaError) { t.bounceHeld(e) })
		case m.refused != nil:
			t.bounceHeld(m.refused)
		default:
			t.admitPeer(m.packages)
		}
	})
}

// bounceHeld gives the messages back that wait.
func (t *turn) bounceHeld(e *xmpp.StanzaError) {
	for _, xml := range t.r.pub.Held {
		if st, err := xmpp.ParseStanzaXML([]byte(xml)); err == nil {
			t.refuse(&st, e)
		}
	}
	if len(t.r.pub.Held) > 0 {
		t.emit(&let{})
	}
}

// directRoles are the roles of a room of two: while it is made, and when nobody can be added any more.
func directRoles(making bool) *mimi.RolesList {
	first := mimi.Role{Index: roleOwner, Name: "initiator", Capabilities: caps(capsClient, capsRead, capsSend)}
	if making {
		first.Capabilities = append(first.Capabilities, mimi.CanAddParticipant, mimi.CanChangeRoomMembershipStyle, mimi.CanChangeRoleDefinitions)
		first.Changes = []mimi.RoleTargets{targets(roleNone, roleMember)}
	}
	return &mimi.RolesList{Roles: []mimi.Role{
		{Index: roleNone, Name: "no_role"},
		{Index: roleBanned, Name: mimi.BannedName, MaxActive: mimi.AtMost(0)},
		{Index: roleMember, Name: "participant", Capabilities: caps(capsClient, capsRead, capsSend)},
		first,
	}}
}

// openDirect makes the group, with our user alone: it must have a leaf to ask for key packages.
func (t *turn) openDirect(user, peer mimi.URI) error {
	r := t.r
	id := t.derive("group id")
	group, err := mimi.GroupURI(r.svc.cfg.Provider, r.uri.Name()+"-"+hex.EncodeToString(id[:8]))
	if err != nil {
		return err
	}
	sender, err := r.svc.hubSender(suite, t.now)
	if err != nil {
		return err
	}
	n := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: user, Role: roleOwner}}},
		Roles:        *directRoles(true),
		Metadata:     mimi.RoomMetadata{Room: r.uri},
		Base:         mimi.BaseRoomPolicy{MultiDevice: true, Persistent: true},
		Franking:     frankingAgent(sender),
		Hub:          []mls.ExternalSender{sender},
		Credentials:  r.svc.credentialTypes(),
	}
	extensions, err := n.Extensions()
	if err != nil {
		return err
	}
	kp, err := r.svc.keyPackage(t.derive("initiator"), t.now, r.svc.clientURI(user), user.Name())
	if err != nil {
		return err
	}
	g, err := mls.NewGroup(t.derive("group"), mls.NewGroupParams{GroupID: []byte(group.String()), Creator: kp, Extensions: extensions, Config: r.svc.groupConfig(t.now)})
	if err != nil {
		return err
	}
	if r.hub, err = hub.New(r.uri, g, r.hubOptions(suite)); err != nil {
		return err
	}
	r.keeper = user
	t.emit(&opened{At: t.now, Group: group.String(), Pair: pair{user, peer}})
	if theirs, err := mimi.RoomURI(peer.Provider(), r.uri.Name()); err == nil { // who writes wants to be answered
		t.consent(r.svc.cfg.Provider, mimi.EndpointUpdateConsent, user, &mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: peer, Target: user, Room: theirs})
	}
	return nil
}

// begun ends the waiting of the room of the two that we began, when the other one's begins: what is held there goes here.
func (t *turn) begun(p pair) {
	ours, err := mimi.RoomURI(t.r.svc.cfg.Provider, t.r.uri.Name())
	if err != nil {
		return
	}
	t.consent(t.r.svc.cfg.Provider, mimi.EndpointRequestConsent, ours, &mimi.ConsentEntry{Operation: mimi.ConsentCancel, Requester: p.User, Target: p.Peer, Room: ours})
}

// yield gives up waiting for the other one, who has a room of the two by now: what is held goes there.
func (t *turn) yield(in Request) {
	reply := Reply{ID: in.ID, Status: statusCreated}
	var c mimi.ConsentEntry
	err := wire.Unmarshal(in.Body, &c)
	switch {
	case err != nil:
		reply.Status, reply.Body = statusBadRequest, []byte(err.Error())
	case in.Provider != t.r.svc.cfg.Provider || !t.r.forTwo() || c.Operation != mimi.ConsentCancel:
		reply.Status, reply.Body = statusForbidden, []byte("consent is not asked of rooms")
	case len(t.r.pub.Held) > 0:
		if a := t.r.pub.awaitedUser(c.Target); a != nil {
			t.cancelConsent(*a)
			t.emit(&unasked{c.Target})
		}
		t.handOver(c.Target)
	}
	t.out.Replies = append(t.out.Replies, reply)
}

// admitPeer adds the other one with all its clients, closes the room for everybody else, and says what waited.
func (t *turn) admitPeer(packages []mls.KeyPackage) {
	r := t.r
	p := *r.pub.Direct
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: p.Peer, Role: roleMember}}}
	first := []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&list)}}
	for _, kp := range packages {
		first = append(first, mls.Add{KeyPackage: kp})
	}
	base := *r.hub.State().Base()
	base.FixedMembership = true
	second := []mls.Proposal{
		mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: marshal(directRoles(false))},
		mls.AppDataUpdate{Component: mimi.ComponentBaseRoomPolicy, Update: marshal(&base)},
	}
	for _, proposals := range [][]mls.Proposal{first, second} {
		if err := t.commitNow(p.User, proposals); err != nil {
			t.note(NoteWarn, "the other one cannot be added", Attr{"user", p.Peer.String()}, Attr{"reason", err.Error()})
			t.bounceHeld(refusal(xmpp.NotAcceptable, p.Peer.String()+" cannot be added: "+err.Error()))
			return
		}
	}
	held := r.pub.Held
	t.emit(&let{})
	for _, xml := range held {
		if st, err := xmpp.ParseStanzaXML([]byte(xml)); err == nil {
			t.whisper(&st, p.User)
		}
	}
}

// commitNow commits in this Step: a room of two is small.
func (t *turn) commitNow(by mimi.URI, proposals []mls.Proposal) error {
	leaf, ok := t.r.leaf(by)
	if !ok {
		return mls.ErrNoLocalLeaf
	}
	staged, err := t.r.hub.Group().WithNow(uint64(t.now.Unix())).Commit(t.derive("commit"), leaf, mls.CommitParams{ByValue: proposals, AuthenticatedData: emptyAAD})
	if err != nil {
		return err
	}
	a, err := t.r.hub.AcceptLocal(t.now, staged)
	if err != nil {
		return err
	}
	t.take(a, nil)
	return nil
}

// directContent is a message as it goes into the room of two.
func (t *turn) directContent(st *xmpp.Stanza, user mimi.URI) ([]byte, bool) {
	body, err := content.FromXMPP(st, saltOf(t.derive("content")), user, t.r.uri, content.References{}).Encode()
	if err != nil {
		t.refuse(st, refusal(xmpp.NotAcceptable, err.Error()))
		return nil, false
	}
	return body, true
}

// whisper says something in our room of two.
func (t *turn) whisper(st *xmpp.Stanza, user mimi.URI) {
	body, ok := t.directContent(st, user)
	if !ok {
		return
	}
	a, err := t.protect(user, body)
	if err != nil {
		t.failed(&wish{what: "message", refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }}, err)
		return
	}
	t.r.hub = a.Next
	t.fanout(a)
}

// directFollowed says something in the room of two that the other one's provider owns.
func (t *turn) directFollowed(st *xmpp.Stanza, user mimi.URI) {
	if _, ok := t.r.direct(); !ok || t.r.pub.members[user] == nil || t.r.pub.members[user].Leaves == 0 {
		t.refuse(st, refusal(xmpp.RecipientUnavailable, "the conversation at "+t.r.uri.Provider()+" has ended"))
		return
	}
	if body, ok := t.directContent(st, user); ok {
		t.wish(&asker{st: st}, follower.Wish{Kind: follower.Send, Client: t.r.svc.clientURI(user), Data: body, AAD: t.r.committed(body)})
	}
}

// hearDirect shows our user what the other one says, in a room of two; false: it is another room.
func (t *turn) hearDirect(sender mimi.URI, data []byte) bool {
	p, ok := t.r.direct()
	if !ok {
		return false
	}
	if sender != p.Peer {
		return true // our own words
	}
	if t.r.svc.ban(p.Peer) != nil || t.r.svc.ban(p.User) != nil {
		t.note(NoteInfo, "message of a conversation with somebody who is banned from the service", Attr{"from", sender.String()}, Attr{"to", p.User.String()})
		return true
	}
	m, err := content.Decode(data)
	if err != nil {
		t.note(NoteInfo, "message cannot be shown to XMPP users", Attr{"user", sender.String()}, Attr{"reason", err.Error()})
		return true
	}
	shown := m.ToXMPP(content.Names{})
	if len(shown.Payload) == 0 {
		return true // a report that nobody here is told of
	}
	st := &xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, ID: t.id(), Lang: shown.Lang, Payload: shown.Payload}
	xml := string(st.AppendXML(nil))
	if len(xml) > maxMessage {
		t.note(NoteInfo, "message is too long for XMPP users", Attr{"user", sender.String()})
		return true
	}
	t.emit(&whispered{From: sender, To: p.User, XML: xml})
	return true
}
