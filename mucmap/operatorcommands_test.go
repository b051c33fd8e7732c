package mucmap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// desk is the service at its bare domain, with juliet as operator.
type desk struct {
	t     *testing.T
	svc   *Service
	rooms []Summary
}

func newDesk(t *testing.T) *desk {
	cfg := testService(t).cfg
	cfg.Operators = []xmpp.JID{xmpp.MustParseJID("juliet@a.example")}
	return &desk{t, &Service{cfg}, []Summary{{Name: "@juliet"}, {Name: "attic", Locked: true, Public: true}, {Name: "garden", Title: "Garden", Occupants: 3, Epoch: 17, Public: true}}}
}

// ask gives one iq to the service.
func (d *desk) ask(from, typ, payload string) (string, *Order) {
	d.t.Helper()
	all, err := stanzas("<iq from='" + from + "' to='rooms.a.example' type='" + typ + "' id='c'>" + payload + "</iq>")
	if err != nil {
		d.t.Fatal(err)
	}
	answers, order := d.svc.HandleService(time.Unix(0, 0), all[0], slices.Values(d.rooms))
	if len(answers) > 1 || len(answers) == 1 && order != nil {
		d.t.Fatalf("%d answers and order %+v", len(answers), order)
	}
	if len(answers) == 0 {
		return "", order
	}
	return answers[0].String(), order
}

func (d *desk) command(from, node, attrs, payload string) (string, *Order) {
	d.t.Helper()
	return d.ask(from, "set", "<command xmlns='"+nsCommands+"' node='"+node+"' "+attrs+">"+payload+"</command>")
}

func (d *desk) disco(from, space, node string) string {
	d.t.Helper()
	out, _ := d.ask(from, "get", "<query xmlns='http://jabber.org/protocol/"+space+"' node='"+node+"'/>")
	return out
}

const (
	operatorJuliet = "juliet@a.example/x"
	userRomeo      = "romeo@a.example/x"
	strangerBob    = "u%bob%b.example@rooms.a.example/x"
)

// Operators see all commands, users of ours those about themselves, others none (XEP-0050 §2.2).
func TestServiceCommandsAreListed(t *testing.T) {
	d := newDesk(t)
	wantIn(t, "feature", d.disco(userRomeo, "disco#info", ""), "<feature var='"+nsCommands+"'/>")
	wantIn(t, "list", d.disco(userRomeo, "disco#info", nsCommands), "category='automation' type='command-list'")
	for from, n := range map[string]int{operatorJuliet: len(operatorCommands) + len(personCommands), userRomeo: len(personCommands), strangerBob: 0} {
		out := d.disco(from, "disco#items", nsCommands)
		if strings.Count(out, "<item ") != n || strings.Contains(out, "urn:anteroom:service#") != (from == operatorJuliet) {
			t.Errorf("%s sees %d commands, want %d:\n%s", from, strings.Count(out, "<item "), n, out)
		}
	}
	for _, c := range operatorCommands {
		wantIn(t, c.node, d.disco(operatorJuliet, "disco#info", c.node), "type='command-node'", muc.NSForm)
		wantIn(t, c.node+" described to a user", d.disco(userRomeo, "disco#info", c.node), "<forbidden")
		for _, from := range []string{userRomeo, strangerBob, "juliet@b.example/x"} {
			out, order := d.command(from, c.node, "", "")
			if order != nil {
				t.Errorf("%s by %s: %+v", c.node, from, order)
			}
			wantIn(t, c.node+" by "+from, out, "<forbidden")
			if out, order = d.command(from, c.node, "sessionid='x'", fill("room", "garden", "confirm", "garden", "text", "x")); order != nil || !strings.Contains(out, "<forbidden") {
				t.Errorf("%s by %s: %s %+v", c.node, from, out, order)
			}
		}
	}
	wantIn(t, "no such node", d.disco(operatorJuliet, "disco#info", "x"), "item-not-found")
	out, _ := d.command(operatorJuliet, "x", "", "")
	wantIn(t, "no such command", out, "item-not-found")
	out, _ = d.command(strangerBob, personAllow, "", "")
	wantIn(t, "a user's command by somebody else's user", out, "<forbidden")
}

// The service keeps no sessions; a step has the errors of XEP-0050 §4.4 all the same.
func TestServiceCommandSteps(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct{ why, node, attrs, payload, want string }{
		{"no such action", operatorDestroy, "action='dance'", "", "<malformed-action"},
		{"beginning with complete", operatorDestroy, "action='complete'", "", "<bad-action"},
		{"going back", operatorDestroy, "action='prev' sessionid='x'", "", "<bad-action"},
		{"no form", operatorDestroy, "sessionid='x'", "", "<bad-payload"},
		{"a session of a command without form", operatorRooms, "sessionid='x'", "", "<bad-sessionid"},
		{"a long session", operatorDestroy, "sessionid='" + strings.Repeat("x", maxSessionID+1) + "'", fill(), "<bad-sessionid"},
		{"cancel", operatorDestroy, "action='cancel' sessionid='abc'", "", "sessionid='abc' status='canceled'"},
		{"no room", operatorRoom, "sessionid='x'", fill(), "<bad-payload"},
		{"room elsewhere", operatorRoom, "sessionid='x'", fill("room", "garden@b.example"), "<bad-payload"},
		{"not confirmed", operatorDestroy, "sessionid='x'", fill("room", "garden", "confirm", "attic"), "<bad-payload"},
		{"long reason", operatorDestroy, "sessionid='x'", fill("room", "garden", "confirm", "garden", "reason", strings.Repeat("x", maxReason+1)), "<bad-payload"},
		{"venue", operatorDestroy, "sessionid='x'", fill("room", "garden", "confirm", "garden", "venue", "a b@c"), "<bad-payload"},
		{"nothing to say", operatorAnnounce, "sessionid='x'", fill("text", ""), "<bad-payload"},
		{"too much to say", operatorAnnounce, "sessionid='x'", fill("text", strings.Repeat("x", MaxAnnouncement+1)), "<bad-payload"},
	} {
		out, order := d.command(operatorJuliet, tt.node, tt.attrs, tt.payload)
		if order != nil {
			t.Errorf("%s: %+v", tt.why, order)
		}
		wantIn(t, tt.why, out, tt.want)
	}
}

// Rooms are listed with what operators look for; persons are no rooms. A long list is a stanza that can be sent.
func TestOperatorsListRooms(t *testing.T) {
	d := newDesk(t)
	out, _ := d.command(operatorJuliet, operatorRooms, "", "")
	wantIn(t, "rooms", out, "status='completed'", "<reported>", "<field var='room'><value>garden</value></field><field var='title'><value>Garden</value></field><field var='occupants'><value>3</value></field>"+
		"<field var='locked'><value>no</value></field><field var='public'><value>yes</value></field><field var='epoch'><value>17</value></field>",
		"<value>attic</value></field><field var='title'><value/></field><field var='occupants'><value>0</value></field><field var='locked'><value>yes</value></field><field var='public'><value>no</value></field>")
	if strings.Contains(out, "@juliet<") {
		t.Errorf("a person is listed:\n%s", out)
	}
	d.rooms = nil
	out, _ = d.command(operatorJuliet, operatorRooms, "", "")
	wantIn(t, "no rooms", out, "There are no rooms.")
	for i := range 5000 {
		d.rooms = append(d.rooms, Summary{Name: fmt.Sprintf("room%05d", i), Title: strings.Repeat("t", 100)})
	}
	out, _ = d.command(operatorJuliet, operatorRooms, "", "")
	wantIn(t, "many rooms", out, "of 5000", "room00000<")
	if len(out) > maxListBytes*5/4 {
		t.Errorf("%d bytes", len(out))
	}
}

// What takes more than the list of rooms is an order for the gateway, whose outcome is the answer.
func TestOrdersByCommand(t *testing.T) {
	d := newDesk(t)
	begin := func(node string) string {
		t.Helper()
		out, _ := d.command(operatorJuliet, node, "", "")
		wantIn(t, node, out, "status='executing'", "<actions execute='complete'><complete/></actions>", "type='form'")
		return sessionPattern.FindString(out)
	}
	show := begin(operatorRoom)
	_, o := d.command(operatorJuliet, operatorRoom, show, fill("room", "Garden@rooms.a.example"))
	if o == nil || o.Kind != OrderShow || o.Room != "garden" || o.By.String() != "juliet@a.example" {
		t.Fatalf("show: %+v", o)
	}
	answer := func(res OrderResult) string { st := o.Answer(res); return st.String() }
	wantIn(t, "room", answer(OrderResult{Status: statusOK, Room: &Description{Summary: d.rooms[2], URI: "mimi://a.example/r/garden", Leaves: 4}}),
		"to='juliet@a.example/x'", show+" status='completed'", "<value>mimi://a.example/r/garden</value>", "var='epoch' type='text-single' label='Epoch'><value>17</value>", "label='Clients in the group'><value>4</value>")
	wantIn(t, "no room", answer(OrderResult{Status: statusNotFound, Text: "there is no such room"}), "item-not-found", "there is no such room")
	wantIn(t, "busy", answer(OrderResult{Status: 503, Text: "later"}), "type='wait'", "resource-constraint")

	_, o = d.command(operatorJuliet, operatorDestroy, begin(operatorDestroy), fill("room", "garden", "confirm", "garden", "reason", "spam", "venue", "meadow@rooms.a.example", "password", "p"))
	if o == nil || o.Kind != OrderDestroy || o.Room != "garden" || o.Destroy != (muc.Destroy{Reason: "spam", Venue: xmpp.MustParseJID("meadow@rooms.a.example"), Password: "p"}) {
		t.Fatalf("destroy: %+v", o)
	}
	wantIn(t, "destroyed", answer(OrderResult{Status: statusOK}), "status='completed'", "The room is destroyed.")
	wantIn(t, "going on", answer(OrderResult{Status: statusAccepted}), "users of other providers are being removed")
	wantIn(t, "not ours", answer(OrderResult{Status: statusConflict, Text: "the room belongs to b.example"}), "<conflict", "belongs to b.example")
	wantIn(t, "bad", answer(OrderResult{Status: statusBadRequest, Text: "no"}), "<bad-payload")

	_, o = d.command(operatorJuliet, operatorAnnounce, begin(operatorAnnounce), "<x xmlns='jabber:x:data' type='submit'><field var='text'><value>Back</value><value>at noon</value></field></x>")
	if o == nil || o.Kind != OrderAnnounce || o.Text != "Back\nat noon" {
		t.Fatalf("announce: %+v", o)
	}
	wantIn(t, "announced", answer(OrderResult{Status: statusOK, Rooms: 2}), "status='completed'", "goes to 2 rooms")
}
