package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// OperationalParameters is the data and the update of ComponentOperationalPolicy; an update replaces the data
// (draft-ietf-mimi-room-policy-04 §6, "Operational policy component"). The draft's structure has gaps, which are read as docs/decisions/101-update-intervals.md
// says. Of all this we act on LeafUpdate alone; the rest is kept as it is.
type OperationalParameters struct {
	Mandatory, Default, Forbidden ExtendedCapabilities
	HandshakeFormats              mls.WireFormats
	ExternalProposals             bool
	ExternalCommits               bool
	Pending                       PendingProposalPolicy
	LeafUpdate                    Times // between two renewals of the keys of a leaf, in seconds
	AppMessages                   AppMessagePolicy
	MaxKeyPackageLifetime         uint64
	MaxCredentialLifetime         uint64
	ResumptionPSKLifetime         uint64
	SenderKeyLifetime             Times
	MaxKeyPairs                   uint32
	BufferTime                    Times
	MaxBuffered                   uint32
}

// Infinity is a time that never ends: draft-mahy-mimi-group-chat writes it as -1.
const Infinity = ^uint64(0)

// Times are bounds of a time and what it is by default. Zero: the room takes no position.
type Times struct{ Min, Default, Max uint64 }

// ExtendedCapabilities lists what clients may be able to do.
type ExtendedCapabilities struct {
	Versions     []mls.ProtocolVersion
	CipherSuites []mls.CipherSuite
	Extensions   []mls.ExtensionType
	Proposals    []mls.ProposalType
	Credentials  []mls.CredentialType
	WireFormats  mls.WireFormats
	Components   mls.ComponentsList
	SafeAAD      mls.ComponentsList
	MediaTypes   []mls.MediaType
	ContentTypes []mls.ContentType
}

// PendingStrategy says when members commit what is pending.
type PendingStrategy uint8

// The strategies. Any other value names a component that has the parameters.
const (
	PendingUnspecified PendingStrategy = 0
	PendingImmediately PendingStrategy = 1
	PendingRandomDelay PendingStrategy = 2
)

// PendingProposalPolicy is a strategy with its parameters.
type PendingProposalPolicy struct {
	Strategy           PendingStrategy
	MinDelay, MaxDelay uint64          // PendingRandomDelay, in milliseconds
	Component          mls.ComponentID // of any other strategy
}

// AppMessagePolicy is about application messages.
type AppMessagePolicy struct {
	EpochTolerance uint8
	PadTo          uint16
	MaxSkip        uint32 // generations
}

// Limited says that the times bound anything.
func (t Times) Limited() bool { return t.Min > 0 || t.Max > 0 && t.Max != Infinity }

func (t *Times) MarshalTLS(w *wire.Writer) {
	w.U64(t.Min)
	w.U64(t.Default)
	w.U64(t.Max)
}

func (t *Times) read(r *wire.Reader, field string) {
	t.Min, t.Default, t.Max = r.At(field+".minimum_time").U64(), r.At(field+".default_time").U64(), r.At(field+".maximum_time").U64()
	if r.Err() != nil {
		return
	}
	switch {
	case t.Max != 0 && t.Min > t.Max:
		r.Fail("the minimum time exceeds the maximum")
	case t.Default != 0 && (t.Default < t.Min || t.Max != 0 && t.Default > t.Max):
		r.Fail("the default time is not between minimum and maximum")
	}
}

func (c *ExtendedCapabilities) MarshalTLS(w *wire.Writer) {
	writeIntegers(w, c.Versions, 2)
	writeIntegers(w, c.CipherSuites, 2)
	writeIntegers(w, c.Extensions, 2)
	writeIntegers(w, c.Proposals, 2)
	writeIntegers(w, c.Credentials, 2)
	writeIntegers(w, c.WireFormats, 2)
	writeIntegers(w, c.Components, 2)
	writeIntegers(w, c.SafeAAD, 2)
	wire.WriteVector(w, c.MediaTypes)
	writeIntegers(w, c.ContentTypes, 1)
}

func (c *ExtendedCapabilities) read(r *wire.Reader, field string) {
	c.Versions = readIntegers[mls.ProtocolVersion](r, field+".versions", 2, MaxPolicyEntries)
	c.CipherSuites = readIntegers[mls.CipherSuite](r, field+".cipher_suites", 2, MaxPolicyEntries)
	c.Extensions = readIntegers[mls.ExtensionType](r, field+".extensions", 2, MaxPolicyEntries)
	c.Proposals = readIntegers[mls.ProposalType](r, field+".proposals", 2, MaxPolicyEntries)
	c.Credentials = readIntegers[mls.CredentialType](r, field+".credentials", 2, MaxPolicyEntries)
	c.WireFormats = readIntegers[mls.WireFormat](r, field+".wire_formats", 2, MaxPolicyEntries)
	c.Components = readIntegers[mls.ComponentID](r, field+".component_ids", 2, MaxPolicyEntries)
	c.SafeAAD = readIntegers[mls.ComponentID](r, field+".safe_aad_types", 2, MaxPolicyEntries)
	c.MediaTypes = readList(r, field+".media_types", MaxPolicyEntries, func(r *wire.Reader, m *mls.MediaType) { m.UnmarshalTLS(r) })
	c.ContentTypes = readIntegers[mls.ContentType](r, field+".content_types", 1, MaxPolicyEntries)
}

func (p *PendingProposalPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Strategy))
	switch p.Strategy {
	case PendingUnspecified, PendingImmediately:
	case PendingRandomDelay:
		w.U64(p.MinDelay)
		w.U64(p.MaxDelay)
	default:
		w.U16(uint16(p.Component))
	}
}

func (p *PendingProposalPolicy) read(r *wire.Reader, field string) {
	switch p.Strategy = PendingStrategy(r.At(field).U8()); p.Strategy {
	case PendingUnspecified, PendingImmediately:
	case PendingRandomDelay:
		p.MinDelay, p.MaxDelay = r.At(field+".minimum_delay_ms").U64(), r.At(field+".maximum_delay_ms").U64()
		if r.Err() == nil && p.MinDelay > p.MaxDelay {
			r.Fail("the minimum delay exceeds the maximum")
		}
	default:
		p.Component = mls.ComponentID(r.At(field + ".id_of_strategy_params").U16())
	}
}

func (p *OperationalParameters) MarshalTLS(w *wire.Writer) {
	p.Mandatory.MarshalTLS(w)
	p.Default.MarshalTLS(w)
	p.Forbidden.MarshalTLS(w)
	writeIntegers(w, p.HandshakeFormats, 2)
	w.Bool(p.ExternalProposals)
	w.Bool(p.ExternalCommits)
	p.Pending.MarshalTLS(w)
	p.LeafUpdate.MarshalTLS(w)
	w.U8(p.AppMessages.EpochTolerance)
	w.U16(p.AppMessages.PadTo)
	w.U32(p.AppMessages.MaxSkip)
	w.U64(p.MaxKeyPackageLifetime)
	w.U64(p.MaxCredentialLifetime)
	w.U64(p.ResumptionPSKLifetime)
	p.SenderKeyLifetime.MarshalTLS(w)
	w.U32(p.MaxKeyPairs)
	p.BufferTime.MarshalTLS(w)
	w.U32(p.MaxBuffered)
}

func (p *OperationalParameters) UnmarshalTLS(r *wire.Reader) {
	*p = OperationalParameters{}
	p.Mandatory.read(r, "OperationalParameters.mandatory_capabilities")
	p.Default.read(r, "OperationalParameters.default_capabilities")
	p.Forbidden.read(r, "OperationalParameters.forbidden_capabilities")
	p.HandshakeFormats = readIntegers[mls.WireFormat](r, "OperationalParameters.handshake_formats", 2, MaxPolicyEntries)
	p.ExternalProposals = r.At("OperationalParameters.external_proposal_allowed").Bool()
	p.ExternalCommits = r.At("OperationalParameters.external_commit_allowed").Bool()
	p.Pending.read(r, "OperationalParameters.pending_proposal_policy")
	p.LeafUpdate.read(r, "OperationalParameters.LeafNode_update_time")
	p.AppMessages.EpochTolerance = r.At("OperationalParameters.epoch_tolerance").U8()
	p.AppMessages.PadTo = r.At("OperationalParameters.pad_to_size").U16()
	p.AppMessages.MaxSkip = r.At("OperationalParameters.max_generations_skipahead").U32()
	p.MaxKeyPackageLifetime = r.At("OperationalParameters.max_kp_lifetime").U64()
	p.MaxCredentialLifetime = r.At("OperationalParameters.max_credential_lifetime").U64()
	p.ResumptionPSKLifetime = r.At("OperationalParameters.resumption_psk_lifetime").U64()
	p.SenderKeyLifetime.read(r, "OperationalParameters.sender_nonce_keypair_lifetime")
	p.MaxKeyPairs = r.At("OperationalParameters.max_keypairs").U32()
	p.BufferTime.read(r, "OperationalParameters.buffer_incoming_message_time")
	p.MaxBuffered = r.At("OperationalParameters.max_buffered_messages").U32()
}

// ParseOperationalParameters decodes the data or an update of ComponentOperationalPolicy.
func ParseOperationalParameters(b []byte) (*OperationalParameters, error) {
	return unmarshal[OperationalParameters](b)
}
