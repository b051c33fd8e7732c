package mucmap

import (
	"slices"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Whatever is malformed, or not for a service, is answered at the service's own address by one error of the condition that the request's
// specification or RFC 6120 §8.3.3 names, with a text; what cannot be answered is not.
func TestBadInputToTheService(t *testing.T) {
	iq := func(typ, payload string) string {
		return "<iq from='romeo@a.example/orchard' to='rooms.a.example' type='" + typ + "' id='q'>" + payload + "</iq>"
	}
	info := func(attrs string) string { return iq("get", "<query xmlns='"+muc.NSDiscoInfo+"' "+attrs+"/>") }
	items := func(inner string) string {
		return iq("get", "<query xmlns='"+muc.NSDiscoItems+"'><set xmlns='"+muc.NSRSM+"'>"+inner+"</set></query>")
	}
	search := func(inner string) string { return iq("get", "<search xmlns='"+nsSearch+"'>"+inner+"</search>") }
	fields := func(f ...string) string { return search(formOf(formSearch, f...)) }
	message := func(typ, inner string) string {
		return "<message from='romeo@a.example/orchard' to='rooms.a.example' type='" + typ + "' id='q'>" + inner + "</message>"
	}
	presence := func(typ, inner string) string {
		return "<presence from='romeo@a.example/orchard' to='rooms.a.example' id='q'" + typ + ">" + inner + "</presence>"
	}
	const gone = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	svc := testService(t)
	for _, tt := range []struct {
		why, stanza string
		want        xmpp.Condition
	}{
		{"an unknown node", info("node='urn:example:x'"), xmpp.ItemNotFound},
		{"an unknown node of items", iq("get", "<query xmlns='"+muc.NSDiscoItems+"' node='urn:example:x'/>"), xmpp.ItemNotFound},
		{"a page of a size that is none", items("<max>all</max>"), xmpp.BadRequest},
		{"a page of a negative size", items("<max>-1</max>"), xmpp.BadRequest},
		{"a page at a place that is none", items("<index>first</index>"), xmpp.BadRequest},
		{"a page after nothing known", items("<after>nothing@rooms.a.example</after>"), xmpp.ItemNotFound},
		{"a page before nothing known", items("<before>nothing@rooms.a.example</before>"), xmpp.ItemNotFound},

		{"discovery that sets", iq("set", "<query xmlns='"+muc.NSDiscoInfo+"'/>"), xmpp.ServiceUnavailable},
		{"a ping that sets", iq("set", "<ping xmlns='"+muc.NSPing+"'/>"), xmpp.ServiceUnavailable},
		{"another element of a known namespace", iq("get", "<item xmlns='"+muc.NSDiscoItems+"'/>"), xmpp.ServiceUnavailable},
		{"an unknown namespace", iq("get", "<query xmlns='urn:example:x'/>"), xmpp.ServiceUnavailable},
		{"an unknown namespace that sets", iq("set", "<query xmlns='urn:example:x'/>"), xmpp.ServiceUnavailable},
		{"a vCard that is set", iq("set", "<vCard xmlns='"+nsVCard+"'/>"), xmpp.ServiceUnavailable},
		{"a room's form", iq("get", "<query xmlns='"+muc.NSOwner+"'/>"), xmpp.ServiceUnavailable},
		{"a room's list", iq("get", "<query xmlns='"+muc.NSAdmin+"'><item affiliation='owner'/></query>"), xmpp.ServiceUnavailable},
		{"a room's archive", iq("set", "<query xmlns='"+muc.NSMAM+"'/>"), xmpp.ServiceUnavailable},

		{"nothing asked", iq("get", ""), xmpp.BadRequest},
		{"nothing set", iq("set", ""), xmpp.BadRequest},
		{"two things asked", iq("get", "<ping xmlns='"+muc.NSPing+"'/><ping xmlns='"+muc.NSPing+"'/>"), xmpp.BadRequest},

		{"a search by a cancelled form", search("<x xmlns='jabber:x:data' type='cancel'/>"), xmpp.BadRequest},
		{"a search by a form of no type", search("<x xmlns='jabber:x:data'/>"), xmpp.BadRequest},
		{"a search by another form", search(formOf(muc.FormRoomConfig, "q", "garden")), xmpp.BadRequest},
		{"a search for nothing", fields(), xmpp.BadRequest},
		{"a search for blanks", fields("q", "   "), xmpp.BadRequest},
		{"a search for too much", fields("q", strings.Repeat("a ", maxSearchTerms+1)), xmpp.BadRequest},
		{"a search for too long a word", fields("q", strings.Repeat("a", maxSearch+1)), xmpp.BadRequest},
		{"a search nowhere", fields("q", "x", "sinname", "0", "sindescription", "0", "sinaddress", "0"), xmpp.BadRequest},
		{"a search for all and some", fields("q", "x", "all", "1"), xmpp.BadRequest},
		{"a search by half a truth", fields("q", "x", "sinname", "half"), xmpp.NotAcceptable},
		{"a search by a number that is none", fields("all", "1", "min_users", "few"), xmpp.NotAcceptable},
		{"a search in an unknown order", fields("all", "1", "key", "colour"), xmpp.FeatureNotImplemented},
		{"a search at a page that is none", search(formOf(formSearch, "all", "1") + "<set xmlns='" + muc.NSRSM + "'><max>x</max></set>"), xmpp.BadRequest},

		{"a result that nobody asked for", iq("result", ""), ""},
		{"an error that nobody asked for", iq("error", gone), ""},
		{"a message of type error", message("error", gone), ""},
		{"presence of type error", presence(" type='error'", gone), ""},
		{"a request without id", strings.Replace(info(""), " id='q'", "", 1), ""},
	} {
		all, err := stanzas(tt.stanza)
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		answers, _ := svc.HandleService(testService(t).cfg.Started, all[0], slices.Values([]Summary{{Name: "garden", Public: true}}))
		switch {
		case tt.want == "" && len(answers) > 0:
			t.Errorf("%s: answered by %s", tt.why, answers[0])
		case tt.want == "":
		case len(answers) != 1:
			t.Errorf("%s: %d answers, not one error %s", tt.why, len(answers), tt.want)
		default:
			a := answers[0]
			if e := a.Err(); e == nil || e.Condition != tt.want || e.Text == "" || a.To != all[0].From || a.From != all[0].To || a.ID != "q" || a.Kind != all[0].Kind {
				t.Errorf("%s: not one %s with a text for the sender: %s", tt.why, tt.want, a)
			}
		}
	}
}
