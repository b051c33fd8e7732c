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

// Commands and registration at the service, and indicators, with every fault that a client can make: one error each, no order leaves, and the bans are
// what they were. A step that comes twice is as good as the first: the service keeps no sessions that it could hold against it.
func TestBadCommandsToTheService(t *testing.T) {
	d := newDesk(t)
	bans := (*Bans)(nil).With(ServiceBan{Who: xmpp.MustParseJID("m.example")})
	d.svc.cfg.Bans = func() *Bans { return bans }
	command := func(node, attrs, payload string) string {
		return "<command xmlns='" + nsCommands + "' node='" + node + "' " + attrs + ">" + payload + "</command>"
	}
	form := func(typ string, inner string) string { return "<x xmlns='jabber:x:data'" + typ + ">" + inner + "</x>" }
	const late = "sessionid='s' action='complete'"
	whoField := "<field var='who'><value>n.example</value></field>"
	for _, tt := range []struct{ why, typ, payload, want string }{
		{"a command that is asked for", "get", command(operatorBan, "", ""), "<service-unavailable"},
		{"no node", "set", "<command xmlns='" + nsCommands + "'/>", "<item-not-found"},
		{"an empty node", "set", command("", "", ""), "<item-not-found"},
		{"a room's command", "set", command(commandDestroy, "", ""), "<item-not-found"},
		{"an unknown action", "set", command(operatorBan, "action='ban'", ""), "<malformed-action"},
		{"an action in capitals", "set", command(operatorBan, "action='Execute'", ""), "<malformed-action"},
		{"beginning with cancel", "set", command(operatorBan, "action='cancel'", ""), "<bad-action"},
		{"beginning with complete", "set", command(operatorBan, "action='complete'", form(" type='submit'", whoField)), "<bad-action"},
		{"next of one stage", "set", command(operatorBan, "sessionid='s' action='next'", form(" type='submit'", whoField)), "<bad-action"},
		{"prev of one stage", "set", command(operatorUnban, "sessionid='s' action='prev'", ""), "<bad-action"},
		{"a session where there is none", "set", command(operatorBans, "sessionid='s'", ""), "<bad-sessionid"},
		{"a session of great length", "set", command(operatorBan, "sessionid='"+strings.Repeat("s", maxSessionID+1)+"'", form(" type='submit'", whoField)), "<bad-sessionid"},
		{"no form", "set", command(operatorBan, late, ""), "<bad-payload"},
		{"a form without type", "set", command(operatorBan, late, form("", whoField)), "<bad-payload"},
		{"a form of the room's side", "set", command(operatorBan, late, form(" type='result'", whoField)), "<bad-payload"},
		{"a form of another kind", "set", command(operatorBan, late, formOf(muc.FormRegister, "who", "n.example")), "<bad-payload"},
		{"two forms", "set", command(operatorBan, late, form(" type='submit'", whoField)+form(" type='submit'", whoField)), "<bad-payload"},
		{"a form without fields", "set", command(operatorBan, late, form(" type='submit'", "")), "<bad-payload"},
		{"nobody", "set", command(operatorUnban, late, fill("who", "")), "<bad-payload"},
		{"the service", "set", command(operatorBan, late, fill("who", "rooms.a.example")), "<bad-payload"},
		{"two commands", "set", command(operatorBans, "", "") + command(operatorBans, "", ""), "<bad-request"},

		{"registration with the service", "get", "<query xmlns='" + muc.NSRegister + "'/>", "<service-unavailable"},
		{"registration that sets", "set", "<query xmlns='" + muc.NSRegister + "'>" + formOf(muc.FormRegister, muc.RegisterRoomNick, "Juliet") + "</query>", "<service-unavailable"},
		{"the end of a registration", "set", "<query xmlns='" + muc.NSRegister + "'><remove/></query>", "<service-unavailable"},
	} {
		for range 2 {
			out, order := d.ask(operatorJuliet, tt.typ, tt.payload)
			if order != nil || strings.Count(out, "<error ") != 1 || !strings.Contains(out, tt.want) || !strings.Contains(out, "<text ") {
				t.Errorf("%s: want one error %s with a text, got order %+v and %s", tt.why, tt.want, order, out)
			}
		}
	}
	out, order := d.command(operatorJuliet, operatorBan, "sessionid='s' action='cancel'", "")
	if order != nil || !strings.Contains(out, "status='canceled'") {
		t.Errorf("cancel: %+v %s", order, out)
	}
	for range 2 {
		if _, order := d.command(operatorJuliet, operatorBan, late, fill("who", "n.example")); order == nil || order.Who.String() != "n.example" {
			t.Errorf("a good step: %+v", order)
		}
	}
	if bans.Len() != 1 {
		t.Error("a step by itself changed the bans")
	}
	for stanza, want := range map[string]IndicatorWish{
		"<presence from='romeo@a.example/x' to='rooms.a.example'><rai xmlns='urn:xmpp:rai:0'/></presence>":                                  IndicatorBegin,
		"<presence from='romeo@a.example/x' to='rooms.a.example'><rai xmlns='urn:xmpp:rai:1'/></presence>":                                  IndicatorNothing,
		"<presence from='romeo@a.example/x' to='rooms.a.example'/>":                                                                         IndicatorNothing,
		"<presence from='romeo@a.example/x' to='rooms.a.example' type='subscribe'><rai xmlns='urn:xmpp:rai:0'/></presence>":                 IndicatorNothing,
		"<message from='romeo@a.example/x' to='rooms.a.example'><rai xmlns='urn:xmpp:rai:0'/></message>":                                    IndicatorNothing,
		"<message from='romeo@a.example/x' to='rooms.a.example' type='error'><body>x</body></message>":                                      IndicatorNothing,
		"<presence from='romeo@a.example/x' to='rooms.a.example' type='unavailable'/>":                                                      IndicatorEnd,
		"<presence from='romeo@a.example/x' to='rooms.a.example' type='error'/>":                                                            IndicatorEnd,
		"<iq from='romeo@a.example/x' to='rooms.a.example' type='set' id='q'><rai xmlns='urn:xmpp:rai:0'/></iq>":                            IndicatorNothing,
		"<message from='romeo@a.example/x' to='rooms.a.example' type='error'><rai xmlns='urn:xmpp:rai:0'/><error type='cancel'/></message>": IndicatorEnd,
	} {
		all, err := stanzas(stanza)
		if err != nil {
			t.Fatal(err)
		}
		if wish, e := d.svc.IndicatorWish(all[0]); wish != want || e != nil {
			t.Errorf("%s: %d %v, want %d", stanza, wish, e, want)
		}
	}
}
