// Package mls implements the Messaging Layer Security protocol of RFC 9420 and the parts of draft-ietf-mls-extensions that MIMI
// needs. One file per chapter.
package mls
