package mucmap

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// MaxItems bounds how many users one request may change.
const MaxItems = 1000

// actor is the user who sent an iq that manages the room. It need not be present.
func (t *turn) actor(st *xmpp.Stanza) (mimi.URI, *xmpp.StanzaError) {
	if !t.r.pub.Exists {
		return mimi.URI{}, refusal(xmpp.ItemNotFound, "there is no such room")
	}
	if t.r.pub.Closing {
		return mimi.URI{}, refusal(xmpp.Gone, "the room is being destroyed")
	}
	u, err := t.r.svc.UserURI(st.From)
	if err != nil || !t.r.svc.local(u) {
		return mimi.URI{}, refusal(xmpp.Forbidden, "only users may do this")
	}
	return u, nil
}

// adminSet changes roles and affiliations, all items or none (XEP-0045 §8, §9): one wish, whose proposals are signed by the
// acting user's leaf.
func (t *turn) adminSet(st *xmpp.Stanza) {
	q, err := muc.ParseAdminQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	u, e := t.actor(st)
	users, domains := q.Items, []domainBanned(nil)
	switch {
	case e != nil:
	case len(q.Items) == 0:
		e = refusal(xmpp.BadRequest, "no item")
	case len(q.Items) > MaxItems:
		e = refusal(xmpp.PolicyViolation, "too many items at once")
	default:
		users, domains, e = t.r.splitDomains(q.Items)
		if e == nil {
			e = t.r.checkDomains(u, domains)
		}
		if e == nil {
			e = t.r.checkItems(u, users)
		}
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	t.listRemote(u, users, func(t *turn, guests map[mimi.URI][]mls.KeyPackage) { t.changeItems(st, u, users, guests, domains...) })
}

// changeItems asks for changes that were checked, and answers st when they are made. guests are the clients of users of other providers who
// are listed with them, domains what changes besides.
func (t *turn) changeItems(st *xmpp.Stanza, u mimi.URI, items []muc.Item, guests map[mimi.URI][]mls.KeyPackage, domains ...domainBanned) {
	var added []mimi.URI // to the member list
	t.askAs(u, &wish{
		what: "administration by " + u.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.checkDomains(u, domains); e != nil {
				return e
			}
			if e := d.r.checkItems(u, items); e != nil {
				return e
			}
			added = d.r.newMembers(items)
			d.signer, d.actor = u, d.r.nickOf(u)
			for i := range items {
				if e := d.item(u, &items[i]); e != nil {
					return e
				}
			}
			for _, p := range d.list.Added {
				d.guests = append(d.guests, guests[p.User]...)
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done: func(t *turn) {
			t.banReasons(items)
			t.inviteMembers(u, added)
			t.changeDomains(u, domains)
			t.result(st)
		},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// checkItems refuses what a request as a whole may not do, before anything becomes a proposal.
func (r *Room) checkItems(u mimi.URI, items []muc.Item) *xmpp.StanzaError {
	owners, lost := r.pub.count(muc.AffiliationOwner), 0
	seen := map[mimi.URI]bool{}
	for i := range items {
		target, e := r.target(&items[i])
		if e != nil {
			return e
		}
		if seen[target] {
			return refusal(xmpp.BadRequest, "a user is changed twice in one request")
		}
		seen[target] = true
		if e := r.checkItem(u, target, &items[i]); e != nil {
			return e
		}
		if a := items[i].Affiliation; a != muc.AffiliationUnset {
			switch was := r.pub.affiliation(target); {
			case was == muc.AffiliationOwner && a != muc.AffiliationOwner:
				lost++
			case was != muc.AffiliationOwner && a == muc.AffiliationOwner:
				lost--
			}
		}
	}
	if lost >= owners {
		return refusal(xmpp.Conflict, "a room keeps at least one owner") // XEP-0045 §10.4
	}
	return nil
}

// target is whom an item means: a user by address, an occupant by nick.
func (r *Room) target(it *muc.Item) (mimi.URI, *xmpp.StanzaError) {
	if (it.Role == muc.RoleUnset) == (it.Affiliation == muc.AffiliationUnset) {
		return mimi.URI{}, refusal(xmpp.BadRequest, "an item changes either a role or an affiliation")
	}
	if !it.JID.IsZero() {
		if it.JID.Local() == "" {
			return mimi.URI{}, refusal(xmpp.NotAllowed, "a whole domain can only be banned")
		}
		u, err := r.svc.UserURI(it.JID.Bare())
		if err != nil {
			return mimi.URI{}, refusal(xmpp.JIDMalformed, err.Error())
		}
		if it.Role != muc.RoleUnset && r.pub.occupant(u) == nil {
			return mimi.URI{}, refusal(xmpp.ItemNotFound, "nobody with this address is present")
		}
		return u, nil
	}
	if it.Nick == "" {
		return mimi.URI{}, refusal(xmpp.BadRequest, "an item names a user or an occupant")
	}
	o := r.pub.here.ByNick(it.Nick)
	if o == nil {
		return mimi.URI{}, refusal(xmpp.ItemNotFound, "nobody with this nick is present")
	}
	return userOf(o), nil
}

// checkItem holds XEP-0045's own rules about who may change whom, which are stricter than the room's roles.
func (r *Room) checkItem(actor, target mimi.URI, it *muc.Item) *xmpp.StanzaError {
	if it.Role != muc.RoleUnset {
		return r.checkRole(actor, target, it.Role)
	}
	return r.checkAffiliation(actor, target, it.Affiliation)
}

// outranks says that a user may act upon another's role: of higher affiliation, or of the same below admin where the other is no
// moderator (XEP-0045 §8.2, §8.4).
func outranks(actor, target standing) bool {
	if actor.affiliation != target.affiliation {
		return actor.affiliation > target.affiliation
	}
	return actor.affiliation < muc.AffiliationAdmin && target.role != muc.RoleModerator
}

// checkRole: kick, voice and moderator (XEP-0045 §8.2 to §8.5, §9.6 to §9.8).
func (r *Room) checkRole(actor, target mimi.URI, to muc.Role) *xmpp.StanzaError {
	a, b := standingOf(r.pub.role(actor)), standingOf(r.pub.role(target))
	if r.pub.occupant(actor) == nil || a.role != muc.RoleModerator {
		return refusal(xmpp.Forbidden, "only a moderator may change roles")
	}
	if b.affiliation >= muc.AffiliationAdmin && to != muc.RoleModerator && to != muc.RoleNone {
		return refusal(xmpp.NotAllowed, "an admin or owner stays moderator") // XEP-0045 §8.4, §9.7
	}
	if (to == muc.RoleModerator || b.role == muc.RoleModerator && to != muc.RoleNone) && a.affiliation < muc.AffiliationAdmin && to != b.role {
		return refusal(xmpp.Forbidden, "only an admin or owner makes or unmakes moderators") // XEP-0045 §9.6
	}
	if to != b.role && (to == muc.RoleNone || to == muc.RoleVisitor) && !outranks(a, b) {
		return refusal(xmpp.NotAllowed, "this occupant's affiliation is too high for you") // XEP-0045 §8.2, §8.4
	}
	return nil
}

// checkAffiliation: member, admin, owner, ban and their opposites (XEP-0045 §9.1 to §9.5, §10.3 to §10.8).
func (r *Room) checkAffiliation(actor, target mimi.URI, to muc.Affiliation) *xmpp.StanzaError {
	a, b := r.pub.affiliation(actor), r.pub.affiliation(target)
	switch {
	case target == r.keeper:
		return refusal(xmpp.NotAllowed, "the keeper of a room has no affiliation")
	case a < muc.AffiliationAdmin:
		return refusal(xmpp.Forbidden, "only an admin or owner may change affiliations")
	case actor == target && to == muc.AffiliationOutcast:
		return refusal(xmpp.Conflict, "you cannot ban yourself") // XEP-0045 §9.1
	case a == muc.AffiliationAdmin && b >= muc.AffiliationAdmin && to == muc.AffiliationOutcast:
		return refusal(xmpp.NotAllowed, "only an owner bans admins and owners") // XEP-0045 §9.1
	case a == muc.AffiliationAdmin && (b >= muc.AffiliationAdmin || to >= muc.AffiliationAdmin) && to != b:
		return refusal(xmpp.Forbidden, "only an owner makes or unmakes admins and owners") // XEP-0045 §10.3 to §10.8
	}
	return nil
}

// item plans one item as proposals.
func (d *delta) item(actor mimi.URI, it *muc.Item) *xmpp.StanzaError {
	target, e := d.r.target(it)
	if e != nil {
		return e
	}
	w := why{actor: d.actor, reason: it.Reason, ordered: target != actor}
	if it.Reason != "" {
		d.reason = it.Reason
	}
	if it.Role != muc.RoleUnset {
		return d.changeRole(target, it.Role, w)
	}
	return d.changeAffiliation(actor, target, it.Affiliation, w)
}

// changeRole plans a kick (kick.go) or another role of an occupant (voice.go).
func (d *delta) changeRole(target mimi.URI, to muc.Role, w why) *xmpp.StanzaError {
	if to == muc.RoleNone {
		d.kick(target, w)
		return nil
	}
	return d.voice(target, to, w)
}

// adminGet reads a list (XEP-0045 §8.5, §9.2, §9.5, §9.8, §10.5, §10.8).
func (t *turn) adminGet(st *xmpp.Stanza) {
	q, err := muc.ParseAdminQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	u, e := t.actor(st)
	if e == nil && len(q.Items) != 1 {
		e = refusal(xmpp.BadRequest, "a list is asked for by one item")
	}
	var items []muc.Item
	var set *muc.RSM
	if e == nil {
		if it := q.Items[0]; it.Affiliation != muc.AffiliationUnset {
			items, e = t.r.affiliationList(u, it.Affiliation)
		} else {
			items, e = t.r.roleList(u, it.Role)
		}
	}
	if e == nil {
		items, set, e = pageOfItems(st.Payload[0], items, q.Items[0].Affiliation != muc.AffiliationUnset)
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	answer := muc.AdminQuery{Items: items}.Element()
	if set != nil {
		answer.With(set.Element())
	}
	t.result(st, answer)
}

// roleList is the voice list or the moderator list: occupants.
func (r *Room) roleList(u mimi.URI, role muc.Role) ([]muc.Item, *xmpp.StanzaError) {
	s := standingOf(r.pub.role(u))
	switch {
	case role == muc.RoleUnset:
		return nil, refusal(xmpp.BadRequest, "the item names no list")
	case s.role != muc.RoleModerator, role == muc.RoleModerator && s.affiliation < muc.AffiliationAdmin:
		return nil, refusal(xmpp.Forbidden, "this list is for moderators, that of moderators for admins")
	}
	var items []muc.Item
	for _, o := range r.pub.here.Sorted() {
		if o.Role == role {
			items = append(items, muc.Item{Affiliation: o.Affiliation, Role: o.Role, JID: o.ShownJID(), Nick: o.Nick}) // XEP-0045 §17.4
		}
	}
	return items, nil
}

// affiliationList is the list of users of one affiliation, present or not.
func (r *Room) affiliationList(u mimi.URI, want muc.Affiliation) ([]muc.Item, *xmpp.StanzaError) {
	if !r.pub.mayList(u, want) {
		return nil, refusal(xmpp.Forbidden, "this list is not for you")
	}
	var items []muc.Item
	for user, m := range r.pub.members {
		if m.Role == roleKeeper || standingOf(m.Role).affiliation != want {
			continue
		}
		it := muc.Item{Affiliation: want, JID: r.svc.UserJID(user)}
		if want == muc.AffiliationOutcast {
			it.Reason = m.Reason
		} else if o := r.pub.occupant(user); o != nil {
			it.Nick = o.Nick // not the role, which is optional (XEP-0045 §9.5): Converse.js 14 reads it as the nick and its owner loses /kick
		}
		items = append(items, it)
	}
	if want == muc.AffiliationOutcast {
		for _, d := range r.pub.Domains {
			if jid, err := xmpp.NewJID("", d.Domain, ""); err == nil {
				items = append(items, muc.Item{Affiliation: want, JID: jid, Reason: d.Reason})
			}
		}
	}
	slices.SortFunc(items, func(a, b muc.Item) int { return a.JID.Compare(b.JID) })
	return items, nil
}

// mayList: owners see every list, admins those of members and outcasts; in a non-anonymous members-only room members see
// who is affiliated (XEP-0045 §9.5).
func (s *state) mayList(u mimi.URI, want muc.Affiliation) bool {
	a := s.affiliation(u)
	switch want {
	case muc.AffiliationOwner, muc.AffiliationAdmin:
		return a == muc.AffiliationOwner || a >= muc.AffiliationMember && s.Config.MembersOnly && s.Config.Anyone
	case muc.AffiliationMember:
		o := s.occupant(u)
		return a >= muc.AffiliationAdmin || a >= muc.AffiliationMember && s.Config.MembersOnly && s.Config.Anyone ||
			o != nil && s.Config.MemberList.has(o.Role) // muc#roomconfig_getmemberlist (XEP-0045 §7.11)
	}
	return a >= muc.AffiliationAdmin
}
