package mucmap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Each of the 19 registered status codes (XEP-0045, registry of status codes) is sent in a transcript, in a stanza of the kind that the
// registry names, with what belongs to it: 110 where the presence is to be the occupant's own, and the type that its context demands.
func TestEveryStatusCode(t *testing.T) {
	const joined, gone = xmpp.TypeAvailable, xmpp.TypeUnavailable
	table := []struct {
		code muc.Status
		file string
		kind xmpp.Kind
		typ  string
		self bool // in a presence to the occupant itself, with 110
	}{
		{muc.StatusNonAnonymousRoom, "config.txt", xmpp.Presence, joined, true},
		{muc.StatusAffiliationChanged, "affiliation.txt", xmpp.Message, "", false},
		{muc.StatusShowsUnavailable, "absentmembers.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusHidesUnavailable, "absentmembers.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusConfigChanged, "config.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusSelf, "join.txt", xmpp.Presence, joined, true},
		{muc.StatusLoggingOn, "options.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusLoggingOn, "options.txt", xmpp.Presence, joined, true},
		{muc.StatusLoggingOff, "options.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusNowNonAnonymous, "config.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusNowSemiAnonymous, "config.txt", xmpp.Message, xmpp.TypeGroupchat, false},
		{muc.StatusRoomCreated, "lock.txt", xmpp.Presence, joined, true},
		{muc.StatusNickAssigned, "join.txt", xmpp.Presence, joined, true},
		{muc.StatusBanned, "ban.txt", xmpp.Presence, gone, true},
		{muc.StatusBanned, "ban.txt", xmpp.Presence, gone, false},
		{muc.StatusNickChanged, "nick.txt", xmpp.Presence, gone, true},
		{muc.StatusNickChanged, "nick.txt", xmpp.Presence, gone, false},
		{muc.StatusKicked, "kick.txt", xmpp.Presence, gone, true},
		{muc.StatusKicked, "kick.txt", xmpp.Presence, gone, false},
		{muc.StatusRemovedAffiliation, "config.txt", xmpp.Presence, gone, true},
		{muc.StatusRemovedAffiliation, "config.txt", xmpp.Presence, gone, false},
		{muc.StatusRemovedMembersOnly, "config.txt", xmpp.Presence, gone, true},
		{muc.StatusRemovedMembersOnly, "config.txt", xmpp.Presence, gone, false},
		{muc.StatusRemovedShutdown, "shutdown.txt", xmpp.Presence, gone, true},
		{muc.StatusRemovedServiceError, "leave.txt", xmpp.Presence, gone, true},
		{muc.StatusRemovedServiceError, "leave.txt", xmpp.Presence, gone, false},
	}
	registered := map[muc.Status]bool{}
	for _, code := range []muc.Status{100, 101, 102, 103, 104, 110, 170, 171, 172, 173, 201, 210, 301, 303, 307, 321, 322, 332, 333} {
		registered[code] = false
	}
	for _, row := range table {
		if _, known := registered[row.code]; !known {
			t.Errorf("%d is not registered", row.code)
		}
		registered[row.code] = true
		found := false
		for _, st := range sentIn(t, row.file) {
			u, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
			if err == nil && st.Kind == row.kind && st.Type == row.typ && u.Has(row.code) && (u.Has(muc.StatusSelf) == row.self) {
				found = true
			}
		}
		if !found {
			t.Errorf("%s sends no %s of type %q with %d, 110 being %v", row.file, row.kind, row.typ, row.code, row.self)
		}
	}
	for code, has := range registered {
		if !has {
			t.Errorf("%d has no transcript", code)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, st := range sentIn(t, filepath.Base(file)) {
			if u, err := muc.ParseUser(st.Child(muc.NSUser, "x")); err == nil {
				for _, code := range u.Statuses {
					if _, known := registered[code]; !known {
						t.Errorf("%s sends %d, which is not registered", file, code)
					}
				}
			}
		}
	}
}

// sentIn are the stanzas that a transcript shows to have been sent to users.
func sentIn(t *testing.T, file string) (all []xmpp.Stanza) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimRight(text, "\n")
		if presence := strings.HasPrefix(text, "  <presence ") && strings.HasSuffix(text, "</presence>"); !presence &&
			!(strings.HasPrefix(text, "  <message ") && strings.HasSuffix(text, "</message>")) {
			continue
		}
		st, err := xmpp.ParseStanzaXML([]byte(strings.Replace(strings.TrimSpace(text), " ", " xmlns='jabber:client' ", 1)))
		if err != nil {
			t.Fatalf("%s: %v in %s", file, err, text)
		}
		all = append(all, st)
	}
	return all
}
