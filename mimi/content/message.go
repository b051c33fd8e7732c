package content

import (
	"crypto/sha256"
	"encoding/hex"

	"anteroom/mimi"
)

// Media types.
const (
	MediaType    = "application/mimi-content"
	TypePlain    = "text/plain;charset=utf-8"
	TypeMarkdown = "text/markdown;variant=GFM-MIMI"
	TypeXMPP     = "application/xmpp+xml" // private to anteroom: a message element without addresses
)

// Limits of a message. Depth and parts are the format's own (§8.3 and §4.3), the rest is ours.
const (
	MaxMessage    = 512 << 10 // bytes of an encoded message
	MaxDepth      = 4         // levels of parts; the body is level 1
	MaxParts      = 1024      // parts in all
	MaxTopic      = 4096      // bytes
	MaxExtensions = 64        // entries of the extensions map
	MaxName       = 255       // bytes of a text key in the extensions map
	MaxType       = 1024      // bytes of a media type, language tag or file name
	MaxURL        = 4096      // bytes of a URL or sender and room URI
)

// hashSHA256 is the hash algorithm of message ids (§3.3).
const hashSHA256 = 1

// SaltSize is the size of the random salt in bytes.
const SaltSize = 16

// MessageID identifies a message in its room (§3.3). The zero value is none.
type MessageID [32]byte

// IsZero says whether the id names no message.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// String returns the id in lower case hexadecimal.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// ParseMessageID reads what String returns.
func ParseMessageID(s string) (MessageID, bool) {
	var id MessageID
	if len(s) != hex.EncodedLen(len(id)) {
		return MessageID{}, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return MessageID{}, false
	}
	return id, true
}

// ID computes the id of an encoded message (§3.3): 01, then the first 31 bytes of SHA-256 over sender and room URI, each
// with a 16-bit length, the encoding and the salt.
func ID(sender, room mimi.URI, encoded []byte, salt [SaltSize]byte) MessageID {
	h := sha256.New()
	for _, uri := range []string{sender.String(), room.String()} {
		h.Write([]byte{byte(len(uri) >> 8), byte(len(uri))})
		h.Write([]byte(uri))
	}
	h.Write(encoded)
	h.Write(salt[:])
	var id MessageID
	id[0] = hashSHA256
	copy(id[1:], h.Sum(nil))
	return id
}

// Disposition says what a part is for (§4.3).
type Disposition uint8

const (
	Unspecified Disposition = 0
	Render      Disposition = 1
	Reaction    Disposition = 2
	Profile     Disposition = 3
	Inline      Disposition = 4
	Icon        Disposition = 5
	Attachment  Disposition = 6
	Session     Disposition = 7
	Preview     Disposition = 8
)

// Cardinality says which fields of a Part are there.
type Cardinality uint8

const (
	Null     Cardinality = 0 // nothing: deletes what the message replaces
	Single   Cardinality = 1 // ContentType, Content
	External Cardinality = 2 // ContentType, External
	Multi    Cardinality = 3 // Semantics, Parts
)

// Semantics says how the parts of a Multi belong together.
type Semantics uint8

const (
	ChooseOne  Semantics = 0
	SingleUnit Semantics = 1
	ProcessAll Semantics = 2
)

// Part is a NestedPart (§4.3).
type Part struct {
	Disposition Disposition
	Language    string
	Cardinality Cardinality

	ContentType string
	Content     []byte
	External    *ExternalPart
	Semantics   Semantics
	Parts       []Part // at least two
}

// ExternalPart is content that is fetched from elsewhere and may be encrypted (§4.3).
type ExternalPart struct {
	URL         string
	Expires     uint32 // seconds since 1970, 0 for never
	Size        uint64 // bytes
	Encryption  uint16 // AEAD, 0 for none
	Key         []byte
	Nonce       []byte
	AAD         []byte
	Hash        uint8 // algorithm, 0 for none
	ContentHash []byte
	Description string
	Filename    string
}

// Expiration says when a message is to be forgotten: Seconds after it was read, or Seconds since 1970.
type Expiration struct {
	Relative bool
	Seconds  uint32
}

// Extension is an entry of the extensions map: key and value in deterministic CBOR.
type Extension struct{ Key, Value []byte }

// Message is a MIMI content message. Sender and Room are extensions 1 and 2: what the sender claims.
type Message struct {
	Salt       [SaltSize]byte
	Replaces   MessageID // the first version of the message that this one replaces
	Topic      []byte
	Expires    *Expiration
	InReplyTo  MessageID
	Sender     string
	Room       string
	Extensions []Extension // the others, in the order of their encoded keys
	Body       Part
}
