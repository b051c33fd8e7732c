package mucmap

import (
	"strings"
	"testing"
	"unicode/utf8"

	"anteroom/mimi"
)

// A nick is at most as long as the service says, counted in characters and not in bytes; a longer one is refused at entering, renaming and registering,
// with a text that says so, and whoever asked stays what it is.
func TestNicksAreBounded(t *testing.T) {
	b := newBench(t)
	b.check = true
	cfg := b.svc.cfg
	cfg.Limits.Nick = 10
	b.svc = &Service{cfg}
	b.room = b.svc.New(b.name)
	const fits, long = "ЖЖЖЖЖЖЖЖЖЖ", "ЖЖЖЖЖЖЖЖЖЖЖ"
	register := func(nick string) string {
		return "<iq from='romeo@a.example/x' to='" + room + "' type='set' id='g'><query xmlns='jabber:iq:register'>" + formOf("http://jabber.org/protocol/muc#register", "muc#register_roomnick", nick) + "</query></iq>"
	}
	const why = "this nick is not possible: it is longer than 10 characters"
	wantIn(t, "making a room", b.send(t, "<presence from='juliet@a.example/x' to='"+room+"/"+long+"' id='1'>"+joinX+"</presence>"), "<not-acceptable", why)
	if b.room.Exists() {
		t.Error("the room was made")
	}
	wantIn(t, "juliet", b.send(t, "<presence from='juliet@a.example/x' to='"+room+"/Juliet' id='1'>"+joinX+"</presence>"), "code='110'")
	wantIn(t, "entering", b.send(t, "<presence from='romeo@a.example/x' to='"+room+"/"+long+"' id='2'>"+joinX+"</presence>"), "<not-acceptable", why)
	wantIn(t, "a nick that fits", b.send(t, "<presence from='romeo@a.example/x' to='"+room+"/"+fits+"' id='3'>"+joinX+"</presence>"), "code='110'")
	wantIn(t, "renaming", b.send(t, "<presence from='romeo@a.example/x' to='"+room+"/"+long+"' id='4'/>"), "<not-acceptable", why)
	wantIn(t, "registering", b.send(t, register(long)), "<not-acceptable", why)
	if b.room.pub.here.ByNick(fits) == nil || len(b.room.pub.reserved)+len(b.room.pub.Applicants) != 0 {
		t.Error("something changed")
	}
	if testService(t).cfg.Limits.Nick != DefaultNick {
		t.Error("the default")
	}
}

// Nobody can refuse a nick that was chosen elsewhere: what is too long is cut, what deceives or is reserved for somebody else gives way to the user's name, and that
// to its address (XEP-0045 §14.6).
func TestNicksOfRemoteUsersAreTidied(t *testing.T) {
	long := strings.Repeat("b", DefaultNick+9)
	for why, tt := range map[string]struct{ wants, user, want string }{
		"a good one":               {"Bobby", "rob", "Bobby"},
		"none":                     {"", "rob", "rob"},
		"a long one":               {long, "rob", long[:DefaultNick]},
		"long, of many bytes":      {strings.Repeat("Ж", DefaultNick+1), "rob", strings.Repeat("Ж", DefaultNick)},
		"a blank at the cut":       {strings.Repeat("b", DefaultNick-1) + " c", "rob", strings.Repeat("b", DefaultNick-1)},
		"one that turns":           {"\u202eboB", "rob", "rob"},
		"two directions":           {"Bobש", "rob", "rob"},
		"nothing to be seen":       {"\u2800", "rob", "rob"},
		"a reserved one":           {"Nurse", "rob", "rob"},
		"like a reserved one":      {"Nursе", "rob", "rob"},
		"named as one is reserved": {"Nurse", "nurse", "u%nurse%b.example"},
		"a name that turns":        {"\u202eboB", "%E2%80%AEboB", "u%=e2=80=aebo=42%b.example"},
		"a nick in use":            {"Juliet", "rob", "Juliet (2)"},
	} {
		t.Run(why, func(t *testing.T) {
			b, _ := meet(t)
			b.send(t, adminSet("<item jid='nurse@a.example' affiliation='member'/>"))
			b.send(t, "<iq from='nurse@a.example/x' to='"+room+"' type='set' id='g'><query xmlns='jabber:iq:register'>"+formOf("http://jabber.org/protocol/muc#register", "muc#register_roomnick", "Nurse")+"</query></iq>")
			if len(b.room.pub.reserved) != 1 {
				t.Fatal("nurse has no nick")
			}
			r := newRemote(t, b, "mimi://b.example/d/"+tt.user+"/other")
			if a := r.join(tt.wants); a.Code != mimi.UpdateSuccess {
				t.Fatalf("%+v", a)
			}
			o := b.room.pub.occupant(r.client.ClientUser())
			if o == nil || o.Nick != tt.want {
				t.Errorf("is shown as %+v, want %q", o, tt.want)
			}
			if o != nil && utf8.RuneCountInString(o.Nick) > DefaultNick {
				t.Error("too long")
			}
		})
	}
}
