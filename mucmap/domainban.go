package mucmap

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Bans of whole domains (XEP-0045 §9.1, §9.2: an address of a list may be a domain, which matches all its users). MIMI cannot say this: it
// is the gateway's policy, kept with the room (docs/decisions/064-domain-bans.md).

// MaxDomainBans bounds the domains that one room bans.
const MaxDomainBans = 256

// domainBan keeps the users of a domain out, but for those who have an affiliation of their own.
type domainBan struct {
	Domain string // an XMPP domain, or a MIMI provider
	Reason string `json:",omitempty"`
	By     mimi.URI
	Nick   string `json:",omitempty"` // of By
	At     time.Time
}

// domainBanned says that a domain is banned, or not any more.
type domainBanned struct {
	domainBan
	Lifted bool `json:",omitempty"`
}

func (e *domainBanned) apply(s *state, _ *stage) {
	i, found := slices.BinarySearchFunc(s.Domains, e.Domain, func(b domainBan, d string) int { return strings.Compare(b.Domain, d) })
	all := slices.Clone(s.Domains)
	switch {
	case e.Lifted && found:
		all = slices.Delete(all, i, i+1)
	case e.Lifted:
	case found:
		all[i] = e.domainBan
	default:
		all = slices.Insert(all, i, e.domainBan)
	}
	s.Domains = all
}

// domainBan is the ban that a user falls under; nil: none.
func (s *state) domainBan(u mimi.URI) *domainBan {
	if len(s.Domains) == 0 || s.affiliation(u) != muc.AffiliationNone {
		return nil
	}
	domain := u.Provider()
	if s.svc.local(u) {
		domain = s.svc.UserJID(u).Domain()
	}
	for i := range s.Domains {
		if s.Domains[i].Domain == domain {
			return &s.Domains[i]
		}
	}
	return nil
}

// barred says that a user is banned, by itself or with its domain, from the room or from the service.
func (s *state) barred(u mimi.URI) bool {
	return s.affiliation(u) == muc.AffiliationOutcast || s.domainBan(u) != nil || s.svc.ban(u) != nil
}

// splitDomains takes the domains out of a list of changes.
func (r *Room) splitDomains(items []muc.Item) (users []muc.Item, domains []domainBanned, e *xmpp.StanzaError) {
	for _, it := range items {
		if len(it.Reason) > maxReason {
			return nil, nil, refusal(xmpp.NotAcceptable, "a reason is longer than "+strconv.Itoa(maxReason)+" bytes")
		}
		if it.JID.IsZero() || it.JID.Local() != "" {
			users = append(users, it)
			continue
		}
		d := domainBanned{domainBan: domainBan{Domain: it.JID.Domain(), Reason: it.Reason}, Lifted: it.Affiliation != muc.AffiliationOutcast}
		switch {
		case it.Role != muc.RoleUnset, it.Affiliation != muc.AffiliationOutcast && it.Affiliation != muc.AffiliationNone:
			return nil, nil, refusal(xmpp.NotAllowed, "a domain can be banned, but cannot have another affiliation or a role")
		case d.Domain == r.addr.Domain():
			return nil, nil, refusal(xmpp.NotAllowed, "users with addresses of this service come from other providers: ban these by their own names")
		case slices.ContainsFunc(domains, func(o domainBanned) bool { return o.Domain == d.Domain }):
			return nil, nil, refusal(xmpp.BadRequest, "a domain is changed twice in one request")
		}
		domains = append(domains, d)
	}
	return users, domains, nil
}

// checkDomains says why a user may not change bans of domains.
func (r *Room) checkDomains(u mimi.URI, domains []domainBanned) *xmpp.StanzaError {
	if len(domains) == 0 {
		return nil
	}
	if r.pub.affiliation(u) < muc.AffiliationAdmin {
		return refusal(xmpp.Forbidden, "only an admin or owner may change affiliations")
	}
	n := len(r.pub.Domains)
	for _, d := range domains {
		switch known := slices.ContainsFunc(r.pub.Domains, func(b domainBan) bool { return b.Domain == d.Domain }); {
		case known && d.Lifted:
			n--
		case !known && !d.Lifted:
			n++
		}
	}
	if n > MaxDomainBans && n > len(r.pub.Domains) {
		return refusal(xmpp.ResourceConstraint, "a room bans at most "+strconv.Itoa(MaxDomainBans)+" domains").WithType(xmpp.Cancel)
	}
	return nil
}

// changeDomains makes changes that were checked, and notes them for the audit.
func (t *turn) changeDomains(u mimi.URI, domains []domainBanned) {
	for _, d := range domains {
		d.By, d.Nick, d.At = u, t.r.nickOf(u), t.now
		what := "domain banned"
		if d.Lifted {
			what = "ban of a domain lifted"
		}
		t.note(NoteInfo, what, Attr{"domain", d.Domain}, Attr{"by", u.String()}, Attr{"reason", d.Reason})
		t.emit(&d)
	}
	t.expelDomains(u) // also somebody who has just lost the affiliation that protected
}

// banned are the listed users without affiliation whose domain is banned.
func (s *state) bannedByDomain() []mimi.URI {
	if len(s.Domains) == 0 {
		return nil
	}
	var out []mimi.URI
	for u, m := range s.members {
		if m.Role != roleKeeper && s.domainBan(u) != nil {
			out = append(out, u)
		}
	}
	sortURIs(out)
	return out
}

// expelDomains removes those whom a ban of a domain leaves no place (code 301). by signs; zero: the keeper, when a crash came
// between the ban and this commit.
func (t *turn) expelDomains(by mimi.URI) {
	if len(t.r.pub.bannedByDomain()) == 0 {
		return
	}
	t.ask(&wish{
		what: "removal of users of banned domains",
		plan: func(d *delta) *xmpp.StanzaError {
			if m := d.r.pub.members[by]; m != nil && m.Leaves > 0 && d.r.pub.affiliation(by) >= muc.AffiliationAdmin {
				d.signer = by
			}
			for _, u := range d.r.pub.bannedByDomain() {
				ban := d.r.pub.domainBan(u)
				d.unlist(u, why{cause: causeDomain, actor: ban.Nick, reason: ban.Reason})
				d.removeLeaves(u)
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done: func(*turn) {},
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.note(NoteError, "users of banned domains stay", Attr{"reason", e.Text})
		},
	})
}

// noGroupInfo refuses the way into the group to a user of another provider whom the gateway keeps out. The hub judges all else.
func (r *Room) noGroupInfo(in Request) (answer []byte, e *xmpp.StanzaError) {
	var q mimi.GroupInfoRequest
	if in.Kind != RequestGroupInfo || wire.Unmarshal(in.Body, &q) != nil {
		return nil, nil
	}
	client, err := mimi.CredentialClient(q.Credential)
	if err != nil {
		return nil, nil
	}
	if e = r.pub.strangerRefusal(client.ClientUser()); e != nil {
		answer = marshal(&mimi.GroupInfoResponse{Room: r.uri, Code: mimi.GroupInfoNotAuthorized})
	}
	return answer, e
}
