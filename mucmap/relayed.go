package mucmap

import (
	"anteroom/mimi"
	"anteroom/mls/wire"
)

// learnRelayed takes what a third provider answered to key material for this room that went by way of us: the hub remembers which key packages it
// gave out, so that their Welcomes find it and nobody adds its clients by others (draft-ietf-mimi-protocol-06 §5.2). Only then does whoever asked
// get the answer.
func (t *turn) learnRelayed(in Request) {
	r := t.r
	reply := Reply{ID: in.ID, Status: statusOK, Body: in.Body}
	var a mimi.KeyMaterialResponse
	err := wire.Unmarshal(in.Body, &a)
	switch {
	case r.hub == nil || r.pub.Closing || r.pub.Locked:
		reply.Status, reply.Body = statusNotFound, []byte("there is no such room")
	case err != nil || a.User.Provider() != in.Provider:
		reply.Status, reply.Body = statusBadGateway, []byte("the target's provider gave no key material of its own user")
	default:
		h, err := r.hub.LearnKeyMaterial(t.now, in.Provider, &a)
		if err != nil {
			reply.Status, reply.Body = statusBadGateway, []byte("the target's provider gives key packages that cannot be used: "+err.Error())
			break
		}
		r.hub = h
	}
	t.out.Replies = append(t.out.Replies, reply)
}

const statusBadGateway = 502
