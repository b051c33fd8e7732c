// Package pki issues and verifies X.509 credentials of MLS clients (RFC 9420 §5.3, RFC 5280): a provider's user authority says which
// signature key belongs to which client.
//
// The profile. A credential holds a leaf certificate and, unless the authority that issued it is known to everybody, that authority's
// certificate. The leaf's subject alternative names are the URIs of a client and of its user, and nothing else (mimi.CredentialClient); its
// key is the signature key of the MLS leaf; it may sign and is no authority. A user authority speaks for one provider: its name constraints
// permit URIs of that host alone and forbid all DNS names, so that it can neither vouch for other providers' users nor make certificates for
// TLS; it issues no further authorities. It chains to one of the certificates that are trusted for all providers, or, where some are
// configured for the provider named in the URI, to one of those.
//
// Not implemented: revocation (docs/decisions/159-revocation.md: removing the leaf from its rooms is what ends its certificate's use), policies,
// Ed448 keys.
//
// Issuing is a pure function of its arguments. Verifying keeps a bounded memory of authorities that were found good. Time is an argument.
// Everything is safe for concurrent use.
package pki
