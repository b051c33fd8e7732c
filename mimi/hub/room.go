package hub

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// Options is what a Room does not carry in its encoded form.
type Options struct {
	// Sender is the hub as an external sender, Key the private part of its signature key. They sign answers to groupInfo requests.
	Sender mls.ExternalSender
	Key    mls.SignaturePrivateKey
	// Vouch returns a credential for the hub that serves at a time: the one that it has in the group, or another for the same key. Nil: the one that it
	// has always does. It must be pure.
	Vouch func(now time.Time, c mls.Credential) mls.Credential
	// FrankKey is the hub's secret behind its stamps on messages (draft-ietf-mimi-protocol-06 §5.4.1); none: it stamps none. They are signed with
	// Key, so that the group's franking agent must have Sender's key.
	FrankKey []byte
	// Extra is the room's own strictness, asked about everything that policy allows.
	Extra policy.Extra
	// System is the participant by which the hub acts in the room, zero if there is none: see policy.Options.
	System mimi.URI
	// Issued finds the secrets of a key package that we gave out for a user of ours. Only by these can somebody else add a client of ours:
	// the commit's Welcome must then lead into the hub's own epoch, and the leaf becomes a local one. Nil: there are none. It must be pure.
	Issued func(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool)
	// JoinCode says whether user may join as role by a code that was checked before.
	JoinCode func(user mimi.URI, role mimi.RoleIndex) bool
}

// Room is a room that our provider owns, in one epoch.
type Room struct {
	uri     mimi.URI
	group   *mls.Group
	state   *policy.State
	options Options

	followers  []string // other providers with a client in the group, sorted
	receivers  []string // those of them with a user that may receive messages
	routes     []route
	remembered map[string]mimi.Recent // by provider: digest and answer of accepted requests; never changed in place
	accepted   []acceptance
	renewals   renewals
	formers    []former // oldest first

	old bool // just as an earlier version stored it
}

// New begins to keep a room. The group must hold one leaf, a local one: that of a user who may create the room.
func New(uri mimi.URI, g *mls.Group, o Options) (*Room, error) {
	r, err := keep(uri, g, o)
	if err != nil {
		return nil, err
	}
	if err := policy.AuthorizeCreate(r.state); err != nil {
		return nil, fmt.Errorf("hub: %s: %w", uri, err)
	}
	return r, nil
}

// keep is a room in the state that its group says. The group must hold a local leaf.
func keep(uri mimi.URI, g *mls.Group, o Options) (*Room, error) {
	if uri.Kind() != mimi.KindRoom {
		return nil, fmt.Errorf("hub: %s is not a room", uri)
	}
	if g == nil || len(g.Local()) == 0 {
		return nil, errors.New("hub: the group holds no local leaf")
	}
	state, err := policy.StateOf(g.Public())
	if err != nil {
		return nil, fmt.Errorf("hub: %s: %w", uri, err)
	}
	r := &Room{uri: uri, group: g, state: state, options: o}
	r.findFollowers()
	return r, nil
}

// URI returns the room's name.
func (r *Room) URI() mimi.URI { return r.uri }

// Group returns the group value, accepted pending proposals included.
func (r *Room) Group() *mls.Group { return r.group }

// State returns the policy of the present epoch.
func (r *Room) State() *policy.State { return r.state }

// Followers returns the other providers that take part, in ascending order. The caller must not change the slice.
func (r *Room) Followers() []string { return r.followers }

// copy is the room as a value that is to be changed.
func (r *Room) copy() Room {
	next := *r
	next.old = false
	return next
}

// WithGroup replaces the group value within the same epoch: after Reserve, Adopt or WithConfig. It panics if the epoch differs.
func (r *Room) WithGroup(g *mls.Group) *Room {
	if g.Public().Epoch() != r.group.Public().Epoch() {
		panic("hub: WithGroup with another epoch")
	}
	next := r.copy()
	next.group = g
	return &next
}

// WithOptions replaces the options.
func (r *Room) WithOptions(o Options) *Room {
	next := r.copy()
	next.options = o
	return &next
}

func (r *Room) provider() string { return r.uri.Provider() }

func (r *Room) policyOptions(now time.Time, from string) policy.Options {
	return policy.Options{Provider: from, Extra: r.options.Extra, JoinCode: r.options.JoinCode, Seed: true, System: r.options.System,
		Now: uint64(now.Unix()), Renewed: r.renewals.since}
}

// advanced is the room in the epoch that a commit made.
func (r *Room) advanced(now time.Time, g *mls.Group, state *policy.State, e *mls.Effects, welcomed []mls.KeyPackageRef) *Room {
	next := r.copy()
	next.group, next.state, next.accepted = g, state, nil
	next.renewals = r.renewals.after(now, e, state.UpdateTimes())
	seconds := uint64(now.Unix())
	next.routes = slices.DeleteFunc(slices.Clone(r.routes), func(e route) bool {
		return e.notAfter < seconds || slices.ContainsFunc(welcomed, func(ref mls.KeyPackageRef) bool { return slices.Equal(ref, e.ref) })
	})
	next.findFollowers()
	return &next
}

// findFollowers derives followers and receivers from who has a client in the group: once per epoch, since every message needs them.
func (r *Room) findFollowers() {
	followers, receivers := map[string]bool{}, map[string]bool{}
	for user := range r.state.Active() {
		provider := user.Provider()
		if provider == r.provider() {
			continue
		}
		followers[provider] = true
		if !receivers[provider] && policy.AuthorizeReceive(r.state, user) == nil {
			receivers[provider] = true
		}
	}
	r.followers, r.receivers = sorted(followers), sorted(receivers)
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// leafClient returns the client of the member at i.
func leafClient(pg *mls.PublicGroup, i mls.LeafIndex) (mimi.URI, bool) {
	leaf, ok := pg.Leaf(i)
	if !ok {
		return mimi.URI{}, false
	}
	client, err := mimi.CredentialClient(leaf.Credential)
	return client, err == nil
}
