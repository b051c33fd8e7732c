package mls

import "slices"

// maxCommon bounds the capability lists that support summarises; with longer ones every leaf is asked.
const maxCommon = 64

// support sums up what the members of a subtree can do: what all of them list, and the credential types that some use. It is
// kept with each subtree, so that a commit need not ask every member again (§7.3, §12.2). It is immutable.
type support struct {
	used        []CredentialType
	extensions  []ExtensionType
	proposals   []ProposalType
	credentials []CredentialType
	unknown     bool // lists were too long
}

// supportOf sums up one member.
func supportOf(n *LeafNode) *support {
	c := &n.Capabilities
	if max(len(c.Extensions), len(c.Proposals), len(c.Credentials)) > maxCommon {
		return &support{unknown: true}
	}
	return &support{used: []CredentialType{n.Credential.Type}, extensions: c.Extensions, proposals: c.Proposals, credentials: c.Credentials}
}

// both sums up two subtrees, either of which may be nil for no members.
func both(a, b *support) *support {
	switch {
	case a == nil:
		return b
	case b == nil || a == b || a.unknown:
		return a
	case b.unknown:
		return b
	}
	s := support{used: a.used, extensions: common(a.extensions, b.extensions), proposals: common(a.proposals, b.proposals),
		credentials: common(a.credentials, b.credentials)}
	for _, t := range b.used {
		if !slices.Contains(s.used, t) {
			s.used = append(slices.Clip(s.used), t)
		}
	}
	switch {
	case s.equal(a):
		return a
	case s.equal(b):
		return b
	case len(s.used) > maxCommon:
		return &support{unknown: true}
	}
	return &s
}

func (s *support) equal(o *support) bool {
	return slices.Equal(s.used, o.used) && slices.Equal(s.extensions, o.extensions) && slices.Equal(s.proposals, o.proposals) &&
		slices.Equal(s.credentials, o.credentials)
}

// common returns what is in both lists.
func common[T comparable](a, b []T) []T {
	if slices.Equal(a, b) {
		return a
	}
	var out []T
	for _, t := range a {
		if slices.Contains(b, t) {
			out = append(out, t)
		}
	}
	return out
}

// leaf is a leaf that can do what all members can.
func (s *support) leaf() *LeafNode {
	return &LeafNode{Capabilities: Capabilities{Extensions: s.extensions, Proposals: s.proposals, Credentials: s.credentials}}
}

// proposes reports whether all members are known to list the proposal types.
func (s *support) proposes(types map[ProposalType]bool) bool {
	if s == nil || s.unknown {
		return false
	}
	for t := range types {
		if !slices.Contains(s.proposals, t) {
			return false
		}
	}
	return true
}
