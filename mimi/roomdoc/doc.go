// Package roomdoc is the JSON description of a room in draft-mahy-mimi-group-chat, "Example Use": its policy, who is preauthorised for which
// affiliation, its systems, and the affiliations of its users. Reading is strict: an unknown, repeated or null member, a second value, an
// address of the wrong form and contradictions are refused by their field, and every list has a limit. The six "specific examples" of the
// seed are presets.
//
// The seed's successors have no such document. What the seed leaves open is decided in docs/decisions/081-room-document.md.
//
// The package is pure.
package roomdoc
