package e2e

import (
	"slices"
	"strings"
	"testing"

	"anteroom/internal/conform"
)

// held are the requirements of XEP-0045 that an operation, when all that its scripts look for was seen, shows to be met (docs/conformance.md).
var held = map[string]string{
	"enter":               "7.1-1 7.2.2-1 7.2.2-2 7.2.2-3 7.2.2-4",
	"enter-password":      "7.2.5-1",
	"enter-nick-conflict": "7.2.8-1",
	"enter-without-nick":  "7.2.1-1",
	"enter-members-only":  "7.2.6-1",
	"enter-banned":        "7.2.7-1",
	"enter-full":          "7.2.9-1 7.2.9-2",
	"enter-history":       "7.2.13-2 7.2.14-1",
	"enter-anonymity":     "7.2.3-2 10.2.1-1",
	"enter-two-devices":   "7.2.8-3 7.2.8-4",
	"nick":                "7.6-1 7.6-3",
	"availability":        "7.7-1",
	"invite":              "7.8.2-1",
	"invite-members-only": "7.8.2-3 9.5-12",
	"invite-decline":      "7.8.2-5",
	"groupchat":           "7.4-1 7.4-2 7.4-5",
	"private-message":     "7.5-2 7.5-4",
	"leave":               "7.14-1 7.14-2",
	"register":            "7.10-1 7.10-4 7.10-7 9.9-1 9.9-2",
	"reserved-nick":       "7.12-1 7.12-3 7.12-6",
	"voice-request":       "7.13-1 8.6-1 8.6-2",
	"change-subject":      "8.1-1 8.1-3 8.1-4",
	"kick":                "8.2-1 8.2-2 8.2-3",
	"voice":               "8.3-1 8.3-2 8.4-1 8.4-2 7.4-4",
	"voice-list":          "8.5-1 8.5-3 8.5-4",
	"moderator":           "9.6-1 9.6-2 9.7-1 9.7-2",
	"moderator-list":      "9.8-1 9.8-2 9.8-3",
	"ban":                 "9.1-2 9.1-4 9.1-5 9.1-6",
	"ban-list":            "9.2-1 9.2-3",
	"membership":          "9.3-1 9.3-2 9.4-1 9.4-2 9.4-3 10.2-10",
	"member-list":         "9.5-4 9.5-5 9.5-6",
	"admin":               "10.6-2 10.6-3 10.7-2 10.7-3",
	"admin-list":          "10.8-2 10.8-4",
	"owner":               "10.3-3 10.3-4 10.4-2 10.4-5",
	"owner-list":          "10.5-2 10.5-4",
	"create-instant":      "10.1.1-2 10.1.1-4 10.1.2-1",
	"create-reserved":     "10.1.3-1 10.1.3-2",
	"configure":           "10.2-1 10.2-2 10.2.1-2",
	"configure-cancel":    "10.2-3",
	"destroy":             "10.9-1 10.9-3 10.9-4 10.9-5",
	"disco":               "6.4-1 6.4-2",
}

// holds claims for a client on a server, both of which stand in the test's name, what an operation has shown.
func holds(t *testing.T, operation string) {
	t.Helper()
	name := strings.Split(t.Name(), "/")
	if t.Failed() || len(name) < 2 || held[operation] == "" {
		return
	}
	var ids []string
	for _, id := range strings.Fields(held[operation]) {
		ids = append(ids, "0045-"+id)
	}
	conform.HoldsClient(t, strings.ToLower(strings.TrimPrefix(name[0], "Test"))+" on "+name[1], ids...)
}

// seen are the requirements that what people do with a client with a screen, when all of it was seen on every side, shows to be met.
var seen = map[string]map[string]string{
	"TestConverse": {
		"chat":            "7.2.2-1 7.2.2-2 7.4-1 10.1.1-2 10.1.2-1",
		"nick":            "7.6-1 7.6-3",
		"nick-conflict":   "7.2.8-1",
		"private-message": "7.5-2",
		"password":        "7.2.5-1",
		"invite":          "7.2.6-1 9.5-6",
		"subject":         "8.1-3",
		"subject-by-all":  "8.1-1",
		"configuration":   "10.2-2 10.2.1-2",
		"kick":            "8.2-1 8.2-3",
		"ban":             "7.2.7-1 9.1-2 9.1-5 9.1-6 9.2-1",
		"voice":           "8.3-2 8.4-2",
		"affiliations":    "9.1-7 9.3-2 10.3-4 10.4-5 10.6-3 10.8-2",
		"members-only":    "10.2-10",
		"register":        "7.2.8-2 7.10-1 7.12-1 7.12-6",
		"destroy":         "10.9-1",
	},
	"TestProfanity": {
		"beside another client": "7.2.2-1 7.2.2-2 7.2.7-1 7.4-1 8.2-1 8.2-3 9.1-5 10.1.1-2 10.1.1-4 10.1.1-5 10.1.1-6 10.1.3-1 10.1.3-2",
		"nick":                  "7.6-1 7.6-3",
		"subject":               "8.1-1 8.1-3 8.1-4",
		"private-message":       "7.5-2",
		"voice":                 "7.4-4 8.3-2 8.4-2 9.6-2 9.7-2 9.8-1",
		"affiliations":          "9.1-7 9.3-1 9.3-2 9.5-4 10.3-4 10.4-5 10.5-2 10.6-3",
		"kick":                  "8.2-1 8.2-3",
		"ban":                   "7.2.7-1 9.1-2 9.1-5 9.1-6 9.2-1",
		"password":              "7.2.5-1 10.1.3-2",
		"invite":                "7.2.6-1 9.5-10",
		"destroy":               "10.9-1 10.9-3",
	},
}

// showed claims them for the client and the server in the test's name.
func showed(t *testing.T, what string) {
	t.Helper()
	name := strings.Split(t.Name(), "/")
	if t.Failed() || len(name) < 2 {
		return
	}
	var ids []string
	for _, id := range strings.Fields(seen[name[0]][what]) {
		ids = append(ids, "0045-"+id)
	}
	conform.HoldsClient(t, strings.ToLower(strings.TrimPrefix(name[0], "Test"))+" on "+name[1], ids...)
}

// Every operation of the table is one that is done.
func TestHeldOperations(t *testing.T) {
	done := map[string]bool{}
	for _, o := range operations {
		done[o.name] = true
	}
	for name := range held {
		if !done[name] {
			t.Errorf("no client does %q", name)
		}
	}
	for name := range seen["TestConverse"] {
		if !slices.Contains(onScreen, name) {
			t.Errorf("nobody does %q with Converse.js", name)
		}
	}
	acts := map[string]bool{"beside another client": true}
	for _, act := range inTerminals {
		acts[act.name] = true
	}
	for name := range seen["TestProfanity"] {
		if !acts[name] {
			t.Errorf("nobody does %q with profanity", name)
		}
	}
}
