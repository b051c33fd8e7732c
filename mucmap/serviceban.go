package mucmap

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Bans from all rooms of the service, by its operators (XEP-0045 §9.1 knows bans from one room only). Who is banned is out of every room, of
// ours and of other providers, makes none, and says nothing through the service; affiliations stay as they are, for when the ban ends
// (docs/decisions/110-service-bans.md). The gateway keeps the bans and gives them to all rooms by Config.Bans.

// MaxServiceBans bounds the bans of a service.
const MaxServiceBans = 10_000

// ServiceBan keeps somebody out of all rooms of the service.
type ServiceBan struct {
	Who    xmpp.JID // bare address as [Service.UserJID] writes it, or a domain: of XMPP users, or a MIMI provider
	Reason string   `json:",omitempty"`
	By     string   `json:",omitempty"` // bare address of the operator; empty: at the gateway's own machine
	At     time.Time
}

// Bans are all bans of a service at one moment. A *Bans is immutable; nil holds none.
type Bans struct{ all map[xmpp.JID]ServiceBan }

// Len is how many bans there are.
func (b *Bans) Len() int {
	if b == nil {
		return 0
	}
	return len(b.all)
}

// Of is the ban of exactly this address or domain.
func (b *Bans) Of(who xmpp.JID) (ServiceBan, bool) {
	if b == nil {
		return ServiceBan{}, false
	}
	ban, ok := b.all[who]
	return ban, ok
}

// All are the bans, sorted by address.
func (b *Bans) All() []ServiceBan {
	if b == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(b.all), func(x, y ServiceBan) int { return x.Who.Compare(y.Who) })
}

// With are the bans with further ones, which take the place of those of the same address.
func (b *Bans) With(more ...ServiceBan) *Bans {
	next := make(map[xmpp.JID]ServiceBan, b.Len()+len(more))
	if b != nil {
		maps.Copy(next, b.all)
	}
	for _, ban := range more {
		next[ban.Who] = ban
	}
	return &Bans{next}
}

// Without are the bans without that of an address.
func (b *Bans) Without(who xmpp.JID) *Bans {
	next := b.With()
	delete(next.all, who)
	return next
}

// CheckBanReason says in words what is wrong with the reason of a ban, "" when nothing is.
func CheckBanReason(reason string) string {
	switch {
	case len(reason) > maxReason:
		return "the reason is longer than " + strconv.Itoa(maxReason) + " bytes"
	case !xmpp.LegalText(reason):
		return "the reason holds characters that XML forbids"
	}
	return ""
}

// ParseBan reads whom an operator means: the address of an XMPP user, u%name%provider@service or a mimi:// URI of a user of another provider, a
// domain of XMPP users or the name of a provider. The error says what is wrong with it in words for operators.
func (s *Service) ParseBan(text string) (xmpp.JID, error) {
	text = strings.TrimSpace(text)
	if meansURI(text) {
		u, err := mimi.ReadURI(text)
		switch {
		case err != nil:
			return xmpp.JID{}, fmt.Errorf("%q is no MIMI URI", text)
		case u.Kind() == mimi.KindClient:
			u = u.ClientUser()
		case u.Kind() != mimi.KindUser:
			return xmpp.JID{}, fmt.Errorf("%q is no URI of a user", text)
		}
		text = s.UserJID(u).String()
	}
	j, err := xmpp.ParseJID(text)
	if err != nil {
		return xmpp.JID{}, fmt.Errorf("%q is neither an address nor a domain", text)
	}
	j = j.Bare()
	switch u, err := s.UserURI(j); {
	case j.Domain() == s.cfg.Domain.Domain() && j.Local() == "":
		return xmpp.JID{}, fmt.Errorf("%s is this service itself", j)
	case j.Local() == "" && slices.ContainsFunc(s.cfg.Operators, func(o xmpp.JID) bool { return o.Domain() == j.Domain() }):
		return xmpp.JID{}, fmt.Errorf("operators of this service are users of %s", j)
	case j.Local() != "" && err != nil:
		return xmpp.JID{}, fmt.Errorf("%s is no user: users of other providers are u%%name%%provider@%s, or mimi://provider/u/name", j, s.cfg.Domain)
	case j.Local() != "" && s.local(u) && s.operator(s.UserJID(u)):
		return xmpp.JID{}, fmt.Errorf("%s is an operator of this service", j)
	case j.Local() != "":
		return s.UserJID(u), nil
	}
	return j, nil
}

// bans are the bans as they are now.
func (s *Service) bans() *Bans {
	if s.cfg.Bans == nil {
		return nil
	}
	return s.cfg.Bans()
}

// ban is the ban from the service that a user falls under, by itself or with its domain; nil: none. Operators fall under none, and a pseudonym is
// nobody: who is behind it is asked about when it enters.
func (s *Service) ban(u mimi.URI) *ServiceBan {
	bans := s.bans()
	if bans.Len() == 0 || u.IsZero() || s.local(u) && isPseudonym(u) {
		return nil
	}
	who := s.UserJID(u)
	domain := u.Provider()
	if s.local(u) {
		if s.operator(who) {
			return nil
		}
		domain = who.Domain()
	}
	if b, ok := bans.Of(who); ok {
		return &b
	}
	if j, err := xmpp.NewJID("", domain, ""); err == nil {
		if b, ok := bans.Of(j); ok {
			return &b
		}
	}
	return nil
}

// about is what others are told of the ban.
func (b *ServiceBan) about() string {
	if b.Who.Local() == "" {
		return "the users of " + b.Who.String() + " are banned from this service" + b.because()
	}
	return b.Who.String() + " is banned from this service" + b.because()
}

func (b *ServiceBan) because() string {
	if b.Reason == "" {
		return ""
	}
	return ": " + b.Reason
}

// refusal tells somebody under the ban.
func (b *ServiceBan) refusal() *xmpp.StanzaError {
	if b.Who.Local() == "" {
		return refusal(xmpp.Forbidden, b.about())
	}
	return refusal(xmpp.Forbidden, "you are banned from this service"+b.because())
}

// banRefusal refuses whatever somebody says who is banned from the service, except that it leaves; nil: it is not banned.
func (s *Service) banRefusal(st *xmpp.Stanza) *xmpp.StanzaError {
	if s.bans().Len() == 0 || !st.AcceptsError() {
		return nil
	}
	u, err := s.UserURI(st.From.Bare())
	if err != nil {
		return nil
	}
	if b := s.ban(u); b != nil {
		return b.refusal()
	}
	return nil
}

// bannedAct holds bans from the service against what a group would let its members do: nobody who is banned gets a client or acts, but it may go.
func (s *Service) bannedAct(act policy.Act) *mimi.Refusal {
	b := s.ban(act.Target)
	switch act.Kind {
	case policy.ActLeave, policy.ActRemoveClient:
		return nil
	case policy.ActAddUser, policy.ActJoin, policy.ActAddClient:
		if act.ClientsNow == 0 && act.Actor != act.Target {
			b = nil // listed for later
		}
	default:
		b = nil
	}
	if b == nil {
		b = s.ban(act.Actor)
	}
	if b == nil {
		return nil
	}
	return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "service-ban", Text: b.about()}
}

// expelled says that an XMPP user was taken out of a room of another provider because of a ban from the service; its leaf follows.
type expelled struct {
	At     time.Time
	User   mimi.URI
	Reason string `json:",omitempty"`
}

func (e *expelled) apply(s *state, p *stage) {
	if o := s.occupant(e.User); o != nil {
		s.evict(o, &change{User: e.User, Reason: e.Reason, Cause: causeService}, nil, p)
	}
	if m := s.members[e.User]; m != nil {
		m.Gone = e.At
	}
}

// enforceBans removes those whom the service bans, whenever its bans are others than when the room last looked.
func (t *turn) enforceBans() {
	r := t.r
	bans := r.svc.bans()
	if bans == r.enforced {
		return
	}
	r.enforced = bans
	if bans.Len() == 0 || !r.pub.Exists || r.pub.Closing {
		return
	}
	if _, two := r.direct(); two {
		return // nobody can be removed from a room of two: what is said there goes nowhere (hearDirect)
	}
	var due []mimi.URI
	for _, u := range r.pub.users() {
		m := r.pub.members[u]
		if m.Role != roleKeeper && (m.Leaves > 0 || r.pub.occupant(u) != nil) && r.svc.ban(u) != nil {
			due = append(due, u)
		}
	}
	switch {
	case len(due) == 0:
	case r.follow != nil:
		t.expelFollowed(due)
	default:
		t.expelBanned(due)
	}
}

// bansMissed says that a commit gave a client to somebody who is banned: it was under way when the ban came.
func (r *Room) bansMissed(e *committed) bool {
	return r.svc.bans().Len() > 0 && slices.ContainsFunc(e.Changes, func(c change) bool { return c.Leaves > 0 && r.svc.ban(c.User) != nil })
}

// expelBanned removes users in the keeper's name (code 301). Who has an affiliation stays listed. One whom the room's policy keeps, such as a
// required logger, keeps nobody else.
func (t *turn) expelBanned(due []mimi.URI) {
	t.ask(&wish{
		what: "removal of users who are banned from the service",
		plan: func(d *delta) *xmpp.StanzaError {
			for _, u := range due {
				b := d.r.svc.ban(u)
				m := d.r.pub.members[u]
				if b == nil || m == nil || m.Leaves == 0 {
					continue
				}
				w := why{cause: causeService, reason: b.Reason}
				if d.reason = b.Reason; standingOf(d.state.RoleOf(u)).affiliation == muc.AffiliationNone {
					d.unlist(u, w)
				} else {
					d.touch(u, w)
				}
				d.removeLeaves(u)
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done: func(*turn) {},
		refuse: func(t *turn, e *xmpp.StanzaError) {
			if len(due) == 1 {
				t.note(NoteError, "a user who is banned from the service stays", Attr{"user", due[0].String()}, Attr{"reason", e.Text})
				return
			}
			t.expelBanned(due[:len(due)/2])
			t.expelBanned(due[len(due)/2:])
		},
	})
}

// expelFollowed takes users of ours out of a room of another provider, where nobody of us can ban.
func (t *turn) expelFollowed(due []mimi.URI) {
	for _, u := range due {
		b := t.r.svc.ban(u)
		if b == nil {
			continue
		}
		if !t.r.svc.local(u) {
			continue // its provider's and the hub's matter
		}
		t.emit(&expelled{At: t.now, User: u, Reason: b.Reason})
		if t.r.pub.members[u].Leaves > 0 && !t.r.leaving[u] {
			t.r.leaving[u] = true
			t.wish(nil, follower.Wish{Kind: follower.Leave, Client: t.r.svc.clientURI(u)})
		}
	}
}

func serviceBanForm() muc.Form {
	return serviceForm("Ban somebody from all rooms", required(muc.TextField("who", "Address or domain; of other providers: mimi://provider/u/name, or the provider's name", "")),
		muc.TextField("reason", "Reason, which is shown to whom it concerns", ""))
}

func serviceUnbanForm() muc.Form {
	return serviceForm("Lift a ban from all rooms", required(muc.TextField("who", "Address or domain, as the list of bans has it", "")))
}

// formWho is whom a form names.
func (q *serviceQuery) formWho(f *muc.Form) (xmpp.JID, *xmpp.StanzaError) {
	text, _ := f.Text("who")
	who, err := q.svc.ParseBan(text)
	if err != nil {
		return xmpp.JID{}, refusal(xmpp.BadRequest, "who: "+err.Error())
	}
	return who, nil
}

func (q *serviceQuery) orderBan(c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	who, e := q.formWho(f)
	if e != nil {
		return nil, e
	}
	reason, _ := f.Text("reason")
	if why := CheckBanReason(reason); why != "" {
		return nil, refusal(xmpp.BadRequest, why)
	}
	return q.leave(c, Order{Kind: OrderBan, Who: who, Text: reason})
}

func (q *serviceQuery) orderUnban(c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	who, e := q.formWho(f)
	if e != nil {
		return nil, e
	}
	return q.leave(c, Order{Kind: OrderUnban, Who: who})
}

// listBans lists the bans from all rooms.
func (q *serviceQuery) listBans(c *operatorCommand, _ *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	f := resultForm("Banned from all rooms")
	f.Reported = []muc.Field{muc.TextField("who", "Who", ""), muc.TextField("reason", "Reason", ""), muc.TextField("by", "By", ""), muc.TextField("at", "Since", "")}
	var rows [][]string
	for _, b := range q.svc.bans().All() {
		rows = append(rows, []string{b.Who.String(), b.Reason, b.By, b.At.UTC().Format(time.RFC3339)})
	}
	if len(rows) == 0 {
		return c.completed(q.st, commandResult{note: "Nobody is banned from all rooms."}), nil
	}
	return c.completed(q.st, commandResult{form: addRows(f, rows, "\"anteroom ban list\" shows them all.")}), nil
}
