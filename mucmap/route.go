package mucmap

import (
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// form is to what kind of address a stanza was sent.
type form uint8

const (
	toRoom     form = iota + 1 // room@service
	toOccupant                 // room@service/nick
)

// anyType in a route matches every type.
const anyType = "*"

// route is one row of the routing table. An empty space matches every payload.
type route struct {
	kind   xmpp.Kind
	form   form
	typ    string
	space  string // namespace of the payload
	local  string
	handle func(t *turn, st *xmpp.Stanza)
	follow func(t *turn, st *xmpp.Stanza) // in rooms of other providers; nil: handle
}

// routes is tried from top to bottom.
var routes = []route{
	{xmpp.Presence, toOccupant, xmpp.TypeAvailable, "", "", (*turn).presence, nil},
	{xmpp.Presence, toRoom, xmpp.TypeAvailable, "", "", (*turn).presenceWithoutNick, nil},
	{xmpp.Presence, toOccupant, xmpp.TypeUnavailable, "", "", (*turn).unavailable, nil},
	{xmpp.Presence, toRoom, xmpp.TypeUnavailable, "", "", (*turn).unavailable, nil},
	{xmpp.Presence, toRoom, xmpp.TypeError, "", "", (*turn).bounced, nil},
	{xmpp.Presence, toOccupant, xmpp.TypeError, "", "", (*turn).bounced, nil},
	{xmpp.Presence, toRoom, anyType, "", "", (*turn).ignore, nil}, // probes and subscriptions
	{xmpp.Presence, toOccupant, anyType, "", "", (*turn).ignore, nil},

	{xmpp.Message, toRoom, xmpp.TypeError, "", "", (*turn).bounced, nil},
	{xmpp.Message, toOccupant, xmpp.TypeError, "", "", (*turn).bounced, nil},
	{xmpp.Message, toRoom, xmpp.TypeGroupchat, "", "", (*turn).groupchat, (*turn).followGroupchat},
	{xmpp.Message, toOccupant, xmpp.TypeGroupchat, "", "", (*turn).groupchatToNick, nil},
	{xmpp.Message, toRoom, anyType, "", "", (*turn).messageToRoom, (*turn).followMessage},
	{xmpp.Message, toOccupant, anyType, "", "", (*turn).privateMessage, nil},

	{xmpp.IQ, toRoom, xmpp.TypeResult, "", "", (*turn).ignore, nil},
	{xmpp.IQ, toOccupant, xmpp.TypeResult, "", "", (*turn).relayed, nil},
	{xmpp.IQ, toRoom, xmpp.TypeError, "", "", (*turn).bounced, nil},
	{xmpp.IQ, toOccupant, xmpp.TypeError, "", "", (*turn).relayed, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSDiscoInfo, "query", (*turn).discoInfo, (*turn).followDisco},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSDiscoItems, "query", (*turn).discoItems, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSPing, "ping", (*turn).ping, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSVersion, "query", (*turn).version, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSAdmin, "query", (*turn).adminGet, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSAdmin, "query", (*turn).adminSet, (*turn).followAdmin},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSOwner, "query", (*turn).ownerGet, (*turn).followOwnerGet},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSOwner, "query", (*turn).ownerSet, (*turn).followOwnerSet},
	{xmpp.IQ, toRoom, xmpp.TypeGet, nsVCard, "vCard", (*turn).vCard, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsVCard, "vCard", (*turn).setVCard, (*turn).notForeign},
	{xmpp.IQ, toRoom, xmpp.TypeGet, nsTime, "time", (*turn).time, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsModerate, "moderate", (*turn).moderate, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsReporting, "report", (*turn).reportAbuse, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "query", (*turn).archiveForm, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSMAM, "query", (*turn).archiveQuery, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "metadata", (*turn).archiveEnds, nil},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "prefs", (*turn).archivePrefs, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSMAM, "prefs", (*turn).archivePrefs, nil},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsCommands, "command", (*turn).command, (*turn).notForeign},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSRegister, "query", (*turn).registerGet, (*turn).followRegisterGet},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSRegister, "query", (*turn).registerSet, (*turn).followRegisterSet},
	{xmpp.IQ, toOccupant, xmpp.TypeGet, muc.NSPing, "ping", (*turn).selfPing, nil},
	{xmpp.IQ, toRoom, anyType, "", "", (*turn).unknownIQ, nil},
	{xmpp.IQ, toOccupant, anyType, "", "", (*turn).iqToOccupant, nil},
}

func (r *route) matches(st *xmpp.Stanza, f form) bool {
	return r.kind == st.Kind && r.form == f && (r.typ == anyType || r.typ == st.Type) &&
		(r.space == "" || len(st.Payload) > 0 && st.Payload[0].Is(r.space, r.local))
}

// stanza routes one stanza.
func (t *turn) stanza(st *xmpp.Stanza) {
	if e := t.r.svc.banRefusal(st); e != nil {
		t.refuse(st, e)
		return
	}
	if _, two := t.r.direct(); two && st.To.Bare() != t.r.addr || t.r.forTwo() {
		t.directStanza(st)
		return
	}
	f := toRoom
	if st.To.IsFull() {
		f = toOccupant
	}
	if st.From.IsZero() || st.To.Bare() != t.r.addr {
		t.note(NoteWarn, "stanza is not for this room", Attr{"to", st.To.String()})
		return
	}
	if t.r.uri.IsZero() {
		t.refuse(st, refusal(xmpp.ItemNotFound, "no room has this name: one with \"%\" is name%provider, a room of another provider"))
		return
	}
	t.hear(st)
	if t.shut(st) || t.tooEarly(st) {
		return
	}
	if st.IsRequest() && len(st.Payload) != 1 {
		t.refuse(st, refusal(xmpp.BadRequest, "a request has one payload")) // RFC 6120 §8.2.3
		return
	}
	for i := range routes {
		if r := &routes[i]; r.matches(st, f) {
			if t.r.follow != nil && r.follow != nil {
				r.follow(t, st)
			} else {
				r.handle(t, st)
			}
			return
		}
	}
	t.refuse(st, refusal(xmpp.BadRequest, "this is no stanza that a room understands"))
}

func (t *turn) ignore(*xmpp.Stanza) {}
