package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/mimihttp"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// clientEvent is one line of output. docs/client.md documents it; names and meaning are stable.
type clientEvent struct {
	Type string `json:"type"`
	Room string `json:"room,omitempty"`
	At   string `json:"at,omitempty"` // accepted by the hub, RFC 3339 with milliseconds

	Epoch         *uint64        `json:"epoch,omitempty"`
	Proposer      []string       `json:"proposer,omitempty"`
	Committer     string         `json:"committer,omitempty"`
	CommitterLeaf *uint32        `json:"committer_leaf,omitempty"`
	External      bool           `json:"external,omitempty"`
	Changes       []clientChange `json:"changes,omitempty"`

	Sender      string  `json:"sender,omitempty"`
	Leaf        *uint32 `json:"leaf,omitempty"`
	Suite       string  `json:"suite,omitempty"`
	Body        string  `json:"body,omitempty"`
	ContentType string  `json:"content_type,omitempty"`

	ID        string `json:"id,omitempty"` // of a message, like the next two
	InReplyTo string `json:"in_reply_to,omitempty"`
	Replaces  string `json:"replaces,omitempty"`

	Command  string `json:"command,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Status   int    `json:"status,omitempty"`
	Code     *uint8 `json:"code,omitempty"`
	Text     string `json:"text,omitempty"`

	User         string              `json:"user,omitempty"`
	Client       string              `json:"client,omitempty"`
	Key          string              `json:"key,omitempty"`
	Certificates []string            `json:"certificates,omitempty"` // base64 of DER
	Listen       string              `json:"listen,omitempty"`
	Participants []clientParticipant `json:"participants,omitempty"`
	Leaves       []clientLeaf        `json:"leaves,omitempty"`
	Found        []clientFound       `json:"found,omitempty"`
	Files        []clientFile        `json:"files,omitempty"`
}

// clientFile is a file that a message shares, and how large it is when it is decrypted.
type clientFile struct {
	URL         string `json:"url"`
	Name        string `json:"name,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Size        uint64 `json:"size,omitempty"`
	Encrypted   bool   `json:"encrypted,omitempty"`
}

// clientFound is a user or a room that a search found.
type clientFound struct {
	User string `json:"user,omitempty"`
	Room string `json:"room,omitempty"`
	Name string `json:"name,omitempty"`
}

// clientChange is one thing that a proposal or commit does.
type clientChange struct {
	Kind     string  `json:"kind"`
	Proposer string  `json:"proposer,omitempty"`
	User     string  `json:"user,omitempty"`
	Client   string  `json:"client,omitempty"`
	Leaf     *uint32 `json:"leaf,omitempty"`
	Key      string  `json:"key,omitempty"`
	From     *uint32 `json:"from,omitempty"`
	FromName string  `json:"from_name,omitempty"`
	Role     *uint32 `json:"role,omitempty"`
	RoleName string  `json:"role_name,omitempty"`
	Name     string  `json:"name,omitempty"`
	Subject  string  `json:"subject,omitempty"`
	Reason   string  `json:"reason,omitempty"`

	Policy    string `json:"policy,omitempty"`
	Alternate string `json:"alternate,omitempty"` // where to go from a room that ends
}

type clientParticipant struct {
	User     string `json:"user"`
	Role     uint32 `json:"role"`
	RoleName string `json:"role_name"`
	Active   bool   `json:"active"`
}

type clientLeaf struct {
	Leaf   uint32 `json:"leaf"`
	Client string `json:"client"`
	User   string `json:"user"`
	Key    string `json:"key"`
	Nick   string `json:"nick,omitempty"`
}

// clientPrinter writes events as JSON lines or as text. It is safe for concurrent use.
type clientPrinter struct {
	mu   sync.Mutex
	w    io.Writer
	json bool
}

func (p *clientPrinter) emit(e clientEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		if line, err := json.Marshal(e); err == nil {
			p.w.Write(append(line, '\n'))
		}
		return
	}
	io.WriteString(p.w, clientText(&e))
}

func number[T ~uint32](n T) *uint32 { v := uint32(n); return &v }

func epochNumber(e mls.Epoch) *uint64 { v := uint64(e); return &v }

// keyPrint is the first eight bytes of a signature key's SHA-256, in hexadecimal.
func keyPrint(key mls.SignaturePublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

func stamp(ms uint64) string {
	if ms == 0 || ms > 1<<52 {
		return ""
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// ready prints that others reach us; some do already.
func (c *nativeClient) ready(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.devices()[0]
	c.print.emit(clientEvent{Type: "ready", User: c.user.String(), Client: c.clientURI(d).String(), Key: keyPrint(d.SignatureID), Listen: address})
}

// device prints what became of a device, or that it is there.
func (p *clientPrinter) device(what string, c *nativeClient, d *storedDevice) {
	e := clientEvent{Type: what, Client: c.clientURI(d).String(), Key: keyPrint(d.SignatureID)}
	if d.Deleted && what == "device" {
		e.Text = "deleted, not out of all rooms yet"
	}
	p.emit(e)
}

func (p *clientPrinter) error(err error) { p.emit(clientEvent{Type: "error", Text: err.Error()}) }

// consent prints what somebody elsewhere asks or decided.
func (p *clientPrinter) consent(q *mimi.ConsentEntry) {
	e := clientEvent{User: q.Requester.String()}
	if !q.Room.IsZero() {
		e.Room = q.Room.String()
	}
	switch q.Operation {
	case mimi.ConsentRequest:
		e.Type = "consent_requested"
	case mimi.ConsentCancel:
		e.Type = "consent_cancelled"
	case mimi.ConsentGrant:
		e.Type, e.User = "consent_granted", q.Target.String()
	case mimi.ConsentRevoke:
		e.Type, e.User = "consent_revoked", q.Target.String()
	}
	p.emit(e)
}

// letIn prints that admins of a room let us in.
func (p *clientPrinter) letIn(room mimi.URI) {
	p.emit(clientEvent{Type: "let_in", Room: room.String()})
}

// asked prints that a user was asked whether it may be added.
func (p *clientPrinter) asked(a storedAddition) {
	p.emit(clientEvent{Type: "consent_asked", Room: a.Room.String(), User: a.User.String()})
}

// reported prints what a room's provider says to a report of abuse.
func (p *clientPrinter) reported(room mimi.URI, reply *mimihttp.Reply) {
	e := clientEvent{Type: "reported", Room: room.String()}
	if reply.Status != http.StatusCreated {
		e.Type, e.Command, e.Endpoint, e.Status = "refused", "report", string(mimi.EndpointReportAbuse), reply.Status
		e.Text = string(reply.Body[:min(len(reply.Body), mimi.MaxErrorText)])
	}
	p.emit(e)
}

// notAdded prints why a user has no key packages for us.
func (p *clientPrinter) notAdded(a storedAddition, e clientEvent) {
	e.Type, e.Room, e.User, e.Command, e.Endpoint = "refused", a.Room.String(), a.User.String(), "add", string(mimi.EndpointKeyMaterial)
	p.emit(e)
}

func (p *clientPrinter) decrypted(r *follower.Room, m *mls.ApplicationMessage, err error) {
	e := clientEvent{Type: "decrypted", Room: r.URI().String(), Epoch: epochNumber(r.Group().Public().Epoch())}
	if err != nil {
		e.Type, e.Text = "undecryptable", err.Error()
	} else {
		e.Body, e.ContentType = bodyText(m.Data)
	}
	p.emit(e)
}

// event prints what took place in a room.
func (p *clientPrinter) event(r *follower.Room, event follower.Event) {
	e := clientEvent{Room: r.URI().String()}
	switch event := event.(type) {
	case follower.Joined:
		e.Type, e.Client, e.Leaf, e.Epoch = "joined", event.Client.String(), number(event.Leaf), epochNumber(event.Epoch)
	case follower.Epoch:
		epochEvent(&e, event)
	case follower.Proposed:
		e.Type, e.At, e.Epoch = "proposed", stamp(event.At), epochNumber(event.Group.Epoch())
		w := changeList{before: event.State, after: event.State, pg: event.Group}
		for _, proposal := range event.Proposals {
			w.proposal(proposal.Proposal, proposal.Sender, proposal.AuthenticatedData)
		}
		e.Changes, e.Proposer = w.changes, w.proposers
	case follower.Message:
		e.Type, e.At, e.Epoch = "message", stamp(event.At), epochNumber(event.Message.Epoch)
		e.Sender, e.Leaf = event.Sender.String(), number(event.Message.Sender)
		e.Body, e.ContentType = bodyText(event.Message.Data)
		e.refer(&event, r.URI())
	case follower.Sent:
		e.Type, e.At, e.Epoch, e.Client = "sent", stamp(event.At), epochNumber(event.Epoch), event.Wish.Client.String()
		e.Body, e.ContentType = bodyText(event.Wish.Data)
	case follower.Done: // what came of it was told
		return
	case follower.Removed:
		e.Type, e.At = "removed", stamp(event.At)
	case follower.Refused:
		e.Client = event.Wish.Client.String()
		e.Type, e.Command, e.Endpoint, e.Status, e.Text = "refused", commandOf(event.Wish.Kind), string(event.Endpoint), event.Status, event.Text
		if event.Endpoint != "" && event.Status == 0 {
			e.Code = &event.Code
		}
		if event.Wish.Kind == follower.Send {
			e.Body, _ = bodyText(event.Wish.Data)
		}
	case follower.Lost:
		e.Type, e.Text = "lost", event.Text
	case follower.Resynced:
		e.Type, e.At, e.Epoch, e.Client = "resynced", stamp(event.At), epochNumber(event.Epoch), event.Client.String()
	case follower.Dropped:
		e.Type, e.Text = "dropped", event.Text
	case follower.Reinitialised:
		e.Type, e.At, e.Epoch, e.Suite = "reinitialised", stamp(event.At), epochNumber(event.Epoch), event.Suite.Name()
	case follower.Broken:
		e.Type, e.Text = "broken", event.Text
	default:
		e.Type, e.Text = "error", fmt.Sprintf("unknown event %T", event)
	}
	p.emit(e)
}

func commandOf(kind follower.WishKind) string {
	switch kind {
	case follower.Join:
		return "join"
	case follower.Leave:
		return "leave"
	case follower.Send:
		return "send"
	case follower.Drop:
		return "device delete"
	case follower.Renew:
		return "renew"
	}
	return "change"
}

// epochEvent says who proposed and committed what.
func epochEvent(e *clientEvent, event follower.Epoch) {
	effects := event.Effects
	e.Type, e.At, e.Epoch = "epoch", stamp(event.At), epochNumber(effects.After.Epoch())
	e.External = effects.Sender.Type == mls.SenderNewMemberCommit
	w := changeList{before: event.Before, after: event.After, pg: effects.Before}
	if node, ok := effects.After.Leaf(effects.Committer); ok {
		w.committer = userOf(node)
		e.Committer, e.CommitterLeaf = w.committer, number(effects.Committer)
	} else if node, ok := effects.Before.Leaf(effects.Committer); ok {
		w.committer = userOf(node)
		e.Committer, e.CommitterLeaf = w.committer, number(effects.Committer)
	}
	for _, proposal := range effects.Proposals {
		if proposal.Ref == nil {
			w.byValue(proposal.Proposal, effects.AuthenticatedData)
		} else {
			w.proposal(proposal.Proposal, proposal.Sender, proposal.AuthenticatedData)
		}
	}
	for _, i := range effects.Added {
		w.leaf("leaf_added", effects.After, i)
	}
	if e.External {
		w.leaf("leaf_added", effects.After, effects.Committer)
	}
	for _, i := range effects.Updated {
		if !e.External || i != effects.Committer {
			w.leaf("leaf_updated", effects.After, i)
		}
	}
	if len(w.proposers) == 0 && w.committer != "" {
		w.proposers = []string{w.committer}
	}
	e.Changes, e.Proposer = w.changes, w.proposers
}

// members prints the participants with their roles and all leaves.
func (p *clientPrinter) members(r *follower.Room) {
	pg, state := r.Group().Public(), r.State()
	e := clientEvent{Type: "members", Room: r.URI().String(), Epoch: epochNumber(pg.Epoch())}
	for _, participant := range state.Participants() {
		e.Participants = append(e.Participants, clientParticipant{
			participant.User.String(), uint32(participant.Role), roleName(state, participant.Role), state.Clients(participant.User) > 0,
		})
	}
	for i, node := range pg.Leaves() {
		nick, _ := mimi.LeafNick(node)
		e.Leaves = append(e.Leaves, clientLeaf{uint32(i), mimi.CredentialName(node.Credential), userOf(node), keyPrint(node.SignatureKey), nick})
	}
	p.emit(e)
}

func userOf(node *mls.LeafNode) string {
	client, err := mimi.CredentialClient(node.Credential)
	if err != nil {
		return ""
	}
	return client.ClientUser().String()
}

func roleName(s *policy.State, i mimi.RoleIndex) string {
	if s == nil {
		return ""
	}
	if role, ok := s.Role(i); ok {
		return role.Name
	}
	return ""
}

// refer says which message this is, what others it is about, and which files it shares.
func (e *clientEvent) refer(event *follower.Message, room mimi.URI) {
	m, err := content.Decode(event.Message.Data)
	if err != nil {
		return
	}
	e.Files = filesOf(m)
	e.ID = content.ID(event.Sender, room, event.Message.Data, m.Salt).String()
	for at, id := range map[*string]content.MessageID{&e.InReplyTo: m.InReplyTo, &e.Replaces: m.Replaces} {
		if !id.IsZero() {
			*at = id.String()
		}
	}
}

// bodyText finds the readable text of application data: MIMI content, else the data itself if it is text.
func bodyText(data []byte) (text, contentType string) {
	m, err := content.Decode(data)
	if err != nil {
		if utf8.Valid(data) {
			return string(data), ""
		}
		return "", ""
	}
	return partText(&m.Body)
}

func partText(part *content.Part) (text, contentType string) {
	switch part.Cardinality {
	case content.Single:
		if strings.HasPrefix(part.ContentType, "text/") && utf8.Valid(part.Content) {
			return string(part.Content), part.ContentType
		}
		return "", part.ContentType
	case content.External:
		return "", part.ContentType
	case content.Multi:
		for i := range part.Parts {
			text, of := partText(&part.Parts[i])
			if text != "" {
				return text, of
			}
			contentType = cmp.Or(contentType, of)
		}
	}
	return "", contentType
}

// clean makes text of other people harmless for a terminal: one line without control characters, also those of writing direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) { // the latter let text stand in another order than it is in
			return -1
		}
		return r
	}, s)
}
