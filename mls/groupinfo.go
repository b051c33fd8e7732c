package mls

// GroupContext is what all members agree on in an epoch (§8.1).
type GroupContext struct {
	Version                 ProtocolVersion
	Suite                   CipherSuite
	GroupID                 []byte
	Epoch                   Epoch
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              []Extension
}

// GroupInfo tells an outsider enough to join or to track a group (§12.4.3).
type GroupInfo struct {
	Context         GroupContext
	Extensions      []Extension
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}
