package hub

import "anteroom/mls"

// route says to which provider the Welcome for a claimed key package goes (draft-ietf-mimi-protocol-06 §5.2).
type route struct {
	ref      mls.KeyPackageRef
	provider string
	notAfter uint64 // seconds since 1970
}

// acceptance says when a pending proposal was accepted.
type acceptance struct {
	ref mls.ProposalRef
	at  uint64
}
