package policy

import "anteroom/mimi"

// AuthorizeDestroy decides whether a user may end the group: only its last member does (draft-mahy-mimi-group-chat, "destroy an
// MLS group"), and its role must have canDestroyRoom (room-policy §8.6). A room is destroyed by removing everybody else first. The error is a *mimi.Refusal.
func AuthorizeDestroy(s *State, user mimi.URI) error {
	r := s.need("can-destroy", s.RoleOf(user), mimi.CanDestroyRoom, "destroy the room")
	if r == nil && (s.leaves != 1 || s.clients[user] != 1) {
		r = deny("destroy-last", "%s is not the last member of the group, which has %d clients", user, s.leaves)
	}
	return at(r, mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed))
}
