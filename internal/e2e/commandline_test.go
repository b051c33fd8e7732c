package e2e

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// use is one use of the command line against a running gateway: arguments behind --config, what it prints, and with which status it ends.
type use struct {
	args   string
	status int
	want   string // all of it, with blanks made one; "…" stands for anything
}

func (u use) run(t *testing.T, config string) {
	t.Helper()
	words := strings.Fields(u.args)
	n := 1
	for n < len(words) && n < 2 && (words[0] == "room" || words[0] == "ban" || words[0] == "policy") {
		n++
	}
	var args []string
	args = append(args, words[:n]...)
	args = append(args, "--config", config)
	for _, w := range words[n:] {
		args = append(args, strings.ReplaceAll(w, "_", " "))
	}
	out, err := command(t, anteroomBinary, args...)
	t.Logf("anteroom %s\n%s", u.args, out)
	var exit *exec.ExitError
	status := 0
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	}
	got := strings.Join(strings.Fields(strings.ReplaceAll(out, config, "CONFIG")), " ")
	rest, whole := got, true
	for i, part := range strings.Split(u.want, "…") {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at != 0 {
			whole = false
			break
		}
		rest = rest[at+len(part):]
	}
	if whole = whole && (rest == "" || strings.HasSuffix(u.want, "…")); !whole || status != u.status {
		t.Errorf("anteroom %s: status %d, want %d; it says\n%s\nwant\n%s", u.args, status, u.status, got, u.want)
	}
}

// What operators type at the gateway's machine, word by word: what is done is said in one line, what is not in one line that names what is wrong, with status 1;
// a wrong command line has status 80 and its usage.
func TestCommandLine(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Users: map[string]string{"juliet": "secret", "romeo": "secret"},
		Config: "admins = [\"juliet@" + stack.Domain + "\"]\n[rooms]\nlocking = false\n"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	dial := func(name string) *xmppclient.Client {
		c, err := xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID(name+"@"+stack.Domain), "tests", "secret")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	juliet, romeo := dial("juliet"), dial("romeo")
	defer juliet.Close()
	defer romeo.Close()
	const hall = "hall@" + stack.Rooms
	for _, room := range []string{garden, hall} {
		if _, err := juliet.Join(ctx, room, "juliet"); err != nil {
			t.Fatal(err)
		}
		if _, err := romeo.Join(ctx, room, "romeo"); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(what string, match func(st *xmpp.Stanza) bool) {
		t.Helper()
		if _, err := romeo.Expect(ctx, what, match); err != nil {
			t.Fatal(err)
		}
	}
	uses := func(all ...use) {
		t.Helper()
		for _, u := range all {
			u.run(t, s.ConfigFile())
		}
	}
	out := func(room, code string) func(*xmpp.Stanza) bool {
		return func(st *xmpp.Stanza) bool {
			return st.Kind == xmpp.Presence && st.From.String() == room+"/romeo" && st.Type == xmpp.TypeUnavailable && (code == "" || xmppclient.HasStatus(st, code))
		}
	}

	uses(
		use{"announce Back_at_noon", 0, "on its way to 2 rooms"},
		use{"announce ", 80, "Usage: anteroom announce …expected \"<text>\""},
	)
	sees("the announcement", func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.From.String() == garden && body == "Back at noon"
	})
	uses(
		use{"ban list", 0, "nobody is banned from all rooms"},
		use{"ban add romeo@a.example --reason a_duel", 0, "romeo@a.example is banned from all rooms"},
	)
	for _, room := range []string{garden, hall} {
		sees("the ban", out(room, "301"))
	}
	uses(
		use{"ban add mimi://b.example/u/bob", 0, "u%bob%b.example@rooms.a.example is banned from all rooms"},
		use{"ban list", 0, "WHO SINCE BY REASON romeo@a.example …Z command line a duel u%bob%b.example@rooms.a.example …Z command line"},
		use{"ban list --json", 0, "[ { \"who\": \"romeo@a.example\", \"reason\": \"a duel\", \"at\": …"},
		use{"ban remove mimi://b.example/u/bob", 0, "u%bob%b.example@rooms.a.example is not banned any more"},
		use{"ban remove spam.example", 1, "anteroom: error: spam.example is not banned"},
		use{"ban add rooms.a.example", 1, "anteroom: error: rooms.a.example is this service itself"},
		use{"ban add juliet@a.example", 1, "anteroom: error: juliet@a.example is an operator of this service"},
		use{"ban add garden@rooms.a.example", 1, "anteroom: error: garden@rooms.a.example is no user: users of other providers are u%name%provider@rooms.a.example, or mimi://provider/u/name"},
		use{"ban add", 80, "Usage: anteroom ban add …expected \"<who>\""},
	)

	uses(
		use{"room create study --preset open --owner juliet@a.example", 0, "study is made"},
		use{"room create study --preset open --owner juliet@a.example", 1, "anteroom: error: the room exists already"},
		use{"room create den --preset cosy --owner juliet@a.example", 1, "anteroom: error: preset \"cosy\" is none of one-on-one, …"},
		use{"room create den", 1, "anteroom: error: either --from or --preset says what room it is to be"},
		use{"room list", 0, "NAME OCCUPANTS LISTED KEPT LOCKED LOADED EPOCH TITLE TROUBLE garden 1 …hall 1 …study 0 …"},
		use{"room show cellar", 1, "anteroom: error: there is no such room"},
		use{"room members study", 0, "USER JID STATE AFFILIATION ROLE LEAVES NICK PRESENT …juliet@a.example participant owner moderator 0 …"},
		use{"room members garden", 0, "USER JID STATE AFFILIATION ROLE LEAVES NICK PRESENT …juliet@a.example MLS member owner moderator 1 juliet 1…"},
		use{"room members cellar", 1, "anteroom: error: there is no such room"},
		use{"room show garden@rooms.a.example", 0, "name garden …"},
		use{"room show garden@rooms.b.example", 1, "anteroom: error: there is no such room"},
		use{"ban add a.example", 1, "anteroom: error: operators of this service are users of a.example"},
		use{"room show garden", 0, "name garden …listed yes …occupants 1 uri mimi://a.example/r/garden …epoch …"},
		use{"room abuse", 0, "nothing was reported"},
		use{"room abuse --json", 0, "[]"},
		use{"policy explain garden juliet@a.example kick romeo@a.example", 0, "who juliet@a.example (owner) listed as mimi://a.example/u/anon%3A…upon romeo@a.example listed as mimi://a.example/u/anon%3A…XEP-0045 …policy …"},
		use{"policy explain garden romeo@a.example enter", 0, "who romeo@a.example (not listed) listed as mimi://a.example/u/anon%3A…XEP-0045 forbidden: you are banned from this service: a duel policy allowed"},
		use{"policy explain garden juliet@a.example subject", 0, "who juliet@a.example (owner) listed as …XEP-0045 allowed policy allowed"},
		use{"policy explain garden juliet@a.example fly", 1, "anteroom: error: …"},
		use{"policy explain garden juliet@a.example kick", 1, "anteroom: error: act kick needs a target: the address of the user whom it is done to"},
		use{"policy explain garden juliet@a.example enter romeo@a.example", 1, "anteroom: error: act enter has no target"},
		use{"policy explain garden juliet enter", 1, "anteroom: error: user: \"juliet\" is not the address of a user, like juliet@a.example"},
		use{"policy explain cellar juliet@a.example enter", 1, "anteroom: error: there is no such room"},
		use{"policy explain garden", 80, "Usage: anteroom policy explain …"},
		use{"room release study", 1, "anteroom: error: the room was not given up: there is nothing to release"},
		use{"room release cellar", 1, "anteroom: error: there is no such room"},
		use{"room move study --to b.example --as den", 0, "{ \"policy\": …\"mimi://a.example/u/juliet\"…Nothing has changed yet. …--from DOCUMENT den …study --to b.example --as den --done"},
		use{"room move study --to b.example --done", 1, "anteroom: error: b.example does not answer: …"},
		use{"room move study --to a.example", 1, "anteroom: error: the room is at a.example already"},
		use{"room move cellar --to b.example", 1, "anteroom: error: there is no such room"},
		use{"room move study", 80, "Usage: anteroom room move …missing flags: --to=PROVIDER"},
		use{"room destroy hall --venue mimi://b.example/u/bob", 1, "anteroom: error: venue: mimi://b.example/u/bob is no room that has an address here"},
		use{"room destroy cellar", 1, "anteroom: error: there is no such room"},
		use{"room destroy hall --venue not_an_address", 1, "anteroom: error: venue: domainpart \"not an address\": …"},
		use{"room destroy hall --reason rebuilding --venue garden@rooms.a.example", 0, "hall: destroyed"},
		use{"room destroy", 80, "Usage: anteroom room destroy …expected \"<name>\""},
		use{"ban remove romeo@a.example", 0, "romeo@a.example is not banned any more"},
	)
	if _, err := juliet.Expect(ctx, "the end of the hall", func(st *xmpp.Stanza) bool {
		x := st.Child("http://jabber.org/protocol/muc#user", "x")
		return st.From.String() == hall+"/juliet" && st.Type == xmpp.TypeUnavailable && x != nil && x.Child("http://jabber.org/protocol/muc#user", "destroy").Attr("jid") == garden
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := romeo.Join(ctx, garden, "romeo"); err != nil {
		t.Errorf("after the ban: %v", err)
	}

	if err := s.Anteroom.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"room list", "room destroy garden", "announce Hello", "ban list", "ban add spam.example", "room create den --preset open --owner juliet@a.example"} {
		uses(use{args, 1, "anteroom: error: no gateway answers at admin.socket …admin.sock: is anteroom serve running?"})
	}
}
