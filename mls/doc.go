// Package mls implements the Messaging Layer Security protocol, RFC 9420, with all its cipher suites, and of
// draft-ietf-mls-extensions the app_data_dictionary with AppDataUpdate and AppEphemeral, SelfRemove, safe AAD, content
// media types, wire formats, last-resort key packages, the safe exporter and keys by component.
//
// A [Group] is one group with the secrets of its epoch, held for any number of local leaves. A [PublicGroup] is what can be
// known without secrets, enough for a hub to verify proposals and commits. Both are values: nothing changes them, and what
// moves a group on returns another value while the earlier one stays valid. They are safe for concurrent reading.
//
// What is on the wire is in the files named after the structures, each with MarshalTLS and UnmarshalTLS; package
// [anteroom/mls/wire] turns them into bytes and back. Decoding refuses what can be seen to be wrong without a group; everything
// else is a [ValidationError], whose Rule names the requirement in docs/validation.md. Unknown extensions, capabilities and
// credential types survive decoding and encoding.
//
// The package is pure. Randomness comes in as a [Seed], time as Config.Now. The one exception is HPKE encapsulation, which
// draws from the system within the crypto libraries.
//
// Not implemented: targeted messages and multi-credentials of the extensions draft. Certificates of X.509
// credentials are compared with the leaf's key, but whether to trust them is for Config.Authenticate to say.
package mls
