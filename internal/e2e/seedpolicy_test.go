package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// command runs an ad-hoc command of a room with one form, and returns the last answer.
func (p *scene) command(c *xmppclient.Client, room, node string, fields ...string) {
	p.Helper()
	const ns = "http://jabber.org/protocol/commands"
	st, err := c.Request(p.step(), room, "set", `<command xmlns='`+ns+`' node='`+node+`' action='execute'/>`)
	p.must(err)
	form := `<x xmlns='jabber:x:data' type='submit'>`
	for i := 0; i < len(fields); i += 2 {
		form += `<field var='` + fields[i] + `'><value>` + fields[i+1] + `</value></field>`
	}
	session := st.Child(ns, "command").Attr("sessionid")
	_, err = c.Request(p.step(), room, "set", `<command xmlns='`+ns+`' node='`+node+`' sessionid='`+session+`'>`+form+`</x></command>`)
	p.must(err)
}

// wears says that a presence has the hat of a bot with this title.
func wears(st *xmpp.Stanza, title string) bool {
	text := st.String()
	return strings.Contains(text, "urn:anteroom:hat:bot") && strings.Contains(text, "title='"+title+"'")
}

// bots: an owner lets a native user in as a bot; it does what its role says and no more, everybody sees that it is one, and the owner takes it out again (the
// seed, "Bot Policy"; draft-ietf-mimi-room-policy-04 §7.7).
func bots(p *scene) {
	garden, uri := room("bots")
	far := "bots%" + stack.Domain + "@rooms." + otherDomain
	bobAddress := "u%bob%" + bobDomain + "@" + stack.Rooms
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, far, "benvolio")
	allow := func(rights string) {
		p.Helper()
		p.command(p.juliet, garden, "urn:anteroom:room#allow-bot", "jid", bobAddress, "name", "Weather", "rights", rights)
	}
	allow("read-write")
	p.expects(p.bob, "that the bot is in", entered(uri))
	for _, seen := range []struct {
		by *xmppclient.Client
		at string
	}{{p.juliet, garden}, {p.benvolio, far}} {
		if st := p.sees(seen.by, seen.at, "bob", "", ""); !wears(st, "Bot Weather") {
			p.Errorf("in %s the bot looks like this: %s", seen.at, st.String())
		}
	}
	p.tells(p.bob, "send %s rain", uri)
	p.hears(p.juliet, garden, "bob", "rain")
	p.hears(p.benvolio, far, "bob", "rain")

	// No more than its role says.
	p.tells(p.bob, "role %s %s 2", uri, p.bob.User)
	p.refused(p.bob, "change", uri)
	p.tells(p.bob, "add %s %s", uri, p.cathy.User)
	p.expects(p.bob, "that a bot adds nobody", func(l *stack.Line) bool { return l.Type == "error" && strings.Contains(l.Text, "lets nobody in") })
	for _, item := range []string{"<item jid='" + bobAddress + "' affiliation='admin'/>", "<item nick='bob' role='moderator'/>"} {
		_, err := p.juliet.Request(p.step(), garden, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+item+`</query>`)
		var e *xmpp.StanzaError
		if !errors.As(err, &e) || e.Condition != xmpp.NotAllowed || !strings.Contains(e.Text, "bot policy") {
			p.Errorf("%s: %v", item, err)
		}
	}
	allow("read")
	p.expects(p.bob, "that it only reads now", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", p.bob.User)
	})
	p.tells(p.bob, "send %s sunshine", uri)
	if l := p.refused(p.bob, "send", uri); !strings.Contains(l.Text, "bot_reader") || !strings.Contains(l.Text, "send messages") {
		p.Errorf("refused with %q", l.Text)
	}
	p.must(p.juliet.Say(garden, "hear this"))
	p.expects(p.bob, "what is said", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == "hear this" })

	for what, wants := range map[string]string{"members": "visitor (bot)", "show": "Weather (" + bobAddress + "): read, MLS member"} {
		out, err := command(p.T, anteroomBinary, "room", what, "--config", p.here.ConfigFile(), "bots")
		p.must(err)
		if !strings.Contains(out, wants) {
			p.Errorf("room %s: no %q in\n%s", what, wants, out)
		}
	}
	p.command(p.juliet, garden, "urn:anteroom:room#remove-bots", "bots", p.bob.User)
	p.expects(p.bob, "that it is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == uri })
	p.sees(p.juliet, garden, "bob", xmpp.TypeUnavailable, "321")
}

// systemUsers: the system user of another provider takes one client of its user out of a room of fixed membership, not the last one, and no client of
// somebody else's (the seed, "commit with Remove").
func systemUsers(p *scene) {
	_, uri := room("fixed")
	p.tells(p.cathy, "system key")
	system := p.expects(p.cathy, "the system user's key", func(l *stack.Line) bool { return l.Type == "system" })
	bare := `{"policy": {"fixed-membership": true, "multi-device": true}, "system-auth": [{"system": "` + system.User + `", "key": "` + system.Text + `"}],
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": [], "member": [], "outcast": []}}`
	file := filepath.Join(p.TempDir(), "bare.json")
	p.must(os.WriteFile(file, []byte(bare), 0o600))
	if out, err := command(p.T, anteroomBinary, "room", "create", "--config", p.here.ConfigFile(), "--from", file, "fixed"); err == nil || !strings.Contains(out, "credential-basic") {
		p.Errorf("a system user for whom nobody vouches: %v\n%s", err, out)
	}
	document := `{"policy": {"fixed-membership": true, "multi-device": true}, "system-auth": [{"system": "` + system.User + `", "key": "` + system.Text + `",
  "certificates": ["` + strings.Join(system.Certificates, `", "`) + `"]}],
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": [], "member": ["` + p.cathy.User + `"], "outcast": []}}`
	p.create("fixed", document)
	p.enters(p.juliet, "fixed@"+stack.Rooms, "juliet")
	p.tells(p.cathy, "join %s", uri)
	p.expects(p.cathy, "her first client", joined(uri, "cli"))
	p.tells(p.cathy, "device add tablet")
	p.expects(p.cathy, "her second client", joined(uri, "tablet"))
	p.wantClients(p.cathy, uri, p.cathy.User, "cli", "tablet")

	device := func(name string) string { return strings.Replace(p.cathy.User, "/u/", "/d/", 1) + "/" + name }
	p.tells(p.cathy, "expel %s %s", uri, device("tablet"))
	p.expects(p.cathy, "that the hub takes it", func(l *stack.Line) bool { return l.Type == "expelling" && l.Room == uri })
	l := p.expects(p.cathy, "the commit", in(uri, "leaf_removed", "tablet"))
	if len(l.Proposer) != 1 || l.Proposer[0] != system.User {
		p.Errorf("proposed by %q, want the system user %s", l.Proposer, system.User)
	}
	p.wantClients(p.cathy, uri, p.cathy.User, "cli")
	members, err := p.cathy.Members(p.step(), uri)
	p.must(err)
	refusals := map[string]string{device("cli"): "the last client of " + p.cathy.User + " stays"}
	for _, leaf := range members.Leaves {
		if leaf.User != p.cathy.User {
			refusals[leaf.Client] = ""
		}
	}
	for client, wants := range refusals {
		p.tells(p.cathy, "expel %s %s", uri, client)
		if l := p.refused(p.cathy, "expel", uri); l.Client != client || wants == "" && !strings.Contains(l.Text, "removes clients of "+cathyDomain+" only") && !strings.Contains(l.Text, "keeper") ||
			!strings.Contains(l.Text, wants) {
			p.Errorf("%s: refused for %s with %q, want %q", client, l.Client, l.Text, wants)
		}
	}
	p.wantClients(p.cathy, uri, p.cathy.User, "cli")
	out, err := command(p.T, anteroomBinary, "room", "show", "--config", p.here.ConfigFile(), "--format", "seed-json", "fixed")
	p.must(err)
	if !strings.Contains(out, system.User) || !strings.Contains(out, system.Text) {
		p.Errorf("the room's document does not tell of the system user:\n%s", out)
	}
}
