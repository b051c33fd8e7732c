package mucmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Requests to occupants (XEP-0045 §17.4): they are passed on to the occupant's real address from the asker's address in the room, and
// the answer comes back the same way, so that neither side learns the other's real address. The room remembers nothing: all that it
// needs to know again is in the id under which it asks, and an answer counts only from the address that was asked.

// maxRelayed bounds the id of a request that is passed on, with the nick of who is asked, in bytes.
const maxRelayed = 1024

// Sizes of the parts of a relayed request's id, in bytes.
const (
	relayTagSize  = 12 // what nobody but the room could have put there
	relayMarkSize = 8  // which device asked
)

// accountSpaces are the namespaces of requests that an account answers, not a device.
var accountSpaces = []string{nsVCard, nsVCard4, nsPubSub}

const (
	nsVCard4 = "urn:ietf:params:xml:ns:vcard-4.0"
	nsPubSub = "http://jabber.org/protocol/pubsub"
)

// iqToOccupant passes a request on to another occupant.
func (t *turn) iqToOccupant(st *xmpp.Stanza) {
	here := t.r.pub.here
	from, to := here.BySession(st.From), here.ByNick(st.To.Resource())
	switch {
	case from == nil && isDisco(st):
		t.refuse(st, refusal(xmpp.BadRequest, "only occupants may ask about occupants")) // XEP-0045 §6.6
	case from == nil:
		t.refuse(st, refusal(xmpp.NotAcceptable, "you are not in this room"))
	case to == nil:
		t.refuse(st, refusal(xmpp.ItemNotFound, "nobody with this nick is present"))
	case !st.IsRequest() || st.ID == "":
	case to.Remote:
		t.askRemote(st, to)
	case len(st.ID)+len(to.Nick) > maxRelayed:
		t.refuse(st, refusal(xmpp.PolicyViolation, "the id is too long for a request that is passed on"))
	case !t.relay(st, from, to):
		t.refuse(st, refusal(xmpp.ServiceUnavailable, "requests to occupants are not passed on in this room"))
	}
}

func (t *turn) relay(st *xmpp.Stanza, from, to *presence.Occupant) bool {
	if len(t.r.pub.Secret) == 0 || len(to.Sessions) == 0 {
		return false
	}
	asked := to.Sessions[len(to.Sessions)-1].JID
	if slices.Contains(accountSpaces, st.Payload[0].Name.Space) {
		asked = asked.Bare()
	}
	t.send(xmpp.Stanza{Kind: xmpp.IQ, Type: st.Type, Lang: st.Lang, From: t.r.pub.here.Address(from.Nick), To: asked,
		ID: t.r.pub.relayID(st.From, asked, to.Nick, st.ID), Payload: st.Payload})
	return true
}

// relayID is the id of what asker's request with an id became: tag, mark of the asker, nick of who is asked with its length, id.
func (s *state) relayID(asker, asked xmpp.JID, nick, id string) string {
	b := s.relayMark(asker)
	b = binary.BigEndian.AppendUint16(b, uint16(len(nick)))
	b = append(append(b, nick...), id...)
	return base64.RawURLEncoding.EncodeToString(append(s.relayTag(asked, b), b...))
}

// relayMark tells which device asked, to nobody but the room.
func (s *state) relayMark(asker xmpp.JID) []byte {
	return s.keyed("relay mark", asker, nil)[:relayMarkSize]
}

// relayTag binds an id to the address that may answer.
func (s *state) relayTag(asked xmpp.JID, rest []byte) []byte {
	return s.keyed("relay tag", asked, rest)[:relayTagSize]
}

// keyed is an HMAC with the room's secret. Addresses have no zero bytes, so no use of it can be taken for another, occupantID included.
func (s *state) keyed(use string, j xmpp.JID, rest []byte) []byte {
	h := hmac.New(sha256.New, s.Secret)
	h.Write([]byte(use + "\x00" + j.String() + "\x00"))
	h.Write(rest)
	return h.Sum(nil)
}

// relayed passes an occupant's answer on to who asked. Anything else that looks like an answer is ignored.
func (t *turn) relayed(st *xmpp.Stanza) {
	s := t.r.pub
	b, err := base64.RawURLEncoding.DecodeString(st.ID)
	if err != nil || len(b) < relayTagSize+relayMarkSize+2 || len(s.Secret) == 0 {
		return
	}
	tag, rest := b[:relayTagSize], b[relayTagSize:]
	if !hmac.Equal(tag, s.relayTag(st.From, rest)) {
		return
	}
	mark, rest := rest[:relayMarkSize], rest[relayMarkSize:]
	n := int(binary.BigEndian.Uint16(rest))
	nick, id := rest[2:2+n], rest[2+n:]
	asker := s.asker(st.To.Resource(), mark)
	if asker.IsZero() {
		return // gone
	}
	payload := st.Payload
	if e := st.Err(); e != nil {
		e.By = xmpp.JID{} // would tell where the occupant is
		payload = []*xmpp.Element{e.Element()}
	}
	t.send(xmpp.Stanza{Kind: xmpp.IQ, Type: st.Type, Lang: st.Lang, From: s.here.Address(string(nick)), To: asker, ID: string(id), Payload: payload})
}

// asker finds the device that asked, under the nick that it had then or, if it has another one now, among all.
func (s *state) asker(nick string, mark []byte) xmpp.JID {
	var devices []xmpp.JID
	if o := s.here.ByNick(nick); o != nil {
		devices = o.Devices()
	}
	for _, list := range [][]xmpp.JID{devices, s.here.Everybody()} {
		for _, d := range list {
			if hmac.Equal(s.relayMark(d), mark) {
				return d
			}
		}
	}
	return xmpp.JID{}
}

// askRemote answers for a user of another provider, whose client does not speak XMPP: with a card that says who it is.
func (t *turn) askRemote(st *xmpp.Stanza, o *presence.Occupant) {
	if st.Type != xmpp.TypeGet || !st.Payload[0].Is(nsVCard, "vCard") {
		t.refuse(st, refusal(xmpp.ServiceUnavailable, "this occupant's client does not speak XMPP"))
		return
	}
	text := func(name, value string) *xmpp.Element { return xmpp.TextElement(nsVCard, name, value) }
	card := xmpp.NewElement(nsVCard, "vCard").With(text("FN", o.Nick), text("NICKNAME", o.Nick))
	if t.r.pub.here.MaySee(t.r.pub.here.BySession(st.From)) {
		card.With(text("URL", userOf(o).String()), text("JABBERID", o.Real.String()))
	}
	t.result(st, card)
}

func isDisco(st *xmpp.Stanza) bool {
	return len(st.Payload) > 0 && (st.Payload[0].Is(muc.NSDiscoInfo, "query") || st.Payload[0].Is(muc.NSDiscoItems, "query"))
}
