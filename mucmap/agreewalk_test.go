package mucmap

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anteroom/internal/conform"
	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// agreeWalk is one history: users of ours and of another provider do what XEP-0045 §7 to §10 lets them do, by a seed.
type agreeWalk struct {
	*bench
	rng     *rand.Rand
	watch   *watcher
	remotes []*remote
	reasons map[xmpp.JID]string   // of bans, of users and of domains
	done    map[string]int        // what was granted, by kind
	asked   map[string][]muc.Item // requests without answer
	lost    []muc.Item            // asked for before a crash: nobody knows whether it took effect
	forgets bool                  // what must not be: a restored room does not repeat what it may not have sent
	told    []*xmpp.Stanza        // forms that ask moderators or admins for something
	log     []string
}

const (
	agreeUsers = 6
	agreeSteps = 120
	agreeSeeds = 40
)

func newAgreeWalk(t *testing.T, seed uint64) *agreeWalk {
	w := &agreeWalk{bench: newBench(t), rng: rand.New(rand.NewPCG(seed, 45)), reasons: map[xmpp.JID]string{}, done: map[string]int{},
		asked: map[string][]muc.Item{}}
	w.onCrash = w.afterCrash
	w.watch = newWatcher(xmpp.MustParseJID(room))
	w.seen = func(bs []xmpp.Broadcast) {
		for _, b := range bs {
			st := b.Template.Stanza()
			if st.Kind == xmpp.Message && st.Child(muc.NSForm, "x") != nil {
				w.told = append(w.told, &st)
			}
			if st.Kind == xmpp.IQ && st.Type == xmpp.TypeResult {
				w.banned(w.asked[st.ID])
			}
			if st.Kind == xmpp.IQ {
				delete(w.asked, st.ID)
			}
		}
		if err := w.watch.see(bs); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(w.log, "\n"))
		}
	}
	for _, name := range []string{"bob", "bella"} {
		w.remotes = append(w.remotes, newRemote(t, w.bench, "mimi://b.example/d/"+name+"/cli"))
	}
	return w
}

func (w *agreeWalk) pick(of ...string) string { return of[w.rng.IntN(len(of))] }
func (w *agreeWalk) user() string {
	n := w.rng.IntN(agreeUsers)
	return fmt.Sprintf("u%d@%s", n, []string{"a.example", "c.example"}[n/4])
}
func (w *agreeWalk) device() string { return w.user() + "/" + w.pick("a", "b") }
func (w *agreeWalk) nick() string   { return fmt.Sprintf("N%d", w.rng.IntN(agreeUsers+2)) }

// whoMay is a device of somebody present of at least this affiliation, as the watcher knows it; without one anybody's.
func (w *agreeWalk) whoMay(a muc.Affiliation) string {
	var who []string
	for d, v := range w.watch.views {
		if v.roster[v.self].Affiliation >= a {
			who = append(who, d.String())
		}
	}
	if len(who) == 0 {
		return w.device()
	}
	slices.Sort(who)
	return w.pick(who...)
}

// insider is mostly a device that is present.
func (w *agreeWalk) insider() string {
	if w.rng.IntN(5) == 0 {
		return w.device()
	}
	return w.whoMay(muc.AffiliationUnset)
}

// somebody is a user of ours or, seldom, of the other provider.
func (w *agreeWalk) somebody() string {
	if d := w.insider(); w.rng.IntN(3) == 0 {
		return xmpp.MustParseJID(d).Bare().String()
	}
	if w.rng.IntN(4) == 0 {
		return w.svc.UserJID(w.remotes[w.rng.IntN(len(w.remotes))].client.ClientUser()).String()
	}
	return w.user()
}

// present is mostly the nick of an occupant.
func (w *agreeWalk) present() string {
	if here, err := w.watch.occupants(); err == nil && len(here) > 0 && w.rng.IntN(4) > 0 {
		return w.pick(slices.Sorted(maps.Keys(here))...)
	}
	if w.rng.IntN(4) == 0 {
		return w.pick("Bob", "Bella")
	}
	return w.nick()
}

func (w *agreeWalk) iq(from, typ, space, body string) string {
	return "<iq from='" + from + "' to='" + room + "' type='" + typ + "' id='q" + strconv.Itoa(len(w.log)) + "'><query xmlns='" + space + "'>" + body + "</query></iq>"
}

func formOf(space string, fields ...string) string {
	s := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>" + space + "</value></field>"
	for i := 0; i < len(fields); i += 2 {
		s += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
	}
	return s + "</x>"
}

// stanza is something that somebody sends, with its kind.
func (w *agreeWalk) stanza() (kind, text string) {
	from := w.device()
	if w.rng.IntN(4) > 0 {
		from = w.whoMay(muc.AffiliationAdmin)
	}
	presence := func(from, nick, typ, inner string) string {
		return "<presence from='" + from + "' to='" + room + "/" + nick + "' id='p'" + typ + ">" + inner + "</presence>"
	}
	admin := func(items string) string { return w.iq(from, "set", muc.NSAdmin, items) }
	switch kind = w.pick("enter", "enter", "enter", "enter", "enter", "leave", "nick", "status", "message", "subject", "private", "kick", "role", "role", "affiliation",
		"affiliation", "affiliation", "ban", "bans", "domain", "configure", "configure", "invite", "decline", "register", "decide", "voice", "ghost", "destroy"); kind {
	case "enter":
		return kind, presence(w.device(), w.nick(), "", "<x xmlns='"+muc.NS+"'><password>secret</password></x>")
	case "leave":
		return kind, presence(w.insider(), w.nick(), " type='unavailable'", "")
	case "nick":
		return kind, presence(w.insider(), w.nick(), "", "")
	case "status":
		d := w.insider()
		if v := w.watch.views[xmpp.MustParseJID(d)]; v != nil {
			return kind, presence(d, v.self, "", "<show>away</show>")
		}
		return kind, presence(d, w.nick(), "", "<show>away</show>")
	case "message", "subject":
		body := "<body>hello</body>"
		if kind == "subject" {
			body = "<subject>" + w.pick("", "a", "b") + "</subject>"
		}
		return kind, "<message from='" + from + "' to='" + room + "' type='groupchat' id='m'>" + body + "</message>"
	case "private":
		return kind, "<message from='" + from + "' to='" + room + "/" + w.present() + "' type='chat' id='m'><body>psst</body></message>"
	case "kick":
		return kind, admin("<item nick='" + w.present() + "' role='none'><reason>enough</reason></item>")
	case "role":
		return kind, admin("<item nick='" + w.present() + "' role='" + w.pick("visitor", "participant", "moderator") + "'/>")
	case "affiliation":
		if w.rng.IntN(4) == 0 {
			return kind, admin("<item jid='" + w.user() + "' affiliation='owner'/>")
		}
		return kind, admin("<item jid='" + w.somebody() + "' affiliation='" + w.pick("none", "none", "none", "member", "member", "member", "admin") + "'/>")
	case "ban":
		return kind, admin("<item jid='" + w.somebody() + "' affiliation='outcast'><reason>" + w.pick("rude", "loud") + "</reason></item>")
	case "bans":
		return kind, admin("<item jid='" + w.somebody() + "' affiliation='outcast'/><item jid='" + w.somebody() + "' affiliation='none'/>")
	case "domain":
		if w.rng.IntN(3) > 0 {
			return kind, admin("<item jid='" + w.pick("b.example", "c.example") + "' affiliation='none'/>")
		}
		return kind, admin("<item jid='" + w.pick("b.example", "c.example") + "' affiliation='outcast'><reason>" + w.pick("spam", "flood") + "</reason></item>")
	case "configure":
		if w.rng.IntN(5) > 0 {
			from = w.whoMay(muc.AffiliationOwner)
		}
		on := w.pick("0", "1")
		fields := []string{"muc#roomconfig_persistentroom", "1", "muc#roomconfig_" + w.pick("membersonly", "moderatedroom", "changesubject", "allowinvites"), on,
			"muc#roomconfig_whois", w.pick("anyone", "moderators")}
		if w.rng.IntN(4) == 0 {
			fields = append(fields, "muc#roomconfig_passwordprotectedroom", on, "muc#roomconfig_roomsecret", "secret")
		}
		return kind, w.iq(from, "set", muc.NSOwner, formOf(muc.FormRoomConfig, fields...))
	case "invite", "decline":
		inner := "<invite to='" + w.user() + "'/>"
		if kind == "decline" {
			inner = "<decline to='" + room + "/" + w.nick() + "'/>"
		}
		return kind, "<message from='" + from + "' to='" + room + "' id='i'><x xmlns='" + muc.NSUser + "'>" + inner + "</x></message>"
	case "register":
		body := formOf(muc.FormRegister, muc.RegisterRoomNick, w.nick())
		if w.rng.IntN(4) == 0 {
			body = "<remove/>"
		}
		return kind, w.iq(w.device(), "set", muc.NSRegister, body)
	case "decide": // about the last form that was sent to those who may
		if len(w.told) > 0 {
			st := w.told[len(w.told)-1]
			f, err := muc.ParseForm(st.Child(muc.NSForm, "x"))
			if err == nil {
				var fields []string
				for i := range f.Fields {
					v := strings.Join(f.Fields[i].Values, "")
					if f.Fields[i].Type == muc.FieldBoolean {
						v = "1"
					}
					if f.Fields[i].Var != "FORM_TYPE" {
						fields = append(fields, f.Fields[i].Var, v)
					}
				}
				return kind, "<message from='" + from + "' to='" + room + "' id='f'>" + formOf(f.FormType(), fields...) + "</message>"
			}
		}
		return "voice", "<message from='" + w.device() + "' to='" + room + "' id='v'>" + formOf(muc.FormRequest, muc.RequestRole, "participant") + "</message>"
	case "voice":
		return kind, "<message from='" + w.device() + "' to='" + room + "' id='v'>" + formOf(muc.FormRequest, muc.RequestRole, "participant") + "</message>"
	case "ghost":
		return kind, "<message from='" + w.device() + "' to='" + room + "' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
	}
	if from = w.whoMay(muc.AffiliationOwner); w.rng.IntN(8) > 0 {
		return "message", "<message from='" + from + "' to='" + room + "' type='groupchat' id='m'><body>hello</body></message>"
	}
	return kind, w.iq(from, "set", muc.NSOwner, "<destroy><reason>over</reason></destroy>")
}

// act does one thing, and survives if the process crashes in it.
func (w *agreeWalk) act() error {
	if w.rng.IntN(12) == 0 {
		w.crashAt, w.after = w.writes+1+w.rng.IntN(3), w.rng.IntN(2) == 0
	}
	return w.survive(w.one())
}

// survive restores the room from what was durable, if there was a crash. Who had no answer then never gets one.
func (w *agreeWalk) survive(err error) error {
	for errors.Is(err, errCrash) {
		err = w.afterCrash()
	}
	return err
}

func (w *agreeWalk) afterCrash() error {
	w.log = append(w.log, fmt.Sprintf("crash, after the write: %v", w.after))
	w.done["crash"]++
	for _, items := range w.asked {
		w.lost = append(w.lost, items...)
	}
	clear(w.asked)
	if w.forgets {
		defer func(seen func([]xmpp.Broadcast)) { w.seen = seen }(w.seen)
		w.seen = nil
	}
	return w.restart(false)
}

func (w *agreeWalk) one() error {
	w.now = w.now.Add(20 * time.Second)
	switch n := w.rng.IntN(40); {
	case n == 0:
		clean := w.rng.IntN(2) == 0
		w.log = append(w.log, fmt.Sprintf("restart, clean: %v", clean))
		w.done["restart"]++
		return w.restart(clean)
	case n == 1:
		w.now = w.now.Add(time.Duration(1+w.rng.IntN(50)) * time.Minute)
		w.log = append(w.log, "time")
		return w.step(Timer{})
	case n == 2 && !w.hold:
		w.hold = true
		return nil
	case n < 8 && w.hold:
		return w.release()
	case n < 12 && !w.hold && w.room.pub.Exists && !w.room.pub.Closing:
		return w.remote()
	}
	kind, text := w.stanza()
	w.log = append(w.log, text)
	all, err := stanzas(text)
	if err != nil {
		return err
	}
	if st := all[0]; st.Kind == xmpp.IQ && st.Payload[0].Is(muc.NSAdmin, "query") {
		q, err := muc.ParseAdminQuery(st.Payload[0])
		if err != nil {
			return err
		}
		w.asked[st.ID] = q.Items
	}
	before := len(w.watch.codes)
	w.out.Reset()
	if err := w.step(StanzaIn{all[0]}); err != nil {
		return err
	}
	if out := w.out.String(); before != len(w.watch.codes) || strings.Contains(out, "type='result'") || strings.Contains(out, "<presence") && !strings.Contains(out, "type='error'") ||
		strings.Contains(out, "<message") && !strings.Contains(out, "type='error'") {
		w.done[kind]++
	}
	return nil
}

// release lets held commits through.
func (w *agreeWalk) release() error {
	w.hold = false
	held := w.held
	w.held = nil
	for _, j := range held {
		if err := w.run(j); err != nil {
			return err // after a crash the others are wishes that nobody remembers
		}
	}
	return nil
}

// remote lets a user of the other provider enter, speak or leave.
func (w *agreeWalk) remote() error {
	r := w.remotes[w.rng.IntN(len(w.remotes))]
	user := r.client.ClientUser()
	w.log = append(w.log, "remote "+user.String())
	if w.room.hub.State().Clients(user) == 0 {
		r.group = nil
		if w.room.hub.State().RoleOf(user) != roleNone {
			return w.back(r)
		}
		if a := r.join(map[string]string{"bob": "Bob", "bella": "Bella"}[user.Name()]); a.Code == mimi.UpdateSuccess {
			w.done["remote enters"]++
		}
		return nil
	}
	r.catchUp()
	if w.rng.IntN(2) == 0 {
		if a := r.say("hello", user); a.Code == mimi.SubmitAccepted {
			w.done["remote speaks"]++
		}
		return nil
	}
	leaf := r.group.Local()[0]
	at, _ := w.room.hub.State().Position(user)
	g, list, err := r.group.Propose(leaf, mls.AppDataUpdate{Component: mimi.ComponentParticipantList,
		Update: wire.Marshal(&mimi.ParticipantListUpdate{Removed: []uint32{at}})}, emptyAAD)
	if err != nil {
		return err
	}
	_, remove, err := g.Propose(leaf, mls.Remove{Removed: leaf}, emptyAAD)
	if err != nil {
		return err
	}
	if a := r.update(&mimi.UpdateRequest{Message: list, More: []*mls.Message{remove}}); a.Code == mimi.UpdateSuccess {
		w.done["remote leaves"]++
	}
	return nil
}

// back lets a user of the other provider who is still listed enter with another client.
func (w *agreeWalk) back(r *remote) error {
	kp := r.keyPackage("Again")
	info, ok := r.groupInfo(kp)
	if !ok {
		return nil
	}
	staged, err := mls.ExternalCommit(w.seed(), info.GroupInfo, kp, mls.ExternalCommitParams{Tree: info.RatchetTree.Tree, AuthenticatedData: emptyAAD,
		Config: w.svc.groupConfig(w.now)})
	if err != nil {
		return err
	}
	if a := r.update(commitRequest(r.t, staged)); a.Code == mimi.UpdateSuccess {
		r.group, r.read = staged.Group, len(w.disk.outbox)
		w.done["remote comes back"]++
	}
	return nil
}

// banned notes for which reason users are banned from now on: the one given last.
func (w *agreeWalk) banned(items []muc.Item) {
	for i := range items {
		if it := &items[i]; it.Affiliation == muc.AffiliationOutcast && (it.Reason != "" || w.reasons[it.JID.Bare()] == "") {
			w.reasons[it.JID.Bare()] = it.Reason
		} else if it.JID.Local() == "" && it.Affiliation == muc.AffiliationNone {
			delete(w.reasons, it.JID)
		}
	}
}

// noteReasons forgets the reasons of bans that are lifted, and takes over what was asked for before a crash and did take effect.
func (w *agreeWalk) noteReasons(f *facts) {
	for j := range w.reasons {
		if j.Local() != "" && f.participants[j].affiliation != muc.AffiliationOutcast {
			delete(w.reasons, j)
		}
	}
	for _, asked := range w.lost {
		j := asked.JID.Bare()
		i := slices.IndexFunc(f.lists[muc.AffiliationOutcast], func(it muc.Item) bool { return it.JID == j })
		switch {
		case asked.Affiliation == muc.AffiliationOutcast && i >= 0 && f.lists[muc.AffiliationOutcast][i].Reason == asked.Reason:
			w.reasons[j] = asked.Reason
		case asked.Affiliation != muc.AffiliationOutcast && i < 0:
			delete(w.reasons, j)
		}
	}
	w.lost = nil
	if !f.exists {
		clear(w.reasons)
	}
}

// check compares, unless something is under way.
func (w *agreeWalk) check(t *testing.T) *facts {
	t.Helper()
	if w.hold || w.room.job != nil || len(w.room.queue) > 0 || w.room.pub.Closing {
		return nil
	}
	f, err := w.facts()
	if err == nil {
		w.noteReasons(f)
		err = w.watch.agrees(f, w.reasons)
	}
	if err != nil {
		t.Fatalf("after %d steps: %v\n%s", len(w.log), err, strings.Join(w.log[max(0, len(w.log)-12):], "\n"))
	}
	return f
}

// At every step of random histories of all operations, what XMPP users see by the presences that they were sent, the participant list
// and the leaves of the group, and all lists say the same, also behind a restart, or a crash at any write.
func TestEverybodyAgrees(t *testing.T) {
	conform.Holds(t, "0045-5.1-4", "0045-5.2-3", "0045-5.1.3-1", "0045-5.2.2-1", "0045-17.3-8", "0045-17.3-9")
	done := map[string]int{}
	codes := map[muc.Status]int{}
	for seed := range uint64(agreeSeeds) {
		w := newAgreeWalk(t, seed)
		for range agreeSteps {
			if err := w.act(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.log, "\n"))
			}
			w.check(t)
		}
		for k, n := range w.done {
			done[k] += n
		}
		for c, n := range w.watch.codes {
			codes[c] += n
		}
	}
	for _, kind := range []string{"enter", "leave", "nick", "status", "message", "subject", "private", "kick", "role", "affiliation", "ban", "bans", "domain", "configure",
		"invite", "register", "decide", "ghost", "destroy", "restart", "crash", "remote enters", "remote speaks", "remote leaves"} {
		if done[kind] == 0 {
			t.Errorf("no history had a %q that was granted", kind)
		}
	}
	for _, c := range []muc.Status{muc.StatusSelf, muc.StatusRoomCreated, muc.StatusNickChanged, muc.StatusBanned, muc.StatusKicked, muc.StatusRemovedAffiliation,
		muc.StatusRemovedMembersOnly, muc.StatusRemovedServiceError, muc.StatusAffiliationChanged, muc.StatusNowNonAnonymous} {
		if codes[c] == 0 {
			t.Errorf("no history showed status %d", c)
		}
	}
	t.Logf("granted: %v, codes: %v", done, codes)
}

// The comparison finds whatever is made to differ: a presence that was not sent, or said something else; a leaf too many or too few; a
// participant, an entry of a list, a reason or the order changed.
func TestAgreementCanFail(t *testing.T) {
	presence := func(wrong func(*xmpp.Stanza) bool) func(*agreeWalk) {
		return func(w *agreeWalk) {
			lost := false
			w.watch.drop = func(_ xmpp.JID, st *xmpp.Stanza) bool {
				if lost || !wrong(st) {
					return false
				}
				lost = true
				return true
			}
		}
	}
	for what, wrong := range map[string]func(*agreeWalk){
		"an unavailable presence that one device did not get": presence(func(st *xmpp.Stanza) bool { return st.Type == xmpp.TypeUnavailable }),
		"the presence of a newcomer that one device did not get": presence(func(st *xmpp.Stanza) bool {
			return st.Type == "" && st.From.Resource() == "N3"
		}),
		"the presence of a moderator that one device did not get": presence(func(st *xmpp.Stanza) bool {
			return st.Type == "" && strings.Contains(st.String(), "affiliation='admin'")
		}),
		"sending before writing":                 func(w *agreeWalk) { w.early = true },
		"sending nothing again behind a crash":   func(w *agreeWalk) { w.forgets = true },
		"the ban of a domain that nobody obeyed": func(w *agreeWalk) { w.reasons[xmpp.MustParseJID("c.example")] = "spam" },
	} {
		found := false
		for seed := uint64(0); seed < agreeSeeds && !found; seed++ {
			w := newAgreeWalk(t, seed)
			wrong(w)
			for range agreeSteps {
				if err := w.act(); err != nil {
					t.Fatal(err)
				}
				if w.hold || w.room.job != nil || len(w.room.queue) > 0 || w.room.pub.Closing {
					continue
				}
				f, err := w.facts()
				if err != nil {
					t.Fatal(err)
				}
				w.noteReasons(f)
				if found = w.watch.agrees(f, w.reasons) != nil; found {
					break
				}
			}
		}
		if !found {
			t.Errorf("%s went unnoticed", what)
		}
	}

	b, w := agreeScene(t)
	for what, wrong := range map[string]func(*facts){
		"a leaf of somebody banned":     func(f *facts) { f.leaves[xmpp.MustParseJID("u4@a.example")] = 1 },
		"no leaf of somebody present":   func(f *facts) { delete(f.leaves, xmpp.MustParseJID("u1@a.example")) },
		"a leaf of no participant":      func(f *facts) { f.strangers = []string{"x"} },
		"a role that nobody sees":       func(f *facts) { f.participants[xmpp.MustParseJID("u1@a.example")] = standingOf(roleMemberVisitor) },
		"a participant that is missing": func(f *facts) { delete(f.participants, xmpp.MustParseJID("u1@a.example")) },
		"an absent member off the list": func(f *facts) { f.lists[muc.AffiliationMember] = f.lists[muc.AffiliationMember][:1] },
		"none for outcast":              func(f *facts) { f.lists[muc.AffiliationOutcast][0].Affiliation = muc.AffiliationNone },
		"another reason":                func(f *facts) { f.lists[muc.AffiliationOutcast][0].Reason = "other" },
		"another order":                 func(f *facts) { slices.Reverse(f.lists[muc.AffiliationMember]) },
		"another nick":                  func(f *facts) { f.lists[muc.AffiliationOwner][0].Nick = "other" },
		"a list of roles without one":   func(f *facts) { f.roles[muc.RoleModerator] = nil },
		"no group":                      func(f *facts) { f.exists = false },
		"a ban of a domain off the list": func(f *facts) {
			f.lists[muc.AffiliationOutcast] = slices.DeleteFunc(f.lists[muc.AffiliationOutcast], func(it muc.Item) bool { return it.JID.Local() == "" })
		},
		"somebody whose domain is banned": func(f *facts) {
			j := xmpp.MustParseJID("u5@c.example")
			f.participants[j], f.local[j], f.leaves[j] = standingOf(roleGuest), true, 1
		},
	} {
		f, err := b.facts()
		if err != nil {
			t.Fatal(err)
		}
		reasons := map[xmpp.JID]string{xmpp.MustParseJID("u4@a.example"): "rude", xmpp.MustParseJID("c.example"): "spam"}
		if err := w.agrees(f, reasons); err != nil {
			t.Fatal(err)
		}
		wrong(f)
		if err := w.agrees(f, reasons); err == nil {
			t.Errorf("%s went unnoticed", what)
		}
	}
}

// agreeScene is a room with an owner and a member who are present, a member who is not, somebody banned and a banned domain.
func agreeScene(t *testing.T) (*bench, *watcher) {
	b, w := newBench(t), newWatcher(xmpp.MustParseJID(room))
	b.seen = func(bs []xmpp.Broadcast) {
		if err := w.see(bs); err != nil {
			t.Fatal(err)
		}
	}
	owner := func(items string) string {
		return "<iq from='u0@a.example/a' to='" + room + "' type='set' id='a'><query xmlns='" + muc.NSAdmin + "'>" + items + "</query></iq>"
	}
	b.send(t, "<presence from='u0@a.example/a' to='"+room+"/N0'>"+joinX+"</presence><presence from='u1@a.example/a' to='"+room+"/N1'>"+joinX+"</presence>"+
		owner("<item jid='u1@a.example' affiliation='member'/><item jid='u2@a.example' affiliation='member'/><item jid='u4@a.example' affiliation='outcast'><reason>rude</reason></item><item jid='c.example' affiliation='outcast'><reason>spam</reason></item>"))
	return b, w
}
