package mucmap

import "anteroom/xmpp/muc"

const formServerInfo = "http://jabber.org/network/serverinfo" // XEP-0157 §3

// Contact are the addresses, as URIs, at which those who run the service can be reached.
type Contact struct {
	Admin, Abuse, Security, Support, Feedback, Sales, Status []string
}

// form is what disco#info says of them; ok is false when there are none.
func (c *Contact) form() (f muc.Form, ok bool) {
	f = muc.NewForm(muc.FormResult, formServerInfo)
	for _, role := range []struct {
		name      string
		addresses []string
	}{{"abuse", c.Abuse}, {"admin", c.Admin}, {"feedback", c.Feedback}, {"sales", c.Sales}, {"security", c.Security}, {"status", c.Status}, {"support", c.Support}} {
		if len(role.addresses) > 0 {
			f.Fields = append(f.Fields, muc.ListMultiField(role.name+"-addresses", "", role.addresses))
			ok = true
		}
	}
	return f, ok
}
