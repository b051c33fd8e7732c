package redisstore

import (
	"context"
	"fmt"
	"time"

	"anteroom/store"
)

// digits is the width of a time in microseconds; strings of one width compare like their numbers.
const digits = 16

func micros(t time.Time) string { return fmt.Sprintf("%0*d", digits, store.Micros(t)) }

// archiveEntry encodes all of an entry but its ordering time, which the script puts before; see write.lua.
func archiveEntry(e store.ArchiveEntry) string {
	return fmt.Sprintf("%s%05d%05d", micros(e.Time), len(e.ID), len(e.Sender)) + e.ID + e.Sender + string(e.Body)
}

func parseArchiveEntry(raw string) (store.ArchiveEntry, error) {
	const fixed = digits + digits + 5 + 5
	if len(raw) < fixed {
		return store.ArchiveEntry{}, fmt.Errorf("%w: archive entry", store.ErrCorrupt)
	}
	us, err1 := parseNumber(raw[digits : 2*digits])
	idLen, err2 := parseNumber(raw[2*digits : 2*digits+5])
	senderLen, err3 := parseNumber(raw[2*digits+5 : fixed])
	rest := raw[fixed:]
	if err1 != nil || err2 != nil || err3 != nil || idLen+senderLen > uint64(len(rest)) {
		return store.ArchiveEntry{}, fmt.Errorf("%w: archive entry", store.ErrCorrupt)
	}
	return store.ArchiveEntry{
		ID: rest[:idLen], Time: time.UnixMicro(int64(us)).UTC(),
		Sender: rest[idLen : idLen+senderLen], Body: []byte(rest[idLen+senderLen:]),
	}, nil
}

// Archive implements store.Store.
func (s *Store) Archive(ctx context.Context, room string, q store.ArchiveQuery) (store.ArchivePage, error) {
	if err := store.CheckArchive(room, q); err != nil {
		return store.ArchivePage{}, err
	}
	since, beyond, newest := "", "", 0
	if !q.Since.IsZero() {
		since = micros(q.Since)
	}
	if !q.Until.IsZero() {
		beyond = fmt.Sprintf("%0*d", digits, store.Micros(q.Until)+1)
	}
	if q.Newest {
		newest = 1
	}
	keys := s.roomKeys(room)
	cmd := s.run(ctx, scriptArchive, []string{keys[keyHead], keys[keyArchive], keys[keyPlaces]}, since, beyond, q.After, q.Before, newest, q.Limit)
	if text, ok := cmd.Val().(string); ok && text == "notfound" {
		return store.ArchivePage{}, store.ErrNotFound
	}
	reply, err := cmd.StringSlice()
	if err != nil {
		return store.ArchivePage{}, failed("archive", err)
	}
	return parsePage(reply)
}

func parsePage(reply []string) (store.ArchivePage, error) {
	if len(reply) < 3 {
		return store.ArchivePage{}, fmt.Errorf("%w: archive page", store.ErrCorrupt)
	}
	index, err1 := parseNumber(reply[0])
	total, err2 := parseNumber(reply[1])
	if err1 != nil || err2 != nil {
		return store.ArchivePage{}, fmt.Errorf("%w: archive page", store.ErrCorrupt)
	}
	page := store.ArchivePage{Index: index, Total: total, Complete: reply[2] == "1"}
	for _, raw := range reply[3:] {
		e, err := parseArchiveEntry(raw)
		if err != nil {
			return store.ArchivePage{}, err
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}
