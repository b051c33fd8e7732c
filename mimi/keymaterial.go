package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// KeyMaterialRequest asks for key packages of all clients of Target, for use in Room (draft-ietf-mimi-protocol-06 §5.2). It
// travels from the adder's provider by way of the hub to the target's provider.
type KeyMaterialRequest struct {
	Requester    URI
	Target       URI
	Room         URI
	Suites       []mls.CipherSuite
	Required     mls.RequiredCapabilities
	SignatureKey mls.SignaturePublicKey
	Credential   mls.Credential
	Signature    []byte // over everything before it, label "KeyMaterialRequestTBS"
}

// KeyMaterialCode is the outcome for a user.
type KeyMaterialCode uint8

const (
	KeyMaterialSuccess              KeyMaterialCode = 0
	KeyMaterialPartial              KeyMaterialCode = 1
	KeyMaterialIncompatibleProtocol KeyMaterialCode = 2
	KeyMaterialNoCompatible         KeyMaterialCode = 3
	KeyMaterialUserUnknown          KeyMaterialCode = 4
	KeyMaterialNoConsent            KeyMaterialCode = 5
	KeyMaterialNoConsentForRoom     KeyMaterialCode = 6
	KeyMaterialUserDeleted          KeyMaterialCode = 7
)

// ClientCode is the outcome for one client.
type ClientCode uint8

const (
	ClientSuccess           ClientCode = 0
	ClientExhausted         ClientCode = 1
	ClientNothingCompatible ClientCode = 2
)

// ClientKeyMaterial is one client's share of a response: KeyPackage is set on success, Capabilities may be set when nothing
// was compatible.
type ClientKeyMaterial struct {
	Code         ClientCode
	Client       URI
	KeyPackage   *mls.KeyPackage
	Capabilities *mls.Capabilities
}

// KeyMaterialResponse answers a KeyMaterialRequest.
type KeyMaterialResponse struct {
	Code    KeyMaterialCode
	User    URI
	Clients []ClientKeyMaterial
}

const keyMaterialLabel = "KeyMaterialRequestTBS"

func (q *KeyMaterialRequest) tbs(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	writeURI(w, q.Requester)
	writeURI(w, q.Target)
	writeURI(w, q.Room)
	writeIntegers(w, q.Suites, 2)
	q.Required.MarshalTLS(w)
	w.Opaque(q.SignatureKey)
	q.Credential.MarshalTLS(w)
}

func (q *KeyMaterialRequest) MarshalTLS(w *wire.Writer) {
	q.tbs(w)
	w.Opaque(q.Signature)
}

func (q *KeyMaterialRequest) UnmarshalTLS(r *wire.Reader) {
	*q = KeyMaterialRequest{}
	readProtocol(r, "KeyMaterialRequest.protocol")
	q.Requester = readKind(r, "KeyMaterialRequest.requestingUser", KindUser)
	q.Target = readKind(r, "KeyMaterialRequest.targetUser", KindUser)
	q.Room = readKind(r, "KeyMaterialRequest.roomId", KindRoom)
	q.Suites = readIntegers[mls.CipherSuite](r, "KeyMaterialRequest.acceptableCiphersuites", 2, MaxSuites)
	if r.Err() == nil && len(q.Suites) == 0 {
		r.Fail("no cipher suite")
	}
	q.Required.UnmarshalTLS(r)
	q.SignatureKey = r.At("KeyMaterialRequest.requesterSignatureKey").Opaque()
	q.Credential.UnmarshalTLS(r)
	q.Signature = r.At("KeyMaterialRequest.key_material_request_signature").Opaque()
}

// Sign fills in signature key and signature. The draft does not say by which cipher suite the key signs: it is the first
// acceptable one whose key it is, and the signer's suite must be among them.
func (q *KeyMaterialRequest) Sign(s mls.Signer) error {
	q.SignatureKey = s.Public
	signature, err := sign(s, keyMaterialLabel, q.tbs)
	q.Signature = signature
	return err
}

// Verify checks the signature under one of the acceptable suites, and that the credential is a client of the requester.
func (q *KeyMaterialRequest) Verify() error {
	client, err := CredentialClient(q.Credential)
	if err != nil {
		return err
	}
	if client.ClientUser() != q.Requester {
		return &RuleError{"requester", "the credential of " + client.String() + " is not one of " + q.Requester.String()}
	}
	err = &RuleError{"suites", "no acceptable cipher suite is known"}
	for _, suite := range q.Suites {
		if e := verify(suite, q.SignatureKey, keyMaterialLabel, q.tbs, q.Signature); e == nil {
			return nil
		} else {
			err = e
		}
	}
	return err
}

func (m *ClientKeyMaterial) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(m.Code))
	writeURI(w, m.Client)
	switch m.Code {
	case ClientSuccess:
		m.KeyPackage.MarshalTLS(w)
	case ClientNothingCompatible:
		w.Optional(m.Capabilities != nil, func(w *wire.Writer) { m.Capabilities.MarshalTLS(w) })
	}
}

func (m *ClientKeyMaterial) UnmarshalTLS(r *wire.Reader) {
	*m = ClientKeyMaterial{}
	m.Code = ClientCode(r.At("ClientKeyMaterial.clientStatus").U8())
	if r.Err() == nil && m.Code > ClientNothingCompatible {
		r.Failf("unknown code %d", m.Code)
	}
	m.Client = readURI(r, "ClientKeyMaterial.clientUri")
	switch m.Code {
	case ClientSuccess:
		m.KeyPackage = new(mls.KeyPackage)
		m.KeyPackage.UnmarshalTLS(r)
	case ClientNothingCompatible:
		r.At("ClientKeyMaterial.clientCapabilities").Optional(func(r *wire.Reader) {
			m.Capabilities = new(mls.Capabilities)
			m.Capabilities.UnmarshalTLS(r)
		})
	}
}

func (q *KeyMaterialResponse) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	w.U8(uint8(q.Code))
	writeURI(w, q.User)
	wire.WriteVector(w, q.Clients)
}

func (q *KeyMaterialResponse) UnmarshalTLS(r *wire.Reader) {
	*q = KeyMaterialResponse{}
	readProtocol(r, "KeyMaterialResponse.protocol")
	q.Code = KeyMaterialCode(r.At("KeyMaterialResponse.userStatus").U8())
	if r.Err() == nil && q.Code > KeyMaterialUserDeleted {
		r.Failf("unknown code %d", q.Code)
	}
	q.User = readKind(r, "KeyMaterialResponse.userUri", KindUser)
	q.Clients = readList(r, "KeyMaterialResponse.clients", MaxClients, func(r *wire.Reader, m *ClientKeyMaterial) { m.UnmarshalTLS(r) })
	if r.Err() == nil && len(q.Clients) > 0 && q.Code != KeyMaterialSuccess && q.Code != KeyMaterialPartial && q.Code != KeyMaterialNoCompatible {
		r.At("KeyMaterialResponse.clients").Failf("clients with user code %d", q.Code)
	}
}
