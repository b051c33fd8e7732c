package xmpp

// Limits on everything that a peer can make grow. Each has a test.
const (
	// MaxJIDPart is the longest localpart, domainpart or resourcepart, in octets (RFC 7622 §3.2 to §3.4).
	MaxJIDPart = 1023

	// ServerStanzaLimit is the size at which Prosody closes a component's stream, in octets.
	ServerStanzaLimit = 512 << 10

	// MaxStanzaBytes is the largest encoded stanza that may leave, in octets: [ServerStanzaLimit] less a margin for what a
	// server adds before it counts.
	MaxStanzaBytes = ServerStanzaLimit - 8<<10

	// MaxIncomingBytes is the largest encoded stanza that is read as a tree, in octets. A larger one is skipped and refused.
	MaxIncomingBytes = ServerStanzaLimit

	// MaxDepth is how deep elements may nest; a stanza itself is depth 1.
	MaxDepth = 64

	// MaxNodes is how many elements and text runs one tree may hold altogether.
	MaxNodes = 16 << 10

	// MaxAttrs is how many attributes, namespace declarations included, one element may carry.
	MaxAttrs = 64

	// MaxBorrowed is how long the namespaces may be in all, in octets, that the elements and attributes of one tree take from declarations that
	// are not their parent's or their own: written again, each has a declaration, so that 16,000 names of six octets could become gigabytes.
	MaxBorrowed = ServerStanzaLimit
)
