package mimi

import "anteroom/mls"

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
