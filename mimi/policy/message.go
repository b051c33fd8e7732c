package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

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

// AuthorizeGroupInfo decides whether the holder of a credential may get the GroupInfo, which is whether it could join by
// external commit: as a listed user with canAddOwnClient, or as in join. The error is a *mimi.Refusal with a code of the
// groupInfo endpoint.
func AuthorizeGroupInfo(s *State, credential mls.Credential, o Options) error {
	return at(s.groupInfo(credential, o), mimi.EndpointGroupInfo, uint8(mimi.GroupInfoNotAuthorized))
}

func (s *State) groupInfo(credential mls.Credential, o Options) *mimi.Refusal {
	c := newChange(s, o)
	by, r := c.client(credential)
	if r != nil {
		return r
	}
	if o.Provider != "" && by.user.Provider() != o.Provider {
		return deny("provider", "%s does not speak for %s", o.Provider, by.user)
	}
	switch by.role {
	case mimi.RoleBanned:
		return deny("join-banned", "%s is banned", by.user)
	case mimi.RoleNone:
		if s.base.FixedMembership {
			return deny("fixed-membership", "nobody joins a fixed-membership room")
		}
	default:
		return s.need("can-add-own-client", by.role, mimi.CanAddOwnClient, "add clients of their own")
	}
	for i := range s.roles {
		if index := s.roles[i].Index; index > mimi.RoleBanned {
			if r = s.mayJoin(by, index, o); r == nil {
				return nil
			}
		}
	}
	if r == nil {
		r = deny("join", "this room defines no role to join as")
	}
	return r
}

// JoinRole returns the role in which the holder of a credential may list itself when it joins by external commit: the
// preauthorised role, or the first that the open room offers.
func (s *State) JoinRole(credential mls.Credential) (mimi.RoleIndex, bool) {
	if role, ok := s.PreauthRole(credential); ok && s.role(role).Has(mimi.CanJoinIfPreauthorized) {
		return role, true
	}
	if roles, open := s.Open(); open {
		return roles[0], true
	}
	return mimi.RoleNone, false
}

// at gives a refusal the code of an endpoint; nil stays a nil error.
func at(r *mimi.Refusal, endpoint mimi.Endpoint, code uint8) error {
	if r == nil {
		return nil
	}
	r.Endpoint, r.Code = endpoint, code
	return r
}
