package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"anteroom/store"
)

func testArchive(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	var all []store.ArchiveEntry
	for i := range 10 {
		e := store.ArchiveEntry{ID: fmt.Sprintf("id-%d", (i*7)%10), Time: at(i / 2 * 10), Sender: "juliet", Body: fmt.Append(nil, "message ", i)}
		all = append(all, e)
		write(t, s, store.Batch{Room: "r", Fence: f, Archive: []store.ArchiveEntry{e}})
	}
	id := func(i int) string { return all[i].ID }
	for _, c := range []struct {
		why      string
		q        store.ArchiveQuery
		from, to int
		index    uint64
		total    uint64
		complete bool
	}{
		{"everything", store.ArchiveQuery{Limit: 10}, 0, 10, 0, 10, true},
		{"oldest three", store.ArchiveQuery{Limit: 3}, 0, 3, 0, 10, false},
		{"newest three", store.ArchiveQuery{Limit: 3, Newest: true}, 7, 10, 7, 10, false},
		{"only count", store.ArchiveQuery{}, 0, 0, 0, 10, false},
		{"next page", store.ArchiveQuery{Limit: 3, After: id(2)}, 3, 6, 3, 10, false},
		{"last page", store.ArchiveQuery{Limit: 3, After: id(6)}, 7, 10, 7, 10, true},
		{"beyond the last page", store.ArchiveQuery{Limit: 3, After: id(9)}, 10, 10, 10, 10, true},
		{"page before", store.ArchiveQuery{Limit: 3, Newest: true, Before: id(7)}, 4, 7, 4, 10, false},
		{"first page from behind", store.ArchiveQuery{Limit: 3, Newest: true, Before: id(2)}, 0, 2, 0, 10, true},
		{"between two ids", store.ArchiveQuery{Limit: 9, After: id(2), Before: id(5)}, 3, 5, 3, 10, true},
		{"ids the wrong way round", store.ArchiveQuery{Limit: 9, After: id(5), Before: id(2)}, 6, 6, 6, 10, true},
		{"since, inclusive", store.ArchiveQuery{Limit: 3, Since: at(20)}, 4, 7, 0, 6, false},
		{"until, inclusive", store.ArchiveQuery{Limit: 9, Until: at(20)}, 0, 6, 0, 6, true},
		{"since and until", store.ArchiveQuery{Limit: 9, Since: at(5), Until: at(25)}, 2, 6, 0, 4, true},
		{"since and after", store.ArchiveQuery{Limit: 9, Since: at(15), After: id(5)}, 6, 10, 2, 6, true},
		{"after before since", store.ArchiveQuery{Limit: 9, Since: at(15), After: id(0)}, 4, 10, 0, 6, true},
		{"after beyond until", store.ArchiveQuery{Limit: 9, Until: at(15), After: id(8)}, 4, 4, 4, 4, true},
		{"a time range of nothing", store.ArchiveQuery{Limit: 9, Since: at(21), Until: at(29)}, 6, 6, 0, 0, true},
		{"until before since", store.ArchiveQuery{Limit: 9, Since: at(30), Until: at(10)}, 6, 6, 0, 0, true},
		{"since the future", store.ArchiveQuery{Limit: 9, Since: at(9000)}, 10, 10, 0, 0, true},
		{"since long ago", store.ArchiveQuery{Limit: 1, Since: time.Unix(-1e10, 0)}, 0, 1, 0, 10, false},
		{"until far away", store.ArchiveQuery{Limit: 1, Until: time.Unix(1e12, 0)}, 0, 1, 0, 10, false},
	} {
		page, err := s.Archive(t.Context(), "r", c.q)
		expect := store.ArchivePage{Index: c.index, Total: c.total, Complete: c.complete}
		if c.to > c.from {
			expect.Entries = all[c.from:c.to]
		}
		want(t, c.why, page, expect)
		want(t, c.why+": error", err, nil)
	}
	if _, err := s.Archive(t.Context(), "r", store.ArchiveQuery{After: "unknown"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after an unknown id: %v", err)
	}
	if _, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Before: "unknown"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before an unknown id: %v", err)
	}
	if _, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: store.MaxPage + 1}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a large page: %v", err)
	}
	page, err := s.Archive(t.Context(), "no room", store.ArchiveQuery{Limit: 1})
	want(t, "no room", page, store.ArchivePage{Complete: true})
	want(t, "no room: error", err, nil)
}

func testRedact(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	b := store.Batch{Room: "r", Fence: f}
	for i := range 6 {
		b.Archive = append(b.Archive, store.ArchiveEntry{ID: fmt.Sprint(i), Time: at(i), Body: []byte("text")})
	}
	write(t, s, b)
	write(t, s, store.Batch{
		Room: "r", Fence: f, Archive: []store.ArchiveEntry{{ID: "6", Time: at(6), Body: []byte("at once redacted")}},
		Redact: []store.Redaction{{ID: "4", Body: []byte("gone")}, {ID: "unknown", Body: []byte("x")}, {ID: "6", Body: []byte{}}},
	})
	expect := append(b.Archive, store.ArchiveEntry{ID: "6", Time: at(6), Body: []byte{}})
	expect[4].Body = []byte("gone")
	archive := func(why string, entries []store.ArchiveEntry) {
		t.Helper()
		page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 10})
		want(t, why, page.Entries, entries)
		want(t, why+": total", page.Total, uint64(len(entries)))
		want(t, why+": error", err, nil)
	}
	archive("after redaction", expect)
	write(t, s, store.Batch{Room: "r", Fence: f, ArchiveBefore: at(3)})
	archive("after retention", expect[3:])
	if _, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 10, After: "1"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a forgotten id: %v", err)
	}
	write(t, s, store.Batch{Room: "r", Fence: f, ArchiveBefore: at(3), Redact: []store.Redaction{{ID: "1", Body: []byte("x")}}})
	archive("after retention again, and redaction of a forgotten id", expect[3:])
	write(t, s, store.Batch{Room: "r", Fence: f, Archive: []store.ArchiveEntry{{ID: "1", Time: at(9), Body: []byte("forgotten id, new")}}})
	archive("after an append", append(expect[3:7:7], store.ArchiveEntry{ID: "1", Time: at(9), Body: []byte("forgotten id, new")}))
	write(t, s, store.Batch{Room: "r", Fence: f, ArchiveBefore: at(100)})
	archive("after retention of nothing", nil)
	write(t, s, store.Batch{Room: "r", Fence: f, Archive: expect[:1]})
	archive("begun again", expect[:1])
}

func testClock(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	b := store.Batch{Room: "r", Fence: f}
	for i, second := range []int{10, 20, 5, 15, 30} {
		b.Archive = append(b.Archive, store.ArchiveEntry{ID: fmt.Sprint(i), Time: at(second), Body: []byte("text")})
	}
	write(t, s, b)
	page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 10, Since: at(20), Until: at(25)})
	want(t, "error", err, nil)
	want(t, "entries with the times they were given, found by the time they were raised to", page.Entries, b.Archive[1:4])
	odd := time.Date(2026, 5, 1, 0, 0, 0, 123456789, time.FixedZone("", 3600))
	write(t, s, store.Batch{Room: "r", Fence: f, Archive: []store.ArchiveEntry{{ID: "odd", Time: odd, Body: []byte{}}}})
	page, err = s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 1, Since: odd, Newest: true})
	want(t, "error", err, nil)
	want(t, "microseconds in UTC", page.Entries, []store.ArchiveEntry{{ID: "odd", Time: time.Date(2026, 4, 30, 23, 0, 0, 123456000, time.UTC), Body: []byte{}}})
}
