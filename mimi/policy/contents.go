package policy

import "anteroom/mimi"

// What the policies of draft-ietf-mimi-room-policy-04 §7.1 and §7.4 say of the content of messages. A hub cannot see it: senders' clients hold it.

// AuthorizeAsset decides whether a message may refer to a file (§7.4). The error is a *mimi.Refusal.
func AuthorizeAsset(s *State, a mimi.Asset) error {
	var r *mimi.Refusal
	if p, there := s.Assets(); there {
		if why := p.Fault(&a); why != "" {
			r = deny("asset-policy", "%s", why)
		}
	}
	return at(r, mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed))
}

// AuthorizeReport decides whether a client may tell that messages were delivered, or read (§7.1). The error is a *mimi.Refusal.
func AuthorizeReport(s *State, delivered, read bool) error {
	var r *mimi.Refusal
	switch p, _ := s.Status(); {
	case delivered && p.Delivery == mimi.Forbidden:
		r = deny("status-policy", "this room forbids delivery notifications")
	case read && p.Read == mimi.Forbidden:
		r = deny("status-policy", "this room forbids read receipts")
	}
	return at(r, mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed))
}
