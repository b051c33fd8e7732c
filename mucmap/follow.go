package mucmap

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/xmpp"
)

// follow is what a Room of another provider has instead of a hub: name%provider@service. Its hub decides; what it accepts becomes the
// same events as in rooms of ours, with the room's roles translated into ours (followrole.go).
type follow struct {
	room    *follower.Room
	stored  *follower.Room    // as the secrets that are stored, or will be with the last Output; nil: nothing
	asked   *follower.Request // the last one that Output.Requests held
	waiting map[uint64]*asker // by Wish.ID

	inviters map[mimi.URI][]mimi.URI  // who asked for the consent of a user of ours, who has not answered yet, in that order
	expected map[mimi.URI]expectation // who wait for a Welcome
	knocked  map[mimi.URI]time.Time   // who asked to be let in, and when: not stored
	adders   map[mimi.URI]mimi.URI    // who added a user of ours, until the Welcome behind the commit
}

// asker is an XMPP user who waits for what the hub says to a wish.
type asker struct {
	st   *xmpp.Stanza
	gone *record       // what a message retracts
	said func(t *turn) // shows a message that is not st itself
	join *join         // of somebody who enters
	done func(t *turn)
	fail func(t *turn, e *xmpp.StanzaError) // nil: st is refused
}

func newFollow(uri mimi.URI) *follow {
	return &follow{room: follower.New(uri, follower.Options{}), waiting: map[uint64]*asker{}, adders: map[mimi.URI]mimi.URI{},
		inviters: map[mimi.URI][]mimi.URI{}, expected: map[mimi.URI]expectation{}, knocked: map[mimi.URI]time.Time{}}
}

// busy says that something is under way with the hub.
func (f *follow) busy() bool { return f != nil && !f.room.Idle() }

// has says that a client of ours has a leaf whose keys are here. A leaf with its name alone is somebody's forgery, or was lost with an earlier
// group: entering puts it out.
func (f *follow) has(client mimi.URI) bool {
	_, ok := f.room.Leaf(client)
	return ok
}

// broken says that the room was given up. It is remembered for a while, so that operators see it and nobody tries at once again.
func (f *follow) broken() bool { return f != nil && f.room.Broken() != "" }

// groupInfoPatience is how long somebody who enters waits for the room's hub. Nothing has taken effect by then.
const groupInfoPatience = 20 * time.Second

// secretFollow begins the names of stored secrets of a room of another provider.
const secretFollow = "follow/"

// loadFollow rebuilds what follows the hub, which must be where the log is.
func (r *Room) loadFollow(secrets map[string][]byte) error {
	parts := behind(secrets, secretFollow)
	if err := r.loadKeys(secrets); err != nil {
		return err
	}
	if err := r.follow.loadAsked(secrets); err != nil {
		return err
	}
	if len(parts) == 0 {
		if r.pub.Exists {
			return errors.New("the room has no group")
		}
		return nil
	}
	room, err := follower.Load(parts, r.svc.followOptions())
	if err != nil {
		return err
	}
	if room.URI() != r.uri {
		return fmt.Errorf("what is stored belongs to %s", room.URI())
	}
	if r.pub.Exists && room.Member() {
		if e := uint64(room.Group().Public().Epoch()); e != r.pub.Epoch {
			return fmt.Errorf("the group is in epoch %d, the log in %d", e, r.pub.Epoch)
		}
	}
	r.follow.room, r.follow.stored = room, room
	return nil
}

// followStep is Step for a room of another provider.
func (t *turn) followStep(in Input) {
	r := t.r
	if r.restored {
		r.restored = false
		t.took(t.following().Resume(t.now, t.derive("resume")))
		t.addConsenting()
	}
	switch in := in.(type) {
	case StanzaIn:
		t.stanza(in.Stanza)
	case Request:
		if in.Kind.ordered() {
			t.order(in)
		} else {
			t.notified(in)
		}
	case Answered:
		if in.Request.ID != "" {
			t.keysAnswered(in)
			break
		}
		request := &follower.Request{Endpoint: mimi.Endpoint(in.Request.Endpoint), Body: in.Request.Body}
		t.took(t.following().Answer(t.now, t.derive("answer"), request, in.Status, in.Body))
	case ArchivePage:
		t.answered(&in)
	case Shutdown:
		t.shutdown()
	case Release:
		t.letGo()
	case Timer:
		if at := r.follow.room.Wake(); !at.IsZero() && !t.now.Before(at) {
			t.took(t.following().Tick(t.now, t.derive("tick")))
		}
	case CommitDone:
	}
	t.followEnd()
}

// following is what follows the hub, with the keys that our users join with.
func (t *turn) following() *follower.Room {
	r := t.r // the room keeps these functions: of a turn nothing may stay behind
	o := r.svc.followOptions()
	o.Member = func(seed mls.Seed, of mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
		return r.svc.keyPackageOf(cmp.Or(of, suite), seed, now, client, r.nickFor(client.ClientUser()))
	}
	o.KeyPackage, o.Invited = r.ownKey, len(r.keys) > 0
	return r.follow.room.WithOptions(o)
}

// followOptions are the options of all rooms of other providers.
func (s *Service) followOptions() follower.Options {
	return follower.Options{Provider: s.cfg.Provider, Authenticate: s.believes(), Credential: s.renewedCredential, GapPatience: s.cfg.Limits.Gap, Parallel: s.cfg.Parallel}
}

// nickFor is the nick that a user's new leaf carries.
func (r *Room) nickFor(u mimi.URI) string {
	for _, j := range r.joining {
		if j.user == u {
			return j.nick
		}
	}
	return r.nickOf(u)
}

// wish tells the hub, when its turn comes, what a user of ours wants. who may be nil.
func (t *turn) wish(who *asker, w follower.Wish) {
	id := t.derive("wish id")
	w.ID = binary.BigEndian.Uint64(id[:])
	if who != nil {
		t.r.follow.waiting[w.ID] = who
	}
	t.took(t.following().Do(t.now, t.derive("wish"), w))
}

// notified takes what the hub tells. The answer leaves when it is stored.
func (t *turn) notified(in Request) {
	reply := Reply{ID: in.ID, Status: statusCreated}
	switch in.Kind {
	case RequestKeyMaterial:
		t.keyMaterial(in)
		return
	case RequestReKey:
		t.reKey(in)
		return
	case RequestRequestConsent:
		t.invitationAsked(in)
		return
	case RequestUpdateConsent:
		t.updateConsent(in)
		return
	case RequestHandOver:
		t.out.Replies = append(t.out.Replies, t.handedOver(in))
		return
	}
	if in.Kind != RequestNotify {
		reply.Status, reply.Body = statusNotFound, []byte("this provider is not the room's hub")
		t.out.Replies = append(t.out.Replies, reply)
		return
	}
	out, err := t.following().Notify(t.now, t.derive("notify"), in.Provider, in.Body)
	switch {
	case err == nil:
		t.took(out)
	case errors.Is(err, follower.ErrAhead):
		reply.Status = statusTryAgain
	case errors.Is(err, follower.ErrNotHub):
		reply.Status = statusForbidden
	case errors.Is(err, follower.ErrMalformed):
		reply.Status = statusBadRequest
	default:
		reply.Status = statusNotFound
	}
	if err != nil {
		t.note(NoteInfo, "notify was not applied", Attr{"provider", in.Provider}, Attr{"reason", err.Error()})
		reply.Body = []byte(err.Error())
	}
	t.out.Replies = append(t.out.Replies, reply)
}

// The HTTP statuses of answers to notify besides those of mimi.go.
const (
	statusCreated   = 201
	statusForbidden = 403
	statusTryAgain  = 503
)

// took goes on with what the follower says: only now something becomes visible.
func (t *turn) took(out follower.Output) {
	t.r.follow.room = out.Next
	for _, e := range out.Events {
		switch e := e.(type) {
		case follower.Joined:
			if !t.r.pub.Exists {
				t.beginFollowing()
			}
			if e.Added {
				t.welcomed(e)
			}
		case follower.Epoch:
			t.timesMayHaveChanged(e.Before, e.After)
			t.followEpoch(e)
		case follower.Message:
			t.heardFrom(e.Sender, e.Message.SenderNode, e.Message.Data, t.r.proofOf(e.Sender, e.Message, e.Frank, e.At))
		case follower.Sent:
			t.followSaid(e)
		case follower.Done:
			t.granted(e.Wish)
		case follower.Refused:
			t.denied(e)
		case follower.Removed:
			t.unfollow("")
		case follower.Dropped:
			t.note(NoteDebug, "from the hub, not applied", Attr{"reason", e.Text})
		case follower.Lost:
			t.note(NoteWarn, "touch with the hub was lost", Attr{"hub", t.r.uri.Provider()}, Attr{"reason", e.Text})
		case follower.Resynced:
			t.timesMayHaveChanged(nil, e.After)
			t.followResynced(e)
		case follower.Reinitialised:
			t.followReinitialised(e)
		case follower.Broken:
			t.note(NoteError, "the room is given up: its hub cannot be followed", Attr{"hub", t.r.uri.Provider()}, Attr{"reason", e.Text})
			t.unfollow("the room's provider " + t.r.uri.Provider() + " cannot be followed: " + e.Text)
		}
	}
}

// unfollow ends the room for us. Whose consent is asked for is not needed any more.
func (t *turn) unfollow(reason string) {
	if !t.r.pub.Exists {
		return
	}
	for _, a := range t.r.pub.Awaiting {
		t.cancelConsent(a)
	}
	t.emit(&unfollowed{At: t.now, Reason: reason})
}

// answer takes who waits for a wish.
func (r *Room) answer(id uint64) *asker {
	who := r.follow.waiting[id]
	delete(r.follow.waiting, id)
	return who
}

// granted goes on after the hub fulfilled a wish.
func (t *turn) granted(w follower.Wish) {
	who := t.r.answer(w.ID)
	switch {
	case w.Kind == follower.Renew, w.Kind == follower.RenewSigned:
		t.followRenewed()
	case who == nil:
	case who.join != nil:
		t.entered(who.join)
	case who.done != nil:
		who.done(t)
	}
}

// denied tells who wanted something that it will not be, and why.
func (t *turn) denied(e follower.Refused) {
	t.note(NoteInfo, "wish was refused", Attr{"user", e.Wish.Client.ClientUser().String()}, Attr{"reason", e.Text})
	gone := e.Status == statusNotFound || e.Status == statusGone || e.Endpoint == mimi.EndpointGroupInfo && e.Code == uint8(mimi.GroupInfoNoSuchRoom)
	condition := t.r.condition(e)
	if gone && t.grave() != nil { // we heard where it went
		condition = t.noRoom(mimi.URI{})
	}
	if who := t.r.answer(e.Wish.ID); who != nil {
		t.disappoint(who, condition)
	}
	if t.r.pub.Exists && gone {
		t.note(NoteWarn, "the room does not exist any more", Attr{"hub", t.r.uri.Provider()})
		t.emit(&destroyed{Reason: "the room does not exist any more at " + t.r.uri.Provider()})
		t.unfollow("")
		t.r.follow.room = follower.New(t.r.uri, t.r.svc.followOptions())
		for _, id := range slices.Sorted(maps.Keys(t.r.follow.waiting)) { // whose wishes end with it
			t.disappoint(t.r.answer(id), condition)
		}
	}
}

// disappoint tells somebody that what it waits for will not be.
func (t *turn) disappoint(who *asker, e *xmpp.StanzaError) {
	if who.join != nil {
		t.unwait(who.join)
	}
	switch {
	case who.fail != nil:
		who.fail(t, e)
	case who.join == nil || !who.join.wish.closed:
		t.refuse(who.st, e)
	}
}

const (
	statusGone           = 410
	statusGatewayTimeout = 504
)

// condition is a refusal in the words of XMPP.
func (r *Room) condition(e follower.Refused) *xmpp.StanzaError {
	hub := r.uri.Provider()
	switch {
	case e.Status == statusGatewayTimeout:
		return refusal(xmpp.RemoteServerTimeout, hub+" does not answer: "+e.Text).WithType(xmpp.Wait)
	case e.Status == statusNotFound, e.Status == statusGone:
		return refusal(xmpp.ItemNotFound, "the room does not exist at "+hub)
	case e.Status != 0:
		return refusal(xmpp.UndefinedCondition, hub+" answers with status "+utoa(uint64(e.Status))+": "+e.Text)
	case e.Endpoint == mimi.EndpointGroupInfo && e.Code == uint8(mimi.GroupInfoNoSuchRoom):
		return refusal(xmpp.ItemNotFound, "the room does not exist at "+hub)
	case e.Endpoint == mimi.EndpointGroupInfo && e.Code == uint8(mimi.GroupInfoNotAuthorized) && len(e.Wish.Data) > 0:
		return refusal(xmpp.NotAuthorized, hub+" does not let you in by this join link or password, or you are banned")
	case e.Endpoint == mimi.EndpointGroupInfo && e.Code == uint8(mimi.GroupInfoNotAuthorized):
		return refusal(xmpp.Forbidden, hub+" does not let you in: the room is for members, or you are banned")
	case errors.Is(e.Err, follower.ErrInvitationOnly):
		return refusal(xmpp.RegistrationRequired, e.Text)
	case r.follow.room.Broken() != "":
		return refusal(xmpp.ServiceUnavailable, e.Text+"; it can be entered again after a while, or when an operator has released it")
	}
	return refusal(xmpp.NotAllowed, e.Text)
}

// followEnd closes a Step: absent guests leave, what changed is stored, what the hub must be asked is put out.
func (t *turn) followEnd() {
	r, f := t.r, t.r.follow
	t.enforceBans()
	f.endKnocked(t.now)
	waits := earlier(earlier(t.impatient(), t.endAwaiting()), earlier(t.endMessages(), f.room.Wake()))
	t.out.Wake = earlier(earlier(earlier(t.followLinger(), waits), t.ghosts()), earlier(t.followRenewals(), t.watchHub()))
	request := f.room.InFlight()
	if request != nil && (f.asked == nil || f.asked.Endpoint != request.Endpoint || !bytes.Equal(f.asked.Body, request.Body)) {
		out := PeerRequest{Provider: r.uri.Provider(), Endpoint: string(request.Endpoint), Room: r.uri.String(), Body: request.Body}
		if request.Endpoint == mimi.EndpointGroupInfo {
			out.Patience = groupInfoPatience
		}
		t.out.Requests = []PeerRequest{out}
	}
	f.asked = request
	until := r.pub.Until
	if at := r.lastExpiry(); at.After(until) {
		until = at
	}
	if !r.pub.Exists {
		t.out.Wake = earlier(until, waits)
	}
	kept := r.seq > 0 || f.stored != nil || len(r.keys) > 0
	if !r.pub.Exists && kept && f.room.Idle() && len(r.joining) == 0 && len(f.inviters) == 0 && !t.now.Before(until) {
		t.vanish() // also what is left of an attempt to enter that failed
		t.out.SetSecrets, t.out.DropSecrets, t.out.Wake = nil, nil, time.Time{}
	} else {
		if !r.pub.Exists && !t.now.Before(until) {
			t.out.Wake = waits // whatever the room is kept for, its end is an input
		}
		t.followStore()
		t.out.Seq = r.seq
	}
	if s := r.Summary(); s != r.summary {
		r.summary = s
		t.out.Summary = &s
	}
}

// followStore puts out the secrets that changed.
func (t *turn) followStore() {
	f := t.r.follow
	if f.room == f.stored || f.stored == nil && f.room.Idle() && f.room.Group() == nil && !f.room.Keeping() {
		return
	}
	parts := f.room.Parts(f.stored)
	for name, b := range parts.Set {
		if t.out.SetSecrets == nil {
			t.out.SetSecrets = map[string][]byte{}
		}
		t.out.SetSecrets[secretFollow+name] = b
	}
	for _, name := range parts.Drop {
		t.out.DropSecrets = append(t.out.DropSecrets, secretFollow+name)
	}
	f.stored = f.room
}
