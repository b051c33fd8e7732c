package follower

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Answer goes on with the hub's answer to a request: the HTTP status and body. Do not call it for a status that asks for a repetition
// (429, 5xx) or without an answer: send the request again as it is. An answer to a request that is no longer on the way, because notify
// told its outcome first, has no effect.
func (r *Room) Answer(now time.Time, seed mls.Seed, request *Request, status int, body []byte) Output {
	t := r.turn(now, seed)
	f := r.flight
	if f == nil || f.endpoint != request.Endpoint || !bytes.Equal(f.body, request.Body) {
		return t.done()
	}
	t.r.flight = nil
	if f.kind == flightGroupInfo && !f.probe && r.resyncing() && !r.Behind() {
		t.start() // what was missing has come: the wish is built anew, for it may be one of several clients that are still to come back
		return t.done()
	}
	if status != 200 && status != 201 {
		text := string(body)
		if len(text) > mimi.MaxErrorText {
			text = text[:mimi.MaxErrorText]
		}
		if f.together && status != 404 && status != 410 {
			t.apart()
		} else {
			t.refuseHead(Refused{Endpoint: f.endpoint, Status: status, Text: text})
		}
		t.start()
		return t.done()
	}
	switch f.kind {
	case flightGroupInfo:
		if f.probe {
			t.probed(f, body)
			break
		}
		next, refused := t.groupInfo(f, body)
		if refused != nil {
			t.refuseHead(*refused)
			break
		}
		t.depart(next)
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
		t.outdated(f, response.Epoch)
		if f.kind == flightCommit {
			t.stepAside()
		}
	case mimi.UpdateInvalidProposal:
		if missing := t.unknown(response.Invalid); f.kind == flightCommit && t.r.member && len(missing) > 0 {
			t.r.missing = missing // the hub holds proposals that our commit left out; the wish stays first and is built anew
			return
		}
		t.updateRefused(f, &response)
	default:
		t.updateRefused(f, &response)
	}
}

// updateRefused gives the first wish up; or those that go together, of whom one may be the reason, go one by one.
func (t *turn) updateRefused(f *flight, response *mimi.UpdateResponse) {
	if f.together {
		t.apart()
		return
	}
	t.refuseHead(Refused{Endpoint: f.endpoint, Code: uint8(response.Code), Text: response.Text})
}

// outdated lets the first wish be built anew in the hub's epoch.
func (t *turn) outdated(f *flight, epoch mls.Epoch) {
	if !f.former {
		t.r.waitFor = epoch
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
		t.tell(Sent{*t.r.queue[0].wish, t.r.group.Public().Epoch(), response.AcceptedAt})
		t.r.queue = t.r.queue[1:]
	case mimi.SubmitEpochTooOld:
		t.outdated(f, response.Epoch)
	default:
		t.refuseHead(Refused{Endpoint: f.endpoint, Code: uint8(response.Code), Text: "the hub does not let this user send"})
	}
}

// accepted takes up our own commit or proposals.
func (t *turn) accepted(f *flight, at uint64) {
	wish := *t.r.queue[0].wish
	client, join, added := wish.Client, wish.Kind == Join || wish.Kind == adopt, wish.Kind == adopt
	var in map[mimi.URI]bool
	if f.whole {
		t.r.queue = t.r.queue[1:]
		defer func() {
			if t.r.broken == "" && !wish.Kind.own() {
				t.tell(Done{wish})
				t.fulfilled(in)
			}
		}()
	}
	if f.kind == flightProposals {
		t.proposed(f, &wish, at)
		return
	}
	if wish.Kind == resync && f.anew {
		state, err := f.stateAfter()
		if err != nil {
			t.breakDown("our own commit: %v", err)
			return
		}
		t.returned(f, client, state, at)
		return
	}
	before, held, effects := t.r.state, t.r.group, f.effects
	if effects == nil && t.r.member { // after a restart
		var m mls.Message
		if err := wire.Unmarshal(f.commit, &m); err == nil {
			effects, _ = t.r.group.Public().StageCommit(&m)
		}
	}
	state, err := f.stateAfter()
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
	t.r.missing = nil
	switch {
	case f.together:
		in = t.entered(held)
	case join:
		leaf, _ := t.r.Leaf(client)
		t.tell(Joined{client, leaf, f.staged.Public().Epoch(), added})
	}
	if f.anew {
		t.r.queue = append(t.r.queue, t.strays()...)
	}
	if effects != nil {
		t.tell(Epoch{effects, before, state, at})
	}
	t.afterEpoch()
}

// stateAfter is the policy behind our own commit.
func (f *flight) stateAfter() (*policy.State, error) {
	if f.after != nil {
		return f.after, nil
	}
	return policy.StateOf(f.staged.Public())
}

// proposed takes up our own leave, unless a commit has overtaken the answer.
func (t *turn) proposed(f *flight, w *Wish, at uint64) {
	var request mimi.UpdateRequest
	if err := wire.Unmarshal(f.body, &request); err != nil {
		t.breakDown("our own proposals: %v", err)
		return
	}
	if w.Kind == Leave {
		t.r.leaving = append(t.r.leaving, w.Client)
	}
	if !t.r.member || f.former || request.Message.Public.Content.Epoch != t.r.group.Public().Epoch() {
		t.afterEpoch()
		return
	}
	group := t.r.group
	var bundle []mls.PendingProposal
	for _, m := range request.Proposals() {
		next, pending, err := group.AddProposal(m)
		if err != nil {
			t.breakDown("our own proposals: %v", err)
			return
		}
		group = next
		bundle = append(bundle, *pending)
	}
	t.r.group = group
	t.tell(Proposed{bundle, group.Public(), t.r.state, at})
}

// unknown returns the references that our group does not hold.
func (t *turn) unknown(refs []mls.ProposalRef) [][]byte {
	var list [][]byte
	if !t.r.member {
		return nil
	}
	pending := t.r.group.Public().Pending()
	for _, ref := range refs {
		if !slices.ContainsFunc(pending, func(p mls.PendingProposal) bool { return bytes.Equal(p.Ref, ref) }) {
			list = append(list, ref)
		}
	}
	return list
}

// afterEpoch proposes a leave again that an external commit has made void.
func (t *turn) afterEpoch() {
	t.r.missing = nil
	t.forgetFormer()
	t.r.leaving = slices.DeleteFunc(t.r.leaving, func(client mimi.URI) bool {
		if _, still := t.r.Leaf(client); still && len(t.r.queue) < MaxQueue {
			t.queue(Wish{Kind: Leave, Client: client})
		}
		return true
	})
}
