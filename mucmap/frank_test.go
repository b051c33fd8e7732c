package mucmap

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// A reported message is proved by our stamp for just this content, sender, room and time (draft-ietf-mimi-protocol-06 §5.9), and kept with a message only
// if its sender committed to it as itself.
func TestJudge(t *testing.T) {
	svc := testService(t)
	garden := mimi.MustURI("mimi://a.example/r/garden")
	st, err := stanzas("<message to='garden@rooms.a.example' type='groupchat'><body>pills</body></message>")
	if err != nil {
		t.Fatal(err)
	}
	encode := func(sender, room mimi.URI) []byte {
		b, err := content.FromXMPP(st[0], [16]byte{1}, sender, room, content.References{}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	stamped := func(data []byte, sender mimi.URI) *mimi.AbusiveMessage {
		tag, _, err := frankingTag(data)
		if err != nil {
			t.Fatal(err)
		}
		f, err := mimi.NewFrank(svc.frankKey(), svc.cfg.Hub, tag, &mimi.FrankingContext{Sender: sender, Room: garden, AcceptedAt: 7})
		if err != nil {
			t.Fatal(err)
		}
		return &mimi.AbusiveMessage{Content: data, Frank: *f, AcceptedAt: 7}
	}
	data := encode(bobURI, garden)
	for _, test := range []struct {
		why    string
		room   mimi.URI
		abuser mimi.URI
		change func(*mimi.AbusiveMessage)
		proved bool
	}{
		{"as it was", garden, bobURI, func(*mimi.AbusiveMessage) {}, true},
		{"somebody else", garden, julietURI, func(*mimi.AbusiveMessage) {}, false},
		{"another room", atBob, bobURI, func(*mimi.AbusiveMessage) {}, false},
		{"another time", garden, bobURI, func(m *mimi.AbusiveMessage) { m.AcceptedAt++ }, false},
		{"other words", garden, bobURI, func(m *mimi.AbusiveMessage) { m.Content = append(m.Content[:len(m.Content):len(m.Content)], 0) }, false},
		{"another stamp", garden, bobURI, func(m *mimi.AbusiveMessage) { m.Frank.ServerFrank[3] ^= 1 }, false},
		{"another signature", garden, bobURI, func(m *mimi.AbusiveMessage) { m.Frank.Signature = make([]byte, 64) }, false},
		{"words of another sender under its stamp", garden, bobURI, func(m *mimi.AbusiveMessage) { *m = *stamped(encode(julietURI, garden), bobURI) }, false},
		{"words for another room under its stamp", garden, bobURI, func(m *mimi.AbusiveMessage) { *m = *stamped(encode(bobURI, atBob), bobURI) }, false},
	} {
		m := stamped(data, bobURI)
		test.change(m)
		v := svc.Judge(test.room, test.abuser, m)
		if v.Proved != test.proved || (v.Why == "") != test.proved || test.proved && v.Text != "pills" {
			t.Errorf("%s: %+v", test.why, v)
		}
	}

	r := svc.New("garden")
	tag, _, _ := frankingTag(data)
	frank := &stamped(data, bobURI).Frank
	for why, test := range map[string]struct {
		sender mimi.URI
		m      mls.ApplicationMessage
		frank  *mimi.Frank
		kept   bool
	}{
		"all":                    {bobURI, mls.ApplicationMessage{Data: data, AuthenticatedData: mimi.FrankingAAD(tag)}, frank, true},
		"no stamp":               {bobURI, mls.ApplicationMessage{Data: data, AuthenticatedData: mimi.FrankingAAD(tag)}, nil, false},
		"no commitment":          {bobURI, mls.ApplicationMessage{Data: data, AuthenticatedData: emptyAAD}, frank, false},
		"commitment to another":  {bobURI, mls.ApplicationMessage{Data: data, AuthenticatedData: mimi.FrankingAAD([32]byte{})}, frank, false},
		"in the name of another": {julietURI, mls.ApplicationMessage{Data: data, AuthenticatedData: mimi.FrankingAAD(tag)}, frank, false},
		"no content":             {bobURI, mls.ApplicationMessage{Data: []byte("x"), AuthenticatedData: mimi.FrankingAAD(tag)}, frank, false},
	} {
		proof := r.proofOf(test.sender, &test.m, test.frank, 7)
		if (proof != nil) != test.kept {
			t.Errorf("%s: kept %t", why, proof != nil)
		}
		var m mimi.AbusiveMessage
		if test.kept && (wire.Unmarshal(proof, &m) != nil || !svc.Judge(garden, bobURI, &m).Proved) {
			t.Errorf("%s: what is kept is no proof", why)
		}
	}
}
