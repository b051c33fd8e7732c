// Package presence keeps who is in a room, from which devices, and what each occupant may see of each other.
//
// It knows XEP-0045 1.35.5 words only: nicks, sessions, roles, affiliations. Broadcasts are addressed by slices of recipients
// that are kept up to date and shared, never rebuilt per message: what was handed out is not changed afterwards.
//
// The package is pure. A Room is not safe for concurrent use; slices that it returned stay valid and unchanged.
package presence
