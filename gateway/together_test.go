package gateway

import (
	"fmt"
	"strings"
	"testing"

	"anteroom/xmpp"
)

// Users of one provider who enter a room of another at once share commits: the first enters by itself, whoever waited meanwhile with the next one. Each
// is an occupant on both sides.
func TestEnterTogether(t *testing.T) {
	inPair(t, func(p *pair) {
		const n, roomA, roomB = 200, "garden@rooms.a.example", "garden%a.example@rooms.b.example"
		p.send(enter("juliet@a.example/balcony", roomA+"/Juliet"))
		before := epochs(p.bench.logs.String())
		for i := range n {
			st, err := xmpp.ParseStanzaXML([]byte(enter(fmt.Sprintf("u%d@b.example/x", i), fmt.Sprintf("%s/U%d", roomB, i))))
			if err != nil {
				t.Fatal(err)
			}
			if e := p.b.g.Deliver(&st); e != nil {
				t.Fatal(e)
			}
		}
		p.settle()
		if got := epochs(p.bench.logs.String()) - before; got > 3 {
			t.Errorf("%d commits let %d users in", got, n)
		}
		for _, i := range []int{0, 1, n / 2, n - 1} {
			user, nick := fmt.Sprintf("u%d@b.example/x", i), fmt.Sprintf("U%d", i)
			p.want("self-presence", user, "from='"+roomB+"/"+nick+"'", "code='110'")
			p.want("at the hub", "juliet@a.example/balcony", "from='"+roomA+"/"+nick+"'", "role='participant'")
		}
		p.send(strings.Replace(message(fmt.Sprintf("u%d@b.example/x", n-1), roomB, body("hello")), "type='chat'", "type='groupchat'", 1))
		p.want("a message of the last one", "juliet@a.example/balcony", "<body>hello</body>", fmt.Sprintf("/U%d'", n-1))
		p.want("a message of the last one", "u0@b.example/x", "<body>hello</body>", fmt.Sprintf("/U%d'", n-1))
	})
}

// epochs counts the commits that a room's hub tells of.
func epochs(logs string) int { return strings.Count(logs, "msg=epoch ") }
