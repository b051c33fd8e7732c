package follower_test

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var hubClient = mimi.MustURI("mimi://a.example/d/hub!/anteroom")

// certifyHub lets alice put a certificate of the hub into the group, and the hub answer with what vouch says.
func certifyHub(w *world, c mls.Credential, vouch func(time.Time, mls.Credential) mls.Credential) {
	w.t.Helper()
	var extensions []mls.Extension
	for _, e := range w.hub.Group().Public().Context().Extensions {
		if e.Type == mls.ExtensionExternalSenders {
			e.Data = wire.Marshal(mls.ExternalSenders{{SignatureKey: w.options.Sender.SignatureKey, Credential: c}})
		}
		extensions = append(extensions, e)
	}
	w.options.Vouch = vouch
	w.hub = w.hub.WithOptions(w.options)
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.GroupContextExtensions{Extensions: extensions}}})
}

// strict lets b.example verify the hub, whose credential must be a certificate. Of everybody else it accepts basic ones.
func strict(circle *pkitest.Circle) follower.Options {
	none, all := circle.Verifier(), *circle
	all.Trust.Basic = func(string) bool { return true }
	others := all.Verifier()
	options := followOptions
	options.Authenticate = func(c mls.Credential, key mls.SignaturePublicKey, now uint64) error {
		if mimi.Asserts(c, hubClient) {
			return none.Authenticate(c, key, now)
		}
		return others.Authenticate(c, key, now)
	}
	return options
}

// Who enters a room by its GroupInfo believes the hub that answers if it proves now that it is the room's provider, and the group if what it says of the
// hub was true at some time (RFC 9420 §5.3.1).
func TestHubProvesItself(t *testing.T) {
	for name, c := range map[string]struct {
		by    string // the authority: of the circle, or of a stranger
		named mimi.URI
		age   int // of the group's certificate, in days
		fresh bool
		wants string
	}{
		"certified":                          {"circle", hubClient, 0, false, ""},
		"basic":                              {"", hubClient, 0, false, "credential-basic"},
		"by somebody else's authority":       {"stranger", hubClient, 0, false, "x509-unknown-authority"},
		"over":                               {"circle", hubClient, 100, false, "x509-validity"},
		"over, and the hub answers with new": {"circle", hubClient, 100, true, ""},
		"a user of another provider":         {"circle", mimi.MustURI("mimi://c.example/d/hub!/anteroom"), 0, false, "c.example/d/hub!/anteroom answers for a.example"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			circle := pkitest.New(t, w.now, "a.example", "c.example")
			issuer := circle
			if c.by == "stranger" {
				issuer = pkitest.New(t, w.now, "a.example")
			}
			issue := func(at time.Time) mls.Credential {
				if c.by == "" {
					return mimi.BasicCredential(c.named)
				}
				credential, err := issuer.Issue(c.named, suite, w.options.Sender.SignatureKey, at)
				w.must(err)
				return credential
			}
			group := issue(w.now.AddDate(0, 0, -c.age))
			var vouch func(time.Time, mls.Credential) mls.Credential
			if c.fresh {
				vouch = func(now time.Time, standing mls.Credential) mls.Credential {
					if string(standing.Certificates[0]) != string(group.Certificates[0]) {
						t.Error("asked about another credential than the group's")
					}
					return issue(now)
				}
			}
			switch {
			case c.named != hubClient:
				w = newWorldOf(t, group) // with the same key: the hub lets nobody take its place later
			case c.by != "":
				certifyHub(w, group, vouch)
			}
			w.room = follower.New(garden, strict(circle))
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			news := strings.Join(w.news(), "; ")
			if entered := strings.Contains(news, "joined bob"); entered != (c.wants == "") || !strings.Contains(news, c.wants) {
				t.Errorf("%s, want %q", news, c.wants)
			}
		})
	}
}

// A change of the hub's credential is verified at the time when the hub accepted it. What is not believed is not followed.
func TestHubChangesItsCredential(t *testing.T) {
	for name, c := range map[string]struct {
		by    string
		age   int
		wants string
	}{
		"renewed":                 {"circle", 0, ""},
		"by an unknown authority": {"stranger", 0, "x509-unknown-authority"},
		"over":                    {"circle", 100, "x509-validity"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			circle := pkitest.New(t, w.now, "a.example")
			issuer := circle
			if c.by == "stranger" {
				issuer = pkitest.New(t, w.now, "a.example")
			}
			first, err := circle.Issue(hubClient, suite, w.options.Sender.SignatureKey, w.now.AddDate(0, 0, -70))
			w.must(err)
			certifyHub(w, first, nil)
			w.room = follower.New(garden, strict(circle))
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			w.want("bob enters", "joined bob", "epoch 2")
			next, err := issuer.Issue(hubClient, suite, w.options.Sender.SignatureKey, w.now.AddDate(0, 0, -c.age))
			w.must(err)
			certifyHub(w, next, nil)
			w.deliver()
			followed, lost := false, ""
			for _, e := range w.events {
				switch e := e.(type) {
				case follower.Epoch:
					followed = true
				case follower.Lost:
					lost += e.Text + "\n"
				}
			}
			if followed != (c.wants == "") || !strings.Contains(lost, c.wants) {
				t.Errorf("followed %v, lost because %q, want %q", followed, lost, c.wants)
			}
		})
	}
}

// The stamp of a franking agent counts if somebody vouches for the agent: as for the hub's entry in external_senders, or by itself
// (draft-ietf-mimi-protocol-06 §5.4.1).
func TestAgentProvesItself(t *testing.T) {
	for name, c := range map[string]struct {
		by     string
		client mimi.URI
		wants  string
	}{
		"as in external_senders":      {"", hubClient, ""},
		"by a certificate of its own": {"circle", mimi.MustURI("mimi://a.example/d/stamp/anteroom"), ""},
		"by an unknown authority":     {"stranger", mimi.MustURI("mimi://a.example/d/stamp/anteroom"), "nobody vouches for the franking agent"},
		"somebody else's":             {"circle", mimi.MustURI("mimi://c.example/d/stamp/anteroom"), "not the hub's"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			key := w.options.Sender.SignatureKey
			circle := pkitest.New(t, w.now, "a.example", "c.example")
			hub, err := circle.Issue(hubClient, suite, key, w.now)
			w.must(err)
			agent := hub
			switch c.by {
			case "circle":
				agent, err = circle.Issue(c.client, suite, key, w.now)
			case "stranger":
				agent, err = pkitest.New(t, w.now, "a.example").Issue(c.client, suite, key, w.now)
			}
			w.must(err)
			w = newWorldOf(t, hub, agent)
			w.room = follower.New(garden, strict(circle))
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			w.events = nil
			group, err := w.hub.Group().Reserve(0, 8)
			w.must(err)
			w.hub = w.hub.WithGroup(group)
			group, m, err := group.Protect(w.seed(), 0, []byte("hello"), mimi.FrankingAAD([32]byte{1}))
			w.must(err)
			w.accept(w.hub.AcceptLocalMessage(w.now, group, m, alice.ClientUser()))
			w.deliver()
			stamped, why := false, ""
			for _, e := range w.events {
				switch e := e.(type) {
				case follower.Message:
					stamped = e.Frank != nil
				case follower.Dropped:
					why += e.Text
				}
			}
			if stamped != (c.wants == "") || !strings.Contains(why, c.wants) {
				t.Errorf("stamped %v, %q, want %q", stamped, why, c.wants)
			}
		})
	}
}
