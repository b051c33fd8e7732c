package policy

import "anteroom/mimi"

// KeyPackageAccess is a question to a provider for key packages of one of its users.
type KeyPackageAccess struct {
	Requester, Target mimi.URI
	Consented         bool // the target lets the requester, for the room or for all
	Refused           bool // the target does not want it: no small number helps
	Provided          bool // the target gave key packages to the requester by itself, as by a knock
	Outstanding       int  // key packages of the target that the requester has and nobody used
	Small             int  // how many may be outstanding without consent; 0: none
}

// AuthorizeKeyPackages decides about access to key packages (draft-mahy-mimi-group-chat, "access to KeyPackages"): one's own; with
// consent; a small number without, as the target's provider allows; or those that the target gave. The error is a *mimi.Refusal with
// a code of the keyMaterial endpoint.
func AuthorizeKeyPackages(a KeyPackageAccess) error {
	if a.Requester == a.Target || a.Consented || a.Provided || !a.Refused && a.Outstanding < a.Small {
		return nil
	}
	var r *mimi.Refusal
	switch {
	case a.Refused:
		r = deny("key-packages-refused", "%s does not let %s add it", a.Target, a.Requester)
	case a.Small > 0:
		r = deny("key-packages-outstanding", "%s has %d unused key packages of %s already, and no consent", a.Requester, a.Outstanding, a.Target)
	default:
		r = deny("key-packages-consent", "%s has not consented to being added by %s", a.Target, a.Requester)
	}
	return at(r, mimi.EndpointKeyMaterial, uint8(mimi.KeyMaterialNoConsent))
}
