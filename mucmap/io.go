package mucmap

import (
	"time"

	"anteroom/xmpp"
)

// An Input is one thing that happens to a room: [StanzaIn], [Request], [Answered], [CommitDone], [ArchivePage], [Shutdown], [Release] or [Timer].
type Input interface{ input() }

// StanzaIn is a stanza addressed to the room or to one of its occupants, from anybody. The room keeps parts of it.
type StanzaIn struct{ Stanza *xmpp.Stanza }

// RequestKind tells the requests of other providers apart (draft-ietf-mimi-protocol-06 §5).
type RequestKind uint8

// The requests that a room answers: the first three as a hub, the others of its hub.
const (
	RequestUpdate         RequestKind = iota + 1 // update: a proposal, or a commit with what belongs to it
	RequestSubmitMessage                         // submitMessage: an application message
	RequestGroupInfo                             // groupInfo: what an external commit needs
	RequestNotify                                // notify: what the hub of a room of another provider tells
	RequestKeyMaterial                           // keyMaterial: by way of the hub, to add a user of ours to a room of another provider
	RequestRequestConsent                        // requestConsent: a user of another provider wants to add one of ours
	RequestUpdateConsent                         // updateConsent: a user of another provider lets itself be added, or does not
	RequestCreate                                // of an operator, who is our own provider: the room document of a room to be made
	RequestDocument                              // for the room document
	RequestDestroy                               // by an operator of ours, in the gateway's own name: Body is a Destruction in JSON
	RequestAnnounce                              // the same: Body is the text
	RequestReInit                                // by an operator: Body is a ReInitOrder in JSON
	RequestReKey                                 // keyMaterial for a user of ours who is in the room already; status 204: it is not
	RequestHandOver                              // at home: a message that waited in the room of two that yields to this one
	RequestRelayed                               // the answer of Provider to keyMaterial for the room that went by way of us
)

// String is the endpoint's name in the directory.
func (k RequestKind) String() string {
	switch k {
	case RequestUpdate:
		return "update"
	case RequestSubmitMessage:
		return "submitMessage"
	case RequestGroupInfo:
		return "groupInfo"
	case RequestNotify:
		return "notify"
	case RequestKeyMaterial:
		return "keyMaterial"
	case RequestRequestConsent:
		return "requestConsent"
	case RequestUpdateConsent:
		return "updateConsent"
	case RequestCreate:
		return "create"
	case RequestDocument:
		return "document"
	case RequestDestroy:
		return "destroy"
	case RequestAnnounce:
		return "announce"
	case RequestReInit:
		return "reinit"
	case RequestReKey:
		return "rekey"
	case RequestHandOver:
		return EndpointHandOver
	case RequestRelayed:
		return "relayed"
	}
	return "invalid"
}

// ordered says that the request is an operator's (order.go).
func (k RequestKind) ordered() bool {
	return k == RequestDestroy || k == RequestAnnounce || k == RequestReInit
}

// Request is the body of an HTTP request of another provider, whose name TLS has verified. It is answered by one [Reply] of
// the same ID, in this Step's Output.
type Request struct {
	ID       string
	Provider string
	Kind     RequestKind
	Body     []byte
}

// CommitDone brings back what a [CommitJob]'s Run returned. A job that this room did not start is ignored.
type CommitDone struct {
	Job    uint64
	Result any
	Err    error
}

// Answered brings back the answer to a [PeerRequest]: HTTP status and body.
type Answered struct {
	Request PeerRequest
	Status  int
	Body    []byte
}

// Timer lets the room look at the clock. A Timer that comes early does no harm.
type Timer struct{}

func (StanzaIn) input()   {}
func (Request) input()    {}
func (Answered) input()   {}
func (CommitDone) input() {}
func (Timer) input()      {}

// Output is what a Step asks of the world. Everything above Outbox must be durable, in one write together with Outbox, before
// Stanzas, Replies and deliveries leave the process. An Output with nothing to store needs no write.
type Output struct {
	Events [][]byte // appended to the log, in order
	Seq    uint64   // events of the room, these included: the expected sequence of the next write

	// Snapshot, when not nil, stands for the events 1 to SnapshotSeq. It is the state before this Step's Events and is only made
	// when [Room.MarkSent] has covered everything before.
	Snapshot    []byte
	SnapshotSeq uint64

	SetSecrets  map[string][]byte
	DropSecrets []string // applied before SetSecrets
	Archive     []ArchiveEntry
	Redact      []Redaction // applied after Archive
	Outbox      []Delivery
	Destroyed   bool // delete the room after this write, leaving Tombstone in its place
	Tombstone   []byte

	Stanzas []xmpp.Broadcast // in order; recipients may be shared between Broadcasts and must not be changed
	Forward []*xmpp.Stanza   // of our users, to be routed as if they had sent them
	// Bookmarks are carried out as far as servers let us, after Stanzas; only with Config.Bookmarks.
	Bookmarks []Bookmark
	Replies   []Reply
	// Belonging and Spoken are for indicators of activity, only with Config.Indicators: how some now belong to the room, and that something was said.
	Belonging []Belonging
	Spoken    bool
	// Requests is empty or holds the one request that is now on the way to the hub of a room of another provider. It is posted until it
	// is answered; an earlier one need not be any more.
	Requests []PeerRequest
	// Asks are further requests of which any number may be on the way: each has an ID and Patience and is answered once. A crash ends them.
	Asks    []PeerRequest
	Jobs    []CommitJob
	Queries []Query   // of the archive as it is after this write; each comes back as an [ArchivePage]
	Wake    time.Time // call Step(Timer) no later than this; zero: not needed. Replaces the earlier Wake
	Summary *Summary  // nil: as before
	Notes   []Note
}

// Durable says that the Output holds something that must be written before the rest leaves.
func (o *Output) Durable() bool {
	return len(o.Events) > 0 || o.Snapshot != nil || len(o.SetSecrets) > 0 || len(o.DropSecrets) > 0 ||
		len(o.Archive) > 0 || len(o.Redact) > 0 || len(o.Outbox) > 0 || o.Destroyed
}

// ArchiveEntry is one archived groupchat message: Data is the encoded stanza as it was broadcast, without addressee, and what only
// the archive knows about it.
type ArchiveEntry struct {
	ID     string // the stanza-id (XEP-0359), unique in the room
	Time   time.Time
	Sender string // occupant address
	Data   []byte
}

// Redaction replaces the Data of an archive entry, if it is still there.
type Redaction struct {
	ID   string
	Data []byte
}

// Delivery is one POST owed to another provider: at least once, in order for each provider.
type Delivery struct {
	Provider string
	Endpoint string // name in the directory, such as "notify"
	Room     string // mimi:// URI of the room, or of the user whom the endpoint is about
	Body     []byte
}

// PeerRequest is a POST whose answer the room waits for. It is repeated as it is until an answer comes that is not a plea for
// patience (429, 5xx), at most for Patience: then the answer is status 504. Zero: without end.
type PeerRequest struct {
	ID       string // of one of Output.Asks
	Provider string
	Endpoint string // name in the directory
	Room     string // mimi:// URI of the room, or of the user whom the endpoint is about; empty: about the provider itself
	Body     []byte
	Patience time.Duration
}

// Reply is the HTTP answer to the [Request] of the same ID.
type Reply struct {
	ID     string
	Status int // HTTP status; the Body's own code says more
	Body   []byte
	InTurn bool // what the room owed the provider before should arrive first
}

// CommitJob is heavy MLS work on immutable values: Run may be called once on any goroutine. Its results go to CommitDone.
type CommitJob struct {
	ID  uint64
	Run func() (any, error)
}

// Summary is what lists of rooms need.
type Summary struct {
	Name        string // localpart of the room's address
	Title       string
	Description string
	Public      bool // listed by disco#items (muc#roomconfig_publicroom)
	Persistent  bool
	Locked      bool // new and not configured: nobody but its owners knows of it
	Open        bool // enters who wants: neither for members only nor protected by a password
	Anyone      bool // everybody sees real addresses
	Lang        string
	Occupants   int
	Epoch       uint64    // of the MLS group
	Direct      bool      // of two users for themselves, who are both in it
	Findable    Findable  // of a person: by what users of other providers find it; Title is its name then
	Awaiting    bool      // somebody's consent
	Trouble     string    // of a room of another provider: why it was given up, or what it does to come back
	Wake        time.Time // as in Output
}

// NoteLevel grades a [Note].
type NoteLevel int8

// The levels of a Note, numbered as in log/slog.
const (
	NoteDebug NoteLevel = -4
	NoteInfo  NoteLevel = 0
	NoteWarn  NoteLevel = 4
	NoteError NoteLevel = 8
)

// Note is something an operator should be able to see: refusals with their reason, epochs with proposer and committer.
type Note struct {
	Level NoteLevel
	Msg   string
	Attrs []Attr
}

// Attr is one key and value of a [Note].
type Attr struct{ Key, Value string }

// Snapshot is what is stored of a room and needed to go on with it.
type Snapshot struct {
	Seq         uint64 // events written so far
	Snapshot    []byte // stands for the events 1 to SnapshotSeq; nil: none
	SnapshotSeq uint64
	Events      [][]byte // SnapshotSeq+1 to Seq
	Secrets     map[string][]byte
	Archive     []ArchiveEntry // the newest entries, oldest first; as many as history may show, and MaxRecords
	Sent        uint64         // stanzas of the events up to here were handed to the server
	Tombstone   []byte         // Output.Tombstone of a destroyed room, with nothing else
	Clean       bool           // nothing was in flight when the room was last given up: see [Room.Idle]
}

// Recovery is what a restored room owes at once.
type Recovery struct {
	Stanzas []xmpp.Broadcast // of the events after Sent, with the ids they had
	Wake    time.Time        // as in Output
	Summary Summary
}
