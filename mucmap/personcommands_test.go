package mucmap

import (
	"strings"
	"testing"

	"anteroom/xmpp"
)

// do carries out a step of a command of juliet's about herself; the person is restored before it.
func (h *home) do(node, attrs, payload string) string {
	h.t.Helper()
	all, err := stanzas("<iq from='juliet@a.example/balcony' to='rooms.a.example' type='set' id='c'><command xmlns='" + nsCommands + "' node='" + node + "' " + attrs + ">" + payload + "</command></iq>")
	if err != nil {
		h.t.Fatal(err)
	}
	if got := h.svc.Route(all[0], func(string) bool { return false }); got != "@juliet" {
		h.t.Fatalf("goes to %q", got)
	}
	h.step(StanzaIn{all[0]})
	if len(h.sent) != 1 || h.sent[0].To != all[0].From || h.sent[0].From.String() != "rooms.a.example" {
		h.t.Fatalf("answers %v", h.sent)
	}
	return h.sent[0].String()
}

// finish fills in the form of a command.
func (h *home) finish(node string, fields ...string) string {
	h.t.Helper()
	out := h.do(node, "", "")
	wantIn(h.t, node, out, "status='executing'", "type='form'")
	return h.do(node, sessionPattern.FindString(out), fill(fields...))
}

// Commands do what messages to the service do, and outlive a restart: every step here begins with one (XEP-0050,
// draft-ietf-mimi-protocol-06 §5.7).
func TestPersonCommands(t *testing.T) {
	h := newHome(t)
	const bob = "u%bob%b.example@rooms.a.example"
	list := func(why string, parts ...string) {
		t.Helper()
		wantIn(t, why, h.do(personConsents, "", ""), append(parts, "status='completed'", "<reported>")...)
	}
	list("at first", "label='Everybody else'><value>ask</value>")
	if h.may(atBob) {
		t.Error("bob may before anything is decided")
	}
	wantIn(t, "allow for one room", h.finish(personAllow, "address", bob, "room", "garden%b.example@rooms.a.example"), "status='completed'", "Done.")
	if len(h.owed) != 1 || h.owed[0].Provider != "b.example" {
		t.Errorf("bob's provider is told %v", h.owed)
	}
	if !h.may(atBob) || h.may(atBob2) {
		t.Error("allowed for one room")
	}
	list("one room", "<value>"+bob+"</value>", "<value>may</value>", "<value>mimi://b.example/r/garden</value>")
	wantIn(t, "allow", h.finish(personAllow, "address", bob), "Done.")
	if !h.may(atBob2) {
		t.Error("allowed for all rooms")
	}
	wantIn(t, "deny", h.finish(personDeny, "address", "mimi://b.example/u/bob"), "Done.")
	if h.may(atBob2) || !h.may(atBob) {
		t.Error("denied, but for one room")
	}
	wantIn(t, "forget", h.finish(personForget, "address", bob, "room", "mimi://b.example/r/garden")+h.finish(personForget, "address", bob), "Done.")
	wantIn(t, "others", h.finish(personOthers, "others", "allow"), "Done.")
	if !h.may(atBob) {
		t.Error("everybody may")
	}
	wantIn(t, "others", h.finish(personOthers, "others", "deny"), "Done.")
	wantIn(t, "provider", h.finish(personProvider, "provider", "b.example", "users", "allow"), "Done.")
	if !h.may(atBob) {
		t.Error("users of b.example may")
	}
	list("in the end", "label='Everybody else'><value>may not</value>", "label='Providers whose users may'><value>b.example</value>")

	for why, out := range map[string]string{
		"nobody":         h.finish(personAllow, "room", "garden@rooms.a.example"),
		"one of ours":    h.finish(personAllow, "address", "romeo@a.example"),
		"no room":        h.finish(personDeny, "address", bob, "room", "x y"),
		"no such answer": h.finish(personOthers, "others", "perhaps"),
		"own provider":   h.finish(personProvider, "provider", "a.example", "users", "allow"),
		"no form":        h.do(personAllow, "sessionid='x'", ""),
	} {
		if !strings.Contains(out, "<bad-payload") || len(h.owed) > 0 {
			t.Errorf("%s: %s", why, out)
		}
	}
	wantIn(t, "no such command", h.do(personNode+"none", "", ""), "item-not-found")
	wantIn(t, "cancel", h.do(personAllow, "action='cancel' sessionid='x'", ""), "status='canceled'")
}

// Nobody's commands reach somebody else's person.
func TestPersonCommandsOfOthers(t *testing.T) {
	h := newHome(t)
	st := xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, ID: "c", From: xmpp.MustParseJID("romeo@a.example/x"), To: xmpp.MustParseJID("rooms.a.example"),
		Payload: []*xmpp.Element{xmpp.NewElement(nsCommands, "command").WithAttr("node", personConsents)}}
	h.step(StanzaIn{&st})
	if len(h.sent) != 0 {
		t.Errorf("answers %v", h.sent)
	}
	st.From = xmpp.MustParseJID("u%bob%b.example@rooms.a.example")
	if got := h.svc.Route(&st, func(string) bool { return false }); got != "" {
		t.Errorf("a user of another provider has the person %q", got)
	}
}
