package mucmap

import (
	"crypto/subtle"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// checkPassword says why a password does not open the room (XEP-0045 §7.2.5). It is asked of everybody who enters, whatever the
// affiliation. A join link opens the room, too. For participants of other providers it is the only way in: role 0 has no canOpenJoin.
func (r *Room) checkPassword(u mimi.URI, given string) *xmpp.StanzaError {
	switch {
	case !r.pub.Config.Protected:
		return nil
	case r.password != "" && subtle.ConstantTimeCompare([]byte(given), []byte(r.password)) == 1:
		return nil
	case r.opens(u, given):
		return nil
	case given == "":
		return refusal(xmpp.NotAuthorized, "entering this room takes a password")
	}
	return refusal(xmpp.NotAuthorized, "this is not the password of the room")
}

// submitted is what an owner's form makes of the room: configuration, password, and changes of affiliations.
func (r *Room) submitted(by mimi.URI, f *muc.Form) (next roomConfig, password string, items []muc.Item, e *xmpp.StanzaError) {
	if next, e = r.pub.Config.submit(f, &r.svc.cfg.Limits); e != nil {
		return next, "", nil, e
	}
	password = r.password
	if v, present := f.Text(muc.FieldRoomSecret); present {
		password = v
	}
	switch {
	case !next.Protected:
		password = ""
	case password == "":
		return next, "", nil, refusal(xmpp.NotAcceptable, muc.FieldRoomSecret+" is empty: a protected room has a password")
	case len(password) > maxPassword:
		return next, "", nil, refusal(xmpp.NotAcceptable, muc.FieldRoomSecret+" is too long")
	}
	if items, e = r.listItems(f); e == nil && len(items) > 0 {
		e = r.checkItems(by, items)
	}
	return next, password, items, e
}
