package mucmap

import (
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// notForeign refuses what can only be done where the room lives.
func (t *turn) notForeign(st *xmpp.Stanza) {
	t.refuse(st, refusal(xmpp.NotAllowed, "this room belongs to "+t.r.uri.Provider()+": this cannot be done from here"))
}

// followDisco describes the room; before anybody here is in it, what all rooms can do, which clients may not ask again when they are in.
func (t *turn) followDisco(st *xmpp.Stanza) {
	if t.r.pub.Exists || st.Payload[0].Attr("node") != "" {
		t.discoInfo(st)
		return
	}
	q := xmpp.NewElement(muc.NSDiscoInfo, "query").With(identity(nameElsewhere(t.r.uri)))
	for _, f := range slices.Concat(always, andElsewhere, []string{muc.NSOccupantID}) {
		q.With(feature(f))
	}
	t.result(st, q)
}

// followEnter lets a device into a room of another provider: at once if its user has a leaf, otherwise when the hub has accepted one.
func (t *turn) followEnter(j *join) {
	r := t.r
	if m := r.pub.members[j.user]; m != nil && m.Leaves > 0 && r.follow.has(r.svc.clientURI(j.user)) {
		if r.leaving[j.user] {
			t.refuse(j.st, refusal(xmpp.ResourceConstraint, "you are just leaving this room; try again").WithType(xmpp.Wait))
			return
		}
		t.letIn(j)
		return
	}
	if len(r.follow.waiting) >= r.svc.cfg.Limits.Waiting {
		t.refuse(j.st, refusal(xmpp.ResourceConstraint, "too many wait to enter this room"))
		return
	}
	if len(j.code) > mimi.MaxJoiningCode {
		t.refuse(j.st, refusal(xmpp.NotAuthorized, "this is no joining code"))
		return
	}
	if t.agreeByEntering(j) {
		return
	}
	j.wish = &wish{what: "join of " + j.user.String(), join: j}
	r.joining[j.st.From] = j
	r.pendingNicks[nickKey(j.nick)] = j
	t.wish(&asker{st: j.st, join: j}, follower.Wish{Kind: follower.Join, Client: r.svc.clientURI(j.user), Data: []byte(j.code)})
}

// followGroupchat is a message to everybody, or a new subject. It is shown when the hub has accepted it.
func (t *turn) followGroupchat(st *xmpp.Stanza) {
	r := t.r
	o := r.pub.here.BySession(st.From)
	switch {
	case o == nil:
		t.refuse(st, refusal(xmpp.NotAcceptable, "only occupants may send messages to this room"))
	case t.tooLoud(st, o):
	case isSubject(st):
		t.followSubject(st, userOf(o))
	case o.Role < muc.RoleParticipant:
		t.refuse(st, refusal(xmpp.Forbidden, "visitors have no voice in this room")) // XEP-0045 §7.4
	case content.Transient(st, r.pub.references(userOf(o), nil)):
		t.showState(st, o)
	case len(r.follow.waiting) >= r.svc.cfg.Limits.Waiting:
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many messages are waiting"))
	default:
		u := userOf(o)
		gone, ok := t.retracts(st, o, func(t *turn) { t.followGroupchat(st) })
		if !ok {
			return
		}
		if t.tooLate(st, u) {
			return
		}
		if e := t.prepare(provenance{User: u}, t.spoken(st, o.Nick)); len(e.XML) > maxMessage {
			t.refuse(st, refusal(xmpp.PolicyViolation, "the message is too long to be sent on"))
			return
		}
		end := r.endOf(r.pub.corrects(u, st), timer(st), t.now)
		m := content.FromXMPP(st, saltOf(t.derive("content")), u, r.uri, r.pub.references(u, gone))
		m.Expires = expiration(end)
		if e := r.contentRefusal(u, m); e != nil {
			t.refuse(st, e)
			return
		}
		body, err := m.Encode()
		if err != nil {
			t.refuse(st, refusal(xmpp.NotAcceptable, err.Error()))
			return
		}
		t.wish(&asker{st: st, gone: gone}, follower.Wish{Kind: follower.Send, Client: r.svc.clientURI(u), Data: body, AAD: r.committed(body)})
	}
}

// spoken is a message as occupants get it.
func (t *turn) spoken(st *xmpp.Stanza, nick string) xmpp.Stanza {
	return xmpp.Stanza{Kind: xmpp.Message, From: t.r.pub.here.Address(nick), ID: st.ID, Type: xmpp.TypeGroupchat, Lang: st.Lang,
		Payload: publicPayload(st, t.r.pub.addr)}
}

// followSaid shows a message of a user of ours that the hub accepted. After a restart it is read from what was sent.
func (t *turn) followSaid(e follower.Sent) {
	r, u := t.r, e.Wish.Client.ClientUser()
	who := r.answer(e.Wish.ID)
	if _, two := r.direct(); two {
		return
	}
	if who == nil {
		t.heardFrom(u, nil, e.Wish.Data, nil)
		return
	}
	if who.said != nil {
		who.said(t)
		return
	}
	from, end := provenance{User: u}, time.Time{}
	if m, err := content.Decode(e.Wish.Data); err == nil {
		from, end = origin(u, m, content.ID(u, r.uri, e.Wish.Data, m.Salt)), r.endOf(r.pub.recordByMessage(m.Replaces), m.Expires, t.now)
	}
	st := t.spoken(who.st, r.speaksAs(u))
	st.Payload = ephemeral(st.Payload, t.now, end)
	said := t.prepare(from, st)
	said.Ends = end
	t.broadcast(said)
	if who.gone != nil && !who.gone.Gone {
		t.takenAway(who.gone, who.st.ID)
	}
}

// heardFrom shows a message as it came through the group. Who was put out, or left, before it came, as when the hub accepted it first and we hear of it
// last, is shown by the nick in the leaf that signed it.
func (t *turn) heardFrom(u mimi.URI, leaf *mls.LeafNode, data, proof []byte) {
	if t.hearDirect(u, data) {
		return
	}
	r := t.r
	if m := r.pub.members[u]; m != nil && m.Nick != "" {
		t.show(u, r.speaksAs(u), data, proof)
		return
	}
	if leaf == nil {
		t.note(NoteWarn, "message of somebody who was never present", Attr{"user", u.String()})
		return
	}
	nick, _ := mimi.LeafNick(leaf)
	t.show(u, r.pub.here.FreeNick(r.goodNick(nick, u)), data, proof)
}

// followSubject asks for another subject, by the occupant's own leaf.
func (t *turn) followSubject(st *xmpp.Stanza, u mimi.URI) {
	text := st.Child(xmpp.NSClient, "subject").Text()
	state := t.r.follow.room.State()
	switch {
	case len(text) > maxSubject:
		t.refuse(st, refusal(xmpp.NotAcceptable, "the subject is too long"))
	case !state.Can(u, mimi.CanChangeRoomSubject):
		t.refuse(st, refusal(xmpp.Forbidden, "your role in this room lacks canChangeRoomSubject"))
	case state.Metadata().Subject == text:
		id := st.ID
		if id == "" {
			id = t.id()
		}
		t.title(id, t.r.nickOf(u), u, text)
	default:
		m := *state.Metadata()
		m.Subject = text
		t.wish(&asker{st: st}, follower.Wish{Kind: follower.Change, Client: t.r.svc.clientURI(u), Metadata: &m})
	}
}

// subjectAsked is the id of the message by which a user of ours asked for a subject that it now has, the first of several; "" if there is none.
// Its answer to who asked has the same one (XEP-0045 §7.4).
func (r *Room) subjectAsked(u mimi.URI, text string) string {
	for _, n := range slices.Sorted(maps.Keys(r.follow.waiting)) {
		st := r.follow.waiting[n].st
		if st == nil || st.Kind != xmpp.Message || !isSubject(st) || st.Child(xmpp.NSClient, "subject").Text() != text {
			continue
		}
		if o := r.pub.here.BySession(st.From); o != nil && userOf(o) == u {
			return st.ID
		}
	}
	return ""
}

// followAdmin changes roles and affiliations, all items or none: one commit, signed by the acting user's leaf.
func (t *turn) followAdmin(st *xmpp.Stanza) {
	r := t.r
	q, err := muc.ParseAdminQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	u, e := t.actor(st)
	w := follower.Wish{Kind: follower.Change}
	switch {
	case e != nil:
	case len(q.Items) == 0:
		e = refusal(xmpp.BadRequest, "no item")
	case len(q.Items) > MaxItems:
		e = refusal(xmpp.PolicyViolation, "too many items at once")
	case r.pub.members[u] == nil || r.pub.members[u].Leaves == 0:
		e = refusal(xmpp.Forbidden, "enter the room first: who acts in a room of another provider is in it")
	default:
		e = r.followItems(u, q.Items, &w)
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	if targets := r.newcomers(q.Items); len(targets) > 0 && r.follow.room.State().Can(u, mimi.CanAddParticipant) {
		t.seekAll(u, targets, func(t *turn, guests map[mimi.URI][]mls.KeyPackage) { t.followItemsWith(st, u, q.Items, guests) })
		return
	}
	t.followItemsWith(st, u, q.Items, nil)
}

// followItemsWith asks for changes that were checked. guests are the clients of users of other providers who are listed with them.
func (t *turn) followItemsWith(st *xmpp.Stanza, u mimi.URI, items []muc.Item, guests map[mimi.URI][]mls.KeyPackage) {
	w := follower.Wish{Kind: follower.Change, Client: t.r.svc.clientURI(u)}
	if e := t.r.followItems(u, items, &w); e != nil {
		t.refuse(st, e)
		return
	}
	if len(w.Roles) == 0 && len(w.Kick) == 0 {
		t.result(st)
		return
	}
	for _, p := range w.Roles {
		if packages := guests[p.User]; len(packages) > 0 {
			w.Adds = append(w.Adds, follower.Addition{User: p.User, Role: p.Role, Packages: packages})
		}
	}
	t.wish(&asker{st: st, done: func(t *turn) { t.result(st) }}, w)
}

// followItems plans the items in the room's own roles.
func (r *Room) followItems(u mimi.URI, items []muc.Item, w *follower.Wish) *xmpp.StanzaError {
	state := r.follow.room.State()
	lost := 0
	why := mimi.Why{Actor: r.nickOf(u)}
	var seen []mimi.URI
	for i := range items {
		it := &items[i]
		target, e := r.target(it)
		if e != nil {
			return e
		}
		if slices.Contains(seen, target) {
			return refusal(xmpp.BadRequest, "a user is changed twice in one request")
		}
		seen = append(seen, target)
		if e := r.checkItem(u, target, it); e != nil {
			return e
		}
		if it.Reason != "" {
			why.Reason = it.Reason
		}
		now := r.pub.role(target)
		want, e := r.wanted(target, now, it)
		if e != nil {
			return e
		}
		from := state.RoleOf(target)
		if it.Role == muc.RoleNone && it.Affiliation == muc.AffiliationUnset {
			if !state.Can(u, mimi.CanRemoveParticipant) || !state.MayChange(u, from, roleNone) || standingOf(now).affiliation != muc.AffiliationNone {
				w.Kick = append(w.Kick, target)
				continue
			}
			want = roleNone
		} else if want == now {
			continue
		}
		if now == roleOwner && want != roleOwner {
			lost++
		}
		to, e := roleFor(state, u, from, want)
		if e != nil {
			return e
		}
		w.Roles = append(w.Roles, mimi.Participant{User: target, Role: to})
	}
	if lost > 0 && lost >= r.pub.count(muc.AffiliationOwner) {
		return refusal(xmpp.Conflict, "a room keeps at least one owner") // XEP-0045 §10.4
	}
	w.AAD = r.followWhy(why)
	return nil
}

// wanted is the role of ours that an item asks for.
func (r *Room) wanted(target mimi.URI, now mimi.RoleIndex, it *muc.Item) (mimi.RoleIndex, *xmpp.StanzaError) {
	if it.Role == muc.RoleUnset {
		if standingOf(now).affiliation == it.Affiliation {
			return now, nil
		}
		return r.pub.Config.withAffiliation(now, it.Affiliation, r.pub.occupant(target) != nil), nil
	}
	if it.Role == muc.RoleNone {
		return now, nil
	}
	role, ok := roleOf(standing{standingOf(now).affiliation, it.Role})
	if !ok {
		return 0, refusal(xmpp.NotAllowed, "this affiliation does not go with this role") // XEP-0045 §5.2
	}
	return role, nil
}

// followLinger lets guests leave that have been absent for too long, and returns when to look again.
func (t *turn) followLinger() time.Time {
	r := t.r
	if !r.pub.Exists {
		return r.pub.Until
	}
	if r.absent || !r.wake.IsZero() && !t.now.Before(r.wake) {
		r.absent, r.wake = false, time.Time{}
		var due []mimi.URI
		for u, m := range r.pub.members {
			if !r.pub.lingers(u, m) || r.leaving[u] {
				continue
			}
			if end := m.Gone.Add(r.svc.cfg.GuestLinger); !end.After(t.now) {
				due = append(due, u)
			} else if r.wake.IsZero() || end.Before(r.wake) {
				r.wake = end
			}
		}
		sortURIs(due)
		for _, u := range due {
			r.leaving[u] = true // until a commit removes it; a hub that refuses is not asked again before a restart
			t.wish(nil, follower.Wish{Kind: follower.Leave, Client: r.svc.clientURI(u)})
		}
	}
	return r.wake
}
