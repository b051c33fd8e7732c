package sim

import (
	"anteroom/mimi"
	"anteroom/mucmap"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func mustURI(s string) mimi.URI { return mimi.MustURI(s) }

func mustJID(s string) xmpp.JID { return xmpp.MustParseJID(s) }

func adminIQ(w *World, u *User, item muc.Item) xmpp.Stanza {
	return xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: u.JID, To: u.Room.Bare(), ID: w.ID(),
		Payload: []*xmpp.Element{muc.AdminQuery{Items: []muc.Item{item}}.Element()}}
}

func ownerDestroy(w *World, u *User, d muc.Destroy) xmpp.Stanza {
	return xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: u.JID, To: u.Room.Bare(), ID: w.ID(),
		Payload: []*xmpp.Element{xmpp.NewElement(muc.NSOwner, "query").With(d.Element(muc.NSOwner))}}
}

func membersOnly(w *World, u *User) {
	f := muc.NewForm(muc.FormSubmit, "http://jabber.org/protocol/muc#roomconfig", muc.BoolField("muc#roomconfig_membersonly", "", true))
	w.Send(xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: u.JID, To: u.Room.Bare(), ID: w.ID(),
		Payload: []*xmpp.Element{xmpp.NewElement(muc.NSOwner, "query").With(f.Element())}})
}

type participant = mucmap.Participant

// whoisAnyone lets everybody see who the occupants are.
func whoisAnyone(w *World, u *User) {
	f := muc.NewForm(muc.FormSubmit, "http://jabber.org/protocol/muc#roomconfig", muc.TextField("muc#roomconfig_whois", "", "anyone"))
	w.Send(xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: u.JID, To: u.Room.Bare(), ID: w.ID(),
		Payload: []*xmpp.Element{xmpp.NewElement(muc.NSOwner, "query").With(f.Element())}})
}
