package mucmap

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Affiliation versioning (XEP-0463 0.2): who enters may ask for the affiliations that changed since a version that it knows.

const (
	maxAffiliationChanges = 256 // that are remembered: older versions are not known any more
	maxVersion            = 64  // bytes of a version that a client names
	maxAffiliationItems   = 500 // of one message: a longer list is split
)

// affiliations are the versions of a room's affiliations. Version N is the one after the N-th change; the last change made it.
type affiliations struct {
	Version uint64              `json:",omitempty"`
	Changes []affiliationChange `json:",omitempty"` // the newest, oldest first

	lists map[uint8][]*xmpp.Template // full responses of this version, by who may see which lists
}

type affiliationChange struct {
	User     mimi.URI
	From, To muc.Affiliation
}

// versionAfter makes a new version; nil when nothing about affiliations changed.
func (s *state) versionAfter(u mimi.URI, from, to muc.Affiliation) *muc.Mav {
	if from == to {
		return nil
	}
	v := &s.Affiliations
	mav := &muc.Mav{Since: s.affiliationVersion()}
	if len(v.Changes) >= 2*maxAffiliationChanges { // in blocks, so that one change costs no copy
		v.Changes = append([]affiliationChange(nil), v.Changes[len(v.Changes)-maxAffiliationChanges:]...)
	}
	v.Version++
	v.Changes, v.lists = append(v.Changes, affiliationChange{u, from, to}), nil
	mav.Until = s.affiliationVersion()
	return mav
}

// forgetVersions makes a new version that nothing leads to: for a room that is another one now, or shows its lists to others.
func (s *state) forgetVersions() {
	s.Affiliations = affiliations{Version: s.Affiliations.Version + 1}
}

// affiliationTag tells the versions of rooms apart that had the same address one after the other.
func (s *state) affiliationTag() string {
	sum := sha256.Sum256([]byte("affiliations\x00" + s.Group + "\x00" + string(s.Secret)))
	return hex.EncodeToString(sum[:5])
}

// affiliationVersion is the present version as clients see it.
func (s *state) affiliationVersion() string {
	return s.affiliationTag() + "-" + strconv.FormatUint(s.Affiliations.Version, 36)
}

// changesSince are the changes after a version; ok is false when that is not known.
func (s *state) changesSince(version string) (changes []affiliationChange, ok bool) {
	number, ok := strings.CutPrefix(version, s.affiliationTag()+"-")
	n, err := strconv.ParseUint(number, 36, 64)
	v := &s.Affiliations
	if !ok || err != nil || n > v.Version || v.Version-n > uint64(min(len(v.Changes), maxAffiliationChanges)) {
		return nil, false
	}
	return v.Changes[uint64(len(v.Changes))-(v.Version-n):], true
}

// affiliationLists are the affiliations that have lists.
var affiliationLists = []muc.Affiliation{muc.AffiliationOwner, muc.AffiliationAdmin, muc.AffiliationMember, muc.AffiliationOutcast}

// lists is which lists a user may read, one bit for each of affiliationLists.
func (s *state) lists(u mimi.URI) (mask uint8) {
	for i, a := range affiliationLists {
		if s.mayList(u, a) {
			mask |= 1 << i
		}
	}
	return mask
}

func shows(mask uint8, a muc.Affiliation) bool {
	for i, l := range affiliationLists {
		if l == a {
			return mask&(1<<i) != 0
		}
	}
	return false
}

// affiliationsFor is what somebody who enters gets to hear of the affiliations before any presence, having asked for the changes
// since a version, or for all (XEP-0463 §4.2.1).
func (s *state) affiliationsFor(e *joined) []xmpp.Broadcast {
	to := []xmpp.JID{e.JID}
	mask := s.lists(e.User)
	changes, known := s.changesSince(*e.Affiliations)
	forbidden := mask == 0
	for _, c := range changes {
		if c.User == e.User { // it may see other lists now than then
			known = false
			forbidden = forbidden || c.From < muc.AffiliationMember // it had no part in that version
		}
	}
	if forbidden {
		refused := refusal(xmpp.Forbidden, "you may not see the affiliations of this room, or had no part in the version that you name")
		refused.By = s.addr
		st := xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: e.ID, Type: xmpp.TypeError, Payload: []*xmpp.Element{refused.Element()}}
		return []xmpp.Broadcast{{Template: xmpp.NewTemplate(st), To: to}}
	}
	if known && len(changes) == 0 {
		return nil
	}
	items := s.changedItems(changes, mask)
	if !known || len(items) == 0 { // there is no empty diff
		var bs []xmpp.Broadcast
		for _, t := range s.allAffiliations(mask) {
			bs = append(bs, xmpp.Broadcast{Template: t, To: to})
		}
		return bs
	}
	x := muc.User{Items: items, Mav: &muc.Mav{Since: *e.Affiliations, Until: s.affiliationVersion()}}
	return []xmpp.Broadcast{{Template: xmpp.NewTemplate(xmpp.Stanza{Kind: xmpp.Message, From: s.addr, Payload: []*xmpp.Element{x.Element()}}), To: to}}
}

// changedItems are the present affiliations of those who changed, each once, as far as their old or new one is on a list of mask.
func (s *state) changedItems(changes []affiliationChange, mask uint8) (items []muc.Item) {
	first := map[mimi.URI]bool{}
	seen := map[mimi.URI]bool{}
	for _, c := range changes {
		first[c.User] = first[c.User] || shows(mask, c.From)
	}
	for _, c := range changes {
		if seen[c.User] {
			continue
		}
		seen[c.User] = true
		switch now := s.affiliation(c.User); {
		case shows(mask, now):
			items = append(items, muc.Item{JID: s.svc.UserJID(c.User), Affiliation: now})
		case first[c.User]:
			items = append(items, muc.Item{JID: s.svc.UserJID(c.User), Affiliation: muc.AffiliationNone})
		}
	}
	return items
}

// allAffiliations is the full response for who may read the lists of mask. It is made once per version; a long one is several
// messages, whose versions in between are known to nobody afterwards.
func (s *state) allAffiliations(mask uint8) []*xmpp.Template {
	v := &s.Affiliations
	if made, ok := v.lists[mask]; ok {
		return made
	}
	var items []muc.Item
	for _, u := range s.users() {
		if a := s.affiliation(u); shows(mask, a) {
			items = append(items, muc.Item{JID: s.svc.UserJID(u), Affiliation: a})
		}
	}
	var all []*xmpp.Template
	since := ""
	for n := 1; ; n++ {
		x := muc.User{Items: items[:min(len(items), maxAffiliationItems)], Mav: &muc.Mav{Since: since, Until: s.affiliationVersion()}}
		items = items[len(x.Items):]
		if len(items) > 0 {
			x.Mav.Until += "/" + strconv.Itoa(n)
		}
		since = x.Mav.Until
		all = append(all, xmpp.NewTemplate(xmpp.Stanza{Kind: xmpp.Message, From: s.addr, Payload: []*xmpp.Element{x.Element()}}))
		if len(items) == 0 {
			break
		}
	}
	if v.lists == nil {
		v.lists = map[uint8][]*xmpp.Template{}
	}
	v.lists[mask] = all
	return all
}

// announceAbsent tells those occupants who may know that somebody who is not in the room has another affiliation
// (XEP-0463 §4.2.2, XEP-0045 §9.3 and the like).
func (s *state) announceAbsent(c *change, mav *muc.Mav, p *stage) {
	if mav == nil {
		return
	}
	from, to := standingOf(c.From).affiliation, standingOf(c.To).affiliation
	p.send(func() []xmpp.Broadcast {
		seers := s.seers(from, to, p)
		if len(seers) == 0 {
			return nil
		}
		x := muc.User{Mav: mav, Items: []muc.Item{{JID: s.svc.UserJID(c.User), Affiliation: to, Role: muc.RoleNone}}}
		return []xmpp.Broadcast{{Template: xmpp.NewTemplate(xmpp.Stanza{Kind: xmpp.Message, From: s.addr, Payload: []*xmpp.Element{x.Element()}}), To: seers}}
	})
}

// seers are the devices of those who may read the list that somebody is leaving or the one that it comes on.
func (s *state) seers(from, to muc.Affiliation, p *stage) []xmpp.JID {
	pair := [2]muc.Affiliation{from, to}
	if known, ok := p.seers[pair]; ok {
		return known
	}
	var seers []xmpp.JID
	for _, o := range s.here.Sorted() {
		if mask := s.lists(userOf(o)); !o.Remote && (shows(mask, from) || shows(mask, to)) {
			seers = append(seers, o.Devices()...)
		}
	}
	if p.seers == nil {
		p.seers = map[[2]muc.Affiliation][]xmpp.JID{}
	}
	p.seers[pair] = seers
	return seers
}
