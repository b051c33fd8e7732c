package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room closed to newcomers lets in nobody who is not in its participant list: who has an affiliation, is present, or was present
// a moment ago is no newcomer. It is not the lock of a room that is being created (XEP-0045 §10.1.3).

// fieldClosed is ours: XEP-0045 registers no field for it.
const fieldClosed = "x-anteroom_closed"

func (c *roomConfig) closedField() muc.Field {
	return muc.BoolField(fieldClosed, "Closed to newcomers: nobody enters who has no affiliation and is not here already", c.Closed)
}

func (c *roomConfig) submitClosed(f *muc.Form) *xmpp.StanzaError {
	on, present, err := f.Bool(fieldClosed)
	if err != nil {
		return asStanzaError(err)
	}
	if present {
		c.Closed = on
	}
	return nil
}

const closedText = "the room is closed to newcomers"

// closedTo says that the room is closed to a user.
func (s *state) closedTo(u mimi.URI) bool { return s.Exists && s.Config.Closed && !s.known(u) }

// strict is what this room demands beyond the MIMI documents, of everybody: the XEP-0045 rules that hold in all rooms, and what its
// gateway holds against newcomers.
func (r *Room) strict(before *policy.State, act policy.Act) *mimi.Refusal {
	if refused := r.svc.bannedAct(act); refused != nil {
		return refused
	}
	if refused := r.newcomer(act); refused != nil {
		return refused
	}
	if act.From == roleNone && !r.svc.local(act.Actor) && act.Listed > r.svc.cfg.Limits.Affiliation {
		return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "participants-limit", Text: fullListText}
	}
	return strict(before, act)
}

// newcomer refuses whom the gateway keeps out, by itself or brought along by somebody who gives it no affiliation; below an admin nobody lifts the ban of a domain by an
// affiliation either. Below an admin, who brings somebody along brings a
// client of it: else a guest could fill the list with names. The keeper asks before it acts.
func (r *Room) newcomer(act policy.Act) *mimi.Refusal {
	admin := standingOf(act.ActorRole).affiliation >= muc.AffiliationAdmin
	switch {
	case act.Kind == policy.ActJoin:
	case act.Kind != policy.ActAddUser || act.ActorRole == roleKeeper:
		return nil
	case standingOf(act.To).affiliation == muc.AffiliationNone, !admin && r.pub.domainBan(act.Target) != nil:
	default:
		return nil
	}
	refused := &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "newcomer"}
	e := r.pub.strangerRefusal(act.Target)
	switch {
	case e != nil:
		refused.Text = e.Text
	case act.Listed > r.svc.cfg.Limits.Affiliation:
		refused.Text = fullListText
	case act.ClientsNow == 0 && !admin:
		refused.Text = "who adds a guest adds a client of it"
	default:
		return nil
	}
	return refused
}

// strangerRefusal says why the gateway keeps out somebody whom the group would let in.
func (s *state) strangerRefusal(u mimi.URI) *xmpp.StanzaError {
	if b := s.svc.ban(u); b != nil {
		return b.refusal()
	}
	if s.domainBan(u) != nil {
		return refusal(xmpp.Forbidden, "your domain is banned from this room")
	}
	if s.closedTo(u) {
		return refusal(xmpp.NotAllowed, closedText)
	}
	return nil
}
