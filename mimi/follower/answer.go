package follower

import (
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Answer goes on with the hub's answer to the request on the way: the HTTP status and body. Do not call it for a status that asks for
// a repetition (429, 5xx) or without an answer: send the request again as it is.
func (r *Room) Answer(now time.Time, seed mls.Seed, status int, body []byte) Output {
	t := r.turn(now, seed)
	f := r.flight
	if f == nil {
		return t.done()
	}
	t.r.flight = nil
	if status != 200 && status != 201 {
		text := string(body)
		if len(text) > mimi.MaxErrorText {
			text = text[:mimi.MaxErrorText]
		}
		t.refuseHead(Refused{Endpoint: f.endpoint, Status: status, Text: text})
		t.start()
		return t.done()
	}
	switch f.kind {
	case flightGroupInfo:
		next, refused := t.groupInfo(f, body)
		if refused != nil {
			t.refuseHead(*refused)
			break
		}
		t.r.flight = next
	case flightCommit, flightProposals:
		t.updateAnswer(f, body)
	case flightMessage:
		t.submitAnswer(f, body)
	}
	t.start()
	return t.done()
}

func (t *turn) updateAnswer(f *flight, body []byte) {
	var response mimi.UpdateResponse
	if err := wire.Unmarshal(body, &response); err != nil {
		t.refuseHead(Refused{Endpoint: f.endpoint, Text: fmt.Sprintf("the hub's answer: %v", err)})
		return
	}
	switch response.Code {
	case mimi.UpdateSuccess:
		t.accepted(f, response.AcceptedAt)
	case mimi.UpdateWrongEpoch:
		t.r.waitFor = response.Epoch // the wish stays first and is built anew
	case mimi.UpdateInvalidProposal:
		t.refuseHead(Refused{Endpoint: f.endpoint, Code: uint8(response.Code), Text: response.Text})
	default:
		t.refuseHead(Refused{Endpoint: f.endpoint, Code: uint8(response.Code), Text: response.Text})
	}
}

func (t *turn) submitAnswer(f *flight, body []byte) {
	var response mimi.SubmitMessageResponse
	if err := wire.Unmarshal(body, &response); err != nil {
		t.refuseHead(Refused{Endpoint: f.endpoint, Text: fmt.Sprintf("the hub's answer: %v", err)})
		return
	}
	switch response.Code {
	case mimi.SubmitAccepted:
		t.tell(Sent{t.r.queue[0].wish, t.r.group.Public().Epoch(), response.AcceptedAt})
		t.r.queue = t.r.queue[1:]
	case mimi.SubmitEpochTooOld:
		t.r.waitFor = response.Epoch
	default:
		t.refuseHead(Refused{Endpoint: f.endpoint, Code: uint8(response.Code), Text: "the hub does not let this user send"})
	}
}

// accepted takes up our own commit or proposals.
func (t *turn) accepted(f *flight, at uint64) {
	client := t.r.queue[0].wish.Client
	join := t.r.queue[0].wish.Kind == Join
	if f.whole {
		t.r.queue = t.r.queue[1:]
	}
	if f.kind == flightProposals {
		n := 0
		if t.r.group != nil {
			n = len(t.r.group.Public().Pending())
		}
		t.r.group = f.staged
		t.r.leaving = append(t.r.leaving, client)
		t.tell(Proposed{f.staged.Public().Pending()[n:], at})
		return
	}
	before, effects := t.r.state, f.effects
	if effects == nil && t.r.member { // after a restart
		var m mls.Message
		if err := wire.Unmarshal(f.commit, &m); err == nil {
			effects, _ = t.r.group.Public().StageCommit(&m)
		}
	}
	state, err := policy.StateOf(f.staged.Public())
	if err != nil {
		t.breakDown("our own commit: %v", err)
		return
	}
	if before == nil && effects != nil || !t.r.member && effects != nil {
		if before, err = policy.StateOf(effects.Before); err != nil {
			before = nil
		}
	}
	t.r.group, t.r.state, t.r.member, t.r.waitFor = f.staged, state, true, 0
	if join {
		leaf, _ := t.r.Leaf(client)
		t.tell(Joined{client, leaf, f.staged.Public().Epoch()})
	}
	if effects != nil {
		t.tell(Epoch{effects, before, state, at})
	}
	t.afterEpoch()
}

// afterEpoch proposes a leave again that an external commit has made void.
func (t *turn) afterEpoch() {
	t.r.leaving = slices.DeleteFunc(t.r.leaving, func(client mimi.URI) bool {
		if _, still := t.r.Leaf(client); still && len(t.r.queue) < MaxQueue {
			t.r.queue = append(t.r.queue, queued{wish: Wish{Kind: Leave, Client: client}})
		}
		return true
	})
}
