package mimi

import (
	"fmt"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// GroupInfoRequest asks the hub for what an external commit needs (draft-ietf-mimi-protocol-06 §5.6). The joining code is
// optional<opaque<V>> in the request as in what is signed.
type GroupInfoRequest struct {
	Suite        mls.CipherSuite
	SignatureKey mls.SignaturePublicKey
	Credential   mls.Credential
	HPKEKey      mls.HPKEPublicKey
	JoiningCode  []byte // nil for none
	Signature    []byte // over everything before it, label "GroupInfoRequestTBS"
}

// GroupInfoCode is the outcome of a GroupInfoRequest.
type GroupInfoCode uint8

const (
	GroupInfoSuccess       GroupInfoCode = 1
	GroupInfoNotAuthorized GroupInfoCode = 2
	GroupInfoNoSuchRoom    GroupInfoCode = 3
)

// GroupInfoResponse answers a GroupInfoRequest; the fields after Code travel on success only.
type GroupInfoResponse struct {
	Room      URI
	Code      GroupInfoCode
	Suite     mls.CipherSuite
	Hub       mls.ExternalSender
	Encrypted mls.HPKECiphertext // a GroupInfoAndTree
	Signature []byte             // by the hub over everything before it, label "GroupInfoResponseTBS"
}

// GroupInfoAndTree is the plaintext of a response: GroupInfoRatchetTreeTBE.
type GroupInfoAndTree struct {
	GroupInfo   *mls.GroupInfo // without ratchet_tree
	RatchetTree RatchetTreeOption
	Pending     []PendingProposal // that the hub accepted in this epoch
}

// PendingProposal is a proposal with the time at which the hub accepted it, milliseconds since 1970.
type PendingProposal struct {
	Message    *mls.Message
	AcceptedAt uint64
}

const (
	groupInfoRequestLabel    = "GroupInfoRequestTBS"
	groupInfoResponseLabel   = "GroupInfoResponseTBS"
	groupInfoEncryptionLabel = "GroupInfo and ratchet_tree encryption"
)

func (q *GroupInfoRequest) tbs(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	w.U16(uint16(q.Suite))
	w.Opaque(q.SignatureKey)
	q.Credential.MarshalTLS(w)
	w.Opaque(q.HPKEKey)
	w.Optional(q.JoiningCode != nil, func(w *wire.Writer) { w.Opaque(q.JoiningCode) })
}

func (q *GroupInfoRequest) MarshalTLS(w *wire.Writer) {
	q.tbs(w)
	w.Opaque(q.Signature)
}

func (q *GroupInfoRequest) UnmarshalTLS(r *wire.Reader) {
	*q = GroupInfoRequest{}
	readProtocol(r, "GroupInfoRequest.protocol")
	q.Suite = mls.CipherSuite(r.At("GroupInfoRequest.cipher_suite").U16())
	q.SignatureKey = r.At("GroupInfoRequest.requestingSignatureKey").Opaque()
	q.Credential.UnmarshalTLS(r)
	q.HPKEKey = r.At("GroupInfoRequest.groupInfoPublicKey").Opaque()
	r.At("GroupInfoRequest.joiningCode").Optional(func(r *wire.Reader) {
		q.JoiningCode = readBounded(r, "GroupInfoRequest.joiningCode", MaxJoiningCode)
	})
	q.Signature = r.At("GroupInfoRequest.signature").Opaque()
}

// Sign fills in suite, signature key and signature.
func (q *GroupInfoRequest) Sign(s mls.Signer) error {
	q.Suite, q.SignatureKey = s.Suite, s.Public
	signature, err := sign(s, groupInfoRequestLabel, q.tbs)
	q.Signature = signature
	return err
}

// Verify checks the signature. Whether the key belongs to the credential is the caller's question.
func (q *GroupInfoRequest) Verify() error {
	return verify(q.Suite, q.SignatureKey, groupInfoRequestLabel, q.tbs, q.Signature)
}

func (q *GroupInfoResponse) head(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	writeURI(w, q.Room)
	w.U8(uint8(q.Code))
}

func (q *GroupInfoResponse) tbs(w *wire.Writer) {
	q.head(w)
	w.U16(uint16(q.Suite))
	q.Hub.MarshalTLS(w)
	q.Encrypted.MarshalTLS(w)
}

func (q *GroupInfoResponse) MarshalTLS(w *wire.Writer) {
	if q.Code != GroupInfoSuccess {
		q.head(w)
		return
	}
	q.tbs(w)
	w.Opaque(q.Signature)
}

func (q *GroupInfoResponse) UnmarshalTLS(r *wire.Reader) {
	*q = GroupInfoResponse{}
	readProtocol(r, "GroupInfoResponse.version")
	q.Room = readKind(r, "GroupInfoResponse.room_id", KindRoom)
	q.Code = GroupInfoCode(r.At("GroupInfoResponse.status").U8())
	switch q.Code {
	case GroupInfoSuccess:
	case GroupInfoNotAuthorized, GroupInfoNoSuchRoom:
		return
	default:
		r.Failf("unknown code %d", q.Code)
		return
	}
	q.Suite = mls.CipherSuite(r.At("GroupInfoResponse.cipher_suite").U16())
	q.Hub.UnmarshalTLS(r)
	q.Encrypted.UnmarshalTLS(r)
	q.Signature = r.At("GroupInfoResponse.signature").Opaque()
}

// Seal makes a successful response: it encrypts content to the requester, by the suite of the request, and signs as the hub, whose credential is
// given, by its own, which is the room's: the requester need not know that.
func (q *GroupInfoResponse) Seal(hub mls.Signer, credential mls.Credential, request *GroupInfoRequest, room URI, content *GroupInfoAndTree) error {
	encrypted, err := mls.EncryptWithLabel(request.Suite, request.HPKEKey, groupInfoEncryptionLabel, []byte(room.s), wire.Marshal(content))
	if err != nil {
		return err
	}
	*q = GroupInfoResponse{Room: room, Code: GroupInfoSuccess, Suite: hub.Suite,
		Hub: mls.ExternalSender{SignatureKey: hub.Public, Credential: credential}, Encrypted: encrypted}
	q.Signature, err = sign(hub, groupInfoResponseLabel, q.tbs)
	return err
}

// Open verifies the hub's signature with the key that the response itself carries and decrypts the content by the suite of the request. The
// caller compares q.Hub with the external_senders of the GroupInfo, and q.Room with what it asked for.
func (q *GroupInfoResponse) Open(suite mls.CipherSuite, key mls.HPKEPrivateKey) (*GroupInfoAndTree, error) {
	if q.Code != GroupInfoSuccess {
		return nil, &RuleError{"group-info", fmt.Sprintf("the hub answered with code %d", q.Code)}
	}
	if err := verify(q.Suite, q.Hub.SignatureKey, groupInfoResponseLabel, q.tbs, q.Signature); err != nil {
		return nil, err
	}
	b, err := mls.DecryptWithLabel(suite, key, groupInfoEncryptionLabel, []byte(q.Room.s), q.Encrypted)
	if err != nil {
		return nil, err
	}
	return unmarshal[GroupInfoAndTree](b)
}

func (g *GroupInfoAndTree) MarshalTLS(w *wire.Writer) {
	g.GroupInfo.MarshalTLS(w)
	g.RatchetTree.MarshalTLS(w)
	w.Vector(func(w *wire.Writer) {
		for _, p := range g.Pending {
			p.Message.MarshalTLS(w)
			w.U64(p.AcceptedAt)
		}
	})
}

func (g *GroupInfoAndTree) UnmarshalTLS(r *wire.Reader) {
	*g = GroupInfoAndTree{}
	g.GroupInfo = new(mls.GroupInfo)
	g.GroupInfo.UnmarshalTLS(r)
	g.RatchetTree.UnmarshalTLS(r)
	g.Pending = readList(r, "GroupInfoRatchetTreeTBE.pending_proposals", MaxPendingProposals, func(r *wire.Reader, p *PendingProposal) {
		p.Message = readMessage(r, "PendingProposal.proposal")
		if r.Err() == nil && shapeOf(p.Message) != shapeProposal {
			r.At("PendingProposal.proposal").Fail("not a proposal in a PublicMessage")
		}
		p.AcceptedAt = r.At("PendingProposal.hub_accepted_time").U64()
	})
}
