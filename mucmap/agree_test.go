package mucmap

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// watcher is what the devices of XMPP users know of a room: it folds the presences that each of them is sent, as a client does, and
// looks at nothing else.
type watcher struct {
	room  xmpp.JID
	views map[xmpp.JID]*view
	codes map[muc.Status]int // seen so far
	drop  func(xmpp.JID, *xmpp.Stanza) bool
}

// view is the room as one device sees it.
type view struct {
	self   string // nick
	roster map[string]muc.Item
}

func newWatcher(room xmpp.JID) *watcher {
	return &watcher{room: room, views: map[xmpp.JID]*view{}, codes: map[muc.Status]int{}}
}

// see takes in what the room sends.
func (w *watcher) see(bs []xmpp.Broadcast) error {
	for _, b := range bs {
		st := b.Template.Stanza()
		x := st.Child(muc.NSUser, "x")
		if x == nil {
			continue
		}
		u, err := muc.ParseUser(x)
		if err != nil {
			return err
		}
		for _, c := range u.Statuses {
			w.codes[c]++
		}
		if st.Kind != xmpp.Presence || st.From.Bare() != w.room || st.Type == xmpp.TypeError {
			continue
		}
		if len(u.Items) != 1 {
			return fmt.Errorf("a presence with %d items: %s", len(u.Items), st.String())
		}
		for _, to := range b.To {
			if w.drop == nil || !w.drop(to, &st) {
				w.presence(to, &st, &u)
			}
		}
	}
	return nil
}

func (w *watcher) presence(to xmpp.JID, st *xmpp.Stanza, u *muc.User) {
	nick, self := st.From.Resource(), slices.Contains(u.Statuses, muc.StatusSelf)
	v := w.views[to]
	if st.Type == xmpp.TypeUnavailable {
		switch {
		case v == nil:
		case self && !slices.Contains(u.Statuses, muc.StatusNickChanged):
			delete(w.views, to)
		default:
			delete(v.roster, nick)
		}
		return
	}
	if v == nil {
		v = &view{roster: map[string]muc.Item{}}
		w.views[to] = v
	}
	if self {
		v.self = nick
	}
	v.roster[nick] = u.Items[0]
}

// seen is one occupant as the devices together see it.
type seen struct {
	nick        string
	affiliation muc.Affiliation
	role        muc.Role
	user        xmpp.JID // bare; zero: nobody whom the watcher knows
}

// occupants are the occupants by nick, if all devices see the same.
func (w *watcher) occupants() (map[string]seen, error) {
	all := map[string]seen{}
	var first xmpp.JID
	devices := slices.SortedFunc(maps.Keys(w.views), func(a, b xmpp.JID) int { return strings.Compare(a.String(), b.String()) })
	for _, d := range devices {
		v := w.views[d]
		if _, there := v.roster[v.self]; !there {
			return nil, fmt.Errorf("%s is in the room and does not see itself as %q", d, v.self)
		}
		if first.IsZero() {
			first = d
			for nick, it := range v.roster {
				all[nick] = seen{nick: nick, affiliation: it.Affiliation, role: it.Role}
			}
		}
		if len(v.roster) != len(all) {
			return nil, fmt.Errorf("%s sees %d occupants, %s %d", d, len(v.roster), first, len(all))
		}
		for nick, it := range v.roster {
			if o, there := all[nick]; !there || o.affiliation != it.Affiliation || o.role != it.Role {
				return nil, fmt.Errorf("%s sees %q as %s and %s, %s %+v", d, nick, it.Affiliation, it.Role, first, o)
			}
		}
		o := all[v.self]
		if o.user = d.Bare(); all[v.self].user != (xmpp.JID{}) && all[v.self].user != o.user {
			return nil, fmt.Errorf("%s and %s are both %q", o.user, all[v.self].user, v.self)
		}
		all[v.self] = o
	}
	for d, v := range w.views {
		for nick, it := range v.roster {
			o := all[nick]
			if it.JID.IsZero() {
				continue
			}
			if o.user.IsZero() {
				o.user = it.JID.Bare()
				all[nick] = o
			}
			if it.JID.Bare() != o.user {
				return nil, fmt.Errorf("%s is told that %q is %s, and it is %s", d, nick, it.JID, o.user)
			}
		}
	}
	return all, nil
}

// facts are what the group says, and what the room answers when asked for its lists.
type facts struct {
	exists       bool
	participants map[xmpp.JID]standing // by the address that stands for the user; without the keeper
	leaves       map[xmpp.JID]int
	strangers    []string // users of leaves that are no participants
	local        map[xmpp.JID]bool
	lists        map[muc.Affiliation][]muc.Item
	roles        map[muc.Role][]muc.Item
}

// facts looks at the GroupContext and the tree, and asks for all lists as an owner.
func (b *bench) facts() (*facts, error) {
	f := &facts{participants: map[xmpp.JID]standing{}, leaves: map[xmpp.JID]int{}, local: map[xmpp.JID]bool{},
		lists: map[muc.Affiliation][]muc.Item{}, roles: map[muc.Role][]muc.Item{}}
	if b.room.hub == nil {
		return f, nil
	}
	f.exists = true
	group := b.room.hub.Group().Public()
	state, err := policy.StateOf(group)
	if err != nil {
		return nil, err
	}
	address := func(name mimi.URI) xmpp.JID { return b.svc.UserJID(b.room.pub.behind(name)) }
	var owner xmpp.JID
	for _, p := range state.Participants() {
		if p.User == b.room.keeper {
			continue
		}
		j := address(p.User)
		u := b.room.pub.behind(p.User)
		f.participants[j], f.local[j] = standingOf(p.Role), b.svc.local(u)
		if p.Role == roleOwner {
			owner = j
		}
	}
	for i := range group.Leaves() {
		u := leafUser(group, i)
		if u == b.room.keeper {
			continue
		}
		j := address(u)
		if _, listed := f.participants[j]; !listed {
			f.strangers = append(f.strangers, u.String())
		}
		f.leaves[j]++
	}
	if owner.IsZero() {
		return nil, errors.New("the group has no owner")
	}
	for a := range muc.AffiliationOwner + 1 {
		if a == muc.AffiliationUnset || a == muc.AffiliationNone {
			continue
		}
		if f.lists[a], err = b.list(owner, "affiliation='"+a.String()+"'"); err != nil {
			return nil, err
		}
	}
	for _, role := range []muc.Role{muc.RoleVisitor, muc.RoleParticipant, muc.RoleModerator} {
		if f.roles[role], err = b.list(owner, "role='"+role.String()+"'"); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// list asks the room for a list.
func (b *bench) list(owner xmpp.JID, what string) ([]muc.Item, error) {
	all, err := stanzas("<iq from='" + owner.String() + "/asks' to='" + room + "' type='get' id='list'><query xmlns='" + muc.NSAdmin + "'><item " + what + "/></query></iq>")
	if err != nil {
		return nil, err
	}
	for _, br := range b.room.Step(b.now, b.seed(), StanzaIn{all[0]}).Stanzas {
		if st := br.Template.Stanza(); st.Kind == xmpp.IQ && st.ID == "list" && st.Type == xmpp.TypeResult {
			q, err := muc.ParseAdminQuery(st.Payload[0])
			return q.Items, err
		}
	}
	return nil, fmt.Errorf("the list %s is not answered", what)
}

// agrees says where what XMPP users see, what the group says and what the lists say differ.
func (w *watcher) agrees(f *facts, reasons map[xmpp.JID]string) error {
	here, err := w.occupants()
	if err != nil {
		return err
	}
	if !f.exists {
		if len(w.views) > 0 {
			return fmt.Errorf("there is no group, and %d devices think that they are in a room", len(w.views))
		}
		return nil
	}
	if len(f.strangers) > 0 {
		return fmt.Errorf("leaves of users who are no participants: %v", f.strangers)
	}
	if len(w.views) > 0 {
		if err := agreeOnOccupants(here, f); err != nil {
			return err
		}
	}
	return agreeOnLists(here, len(w.views) > 0, f, reasons)
}

func agreeOnOccupants(here map[string]seen, f *facts) error {
	present := map[xmpp.JID]bool{}
	nameless := 0
	for nick, o := range here {
		if o.user.IsZero() {
			nameless++ // a participant of another provider in a room whose addresses nobody present sees
			continue
		}
		st, listed := f.participants[o.user]
		switch {
		case !listed:
			return fmt.Errorf("%q, %s, is seen and no participant", nick, o.user)
		case present[o.user]:
			return fmt.Errorf("%s is seen twice", o.user)
		case st.affiliation != o.affiliation || st.role != o.role:
			return fmt.Errorf("%q is seen as %s and %s, for the group it is %s and %s", nick, o.affiliation, o.role, st.affiliation, st.role)
		case f.leaves[o.user] == 0:
			return fmt.Errorf("%q, %s, is seen and has no leaf", nick, o.user)
		}
		present[o.user] = true
	}
	for j := range f.participants {
		if st := f.participants[j]; st.affiliation == muc.AffiliationOutcast && f.leaves[j] > 0 {
			return fmt.Errorf("%s is banned and has a leaf", j)
		}
		if !f.local[j] && f.leaves[j] > 0 && !present[j] {
			nameless--
		}
	}
	if nameless != 0 {
		return fmt.Errorf("%+d occupants than active participants of other providers", nameless)
	}
	return nil
}

// domainsOf are the banned domains among those for whose ban there is a reason.
func domainsOf(reasons map[xmpp.JID]string) map[xmpp.JID]string {
	return maps.Collect(func(yield func(xmpp.JID, string) bool) {
		for j, why := range reasons {
			if j.Local() == "" && !yield(j, why) {
				return
			}
		}
	})
}

// domain is the domain whose ban hits a participant: of other providers, the provider.
func (f *facts) domain(j xmpp.JID) xmpp.JID {
	if f.local[j] {
		return xmpp.MustParseJID(j.Domain())
	}
	return xmpp.MustParseJID(j.Local()[strings.LastIndex(j.Local(), "%")+1:])
}

func agreeOnLists(here map[string]seen, watched bool, f *facts, reasons map[xmpp.JID]string) error {
	nicks := map[xmpp.JID]string{}
	for nick, o := range here {
		nicks[o.user] = nick
	}
	listed := 0
	banned := domainsOf(reasons)
	for a, items := range f.lists {
		listed += len(items)
		if !slices.IsSortedFunc(items, func(x, y muc.Item) int { return cmp.Compare(x.JID.String(), y.JID.String()) }) {
			return fmt.Errorf("the list of %s is not in order: %v", a, items)
		}
		for _, it := range items {
			if it.JID.Local() == "" {
				if why, is := reasons[it.JID]; !is || a != muc.AffiliationOutcast || it.Affiliation != a || it.Reason != why {
					return fmt.Errorf("the list of %s has the domain %+v, banned are %v", a, it, banned)
				}
				listed--
				delete(banned, it.JID)
				continue
			}
			st, is := f.participants[it.JID]
			if !is || st.affiliation != a || it.Affiliation != a || it.Role != muc.RoleUnset {
				return fmt.Errorf("the list of %s has %+v, for the group it is %s", a, it, st.affiliation)
			}
			if want := reasons[it.JID]; a == muc.AffiliationOutcast && (it.Reason != want || it.Nick != "") {
				return fmt.Errorf("%s is banned for %q, with nick %q, and was for %q", it.JID, it.Reason, it.Nick, want)
			}
			if a != muc.AffiliationOutcast && watched && it.Nick != nicks[it.JID] && f.local[it.JID] {
				return fmt.Errorf("%s is listed under nick %q and seen as %q", it.JID, it.Nick, nicks[it.JID])
			}
		}
	}
	if len(banned) > 0 {
		return fmt.Errorf("no list has the banned domains %v", banned)
	}
	for j, st := range f.participants {
		if _, is := reasons[f.domain(j)]; is && st.affiliation == muc.AffiliationNone {
			return fmt.Errorf("%s has no affiliation, and its domain is banned", j)
		}
		if st.affiliation != muc.AffiliationNone {
			listed--
		} else if f.leaves[j] == 0 {
			return fmt.Errorf("%s has neither affiliation nor leaf and is listed by the group", j)
		}
	}
	if listed != 0 {
		return fmt.Errorf("%+d users on the lists than affiliated participants", listed)
	}
	if !watched {
		return nil
	}
	on := 0
	for role, items := range f.roles {
		on += len(items)
		for _, it := range items {
			o, there := here[it.Nick]
			if !there || o.role != role || o.affiliation != it.Affiliation || !o.user.IsZero() && it.JID.Bare() != o.user {
				return fmt.Errorf("the list of %s has %+v, seen is %+v", role, it, o)
			}
		}
	}
	if on != len(here) {
		return fmt.Errorf("%d occupants on lists of roles, %d are seen", on, len(here))
	}
	return nil
}
