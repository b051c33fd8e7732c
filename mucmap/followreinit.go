package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls/wire"
)

// A room of another provider whose group ended with a ReInit goes on in the group that follows (package follower). Nobody in it notices.

// followReinitialised takes note of the group in which the room goes on.
func (t *turn) followReinitialised(e follower.Reinitialised) {
	r := t.r
	r.renewing = renewing{}
	here := map[mimi.URI]bool{}
	for _, i := range r.follow.room.Group().Local() {
		here[leafUser(r.follow.room.Group().Public(), i)] = true
	}
	t.usedKeys(here)
	if !r.pub.Exists {
		return
	}
	t.note(NoteInfo, "the group was reinitialised", Attr{"hub", r.uri.Provider()}, Attr{"suite", e.Suite.Name()}, Attr{"group", string(e.Group)})
	t.emit(&reinitialised{At: t.now, Group: string(e.Group), Epoch: uint64(e.Epoch), Suite: e.Suite})
}

// reKey gives the hub a key package for a user of ours who is in the room: whoever takes part has consented to go on with it. Status 204 says that
// the user is not in it, and has to be asked.
func (t *turn) reKey(in Request) {
	var q mimi.KeyMaterialRequest
	if err := wire.Unmarshal(in.Body, &q); err == nil && t.r.pub.Exists && t.r.follow.room.Member() && t.r.svc.local(q.Target) &&
		q.Target.Kind() == mimi.KindUser && t.r.follow.has(t.r.svc.clientURI(q.Target)) {
		t.keyMaterial(in)
		return
	}
	t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: statusNoContent})
}
