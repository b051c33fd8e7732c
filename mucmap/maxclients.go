package mucmap

import (
	"math"
	"strconv"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// How many clients the group has at most (max_clients of the base policy, draft-ietf-mimi-room-policy-04 §6.1): every device of a MIMI user counts, each
// XMPP user is one, whatever it speaks from, and so is the room's keeper.

// fieldMaxClients is ours: XEP-0045 registers a field for occupants only.
const fieldMaxClients = "x-anteroom_max_clients"

func (c *roomConfig) maxClientsField() muc.Field {
	f := muc.TextField(fieldMaxClients, "MLS clients at most, one of them the room's own (empty: no limit)", c.maxClients())
	f.Validate = &muc.Validate{Datatype: "xs:integer", Min: "2", Max: strconv.Itoa(math.MaxUint32)}
	return f
}

func (c *roomConfig) maxClients() string {
	if !c.MaxClients.Limited {
		return ""
	}
	return strconv.FormatUint(uint64(c.MaxClients.N), 10)
}

func (c *roomConfig) submitMaxClients(f *muc.Form) *xmpp.StanzaError {
	text, present := f.Text(fieldMaxClients)
	if !present || text == c.maxClients() {
		return nil
	}
	if text == "" {
		c.MaxClients = mimi.Maximum{}
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < 2 { // the keeper and somebody
		return refusal(xmpp.NotAcceptable, fieldMaxClients+" is no number of clients, 2 at least")
	}
	c.MaxClients = mimi.AtMost(uint32(n))
	return nil
}
