package mucmap

import (
	"iter"
	"strconv"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// serviceRoute is one row of the routing table for requests to the bare domain of the component.
type serviceRoute struct {
	typ, space, local string
	handle            func(q *serviceQuery) (*xmpp.Element, *xmpp.StanzaError)
}

// serviceQuery is a request to the service.
type serviceQuery struct {
	svc   *Service
	now   time.Time
	st    *xmpp.Stanza
	rooms iter.Seq[Summary] // all rooms, sorted by name
	order *Order            // what is left to do before there is an answer
}

func (q *serviceQuery) payload() *xmpp.Element { return q.st.Payload[0] }

// serviceRoutes is tried from top to bottom. A handler that returns neither payload nor error is answered by an empty result.
var serviceRoutes = []serviceRoute{
	{xmpp.TypeGet, muc.NSDiscoInfo, "query", (*serviceQuery).discoInfo},
	{xmpp.TypeGet, muc.NSDiscoItems, "query", (*serviceQuery).discoItems},
	{xmpp.TypeGet, muc.NSPing, "ping", (*serviceQuery).ping},
	{xmpp.TypeGet, muc.NSVersion, "query", (*serviceQuery).version},
	{xmpp.TypeGet, nsTime, "time", (*serviceQuery).time},
	{xmpp.TypeGet, nsLast, "query", (*serviceQuery).last},
	{xmpp.TypeGet, nsVCard, "vCard", (*serviceQuery).vCard},
	{xmpp.TypeGet, nsSearch, "search", (*serviceQuery).search},
	{xmpp.TypeGet, nsUserSearch, "query", (*serviceQuery).userSearch},
	{xmpp.TypeSet, nsUserSearch, "query", (*serviceQuery).foreignSearch},
	{xmpp.TypeSet, nsCommands, "command", (*serviceQuery).command},
}

// HandleService answers a stanza to the bare domain of the component. rooms yields all rooms, sorted by name. An [Order] is to be carried out
// first: it has the answer.
func (s *Service) HandleService(now time.Time, st *xmpp.Stanza, rooms iter.Seq[Summary]) ([]xmpp.Stanza, *Order) {
	if !st.IsRequest() || st.ID == "" {
		if st.AcceptsError() && st.Kind == xmpp.Message {
			return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.ServiceUnavailable, "this service takes messages in its rooms only"))}, nil
		}
		return nil, nil
	}
	if len(st.Payload) != 1 {
		return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.BadRequest, "a request has one payload"))}, nil // RFC 6120 §8.2.3
	}
	q := &serviceQuery{svc: s, now: now, st: st, rooms: rooms}
	for _, r := range serviceRoutes {
		if r.typ != st.Type || !q.payload().Is(r.space, r.local) {
			continue
		}
		switch answer, e := r.handle(q); {
		case e != nil:
			return []xmpp.Stanza{st.ErrorReply(e)}, nil
		case q.order != nil:
			return nil, q.order
		case answer == nil:
			return []xmpp.Stanza{st.Reply()}, nil
		default:
			return []xmpp.Stanza{st.Reply(answer)}, nil
		}
	}
	return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.ServiceUnavailable, "the service does not know this request"))}, nil
}

// vCard is the card of the service (XEP-0054).
func (q *serviceQuery) vCard() (*xmpp.Element, *xmpp.StanzaError) {
	return xmpp.NewElement(nsVCard, "vCard").With(xmpp.TextElement(nsVCard, "FN", q.svc.cfg.Software),
		xmpp.TextElement(nsVCard, "DESC", "Rooms of "+q.svc.cfg.Provider), xmpp.TextElement(nsVCard, "JABBERID", q.svc.cfg.Domain.String())), nil
}

// discoInfo describes the service (XEP-0045 §6.2).
func (q *serviceQuery) discoInfo() (*xmpp.Element, *xmpp.StanzaError) {
	if node := q.payload().Attr("node"); node != "" {
		return q.commandInfo(node)
	}
	d := muc.DiscoInfo{Identities: []muc.Identity{roomIdentity("Rooms")}, Features: []string{
		muc.NS, muc.NSDiscoInfo, muc.NSDiscoItems, muc.NSPing, muc.NSVersion, muc.NSRSM, nsVCard, muc.FeatureRooms, muc.FeatureStableID,
		nsTime, nsLast, nsSearch, nsUserSearch, nsReporting, nsCommands}}
	if q.svc.cfg.Indicators {
		d.Features = append(d.Features, nsIndicator)
	}
	if f, ok := q.svc.cfg.Contact.form(); ok {
		d.Forms = append(d.Forms, f)
	}
	return d.Element(), nil
}

// discoItems lists the public rooms (XEP-0045 §6.3).
func (q *serviceQuery) discoItems() (*xmpp.Element, *xmpp.StanzaError) {
	switch q.payload().Attr("node") {
	case "":
	case nsCommands:
		return q.commandItems(), nil
	default:
		return nil, refusal(xmpp.ItemNotFound, "the service has no such node")
	}
	return answerItems(q.payload(), q.svc.roomItems(q.rooms))
}

// roomItems are the public rooms.
func (s *Service) roomItems(rooms iter.Seq[Summary]) []muc.DiscoItem {
	var items []muc.DiscoItem
	for r := range rooms {
		if j, ok := s.publicAddress(&r); ok {
			items = append(items, muc.DiscoItem{JID: j, Name: r.title() + " (" + strconv.Itoa(r.Occupants) + ")"})
		}
	}
	return items
}

// publicAddress is the address of a room that strangers may know of.
func (s *Service) publicAddress(r *Summary) (xmpp.JID, bool) {
	if !r.Public || r.Locked {
		return xmpp.JID{}, false
	}
	j, err := xmpp.NewJID(r.Name, s.cfg.Domain.Domain(), "")
	return j, err == nil
}

// title is the room's natural-language name.
func (r *Summary) title() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}

func (q *serviceQuery) ping() (*xmpp.Element, *xmpp.StanzaError) { return nil, nil }
func (q *serviceQuery) version() (*xmpp.Element, *xmpp.StanzaError) {
	return q.svc.versionElement(), nil
}
func (q *serviceQuery) time() (*xmpp.Element, *xmpp.StanzaError) { return timeElement(q.now), nil }
