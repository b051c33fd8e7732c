package follower

import (
	"bytes"
	"fmt"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// A client whose removal is proposed can neither commit nor send (RFC 9420 §12.2, §12.4). If the commit that removed it was lost, nothing else will ever come, and
// only the hub knows: what the client wants next becomes a question for the GroupInfo, of which no more than the epoch is used.

// onTheWayOut says that a pending proposal removes the member at a leaf.
func (r *Room) onTheWayOut(leaf mls.LeafIndex) bool {
	for _, p := range r.group.Public().Pending() {
		switch x := p.Proposal.(type) {
		case mls.Remove:
			if x.Removed == leaf {
				return true
			}
		case *mls.Remove:
			if x.Removed == leaf {
				return true
			}
		case mls.SelfRemove, *mls.SelfRemove:
			if p.Sender.Type == mls.SenderMember && p.Sender.Leaf == leaf {
				return true
			}
		}
	}
	return false
}

func (t *turn) buildProbe(w *Wish) (*flight, error) {
	joiner, err := t.r.options.Member(t.fresh("member"), t.r.suite(), w.Client, t.now)
	if err != nil {
		return nil, err
	}
	f, err := t.askGroupInfo(joiner, nil)
	if err != nil {
		return nil, err
	}
	f.probe = true
	return f, nil
}

// probed takes the hub's answer: where it has moved on, or lets the client in no more, the room waits for the commit, and is entered anew if that does not come.
func (t *turn) probed(f *flight, body []byte) {
	refuse := func(text string) { t.refuseHead(Refused{Endpoint: f.endpoint, Text: text}) }
	var response mimi.GroupInfoResponse
	if err := wire.Unmarshal(body, &response); err != nil {
		refuse(fmt.Sprintf("the hub's answer: %v", err))
		return
	}
	if response.Code != mimi.GroupInfoSuccess { // the commit was made, or will be; the wish stays first
		t.r.waitFor = t.r.group.Public().Epoch() + 1
		return
	}
	answer, err := t.openGroupInfo(f, &response)
	switch {
	case err != nil:
		refuse(fmt.Sprintf("the hub's answer: %v", err))
	case !bytes.Equal(answer.GroupInfo.Context.GroupID, t.r.group.Public().GroupID()): // we have missed that ours ended
		t.r.waitFor = t.r.group.Public().Epoch() + 1
	case answer.GroupInfo.Context.Epoch > t.r.group.Public().Epoch():
		t.r.waitFor = answer.GroupInfo.Context.Epoch // the wish stays first and is built anew
	default:
		refuse("this user is being removed")
	}
}
