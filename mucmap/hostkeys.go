package mucmap

import (
	"bytes"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls/wire"
)

// Key packages of our users for rooms of ours: a participant of another provider adds an XMPP user by them, if the user lets it
// (docs/decisions/071-persons.md; the gateway has asked). They are kept as those for rooms of other providers are (followkeys.go); the hub
// takes no other for our users (docs/decisions/091-clients-of-ours.md).

// hostKeyMaterial answers a participant of another provider.
func (t *turn) hostKeyMaterial(in Request) {
	r := t.r
	reply := Reply{ID: in.ID, Status: statusOK}
	var q mimi.KeyMaterialRequest
	err := wire.Unmarshal(in.Body, &q)
	switch {
	case err != nil:
		reply.Status, reply.Body = statusBadRequest, []byte(err.Error())
	case in.Provider != q.Requester.Provider() || q.Room != r.uri || q.Verify() != nil:
		reply.Status, reply.Body = statusForbidden, []byte("key material is requested by a participant of the room, who signs")
	case r.hub == nil || r.pub.Closing || r.pub.Locked:
		reply.Status, reply.Body = statusNotFound, []byte("there is no such room")
	default:
		answer := &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoConsentForRoom, User: q.Target}
		if why := r.noKeysFor(&q); why == "" {
			answer = t.giveKeys(&q)
		} else {
			t.note(NoteInfo, "no key package given away", Attr{"user", q.Target.String()}, Attr{"requester", q.Requester.String()}, Attr{"reason", why})
		}
		reply.Body = wire.Marshal(answer)
	}
	t.out.Replies = append(t.out.Replies, reply)
}

// noKeysFor says why a participant gets no key package of a user of ours; empty: it may have one. All reasons look the same to who asks.
// Where the room hides who our users are there are none: the key package would tell who is behind a pseudonym.
func (r *Room) noKeysFor(q *mimi.KeyMaterialRequest) string {
	switch {
	case r.pub.hidden(q.Target):
		return "the room is semi-anonymous"
	case r.pub.members[q.Target] != nil:
		return "the user is listed, and enters by itself"
	case !r.hub.State().Can(q.Requester, mimi.CanAddParticipant):
		return "the requester may not add anybody"
	}
	for _, node := range r.hub.Group().Public().Leaves() {
		if bytes.Equal(node.SignatureKey, q.SignatureKey) && bytes.Equal(wire.Marshal(node.Credential), wire.Marshal(q.Credential)) {
			return ""
		}
	}
	return "the request is not signed by a client in the room"
}

// adopted tells our users whom a participant of another provider added (XEP-0045 §7.8.2): each has a leaf, and entering needs no commit.
func (t *turn) adopted(a *hub.Accepted) {
	for _, i := range a.Adopt {
		u := leafUser(a.Effects.After, i)
		t.usedKeys(map[mimi.URI]bool{u: true})
		t.tellUsed(u)
		if t.r.pub.occupant(u) != nil {
			continue
		}
		t.note(NoteInfo, "user was added", Attr{"user", u.String()}, Attr{"by", a.Sender.String()})
		t.emit(&invited{User: u, By: a.Sender, ID: t.id()})
	}
}
