package policy

import "anteroom/mimi"

// AuthorizeSend decides whether a user may send application messages: canSendMessage and a client in the group
// (room-policy §8.3, mimi-protocol §5.4). The error is a *mimi.Refusal with a code of the submitMessage endpoint.
func AuthorizeSend(s *State, user mimi.URI) error {
	r := s.need("can-send", s.RoleOf(user), mimi.CanSendMessage, "send messages")
	if r == nil && s.clients[user] == 0 {
		r = deny("send-inactive", "%s has no client in the group", user)
	}
	return at(r, mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed))
}

// AuthorizeReceive decides whether a user is to get application messages: canReceiveMessage and a client in the group
// (room-policy §8.3). The error is a *mimi.Refusal of the notify endpoint, which has no codes.
func AuthorizeReceive(s *State, user mimi.URI) error {
	r := s.need("can-receive", s.RoleOf(user), mimi.CanReceiveMessage, "receive messages")
	if r == nil && s.clients[user] == 0 {
		r = deny("receive-inactive", "%s has no client in the group", user)
	}
	return at(r, mimi.EndpointNotify, 0)
}

// at gives a refusal the code of an endpoint; nil stays a nil error.
func at(r *mimi.Refusal, endpoint mimi.Endpoint, code uint8) error {
	if r == nil {
		return nil
	}
	r.Endpoint, r.Code = endpoint, code
	return r
}
