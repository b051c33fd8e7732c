package hub

import (
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// Options is what a Room does not carry in its encoded form.
type Options struct {
	// Sender is the hub's entry of the group's external_senders, Key the private part of its signature key.
	Sender mls.ExternalSender
	Key    mls.SignaturePrivateKey
	// Extra is the room's own strictness, asked about everything that policy allows.
	Extra policy.Extra
	// JoinCode says whether user may join as role by a code that was checked before.
	JoinCode func(user mimi.URI, role mimi.RoleIndex) bool
}

// Room is a room that our provider owns, in one epoch.
type Room struct {
	uri     mimi.URI
	group   *mls.Group
	state   *policy.State
	options Options

	routes     []route
	remembered []Memory // oldest first
	accepted   []acceptance
}

// New begins to keep a room. The group must hold a local leaf.
func New(uri mimi.URI, g *mls.Group, o Options) (*Room, error) { panic("skeleton") }

// Load restores a room from Encode and its group.
func Load(b []byte, g *mls.Group, o Options) (*Room, error) { panic("skeleton") }

// Encode returns everything but the group and the options: routes of Welcomes, remembered requests, times of pending proposals.
func (r *Room) Encode() []byte { panic("skeleton") }

// URI, Group and State return the room's parts.
func (r *Room) URI() mimi.URI        { return r.uri }
func (r *Room) Group() *mls.Group    { return r.group }
func (r *Room) State() *policy.State { return r.state }

// WithGroup replaces the group value within the same epoch: after Reserve, Adopt or an own ExternalCommit's staging. It panics if the
// epoch differs.
func (r *Room) WithGroup(g *mls.Group) *Room { panic("skeleton") }

// Remember repeats what accepting a request did to the memory of requests.
func (r *Room) Remember(m Memory) *Room { panic("skeleton") }

// LearnKeyMaterial notes to whom the Welcomes for the key packages in a key material response go. The response came from provider.
func (r *Room) LearnKeyMaterial(now time.Time, provider string, response *mimi.KeyMaterialResponse) (*Room, error) {
	panic("skeleton")
}

// AcceptUpdate decides on a remote commit or on remote proposals: the body of an update request from provider from. The second result is
// the answer owed, whatever the decision. A repetition of an accepted request gets its first answer and neither Accepted nor error. The
// error is a *mimi.Refusal.
func (r *Room) AcceptUpdate(now time.Time, from string, body []byte) (*Accepted, []byte, error) {
	panic("skeleton")
}

// AcceptSubmit decides on a remote application message: the body of a submitMessage request. Results as in AcceptUpdate.
func (r *Room) AcceptSubmit(now time.Time, from string, body []byte) (*Accepted, []byte, error) {
	panic("skeleton")
}

// AcceptLocal decides on a commit by a local leaf, external commits of our own users included.
func (r *Room) AcceptLocal(now time.Time, s *mls.Staged) (*Accepted, error) { panic("skeleton") }

// AcceptLocalProposals decides on proposals by local leaves or new members of our provider: g is the group with them cached, messages
// are what Propose and NewMemberProposal returned, in the same order.
func (r *Room) AcceptLocalProposals(now time.Time, g *mls.Group, messages ...*mls.Message) (*Accepted, error) {
	panic("skeleton")
}

// AcceptLocalMessage decides on an application message of a local user: g and m are what Protect returned.
func (r *Room) AcceptLocalMessage(now time.Time, g *mls.Group, m *mls.Message, sender mimi.URI) (*Accepted, error) {
	panic("skeleton")
}

// GroupInfo answers a groupInfo request from provider from. The answer is owed even if the error, a *mimi.Refusal, is not nil.
func (r *Room) GroupInfo(now time.Time, from string, body []byte) ([]byte, error) { panic("skeleton") }

// NoSuchRoom returns the answer of the endpoint for a room that does not exist; ok is false if the endpoint has none and HTTP says it.
func NoSuchRoom(e mimi.Endpoint, room mimi.URI) (answer []byte, ok bool) { panic("skeleton") }
