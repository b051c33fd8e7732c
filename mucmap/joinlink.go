package mucmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Join links (draft-mahy-mimi-group-chat, "Basic Operations" 4): who shows one enters without being asked, in the role that it gives. XMPP
// users show it as the password of the room, users of other providers as the joining code of a groupInfo request
// (docs/decisions/125-join-links.md). A link is counted when somebody shows it, before anything else is done for him: the event is
// stored with the answer, so that neither a crash nor a race lets in more than it is good for.

// MaxJoinLinks bounds the links of one room, MaxLinkUses what one is good for, MaxLinkAge how long.
const (
	MaxJoinLinks = 64
	MaxLinkUses  = 1000
	MaxLinkAge   = 30 * 24 * time.Hour
)

// joinLink is what a room keeps of a link. It cannot be made from this.
type joinLink struct {
	Digest   string // SHA-256 of the ID, in hexadecimal
	Role     mimi.RoleIndex
	Until    time.Time
	Uses     int
	Used     int        `json:",omitempty"`
	Pending  []mimi.URI `json:",omitempty"` // who have shown it and are counted, and are not in yet
	By       mimi.URI   // who signed it
	Key      []byte     // by which it was signed
	Password []byte     `json:",omitempty"` // HMAC of it under the ID
}

// handle names a link in lists.
func (l *joinLink) handle() string { return l.Digest[:8] }

func linkDigest(l *mimi.JoinLink) string {
	sum := sha256.Sum256(l.ID[:])
	return hex.EncodeToString(sum[:])
}

func linkPassword(l *mimi.JoinLink, password string) []byte {
	mac := hmac.New(sha256.New, l.ID[:])
	mac.Write([]byte(password))
	return mac.Sum(nil)
}

// linked says that a link was made.
type linked struct{ Link joinLink }

func (e *linked) apply(s *state, _ *stage) { s.Links = append(slices.Clip(s.Links), e.Link) }

// unlinked says that links are good no more.
type unlinked struct{ Digests []string }

func (e *unlinked) apply(s *state, _ *stage) {
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l joinLink) bool { return slices.Contains(e.Digests, l.Digest) })
	if len(s.Links) == 0 {
		s.Links = nil
	}
}

// admitted says that somebody has shown a link, which counts.
type admitted struct {
	Digest string
	User   mimi.URI
}

func (e *admitted) apply(s *state, _ *stage) {
	if i := s.link(e.Digest); i >= 0 {
		s.Links = slices.Clone(s.Links)
		l := &s.Links[i]
		l.Used++
		l.Pending = append(slices.Clip(l.Pending), e.User)
	}
}

func (s *state) link(digest string) int {
	return slices.IndexFunc(s.Links, func(l joinLink) bool { return l.Digest == digest })
}

// admission is the link by which somebody may enter who is not in yet, the one that gives most; nil: none. It is good as long as its issuer could make it.
func (s *state) admission(u mimi.URI) (best *joinLink) {
	for i := range s.Links {
		l := &s.Links[i]
		if slices.Contains(l.Pending, u) && s.mayLink(l.By, l.Role) && (best == nil || standingOf(l.Role).affiliation > standingOf(best.Role).affiliation) {
			best = l
		}
	}
	return best
}

// arrive notes that a user is in whom a link let in, or will never be.
func (s *state) arrive(c *change) {
	waits := func(l joinLink) bool { return slices.Contains(l.Pending, c.User) }
	if c.To != roleBanned && (c.To == roleNone || c.Leaves == 0) || !slices.ContainsFunc(s.Links, waits) {
		return
	}
	s.Links = slices.Clone(s.Links)
	for i := range s.Links {
		l := &s.Links[i]
		if !waits(*l) || c.To != roleBanned && standingOf(c.To).affiliation < standingOf(l.Role).affiliation {
			continue
		}
		l.Pending = slices.DeleteFunc(slices.Clone(l.Pending), func(u mimi.URI) bool { return u == c.User })
		if len(l.Pending) == 0 {
			l.Pending = nil
		}
		s.members[c.User].Link = l.Digest
	}
}

// linkRole is the role in which a link lets in now.
func (c *roomConfig) linkRole(l *joinLink) mimi.RoleIndex {
	if standingOf(l.Role).affiliation == muc.AffiliationNone {
		return c.defaultRole(muc.AffiliationNone)
	}
	return l.Role
}

// mayLink says that a user may make links that give a role: an admin or owner, and nobody more than he could give by himself.
func (s *state) mayLink(u mimi.URI, role mimi.RoleIndex) bool {
	a := s.affiliation(u)
	return a >= muc.AffiliationAdmin && (a == muc.AffiliationOwner || standingOf(role).affiliation < muc.AffiliationAdmin)
}

const linkText = "this join link is not good, or not any more"

// linkFor finds the link that a code shows, and says why it is not good for a user. Neither: the code is no link.
func (r *Room) linkFor(u mimi.URI, code string) (*joinLink, *xmpp.StanzaError) {
	shown, password, err := mimi.ParseJoinLink(code)
	if err != nil {
		return nil, nil
	}
	i := r.pub.link(linkDigest(shown))
	if i < 0 || shown.Room != r.uri || r.hub == nil {
		return nil, refusal(xmpp.NotAuthorized, linkText)
	}
	l := &r.pub.Links[i]
	switch {
	case shown.Verify(r.hub.Group().Public().Suite(), l.Key) != nil, !r.pub.mayLink(l.By, l.Role):
		return nil, refusal(xmpp.NotAuthorized, linkText)
	case l.Password != nil && !hmac.Equal(l.Password, linkPassword(shown, password)):
		return nil, refusal(xmpp.NotAuthorized, "this join link takes its password: write it behind the link, after a dot")
	case l.Used >= l.Uses && !slices.Contains(l.Pending, u):
		return nil, refusal(xmpp.NotAuthorized, "this join link was used as often as it may be")
	case r.pub.Config.MembersOnly && standingOf(l.Role).affiliation == muc.AffiliationNone:
		return nil, refusal(xmpp.RegistrationRequired, "only members may enter this room, and this join link makes nobody a member")
	}
	return l, nil
}

// showLink counts a link that somebody shows who wants to enter, if it gives more than the user has without it. A link that is not good
// matters only to who does not get in without.
func (t *turn) showLink(u mimi.URI, code string) *xmpp.StanzaError {
	r := t.r
	if r.hub == nil || code == "" || r.pub.affiliation(u) != muc.AffiliationNone || r.pub.strangerRefusal(u) != nil || r.pub.occupant(u) != nil {
		return nil
	}
	_, preauthorised := r.pub.preauthorised(u)
	free := !r.pub.Config.Protected && (!r.pub.Config.MembersOnly || preauthorised)
	l, e := r.linkFor(u, code)
	switch {
	case e != nil && (free || r.showedBefore(u, code)):
		return nil
	case e != nil || l == nil:
		return e
	case slices.Contains(l.Pending, u), free && standingOf(l.Role).affiliation == muc.AffiliationNone, r.showedBefore(u, code):
		return nil
	}
	t.note(NoteInfo, "join link shown", Attr{"user", u.String()}, Attr{"link", l.handle()}, Attr{"by", l.By.String()})
	t.emit(&admitted{Digest: l.Digest, User: u})
	return nil
}

// showedBefore says that a code is the link by which a participant came: clients keep it as the room's password.
func (r *Room) showedBefore(u mimi.URI, code string) bool {
	m := r.pub.members[u]
	if m == nil || m.Link == "" {
		return false
	}
	shown, _, err := mimi.ParseJoinLink(code)
	return err == nil && linkDigest(shown) == m.Link
}

// opens says that a code opens a room that takes a password.
func (r *Room) opens(u mimi.URI, code string) bool {
	shown, _, err := mimi.ParseJoinLink(code)
	if err != nil {
		return false
	}
	if r.showedBefore(u, code) {
		return true
	}
	i := r.pub.link(linkDigest(shown))
	return i >= 0 && slices.Contains(r.pub.Links[i].Pending, u) && r.pub.mayLink(r.pub.Links[i].By, r.pub.Links[i].Role)
}

// joinCode is hub.Options.JoinCode: a user of another provider joins as what its link gives.
func (r *Room) joinCode(u mimi.URI, role mimi.RoleIndex) bool {
	l := r.pub.admission(u)
	return l != nil && r.pub.Config.linkRole(l) == role
}

// redeem counts the link of a groupInfo request of another provider.
func (t *turn) redeem(in Request) {
	var q mimi.GroupInfoRequest
	if wire.Unmarshal(in.Body, &q) != nil || q.JoiningCode == nil {
		return
	}
	client, err := mimi.CredentialClient(q.Credential)
	if err != nil || client.Provider() != in.Provider || q.Verify() != nil {
		return // the hub refuses it
	}
	if e := t.showLink(client.ClientUser(), string(q.JoiningCode)); e != nil {
		t.note(NoteInfo, "join link refused", Attr{"user", client.ClientUser().String()}, Attr{"reason", e.Text})
	}
}

// endLinks forgets the links whose time is over.
func (t *turn) endLinks() {
	var over []string
	for i := range t.r.pub.Links {
		if l := &t.r.pub.Links[i]; !l.Until.After(t.now) {
			over = append(over, l.Digest)
		}
	}
	if len(over) > 0 {
		t.emit(&unlinked{Digests: over})
	}
}

// makeLink signs a link as a user, who has a leaf, and keeps what it takes to know it again.
func (t *turn) makeLink(u mimi.URI, role mimi.RoleIndex, age time.Duration, uses int, password string) (*mimi.JoinLink, error) {
	r := t.r
	leaf, ok := r.leaf(u)
	if !ok {
		return nil, errNoLeaf
	}
	signer, err := r.hub.Group().Signer(leaf)
	if err != nil {
		return nil, err
	}
	until := t.now.Add(age).Truncate(time.Second)
	id := t.derive("join link")
	l := &mimi.JoinLink{Room: r.uri, Role: role, Expires: uint64(until.Unix()), Uses: uint32(uses), Password: password != "", Issuer: r.pub.listed(u)}
	copy(l.ID[:], id[:])
	if err := l.Sign(signer); err != nil {
		return nil, err
	}
	kept := joinLink{Digest: linkDigest(l), Role: role, Until: until, Uses: uses, By: u, Key: signer.Public}
	if password != "" {
		kept.Password = linkPassword(l, password)
	}
	t.emit(&linked{kept})
	return l, nil
}
