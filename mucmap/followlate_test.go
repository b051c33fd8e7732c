package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// What somebody said before it was put out is shown where it comes later, under its nick, and under nobody else's who has that one by now.
func TestLateWordsOfWhoIsOut(t *testing.T) {
	for _, taken := range []bool{false, true} {
		hub, bob := meet(t)
		hub.send(t, adminSet("<item jid='u%bob%b.example@rooms.a.example' affiliation='admin'/>"))
		bob.catchUp()
		there := elsewhere(t, hub.now)
		const nurse = "mimi://c.example/u/nurse"
		_, a := there.material(t, "a.example", bob.keyRequest(bob.keyPackage("Bob"), nurse, nil))
		hub.relay(t, "c.example", wire.Marshal(a))
		list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurse), Role: roleMember}}}
		staged, err := bob.group.Commit(hub.seed(), bob.group.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
			mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}, mls.Add{KeyPackage: *a.Clients[0].KeyPackage}}})
		if err != nil {
			t.Fatal(err)
		}
		if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateSuccess {
			t.Fatalf("the hub says %+v", a)
		}
		told := 0 // how much of the outbox was looked at
		var waits [][]byte
		look := func() {
			for ; told < len(hub.disk.outbox); told++ {
				if d := hub.disk.outbox[told]; d.Provider == "c.example" {
					waits = append(waits, d.Body)
				}
			}
		}
		bring := func() string {
			there.out.Reset()
			for _, body := range waits {
				if err := there.step(Request{ID: "n", Provider: "a.example", Kind: RequestNotify, Body: body}); err != nil {
					t.Fatal(err)
				}
			}
			waits = nil
			return there.out.String()
		}
		look()
		bring()
		wantIn(t, "nurse enters", there.send(t, "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='1'>"+joinX+"</presence>"), "Romeo", "code='110'")

		hub.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Farewell</body></message>")
		look()
		late := waits
		waits = nil
		hub.send(t, adminSet("<item nick='Romeo' role='none'/>"))
		if taken {
			hub.send(t, "<presence from='paris@a.example/x' to='"+room+"/Romeo' id='2'>"+joinX+"</presence>")
		}
		look()
		wantIn(t, "romeo is out", bring(), "code='307'")
		if there.room.pub.members[hub.listed("romeo")] != nil {
			t.Fatal("romeo is still listed")
		}
		waits = late
		out, from := bring(), "/Romeo'"
		if taken {
			from = "/Romeo (2)'"
		}
		wantIn(t, "what he said", out, "<body>Farewell</body>", from)
		if n := strings.Count(out, "<body>"); n != 1 {
			t.Errorf("%d messages", n)
		}
	}
}
