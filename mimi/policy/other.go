package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// judgeOthers decides on proposals that change neither clients nor components.
func (c *change) judgeOthers(*State) *mimi.Refusal {
	for _, o := range c.others {
		if r := c.judgeOther(o); r != nil {
			return r
		}
	}
	return nil
}

func (c *change) judgeOther(o other) *mimi.Refusal {
	switch t := o.p.Type(); t {
	case mls.ProposalUpdate, mls.ProposalExternalInit:
		return nil // a member's own keys; the way in, which judgeAdds decides on
	case mls.ProposalReInit:
		return c.before.need("can-reinit", o.by.role, mimi.CanSendMLSReinitProposal, "reinitialise the group")
	case mls.ProposalPSK, mls.ProposalAppEphemeral:
		if o.by.role == mimi.RoleNone || o.by.role == mimi.RoleBanned {
			return deny("not-participant", "%s is no participant", o.by.user)
		}
		return nil
	case mls.ProposalGroupContextExtensions:
		return c.changeExtensions(o)
	default:
		return deny("proposal-type", "proposal type %d is not allowed in a room", t)
	}
}
