package gateway

import (
	"strconv"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Participants of a room elsewhere take key packages of one of our users, who lets everybody have a few, until only the one of last resort is left. It
// survives a restart and lets her in, more than once; a Welcome that she opened makes room for fresh ones (RFC 9420 §10, §16.8; draft-ietf-mimi-protocol-06
// §5.2; draft-mahy-mimi-group-chat, access to KeyPackages).
func TestLastResortIsReplenished(t *testing.T) {
	inPair(t, func(p *pair) {
		const hall, there = "hall@rooms.b.example", "hall%b.example@rooms.a.example"
		target, room := mimi.MustURI("mimi://a.example/u/juliet"), mimi.MustURI("mimi://b.example/r/hall")
		ask := func(requester string) (mimi.KeyMaterialCode, *mls.KeyPackage) {
			t.Helper()
			signer, err := mls.NewSigner(1, mls.Seed{7})
			if err != nil {
				t.Fatal(err)
			}
			q := &mimi.KeyMaterialRequest{Requester: mimi.MustURI("mimi://b.example/u/" + requester), Target: target, Room: room, Suites: []mls.CipherSuite{1},
				Required: mimi.RequiredCapabilities(), Credential: mimi.BasicCredential(mimi.MustURI("mimi://b.example/d/" + requester + "/x"))}
			if err := q.Sign(signer); err != nil {
				t.Fatal(err)
			}
			status, body := p.g.KeyMaterial(p.t.Context(), "b.example", target, wire.Marshal(q))
			var a mimi.KeyMaterialResponse
			if status != 200 || wire.Unmarshal(body, &a) != nil {
				t.Fatalf("%s asks: %d %s", requester, status, body)
			}
			p.settle()
			if a.Code != mimi.KeyMaterialSuccess || len(a.Clients) != 1 {
				return a.Code, nil
			}
			return a.Code, a.Clients[0].KeyPackage
		}
		p.send(enter(romeoB, hall+"/Romeo"))
		p.send("<message xmlns='jabber:client' from='" + juliet + "' to='rooms.a.example' type='chat'><body>others few</body></message>")
		given := map[string]bool{}
		lastResort := func(kp *mls.KeyPackage) bool { return len(kp.Extensions) > 0 }
		var last *mls.KeyPackage
		for round := range 3 {
			for n := 0; ; n++ {
				if n > 8 {
					t.Fatalf("round %d: there is no end to fresh key packages", round)
				}
				code, kp := ask("guest" + strconv.Itoa(100*round+n))
				if code != mimi.KeyMaterialSuccess {
					t.Fatalf("round %d: request %d is answered %d", round, n, code)
				}
				if lastResort(kp) {
					if last != nil && string(last.InitKey) != string(kp.InitKey) {
						t.Errorf("round %d: there are two of last resort", round)
					}
					last = kp
					break
				}
				if given[string(kp.InitKey)] {
					t.Fatalf("round %d: key package %d was given before", round, n)
				}
				given[string(kp.InitKey)] = true
			}
			if _, kp := ask("late" + strconv.Itoa(round)); kp == nil || string(kp.InitKey) != string(last.InitKey) {
				t.Errorf("round %d: the next gets %+v", round, kp)
			}
			if round == 0 {
				for range 2 {
					ask("greedy")
				}
				if code, _ := ask("greedy"); code != mimi.KeyMaterialNoConsent {
					t.Errorf("a third one for the same requester, without consent: code %d", code)
				}
				p.bench.stop()
				p.bench.start()
			}
			p.send("<message xmlns='jabber:client' from='" + romeoB + "' to='" + hall + "' id='i" + strconv.Itoa(round) + "'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='u%juliet%a.example@rooms.b.example'/></x></message>")
			p.send(enter(juliet, there+"/Juliet"))
			p.want("she is in", juliet, "code='110'")
			text := "round " + strconv.Itoa(round)
			p.send("<message xmlns='jabber:client' from='" + juliet + "' to='" + there + "' type='groupchat' id='m'>" + body(text) + "</message>")
			p.want("she speaks with the keys of last resort", romeoB, body(text))
			p.send(iq("set", romeoB, hall, "<query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Juliet' role='none'/></query>"))
			p.want("she is out again", juliet, "type='unavailable'", "code='307'")
		}
	})
}
