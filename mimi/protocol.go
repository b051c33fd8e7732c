package mimi

// Protocol is the end-to-end encryption protocol of a request (draft-ietf-mimi-protocol-06 §5).
type Protocol uint8

// ProtocolMLS10 is the only protocol there is.
const ProtocolMLS10 Protocol = 1

// Limits of messages between providers. A message that exceeds one is refused as a whole.
const (
	MaxClients          = 1024     // clients of one user in a key material response
	MaxSuites           = 64       // acceptable cipher suites
	MaxMoreMessages     = 1024     // messages stapled to another
	MaxFanout           = 1024     // fanout messages in one notify request
	MaxPendingProposals = 4096     // pending proposals of a GroupInfo response
	MaxJoiningCode      = 4096     // bytes of a joining code
	MaxErrorText        = 4096     // bytes of an error description
	MaxKeyPackages      = 1024     // key packages of a consent grant
	MaxQueryElements    = 64       // elements of an identifier query
	MaxQueryResults     = 1024     // results of an identifier query
	MaxAbusiveMessages  = 256      // messages of an abuse report
	MaxNote             = 64 << 10 // bytes of an abuse report's note
	MaxTreeURL          = 4096     // bytes of the URL of a ratchet tree
)
