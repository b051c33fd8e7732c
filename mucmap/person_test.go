package mucmap

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// home is one user's person, restored before every step.
type home struct {
	t       *testing.T
	svc     *Service
	room    *Room
	secrets map[string][]byte
	now     time.Time
	n       byte
	sent    []xmpp.Stanza
	owed    []Delivery
}

func newHome(t *testing.T) *home {
	h := &home{t: t, svc: testService(t), secrets: map[string][]byte{}, now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	h.room = h.svc.New("@juliet")
	return h
}

func (h *home) step(in Input) Reply {
	h.t.Helper()
	h.now = h.now.Add(time.Second)
	h.n++
	if len(h.secrets) > 0 {
		r, _, err := h.svc.Restore("@juliet", Snapshot{Secrets: h.secrets})
		if err != nil {
			h.t.Fatal(err)
		}
		h.room = r
	}
	out := h.room.Step(h.now, mls.Seed{h.n}, in)
	h.sent, h.owed = nil, out.Outbox
	for name, b := range out.SetSecrets {
		h.secrets[name] = b
	}
	if h.room.Exists() != (len(h.secrets) > 0) || !h.room.Idle() {
		h.t.Errorf("exists %v with %d secrets, idle %v", h.room.Exists(), len(h.secrets), h.room.Idle())
	}
	for _, b := range out.Stanzas {
		st := b.Template.Stanza()
		st.To = b.To[0]
		h.sent = append(h.sent, st)
	}
	if len(out.Replies) > 0 {
		return out.Replies[0]
	}
	return Reply{}
}

// say tells the service something; it returns the answer.
func (h *home) say(text string) string {
	h.t.Helper()
	st := xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: xmpp.MustParseJID("juliet@a.example/balcony"), To: xmpp.MustParseJID("rooms.a.example"),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}}
	if got := h.svc.Route(&st, func(string) bool { return false }); got != "@juliet" {
		h.t.Fatalf("goes to %q", got)
	}
	h.step(StanzaIn{&st})
	if len(h.sent) != 1 || h.sent[0].To != st.From {
		h.t.Fatalf("answers %v", h.sent)
	}
	body, _ := h.sent[0].Body()
	return body
}

var (
	bobURI    = mimi.MustURI("mimi://b.example/u/bob")
	julietURI = mimi.MustURI("mimi://a.example/u/juliet")
	atBob     = mimi.MustURI("mimi://b.example/r/garden")
	atBob2    = mimi.MustURI("mimi://b.example/r/other")
)

// may says whether bob gets key packages for a room.
func (h *home) may(room mimi.URI) bool {
	h.t.Helper()
	q := &mimi.KeyMaterialRequest{Requester: bobURI, Target: julietURI, Room: room, Suites: []mls.CipherSuite{1}, Credential: mimi.BasicCredential(mimi.MustURI("mimi://b.example/d/bob/cli"))}
	r := h.step(Request{ID: "k", Provider: "b.example", Kind: RequestKeyMaterial, Body: wire.Marshal(q)})
	if r.Status == statusNoContent {
		return true
	}
	var a mimi.KeyMaterialResponse
	if err := wire.Unmarshal(r.Body, &a); err != nil || r.Status != 200 || a.Code != mimi.KeyMaterialNoConsent {
		h.t.Fatalf("%d %+v %v", r.Status, a, err)
	}
	return false
}

func (h *home) entry(kind RequestKind, provider string, op mimi.ConsentOperation, room mimi.URI) int {
	c := &mimi.ConsentEntry{Operation: op, Requester: bobURI, Target: julietURI, Room: room}
	return h.step(Request{ID: "c", Provider: provider, Kind: kind, Body: wire.Marshal(c)}).Status
}

func (h *home) owes(provider string, op mimi.ConsentOperation, room mimi.URI) bool {
	if len(h.owed) != 1 || h.owed[0].Provider != provider {
		return false
	}
	var c mimi.ConsentEntry
	return wire.Unmarshal(h.owed[0].Body, &c) == nil && c.Operation == op && c.Room == room && c.Requester == bobURI && c.Target == julietURI
}

// A user is asked once, about a room by the room, about all by a message; what it decides holds for one room or for all, survives a restart,
// is told to the one who asked, and can be taken back.
func TestPersonConsents(t *testing.T) {
	h := newHome(t)
	if h.may(atBob) || len(h.secrets) > 0 {
		t.Error("somebody nobody asked about gets key packages, or is remembered")
	}
	if s := h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob); s != 201 || !h.owes("a.example", mimi.ConsentRequest, atBob) {
		t.Errorf("a question about a room: %d, owed %v", s, h.owed)
	}
	if s := h.entry(RequestRequestConsent, "c.example", mimi.ConsentRequest, atBob); s != 403 {
		t.Errorf("a question on behalf of another provider's user: %d", s)
	}
	if h.may(atBob) {
		t.Error("asking is enough")
	}
	if s := h.entry(RequestUpdateConsent, "b.example", mimi.ConsentGrant, atBob); s != 403 || h.may(atBob) {
		t.Errorf("bob consents in juliet's name: %d", s)
	}
	if s := h.entry(RequestUpdateConsent, "a.example", mimi.ConsentGrant, atBob); s != 201 || !h.may(atBob) || h.may(atBob2) {
		t.Errorf("juliet entered the room: %d", s)
	}
	if h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob); !h.owes("b.example", mimi.ConsentGrant, atBob) {
		t.Errorf("bob asks again: %v", h.owed)
	}
	if h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, mimi.URI{}); len(h.sent) != 1 || len(h.owed) != 0 || !strings.Contains(h.sent[0].String(), "allow u%bob%b.example@rooms.a.example") {
		t.Errorf("a question about all rooms: %v %v", h.sent, h.owed)
	}
	if got := h.say("allow u%bob%b.example@rooms.a.example"); got != "Done." || !h.owes("b.example", mimi.ConsentGrant, mimi.URI{}) || !h.may(atBob2) {
		t.Errorf("all rooms: %q %v", got, h.owed)
	}
	if got := h.say("deny mimi://b.example/u/bob other%b.example@rooms.a.example"); got != "Done." || !h.owes("b.example", mimi.ConsentRevoke, atBob2) || h.may(atBob2) || !h.may(atBob) {
		t.Errorf("but not one: %q %v", got, h.owed)
	}
	if h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob2); !h.owes("b.example", mimi.ConsentRevoke, atBob2) || len(h.sent) > 0 {
		t.Errorf("bob asks for that one: %v", h.owed)
	}
	want := "u%bob%b.example@rooms.a.example may mimi://b.example/r/garden\nu%bob%b.example@rooms.a.example may\nu%bob%b.example@rooms.a.example may not mimi://b.example/r/other\nothers ask"
	if got := h.say("consents"); got != want {
		t.Errorf("list:\n%s", got)
	}
	for _, text := range []string{"forget mimi://b.example/u/bob", "forget mimi://b.example/u/bob mimi://b.example/r/garden", "forget mimi://b.example/u/bob mimi://b.example/r/other"} {
		h.say(text)
	}
	for _, tt := range []struct {
		text string
		may  bool
	}{{"others allow", true}, {"others deny", false}, {"provider b.example allow", true}, {"provider b.example ask", false}, {"others ask", false}} {
		if got := h.say(tt.text); got != "Done." || h.may(atBob) != tt.may {
			t.Errorf("%s: %q", tt.text, got)
		}
	}
	for _, text := range []string{"", "hello", "others maybe", "provider a.example allow", "allow romeo@a.example", "allow mimi://b.example/u/bob nowhere", "deny"} {
		if got := h.say(text); got == "Done." || got == "" {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// A consent that a room tells with key packages reaches who asked when it is kept, never before: they ask for more at once.
func TestConsentIsKeptBeforeItIsTold(t *testing.T) {
	h := newHome(t)
	signer, err := mls.NewSigner(suite, mls.Seed{1})
	if err != nil {
		t.Fatal(err)
	}
	kp, err := mls.NewKeyPackage(mls.Seed{2}, mls.KeyPackageParams{Signer: signer, Credential: mimi.BasicCredential(mimi.MustURI("mimi://a.example/d/juliet/anteroom")),
		Capabilities: mimi.LeafCapabilities(suite), Lifetime: mls.Lifetime{NotAfter: 1}})
	if err != nil {
		t.Fatal(err)
	}
	c := &mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: bobURI, Target: julietURI, Room: atBob, KeyPackages: []mls.KeyPackage{kp.KeyPackage}}
	body := wire.Marshal(c)
	if r := h.step(Request{ID: "c", Provider: "a.example", Kind: RequestUpdateConsent, Body: body}); r.Status != 201 || !h.owes("b.example", mimi.ConsentGrant, atBob) {
		t.Fatalf("%+v, owed %v", r, h.owed)
	}
	if !bytes.Equal(h.owed[0].Body, body) || h.owed[0].Room != bobURI.String() {
		t.Errorf("%x about %s is told, want %x", h.owed[0].Body, h.owed[0].Room, body)
	}
	if !h.may(atBob) {
		t.Error("it is not kept")
	}
}

// Questions make room for each other, decisions do not, and neither is without bound.
func TestPersonLimits(t *testing.T) {
	p := &person{}
	at := time.Unix(1, 0)
	for i := range MaxConsents + 10 {
		u, err := mimi.UserURI("p"+utoa(uint64(i/MaxQuestions))+".example", "u"+utoa(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		if !p.note(at, u, atBob, undecided) {
			t.Fatal("a question finds no room")
		}
	}
	if len(p.Consents) != MaxConsents {
		t.Errorf("%d questions are kept", len(p.Consents))
	}
	for i := range p.Consents {
		p.Consents[i].Decided = granted
	}
	if p.note(at, bobURI, atBob, refused) || len(p.Consents) != MaxConsents {
		t.Error("a decision was forgotten for another")
	}
}

// A question that the user does not answer is forgotten, a decision is not.
func TestQuestionsEnd(t *testing.T) {
	h := newHome(t)
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob)
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob2)
	h.entry(RequestUpdateConsent, "a.example", mimi.ConsentRevoke, atBob2)
	for _, tt := range []struct {
		after time.Duration
		kept  int
	}{{questionPatience - time.Hour, 2}, {2 * time.Hour, 1}, {10 * questionPatience, 1}} {
		h.now = h.now.Add(tt.after)
		if h.may(atBob) || h.may(atBob2) {
			t.Errorf("after %v: bob may add juliet", tt.after)
		}
		if got := h.room.person.Consents; len(got) != tt.kept || got[len(got)-1].Decided != refused {
			t.Errorf("after %v are kept %+v", tt.after, got)
		}
	}
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, mimi.URI{})
	if len(h.sent) != 1 {
		t.Errorf("asked again, juliet hears %v", h.sent)
	}
}

// A user gets one message for a question, however often it is put, and one provider's questions neither drive out those of others nor what is decided.
func TestPersonIsNotFlooded(t *testing.T) {
	h := newHome(t)
	ask := func(requester string, room mimi.URI) (told int) {
		u := mimi.MustURI(requester)
		c := &mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: u, Target: julietURI, Room: room}
		if s := h.step(Request{ID: "c", Provider: u.Provider(), Kind: RequestRequestConsent, Body: wire.Marshal(c)}).Status; s != 201 {
			t.Fatalf("%s asks: %d", requester, s)
		}
		return len(h.sent) + len(h.owed)
	}
	for _, room := range []mimi.URI{{}, atBob} {
		if n := ask("mimi://b.example/u/bob", room); n != 1 {
			t.Errorf("%q: %d messages of a question", room, n)
		}
		if n := ask("mimi://b.example/u/bob", room); n != 0 {
			t.Errorf("%q: %d messages of the same question at once", room, n)
		}
		h.now = h.now.Add(askPause)
		if n := ask("mimi://b.example/u/bob", room); n != 1 {
			t.Errorf("%q: %d messages of the same question later", room, n)
		}
	}
	ask("mimi://c.example/u/carol", mimi.URI{})
	for i := range MaxConsents + 10 {
		ask("mimi://flood.example/u/u"+utoa(uint64(i)), mimi.URI{})
	}
	p, err := loadPerson(julietURI, h.secrets)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Consents) != 3+MaxQuestions || p.find(bobURI, atBob) == nil || p.find(mimi.MustURI("mimi://c.example/u/carol"), mimi.URI{}) == nil ||
		p.find(mimi.MustURI("mimi://flood.example/u/u"+utoa(MaxConsents+9)), mimi.URI{}) == nil {
		t.Errorf("%d questions are kept", len(p.Consents))
	}
}

// A question that ends before it is answered is forgotten, a decision is not.
func TestPersonCancel(t *testing.T) {
	h := newHome(t)
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentRequest, atBob)
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentCancel, atBob)
	if got := h.say("consents"); got != "others ask" {
		t.Errorf("after the end of the question: %q", got)
	}
	h.say("allow mimi://b.example/u/bob")
	h.entry(RequestRequestConsent, "b.example", mimi.ConsentCancel, mimi.URI{})
	if !h.may(atBob) {
		t.Error("a decision went with the question")
	}
}
