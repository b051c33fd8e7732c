package follower

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var (
	// ErrAhead says that a notify body belongs to an epoch that we have not reached and that no more such bodies can be kept. The hub shall
	// try again: HTTP status 503.
	ErrAhead = errors.New("follower: message of a later epoch")
	// ErrNotHub says that a notify did not come from the room's hub: HTTP status 403.
	ErrNotHub = errors.New("follower: only the room's hub may notify")
	// ErrMalformed says that a notify body could not be read: HTTP status 400.
	ErrMalformed = errors.New("follower: malformed notify")
	// ErrNoRoom says that no client of ours is or was a member and the body lets none in: HTTP status 404.
	ErrNoRoom = errors.New("follower: not a member of this room")
)

// Notify applies a body that provider from posted to notify. A message that was applied before, in whatever body, has no effect and no
// error. With an error nothing has changed.
func (r *Room) Notify(now time.Time, seed mls.Seed, from string, body []byte) (Output, error) {
	if from != r.Hub() {
		return Output{Next: r}, ErrNotHub
	}
	messages, encoded, err := mimi.SplitFanout(body)
	if err != nil {
		return Output{Next: r}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	t := r.turn(now, seed)
	fresh := 0
	for i, m := range messages {
		if t.r.broken != "" {
			break
		}
		sum := digest(encoded[i])
		if _, known := t.r.seen.Find(sum); known {
			continue
		}
		fresh++
		t.r.seen = t.r.seen.With(MaxSeen, sum)
		err := t.apply(m)
		if errors.Is(err, ErrAhead) {
			if err = t.keep(m); err != nil && !t.r.member && !t.joining() {
				t.tell(Dropped{"a message before the Welcome: too many were kept"})
				err = nil
			}
		}
		if err != nil {
			return Output{Next: r}, err
		}
	}
	if fresh == 0 {
		return Output{Next: r}, nil
	}
	t.start()
	return t.done(), nil
}

func (t *turn) apply(m *mimi.FanoutMessage) error {
	switch {
	case t.belated(m):
		return nil
	case m.Message.Welcome != nil:
		return t.welcome(m)
	case t.r.group == nil:
		if t.joining() || t.r.options.Invited {
			return ErrAhead // our own join was accepted and its answer is on the way, or a Welcome was overtaken
		}
		return ErrNoRoom
	case m.Message.Public != nil:
		return t.handshake(m)
	case m.Message.Private != nil:
		return t.message(m)
	}
	t.tell(Dropped{"a message that is neither handshake, application message nor Welcome"})
	return nil
}

// epoch decides whether a message of the group is to be looked at now. ErrAhead: not yet.
func (t *turn) epoch(groupID []byte, epoch mls.Epoch) (now bool, err error) {
	if !t.r.member {
		if t.joining() || t.r.options.Invited {
			return false, ErrAhead
		}
		t.tell(Dropped{fmt.Sprintf("a message of epoch %d, after our removal", epoch)})
		return false, nil
	}
	pg := t.r.group.Public()
	if !bytes.Equal(groupID, pg.GroupID()) {
		if t.r.follows(groupID) || t.r.unheardOf(groupID) {
			return false, ErrAhead
		}
		t.tell(Dropped{"a message of another group"})
		return false, nil
	}
	if epoch > pg.Epoch() || epoch == pg.Epoch() && t.r.lost != "" {
		return false, ErrAhead
	}
	return true, nil
}

func (t *turn) handshake(m *mimi.FanoutMessage) error {
	content := &m.Message.Public.Content
	ok, err := t.epoch(content.GroupID, content.Epoch)
	if !ok {
		return err
	}
	if content.Epoch < t.r.group.Public().Epoch() {
		return nil // ours, or known: the hub may tell twice
	}
	if sender := content.Sender; sender.Type == mls.SenderMember && t.impersonates(sender.Leaf) {
		t.breakDown("the hub accepted a handshake in the name of a client of ours, which did not send it")
		return nil
	}
	switch content.ContentType {
	case mls.ContentCommit:
		return t.commit(m)
	case mls.ContentProposal:
		t.proposals(append([]*mls.Message{m.Message}, m.More...), m.Timestamp)
	default:
		t.tell(Dropped{"application data in a PublicMessage"})
	}
	return nil
}

// impersonates says that the member at a leaf has the name of a client of our provider and keys that we do not have: whoever added it made it
// up. It can sign nothing that a hub may pass on, since our clients speak through us.
func (t *turn) impersonates(i mls.LeafIndex) bool {
	if t.r.options.Provider == "" || t.r.group.IsLocal(i) {
		return false
	}
	node, ok := t.r.group.Public().Leaf(i)
	if !ok {
		return false
	}
	client, err := mimi.CredentialClient(node.Credential)
	return err == nil && client.Provider() == t.r.options.Provider
}

// MaxLateness is how long ago a hub can have accepted what reaches us now.
const MaxLateness = 7 * 24 * time.Hour

// acceptedAt is when the hub accepted a handshake, in seconds since 1970, which decides whether its key packages and certificates are valid:
// they were good then, and may be over when we come back from being away. A hub is not believed about the future, nor about long ago.
func (t *turn) acceptedAt(milliseconds uint64) uint64 {
	earliest, now := max(t.now.Add(-MaxLateness).Unix(), 0), uint64(t.now.Unix())
	return min(max(milliseconds/1000, uint64(earliest)), now)
}

func (t *turn) commit(m *mimi.FanoutMessage) error {
	if f := t.r.flight; f != nil && f.kind == flightCommit && t.r.member && bytes.Equal(f.commit, wire.Marshal(m.Message)) {
		t.r.flight, t.out.Request = nil, nil // our own, told before the answer came
		t.accepted(f, m.Timestamp)
		return nil
	}
	if t.commitsOurs(m.Message) {
		f := t.r.flight
		t.r.flight, t.out.Request = nil, nil
		t.accepted(f, m.Timestamp)
	}
	if !t.complete(m.Message) {
		return ErrAhead // it has overtaken proposals
	}
	staged, err := t.r.group.WithNow(t.acceptedAt(m.Timestamp)).StageCommit(m.Message)
	if err != nil {
		t.loseTouch("a commit of epoch %d cannot be applied: %v", m.Message.Public.Content.Epoch, err)
		return nil
	}
	after, err := policy.AuthorizeCommit(t.r.state, staged.Effects, policy.Options{JoinCode: trustHubJoinCode})
	if err == nil {
		err = policy.AuthorizeReInit(staged.Effects.Before, staged.Effects.After.ReInit())
	}
	if err != nil {
		t.breakDown("the hub accepted a commit that policy forbids: %v", err)
		return nil
	}
	before := t.r.state
	if staged.Group == nil || len(staged.Group.Local()) == 0 {
		t.r.member, t.r.waitFor, t.r.missing, t.r.leaving = false, 0, nil, nil
		t.tell(Epoch{staged.Effects, before, after, m.Timestamp})
		t.tell(Removed{m.Timestamp})
		return nil
	}
	t.r.group, t.r.state = staged.Group, after
	t.tell(Epoch{staged.Effects, before, after, m.Timestamp})
	t.afterEpoch()
	if len(m.More) > 0 {
		t.proposals(m.More, m.Timestamp)
	}
	return nil
}

// loseTouch notes that the group value cannot go on.
func (t *turn) loseTouch(format string, args ...any) {
	t.r.lost = fmt.Sprintf(format, args...)
	t.tell(Lost{t.r.lost})
}

// commitsOurs says whether a commit contains proposals of ours whose acceptance we have not heard of yet.
func (t *turn) commitsOurs(m *mls.Message) bool {
	f := t.r.flight
	if f == nil || f.kind != flightProposals || m.Public.Content.Commit == nil {
		return false
	}
	var request mimi.UpdateRequest
	if wire.Unmarshal(f.body, &request) != nil {
		return false
	}
	group := t.r.group
	for _, own := range request.Proposals() {
		next, pending, err := group.AddProposal(own)
		if err != nil {
			return false
		}
		group = next
		for _, p := range m.Public.Content.Commit.Proposals {
			if p.Proposal == nil && bytes.Equal(p.Ref, pending.Ref) {
				return true
			}
		}
	}
	return false
}

func (t *turn) proposals(messages []*mls.Message, at uint64) {
	group := t.r.group.WithNow(t.acceptedAt(at))
	var bundle []mls.PendingProposal
	for _, m := range messages {
		next, pending, err := group.AddProposal(m)
		if err != nil {
			t.loseTouch("a proposal cannot be taken up: %v", err)
			return
		}
		if slices.ContainsFunc(t.r.group.Public().Pending(), func(p mls.PendingProposal) bool { return bytes.Equal(p.Ref, pending.Ref) }) {
			continue // our own
		}
		group = next
		bundle = append(bundle, *pending)
	}
	if len(bundle) == 0 {
		return
	}
	if err := policy.AuthorizeProposals(t.r.state, group.Public(), bundle, policy.Options{JoinCode: trustHubJoinCode}); err != nil {
		t.breakDown("the hub accepted a proposal that policy forbids: %v", err)
		return
	}
	t.r.group = group
	t.tell(Proposed{bundle, group.Public(), t.r.state, at})
}

func (t *turn) message(m *mimi.FanoutMessage) error {
	if f := t.r.former; f != nil && bytes.Equal(m.Message.Private.GroupID, f.Public().GroupID()) {
		t.late(m)
		return nil
	}
	ok, err := t.epoch(m.Message.Private.GroupID, m.Message.Private.Epoch)
	if !ok {
		return err
	}
	group, message, err := t.r.group.Unprotect(m.Message)
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("a message of epoch %d: %v", m.Message.Private.Epoch, err)})
		return nil
	}
	t.r.group = group
	t.read(m, group, message)
	return nil
}

// read shows a message that a group has decrypted.
func (t *turn) read(m *mimi.FanoutMessage, group *mls.Group, message *mls.ApplicationMessage) {
	client, err := mimi.CredentialClient(message.SenderNode.Credential)
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("a message: %v", err)})
		return
	}
	if r := t.r; r.options.Provider != "" && client.Provider() == r.options.Provider && !group.IsLocal(message.Sender) {
		t.tell(Dropped{fmt.Sprintf("a message in the name of %s, whose leaf is not ours", client)})
		return
	}
	if group == t.r.group && message.Epoch == group.Public().Epoch() {
		if err := policy.AuthorizeSend(t.r.state, client.ClientUser()); err != nil {
			t.tell(Dropped{fmt.Sprintf("a message of %s: %v", client.ClientUser(), err)})
			return
		}
	}
	frank, err := t.frank(group.Public(), m.Frank, &mimi.FrankingContext{Sender: client.ClientUser(), Room: t.r.uri, AcceptedAt: m.Timestamp})
	if err != nil {
		t.tell(Dropped{fmt.Sprintf("the hub's stamp on a message of %s: %v", client.ClientUser(), err)})
	}
	t.tell(Message{message, client.ClientUser(), m.Timestamp, frank})
}
