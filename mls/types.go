package mls

import (
	"errors"
	"fmt"

	"anteroom/mls/internal/schedule"
)

// Named integers of RFC 9420; each appears on the wire in the width of its type.
type (
	ProtocolVersion uint16 // §6
	CipherSuite     uint16 // §5.1
	Epoch           uint64 // §8
	LeafIndex       uint32 // §4.1.1 and appendix C: 0 for the leftmost leaf
	ProposalType    uint16 // §12.1
	ExtensionType   uint16 // §13
	CredentialType  uint16 // §5.3
	ComponentID     uint16 // draft-ietf-mls-extensions §4.1
	WireFormat      uint16 // §6
)

// Byte strings that must not be mixed up.
type (
	HPKEPublicKey      []byte
	HPKEPrivateKey     []byte
	SignaturePublicKey []byte
	// SignaturePrivateKey is in the suite's own form; for Ed25519 the 32-byte seed followed by the public key, or the
	// seed alone, with which signing takes twice as long.
	SignaturePrivateKey []byte
	KeyPackageRef       []byte // §5.2
	ProposalRef         []byte // §5.2
)

const (
	ProtocolVersionMLS10 ProtocolVersion = 1

	// SuiteX25519AES128SHA256Ed25519 is MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
	SuiteX25519AES128SHA256Ed25519   CipherSuite = 0x0001
	SuiteP256AES128SHA256P256        CipherSuite = 0x0002
	SuiteX25519ChaCha20SHA256Ed25519 CipherSuite = 0x0003
	SuiteX448AES256SHA512Ed448       CipherSuite = 0x0004
	SuiteP521AES256SHA512P521        CipherSuite = 0x0005
	SuiteX448ChaCha20SHA512Ed448     CipherSuite = 0x0006
	SuiteP384AES256SHA384P384        CipherSuite = 0x0007

	WireFormatPublicMessage  WireFormat = 1
	WireFormatPrivateMessage WireFormat = 2
	WireFormatWelcome        WireFormat = 3
	WireFormatGroupInfo      WireFormat = 4
	WireFormatKeyPackage     WireFormat = 5

	ProposalAdd                    ProposalType = 1
	ProposalUpdate                 ProposalType = 2
	ProposalRemove                 ProposalType = 3
	ProposalPSK                    ProposalType = 4
	ProposalReInit                 ProposalType = 5
	ProposalExternalInit           ProposalType = 6
	ProposalGroupContextExtensions ProposalType = 7
	ProposalAppDataUpdate          ProposalType = 8
	ProposalAppEphemeral           ProposalType = 9
	ProposalSelfRemove             ProposalType = 10

	ExtensionApplicationID        ExtensionType = 1
	ExtensionRatchetTree          ExtensionType = 2
	ExtensionRequiredCapabilities ExtensionType = 3
	ExtensionExternalPub          ExtensionType = 4
	ExtensionExternalSenders      ExtensionType = 5
	ExtensionAppDataDictionary    ExtensionType = 6
	ExtensionSupportedWireFormats ExtensionType = 7
	ExtensionRequiredWireFormats  ExtensionType = 8

	CredentialBasic CredentialType = 1
	CredentialX509  CredentialType = 2

	ComponentAppComponents ComponentID = 1
	ComponentSafeAAD       ComponentID = 2

	ComponentContentMediaTypes    ComponentID = 3
	ComponentLastResortKeyPackage ComponentID = 4
	ComponentAppAck               ComponentID = 5
)

var (
	// ErrGenerationNotReserved says that Protect needs Reserve first: the generation was not made durable yet.
	ErrGenerationNotReserved = errors.New("mls: sending generation is not reserved")
	// ErrExported says that a component's secret was exported before in this epoch and is gone.
	ErrExported = schedule.ErrExported
	// ErrNoLocalLeaf says that the operation names a leaf whose keys this value does not hold.
	ErrNoLocalLeaf = errors.New("mls: leaf is not local")
)

// ValidationError says which rule a message, tree or proposal list broke. The group value it was offered to is unchanged.
type ValidationError struct {
	Rule   string // identifier in docs/validation.md, such as 9420-12.2-duplicate-leaf
	Detail string
}

// EpochError says that a message belongs to another epoch than the group value.
type EpochError struct{ Message, Group Epoch }

func (e *ValidationError) Error() string { return "mls: " + e.Rule + ": " + e.Detail }

func (e *EpochError) Error() string {
	return fmt.Sprintf("mls: message of epoch %d, group is in epoch %d", e.Message, e.Group)
}
