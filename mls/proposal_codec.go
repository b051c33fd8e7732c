package mls

import "anteroom/mls/wire"

// The PSK types of RFC 9420 §8.4 and of draft-ietf-mls-extensions, and the uses of resumption PSKs.
const (
	PSKExternal    uint8 = 1
	PSKResumption  uint8 = 2
	PSKApplication uint8 = 3

	ResumptionApplication uint8 = 1
	ResumptionReInit      uint8 = 2
	ResumptionBranch      uint8 = 3
)

// The operations of AppDataUpdate.
const (
	appDataUpdate = 1
	appDataRemove = 2
)

// marshalProposal writes a Proposal: its type and its body.
func marshalProposal(w *wire.Writer, p Proposal) {
	w.U16(uint16(p.Type()))
	p.marshalBody(w)
}

// unmarshalProposal consumes a Proposal. The body of an unknown type is taken to be one variable-size vector, as the
// presentation language has no other way to skip it; RFC 9420 §12.2 has every commit with such a proposal refused.
func unmarshalProposal(r *wire.Reader) Proposal {
	t := ProposalType(r.At("Proposal.proposal_type").U16())
	if r.Err() != nil {
		return nil
	}
	p := readProposalBody(r, t)
	if r.Err() != nil {
		return nil
	}
	return p
}

func readProposalBody(r *wire.Reader, t ProposalType) Proposal {
	switch t {
	case ProposalAdd:
		var p Add
		p.KeyPackage.UnmarshalTLS(r)
		return p
	case ProposalUpdate:
		var p Update
		p.LeafNode.UnmarshalTLS(r)
		return p
	case ProposalRemove:
		return Remove{LeafIndex(r.At("Remove.removed").U32())}
	case ProposalPSK:
		var p PreSharedKey
		p.PSK.UnmarshalTLS(r)
		return p
	case ProposalReInit:
		var p ReInit
		p.GroupID = r.At("ReInit.group_id").Opaque()
		p.Version = ProtocolVersion(r.At("ReInit.version").U16())
		p.Suite = CipherSuite(r.At("ReInit.cipher_suite").U16())
		p.Extensions = readExtensions(r, "ReInit.extensions")
		return p
	case ProposalExternalInit:
		return ExternalInit{r.At("ExternalInit.kem_output").Opaque()}
	case ProposalGroupContextExtensions:
		return GroupContextExtensions{readExtensions(r, "GroupContextExtensions.extensions")}
	case ProposalAppDataUpdate:
		return readAppDataUpdate(r)
	case ProposalAppEphemeral:
		var p AppEphemeral
		p.Component = ComponentID(r.At("AppEphemeral.component_id").U16())
		p.Data = r.At("AppEphemeral.data").Opaque()
		return p
	case ProposalSelfRemove:
		return SelfRemove{}
	default:
		return UnknownProposal{t, r.At("Proposal").Opaque()}
	}
}

func readAppDataUpdate(r *wire.Reader) Proposal {
	var p AppDataUpdate
	p.Component = ComponentID(r.At("AppDataUpdate.component_id").U16())
	switch op := r.At("AppDataUpdate.op").U8(); {
	case r.Err() != nil:
	case op == appDataUpdate:
		p.Update = r.At("AppDataUpdate.update").Opaque()
	case op == appDataRemove:
		p.Remove = true
	default:
		r.Failf("unknown operation %d", op)
	}
	return p
}

func (p Add) marshalBody(w *wire.Writer)          { p.KeyPackage.MarshalTLS(w) }
func (p Update) marshalBody(w *wire.Writer)       { p.LeafNode.MarshalTLS(w) }
func (p Remove) marshalBody(w *wire.Writer)       { w.U32(uint32(p.Removed)) }
func (p PreSharedKey) marshalBody(w *wire.Writer) { p.PSK.MarshalTLS(w) }
func (p ReInit) marshalBody(w *wire.Writer) {
	w.Opaque(p.GroupID)
	w.U16(uint16(p.Version))
	w.U16(uint16(p.Suite))
	writeExtensions(w, p.Extensions)
}
func (p ExternalInit) marshalBody(w *wire.Writer)           { w.Opaque(p.KEMOutput) }
func (p GroupContextExtensions) marshalBody(w *wire.Writer) { writeExtensions(w, p.Extensions) }
func (p AppDataUpdate) marshalBody(w *wire.Writer) {
	w.U16(uint16(p.Component))
	if p.Remove {
		w.U8(appDataRemove)
		return
	}
	w.U8(appDataUpdate)
	w.Opaque(p.Update)
}
func (p AppEphemeral) marshalBody(w *wire.Writer) {
	w.U16(uint16(p.Component))
	w.Opaque(p.Data)
}
func (SelfRemove) marshalBody(*wire.Writer)          {}
func (p UnknownProposal) marshalBody(w *wire.Writer) { w.Opaque(p.Body) }

// MarshalTLS implements wire.Marshaler.
func (id *PreSharedKeyID) MarshalTLS(w *wire.Writer) {
	w.U8(id.Type)
	switch id.Type {
	case PSKResumption:
		w.U8(id.Usage)
		w.Opaque(id.GroupID)
		w.U64(uint64(id.Epoch))
	case PSKApplication:
		w.U16(uint16(id.Component))
		w.Opaque(id.ID)
	default:
		w.Opaque(id.ID)
	}
	w.Opaque(id.Nonce)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (id *PreSharedKeyID) UnmarshalTLS(r *wire.Reader) {
	*id = PreSharedKeyID{Type: r.At("PreSharedKeyID.psktype").U8()}
	if r.Err() != nil {
		return
	}
	switch id.Type {
	case PSKExternal:
		id.ID = r.At("PreSharedKeyID.psk_id").Opaque()
	case PSKResumption:
		id.Usage = r.At("PreSharedKeyID.usage").U8()
		if r.Err() == nil && (id.Usage < ResumptionApplication || id.Usage > ResumptionBranch) {
			r.Failf("unknown usage %d", id.Usage)
		}
		id.GroupID = r.At("PreSharedKeyID.psk_group_id").Opaque()
		id.Epoch = Epoch(r.At("PreSharedKeyID.psk_epoch").U64())
	case PSKApplication:
		id.Component = ComponentID(r.At("PreSharedKeyID.component_id").U16())
		id.ID = r.At("PreSharedKeyID.psk_id").Opaque()
	default:
		r.Failf("unknown type %d", id.Type)
	}
	id.Nonce = r.At("PreSharedKeyID.psk_nonce").Opaque()
}
