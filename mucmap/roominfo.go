package mucmap

import (
	"net/url"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// What a room says of itself that the registered fields of its configuration do not hold (XEP-0045 §6.4 and its registry of
// muc#roominfo): whom to ask, who belongs to it, where its conversations are published. The fields of the form are ours.
const (
	fieldContacts  = "x-anteroom_contactjid"
	fieldLDAPGroup = "x-anteroom_ldapgroup"
	fieldLogs      = "x-anteroom_logs"
)

// Limits of these fields: bytes, and the number of contacts.
const (
	maxContacts  = 16
	maxLDAPGroup = 1024
	maxLogs      = 1024
)

// contacts are the addresses to ask about the room.
func (c *roomConfig) contacts() []string { return strings.Fields(c.Contacts) }

func (c *roomConfig) infoFields() []muc.Field {
	return []muc.Field{
		{Var: fieldContacts, Type: muc.FieldJIDMulti, Label: "Whom to ask about this room, for everybody to see", Values: c.contacts()},
		muc.TextField(fieldLDAPGroup, "Distinguished name of the LDAP group whose room this is", c.LDAPGroup),
		muc.TextField(fieldLogs, "Web address of the published logs", c.Logs),
	}
}

// submitInfo reads what infoFields offers.
func (c *roomConfig) submitInfo(f *muc.Form) *xmpp.StanzaError {
	jids, present, err := f.JIDs(fieldContacts)
	switch {
	case err != nil:
		return asStanzaError(err)
	case len(jids) > maxContacts:
		return refusal(xmpp.NotAcceptable, fieldContacts+" names too many")
	case present:
		var all []string
		for _, j := range jids {
			all = append(all, j.Bare().String())
		}
		c.Contacts = strings.Join(all, "\n")
	}
	if v, present := f.Text(fieldLDAPGroup); present {
		if len(v) > maxLDAPGroup {
			return refusal(xmpp.NotAcceptable, fieldLDAPGroup+" is too long")
		}
		if why := xmpp.TextFault(v); why != "" {
			return refusal(xmpp.NotAcceptable, fieldLDAPGroup+" is not possible: "+why)
		}
		c.LDAPGroup = v
	}
	if v, present := f.Text(fieldLogs); present {
		if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(v) > maxLogs) {
			return refusal(xmpp.NotAcceptable, fieldLogs+" is no web address of at most 1024 bytes")
		}
		c.Logs = v
	}
	return nil
}

// describe adds these fields to a room's information. A contact is shown as an address, the rest as text.
func (c *roomConfig) describe() []muc.Field {
	f := []muc.Field{
		{Var: muc.InfoContactJID, Type: muc.FieldJIDMulti, Label: "Whom to ask", Values: c.contacts()},
		muc.TextField(muc.InfoLDAPGroup, "LDAP group", c.LDAPGroup),
		muc.TextField(muc.InfoLogs, "Published logs", c.Logs),
		muc.BoolField(muc.FieldChangeSubject, "Everybody with voice may change the subject", c.ChangeSubject),
		muc.BoolField(muc.InfoChangeSubject, "Everybody with voice may change the subject", c.ChangeSubject),
	}
	if c.PubSub != "" {
		f = append(f, muc.TextField(muc.FieldPubSub, "Associated publish-subscribe node", c.PubSub))
	}
	return f
}
