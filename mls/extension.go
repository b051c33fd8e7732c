package mls

// Extension is a typed byte string (§13). Unknown types are preserved.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// RequiredCapabilities is the body of the required_capabilities extension (§11.1).
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// ExternalSender may send proposals from outside the group (§12.1.8.1).
type ExternalSender struct {
	SignatureKey SignaturePublicKey
	Credential   Credential
}

// ComponentData is one entry of an AppDataDictionary (draft-ietf-mls-extensions, app_data_dictionary).
type ComponentData struct {
	ID   ComponentID
	Data []byte
}

// AppDataDictionary is sorted by component and without duplicates.
type AppDataDictionary []ComponentData
