package mls

import "anteroom/mls/wire"

// Proposal is one of the proposal structs below, or UnknownProposal (§12.1). It holds the struct itself, not a pointer.
type Proposal interface {
	Type() ProposalType
	marshalBody(w *wire.Writer)
}

type (
	Add    struct{ KeyPackage KeyPackage } // §12.1.1
	Update struct{ LeafNode LeafNode }     // §12.1.2
	Remove struct{ Removed LeafIndex }     // §12.1.3
	// PreSharedKey injects a PSK into the key schedule (§12.1.4).
	PreSharedKey struct{ PSK PreSharedKeyID }
	ReInit       struct { // §12.1.5
		GroupID    []byte
		Version    ProtocolVersion
		Suite      CipherSuite
		Extensions []Extension
	}
	ExternalInit           struct{ KEMOutput []byte }       // §12.1.6
	GroupContextExtensions struct{ Extensions []Extension } // §12.1.7
	// AppDataUpdate changes one component of the group's app_data_dictionary (draft-ietf-mls-extensions).
	AppDataUpdate struct {
		Component ComponentID
		Remove    bool
		Update    []byte
	}
	AppEphemeral struct {
		Component ComponentID
		Data      []byte
	}
	SelfRemove      struct{}
	UnknownProposal struct {
		ProposalType ProposalType
		Body         []byte
	}
)

// PreSharedKeyID names a PSK (§8.4).
type PreSharedKeyID struct {
	Type      uint8       // PSKExternal, PSKResumption or PSKApplication
	ID        []byte      // external and application
	Component ComponentID // application
	Usage     uint8       // resumption, as are GroupID and Epoch
	GroupID   []byte
	Epoch     Epoch
	Nonce     []byte
}

func (Add) Type() ProposalType                    { return ProposalAdd }
func (Update) Type() ProposalType                 { return ProposalUpdate }
func (Remove) Type() ProposalType                 { return ProposalRemove }
func (PreSharedKey) Type() ProposalType           { return ProposalPSK }
func (ReInit) Type() ProposalType                 { return ProposalReInit }
func (ExternalInit) Type() ProposalType           { return ProposalExternalInit }
func (GroupContextExtensions) Type() ProposalType { return ProposalGroupContextExtensions }
func (AppDataUpdate) Type() ProposalType          { return ProposalAppDataUpdate }
func (AppEphemeral) Type() ProposalType           { return ProposalAppEphemeral }
func (SelfRemove) Type() ProposalType             { return ProposalSelfRemove }
func (p UnknownProposal) Type() ProposalType      { return p.ProposalType }
