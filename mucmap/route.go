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
}

// routes is tried from top to bottom.
var routes = []route{
	{xmpp.Presence, toOccupant, xmpp.TypeAvailable, "", "", (*turn).presence},
	{xmpp.Presence, toRoom, xmpp.TypeAvailable, "", "", (*turn).presenceWithoutNick},
	{xmpp.Presence, toOccupant, xmpp.TypeUnavailable, "", "", (*turn).unavailable},
	{xmpp.Presence, toRoom, xmpp.TypeUnavailable, "", "", (*turn).unavailable},
	{xmpp.Presence, toRoom, xmpp.TypeError, "", "", (*turn).bounced},
	{xmpp.Presence, toOccupant, xmpp.TypeError, "", "", (*turn).bounced},
	{xmpp.Presence, toRoom, anyType, "", "", (*turn).ignore}, // probes and subscriptions
	{xmpp.Presence, toOccupant, anyType, "", "", (*turn).ignore},

	{xmpp.Message, toRoom, xmpp.TypeError, "", "", (*turn).bounced},
	{xmpp.Message, toOccupant, xmpp.TypeError, "", "", (*turn).bounced},
	{xmpp.Message, toRoom, xmpp.TypeGroupchat, "", "", (*turn).groupchat},
	{xmpp.Message, toOccupant, xmpp.TypeGroupchat, "", "", (*turn).groupchatToNick},
	{xmpp.Message, toRoom, anyType, "", "", (*turn).messageToRoom},
	{xmpp.Message, toOccupant, anyType, "", "", (*turn).privateMessage},

	{xmpp.IQ, toRoom, xmpp.TypeResult, "", "", (*turn).ignore},
	{xmpp.IQ, toOccupant, xmpp.TypeResult, "", "", (*turn).relayed},
	{xmpp.IQ, toRoom, xmpp.TypeError, "", "", (*turn).bounced},
	{xmpp.IQ, toOccupant, xmpp.TypeError, "", "", (*turn).relayed},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSDiscoInfo, "query", (*turn).discoInfo},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSDiscoItems, "query", (*turn).discoItems},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSPing, "ping", (*turn).ping},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSVersion, "query", (*turn).version},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSAdmin, "query", (*turn).adminGet},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSAdmin, "query", (*turn).adminSet},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSOwner, "query", (*turn).ownerGet},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSOwner, "query", (*turn).ownerSet},
	{xmpp.IQ, toRoom, xmpp.TypeGet, nsVCard, "vCard", (*turn).vCard},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsVCard, "vCard", (*turn).setVCard},
	{xmpp.IQ, toRoom, xmpp.TypeGet, nsTime, "time", (*turn).time},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsModerate, "moderate", (*turn).moderate},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "query", (*turn).archiveForm},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSMAM, "query", (*turn).archiveQuery},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "metadata", (*turn).archiveEnds},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSMAM, "prefs", (*turn).archivePrefs},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSMAM, "prefs", (*turn).archivePrefs},
	{xmpp.IQ, toRoom, xmpp.TypeSet, nsCommands, "command", (*turn).command},
	{xmpp.IQ, toRoom, xmpp.TypeGet, muc.NSRegister, "query", (*turn).registerGet},
	{xmpp.IQ, toRoom, xmpp.TypeSet, muc.NSRegister, "query", (*turn).registerSet},
	{xmpp.IQ, toOccupant, xmpp.TypeGet, muc.NSPing, "ping", (*turn).selfPing},
	{xmpp.IQ, toRoom, anyType, "", "", (*turn).unknownIQ},
	{xmpp.IQ, toOccupant, anyType, "", "", (*turn).iqToOccupant},
}

func (r *route) matches(st *xmpp.Stanza, f form) bool {
	return r.kind == st.Kind && r.form == f && (r.typ == anyType || r.typ == st.Type) &&
		(r.space == "" || len(st.Payload) > 0 && st.Payload[0].Is(r.space, r.local))
}

// stanza routes one stanza.
func (t *turn) stanza(st *xmpp.Stanza) {
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
	if t.shut(st) {
		return
	}
	if st.IsRequest() && len(st.Payload) != 1 {
		t.refuse(st, refusal(xmpp.BadRequest, "a request has one payload (RFC 6120 §8.2.3)"))
		return
	}
	routes := routes
	if t.r.follow != nil {
		routes = followRoutes
	}
	for i := range routes {
		if routes[i].matches(st, f) {
			routes[i].handle(t, st)
			return
		}
	}
	t.refuse(st, refusal(xmpp.BadRequest, "this is no stanza that a room understands"))
}

func (t *turn) ignore(*xmpp.Stanza) {}
