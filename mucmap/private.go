package mucmap

import (
	"slices"

	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// privateMessage passes a message on to all devices of one occupant (XEP-0045 §7.5). It never enters the group: it goes from one
// XMPP user to another through this gateway, in plaintext here, and is not archived.
func (t *turn) privateMessage(st *xmpp.Stanza) {
	from, to, e := t.r.privately(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	if to.Remote { // by the room of the two: MIMI has no private messages (docs/decisions/072-direct-messages.md)
		fwd := *st
		fwd.To, fwd.Payload = t.r.svc.UserJID(userOf(to)), publicPayload(st, t.r.pub.addr)
		t.out.Forward = append(t.out.Forward, &fwd)
		return
	}
	out := xmpp.Stanza{Kind: xmpp.Message, From: t.r.pub.here.Address(from.Nick), ID: st.ID, Type: st.Type, Lang: st.Lang,
		Payload: t.r.pub.withOccupantID(append(publicPayload(st, t.r.pub.addr), muc.User{}.Element()), userOf(from))}
	if len(out.AppendXML(nil)) > maxMessage {
		t.refuse(st, refusal(xmpp.PolicyViolation, "the message is too long to be sent on"))
		return
	}
	t.pass(to, out)
}

// privately finds sender and addressee of a private message, or says why it may not be sent.
func (r *Room) privately(st *xmpp.Stanza) (from, to *presence.Occupant, e *xmpp.StanzaError) {
	from, to = r.pub.here.BySession(st.From), r.pub.here.ByNick(st.To.Resource())
	switch {
	case r.missing() != nil:
		e = r.missing()
	case from == nil:
		e = refusal(xmpp.NotAcceptable, "only occupants may send private messages in this room")
	case to == nil:
		e = refusal(xmpp.ItemNotFound, "nobody with this nick is present")
	case !r.pub.Config.AllowPM.allows(from.Role):
		e = refusal(xmpp.Forbidden, "this room allows private messages to "+r.pub.Config.AllowPM.who()+" only")
		if r.pub.Config.AllowPM == pmNone {
			e = refusal(xmpp.Forbidden, "this room allows no private messages")
		}
	case r.pub.mayTarget(userOf(from)) != nil:
		e = r.pub.mayTarget(userOf(from))
	case to.Remote && !r.pub.Config.Anyone:
		e = refusal(xmpp.NotAllowed, "a private message to a user of another provider would show your address and theirs, which this room hides")
	}
	return from, to, e
}

// pass sends a stanza that no event stands for to all devices of an occupant.
func (t *turn) pass(o *presence.Occupant, st xmpp.Stanza) { t.passTo(o.Devices(), st) }

func (t *turn) passTo(to []xmpp.JID, st xmpp.Stanza) {
	if len(to) > 0 {
		t.stanzas.add(xmpp.Broadcast{Template: xmpp.NewTemplate(st), To: to})
	}
}

// pmPolicy says who may send private messages (muc#roomconfig_allowpm).
type pmPolicy string

const (
	pmAnyone       pmPolicy = ""
	pmParticipants pmPolicy = "participants"
	pmModerators   pmPolicy = "moderators"
	pmNone         pmPolicy = "none"
)

// pmAnyoneName is how forms write pmAnyone.
const pmAnyoneName = "anyone"

func (p pmPolicy) who() string {
	if p == pmAnyone {
		return pmAnyoneName
	}
	return string(p)
}

func (p pmPolicy) allows(role muc.Role) bool {
	switch p {
	case pmAnyone:
		return true
	case pmParticipants:
		return role >= muc.RoleParticipant
	case pmModerators:
		return role >= muc.RoleModerator
	}
	return false
}

func parsePMPolicy(s string) (pmPolicy, bool) {
	if s == pmAnyoneName {
		return pmAnyone, true
	}
	p := pmPolicy(s)
	return p, slices.Contains([]pmPolicy{pmParticipants, pmModerators, pmNone}, p)
}
