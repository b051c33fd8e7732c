package redisstore

import (
	"fmt"
	"strings"

	"anteroom/store"
)

// Keys are: prefix, kind, the escaped name in braces (Redis Cluster hashes only that, so that all keys of a room, or of
// a record bucket, share a slot), part.
const (
	kindRoom    = "room:"
	kindService = "service:"
	kindRecords = "records:"

	partHead   = ":head"
	schemaKey  = "schema"
	schema     = "1"
	hexDigits  = "0123456789abcdef"
	globQuoted = `\*?[]^-`
)

var roomParts = []string{":fence", partHead, ":snapshot", ":events", ":secrets", ":outbox", ":archive", ":places", ":tombstone"}

// Places of parts in roomParts, and thus of keys in roomKeys.
const (
	keyFence = iota
	keyHead
	keySnapshot
	keyEvents
	keySecrets
	keyOutbox
	keyArchive
	keyPlaces
	keyTombstone
)

func (s *Store) key(kind, name, part string) string {
	return s.prefix + kind + "{" + escape(name) + "}" + part
}

func (s *Store) roomKeys(room string) []string {
	keys := make([]string, len(roomParts))
	for i, part := range roomParts {
		keys[i] = s.key(kindRoom, room, part)
	}
	return keys
}

// leaseKeys are fence, lease and head.
func (s *Store) leaseKeys(l store.Lease) []string {
	kind := kindService
	if l.IsRoom() {
		kind = kindRoom
	}
	return []string{s.key(kind, l.Name(), ":fence"), s.key(kind, l.Name(), ":lease"), s.key(kind, l.Name(), partHead)}
}

// recordKeys are values, names and counter.
func (s *Store) recordKeys(bucket string) []string {
	return []string{s.key(kindRecords, bucket, ":values"), s.key(kindRecords, bucket, ":names"), s.key(kindRecords, bucket, ":counter")}
}

// escape makes a name that has no brace, which would end the hash tag early.
func escape(name string) string {
	var out strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c == '{' || c == '}' || c == '%' || c <= ' ' || c == 0x7f:
			out.WriteByte('%')
			out.WriteByte(hexDigits[c>>4])
			out.WriteByte(hexDigits[c&15])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

func unescape(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", fmt.Errorf("%w: room key", store.ErrCorrupt)
		}
		hi, lo := strings.IndexByte(hexDigits, text[i+1]), strings.IndexByte(hexDigits, text[i+2])
		if hi < 0 || lo < 0 {
			return "", fmt.Errorf("%w: room key", store.ErrCorrupt)
		}
		out.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return out.String(), nil
}

// headPattern matches the head key of every room, and captures nothing else for a prefix without braces.
func (s *Store) headPattern() string {
	var out strings.Builder
	for _, c := range []byte(s.prefix) {
		if strings.IndexByte(globQuoted, c) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteByte(c)
	}
	return out.String() + kindRoom + "{*}" + partHead
}

func (s *Store) roomOf(headKey string) (string, error) {
	name, ok := strings.CutPrefix(headKey, s.prefix+kindRoom+"{")
	name, ok2 := strings.CutSuffix(name, "}"+partHead)
	if !ok || !ok2 {
		return "", fmt.Errorf("%w: room key", store.ErrCorrupt)
	}
	return unescape(name)
}
