package mucmap

import (
	"fmt"
	"testing"

	"anteroom/mimi"
)

// The answer to a message of somebody elsewhere comes behind what the room owed its provider before (docs/decisions/167-answers-in-turn.md). No other answer waits
// for that: epochs have their order.
func TestAnswersToMessagesComeInTurn(t *testing.T) {
	b, bob := meet(t)
	inTurn := func(what string, want bool) {
		t.Helper()
		if got := b.reply[fmt.Sprintf("b.example %d", bob.n)].InTurn; got != want {
			t.Errorf("%s is answered in turn: %v", what, got)
		}
	}
	if a := bob.say("Hello", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Fatalf("refused: %+v", a)
	}
	inTurn("a message", true)
	bob.groupInfo(bob.keyPackage("Bob"))
	inTurn("a question for the group", false)
	if a := bob.updates(); a.Code != mimi.UpdateSuccess {
		t.Fatalf("refused: %+v", a)
	}
	inTurn("a proposal", false)
}
