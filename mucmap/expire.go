package mucmap

import (
	"math"
	"slices"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Messages that expire (draft-ietf-mimi-content §3.1, draft-ietf-mimi-room-policy-04 §7.8, XEP-0466): when a message's time is over the room takes it out
// of history and archive and retracts it before everybody, as a moderation of its own (docs/decisions/128-expiring-messages.md).

// MaxExpiring bounds the messages of one room whose end is awaited: beyond it the next one ends at once. MaxExpiry is the longest time that a room
// can give its messages: receivers discard what says that it stays for more than a year.
const (
	MaxExpiring = 4096
	MaxExpiry   = 365 * 24 * time.Hour
)

const (
	nsEphemeral = "urn:xmpp:ephemeral:0" // XEP-0466
	fieldExpiry = "x-anteroom_message_expiry"
	expiredText = "expired"
)

func (c *roomConfig) expiryField() muc.Field {
	f := muc.TextField(fieldExpiry, "Seconds after which messages disappear (0: never, unless they say so)", strconv.Itoa(c.Expiry))
	f.Validate = &muc.Validate{Datatype: "xs:integer", Min: "0", Max: strconv.Itoa(int(MaxExpiry / time.Second))}
	return f
}

func (c *roomConfig) submitExpiry(f *muc.Form) *xmpp.StanzaError {
	n, present, err := f.Count(fieldExpiry)
	switch {
	case err != nil:
		return asStanzaError(err)
	case present && n > int(MaxExpiry/time.Second):
		return refusal(xmpp.NotAcceptable, fieldExpiry+" is more than "+strconv.Itoa(int(MaxExpiry/time.Second))+" seconds")
	case present:
		c.Expiry = n
	}
	return nil
}

// expirationPolicy is the message expiration policy of a configuration.
func (c *roomConfig) expirationPolicy() *mimi.MessageExpiration {
	if c.Expiry == 0 {
		return &mimi.MessageExpiration{Max: math.MaxUint32}
	}
	n := uint32(c.Expiry)
	return &mimi.MessageExpiration{Expiring: mimi.Required, Min: 1, Max: n, Default: mimi.AtMost(n)}
}

// followExpiration takes over what the group says: after how long the room's messages disappear that do not say it themselves.
func (c *roomConfig) followExpiration(s *policy.State) {
	p, _ := s.Expiration()
	switch {
	case p.Expiring == mimi.Forbidden:
		c.Expiry = 0
	case p.Default.Limited:
		c.Expiry = int(p.Default.N)
	case p.Expiring == mimi.Required:
		c.Expiry = int(p.Max)
	default:
		c.Expiry = 0
	}
}

// policyNow is the policy of the room's group.
func (r *Room) policyNow() *policy.State {
	switch {
	case r.hub != nil:
		return r.hub.State()
	case r.follow != nil:
		return r.follow.room.State()
	}
	return nil
}

// lifetime is how long a message may stay under the room's policy that asks to stay for so long; zero: for ever.
func (r *Room) lifetime(wanted time.Duration) time.Duration {
	s := r.policyNow()
	if s == nil {
		return wanted
	}
	p, present := s.Expiration()
	if !present {
		return wanted
	}
	if p.Expiring == mimi.Forbidden {
		return 0
	}
	if wanted == 0 {
		wanted = time.Duration(r.pub.Config.Expiry) * time.Second
	}
	if wanted == 0 {
		return 0
	}
	return min(max(wanted, time.Duration(p.Min)*time.Second, time.Second), time.Duration(p.Max)*time.Second)
}

// ends is when a message disappears that says of itself what x says; zero: never. One that counts from being read counts from now: nobody knows when
// everybody has read it.
func (r *Room) ends(x *content.Expiration, now time.Time) time.Time {
	wanted := time.Duration(0)
	if x != nil {
		wanted = time.Duration(x.Seconds) * time.Second
		if !x.Relative {
			wanted = max(time.Unix(int64(x.Seconds), 0).Sub(now), time.Second)
		}
	}
	if d := r.lifetime(wanted); d > 0 {
		return now.Add(min(d, MaxExpiry))
	}
	return time.Time{}
}

// endOf is ends of a message that corrects another, which may be nil: not after that one, whose words it may repeat.
func (r *Room) endOf(corrected *record, x *content.Expiration, now time.Time) time.Time {
	end := r.ends(x, now)
	if corrected == nil {
		return end
	}
	i := slices.IndexFunc(r.pub.Expiring, func(x expiring) bool { return x.Record.ID == corrected.ID })
	if i < 0 {
		return end
	}
	return earlier(end, r.pub.Expiring[i].At)
}

// absurd says that a message claims an end that no honest client does (draft-ietf-mimi-content, Security Considerations, General handling): more than a
// year from now, or ago.
func absurd(x *content.Expiration, now time.Time) bool {
	const year = 366 * 24 * time.Hour
	switch {
	case x == nil:
		return false
	case x.Relative:
		return time.Duration(x.Seconds)*time.Second > year
	}
	return time.Unix(int64(x.Seconds), 0).Sub(now).Abs() > year
}

// timer is what an XMPP message says of its end (XEP-0466); nil: nothing.
func timer(st *xmpp.Stanza) *content.Expiration {
	e := st.Child(nsEphemeral, "ephemeral")
	if e == nil {
		return nil
	}
	n, err := strconv.ParseUint(e.Attr("timer"), 10, 32)
	if err != nil || n == 0 {
		return nil
	}
	return &content.Expiration{Relative: true, Seconds: uint32(n)}
}

// expiration is an end in the words of MIMI content.
func expiration(at time.Time) *content.Expiration {
	if at.IsZero() {
		return nil
	}
	return &content.Expiration{Seconds: uint32(min(at.Unix(), math.MaxUint32))}
}

// ephemeral says in the payload of a message how long it stays, in place of what it said itself.
func ephemeral(payload []*xmpp.Element, now, end time.Time) []*xmpp.Element {
	rest := slices.DeleteFunc(payload, func(e *xmpp.Element) bool { return e.Name.Space == nsEphemeral })
	if end.IsZero() {
		return rest
	}
	seconds := int64((end.Sub(now) + time.Second - 1) / time.Second)
	return append(rest, xmpp.NewElement(nsEphemeral, "ephemeral").WithAttr("timer", strconv.FormatInt(seconds, 10)))
}

// expiring is a message whose end is awaited, with what it takes to bury it.
type expiring struct {
	At     time.Time
	Record record
}

// awaitEnd notes when a message ends: in order, the next one first.
func (s *state) awaitEnd(at time.Time, m record) {
	if at.IsZero() {
		return
	}
	i, _ := slices.BinarySearchFunc(s.Expiring, at, func(x expiring, at time.Time) int {
		if x.At.After(at) {
			return 1
		}
		return -1
	})
	s.Expiring = slices.Insert(s.Expiring, i, expiring{at, m})
}

// buried forgets the end of a message that is no more.
func (s *state) buried(id string) {
	if i := slices.IndexFunc(s.Expiring, func(x expiring) bool { return x.Record.ID == id }); i >= 0 {
		s.Expiring = slices.Delete(s.Expiring, i, i+1)
	}
	if len(s.Expiring) == 0 {
		s.Expiring = nil
	}
}

// endMessages buries the messages whose time is over, and returns when the next one's is.
func (t *turn) endMessages() time.Time {
	s := t.r.pub
	for s.Exists && len(s.Expiring) > 0 {
		x := s.Expiring[0]
		if x.At.After(t.now) && len(s.Expiring) <= MaxExpiring {
			return x.At
		}
		by := xmpp.NewElement(nsModerate, "moderated").WithAttr("by", s.addr.String())
		more := []*xmpp.Element{by, xmpp.TextElement(nsRetract, "reason", expiredText)}
		id := t.id()
		e := t.prepare(provenance{}, xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: id, Type: xmpp.TypeGroupchat,
			Payload: []*xmpp.Element{xmpp.NewElement(nsRetract, "retract").WithAttr("id", x.Record.ID).With(more...)}})
		t.broadcast(e)
		t.bury(&x.Record, t.now, id, more...)
	}
	return time.Time{}
}
