package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"anteroom/store"
)

func put(key, value string) store.Change { return store.Change{Key: key, Value: []byte(value)} }

func update(t *testing.T, s store.Store, bucket string, changes ...store.Change) {
	t.Helper()
	if err := s.Update(t.Context(), bucket, changes...); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func testRecords(t *testing.T, p Place) {
	s := p.open(t)
	if _, err := s.Get(t.Context(), "b", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	update(t, s, "b", put("k", "v"), put("empty", ""), store.Change{Key: "not there"})
	update(t, s, "c", put("k", "elsewhere"))
	s.Close()
	s = p.open(t)
	for _, c := range [][3]string{{"b", "k", "v"}, {"b", "empty", ""}, {"c", "k", "elsewhere"}} {
		rec, err := s.Get(t.Context(), c[0], c[1])
		if err != nil || rec.Value == nil || string(rec.Value) != c[2] || rec.Key != c[1] || rec.Version == 0 {
			t.Errorf("get %q: %+v, %v", c, rec, err)
		}
	}
	update(t, s, "b", store.Change{Key: "k"})
	if _, err := s.Get(t.Context(), "b", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of a removed record: %v", err)
	}
	value := []byte("mine")
	update(t, s, "b", store.Change{Key: "k", Value: value})
	value[0] = '#'
	for range 2 {
		rec, err := s.Get(t.Context(), "b", "k")
		if err != nil || string(rec.Value) != "mine" {
			t.Fatalf("memory is shared: %q, %v", rec.Value, err)
		}
		rec.Value[0] = '#'
	}
	long := strings.Repeat("k", store.MaxKey+1)
	for _, c := range []struct {
		why     string
		bucket  string
		changes []store.Change
	}{
		{"no bucket", "", []store.Change{put("k", "v")}},
		{"no key", "b", []store.Change{put("", "v")}},
		{"long key", "b", []store.Change{put(long, "v")}},
		{"twice the same key", "b", []store.Change{put("k", "v"), put("k", "w")}},
		{"large value", "b", []store.Change{{Key: "k", Value: make([]byte, store.MaxRecord+100)}}},
		{"many changes", "b", make([]store.Change, store.MaxChanges+1)},
	} {
		if err := s.Update(t.Context(), c.bucket, c.changes...); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

func testConditions(t *testing.T, p Place) {
	s := p.open(t)
	update(t, s, "b", store.Change{Key: "k", Value: []byte("1"), If: store.Absent})
	first, err := s.Get(t.Context(), "b", "k")
	want(t, "get", err, nil)
	refused := func(why string, c store.Change) {
		t.Helper()
		if err := s.Update(t.Context(), "b", put("bystander", "x"), c); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", why, err)
		}
		if _, err := s.Get(t.Context(), "b", "bystander"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: the other change was made: %v", why, err)
		}
	}
	refused("present, not absent", store.Change{Key: "k", Value: []byte("2"), If: store.Absent})
	refused("another version", store.Change{Key: "k", Value: []byte("2"), If: first.Version + 1})
	refused("a version of nothing", store.Change{Key: "nothing", Value: []byte("2"), If: first.Version})
	update(t, s, "b", store.Change{Key: "k", Value: []byte("2"), If: first.Version})
	refused("an old version", store.Change{Key: "k", Value: []byte("3"), If: first.Version})
	second, err := s.Get(t.Context(), "b", "k")
	if err != nil || string(second.Value) != "2" || second.Version == first.Version {
		t.Errorf("after the change: %+v, %v", second, err)
	}
	refused("removal of an old version", store.Change{Key: "k", If: first.Version})
	update(t, s, "b", store.Change{Key: "k", If: second.Version})
	update(t, s, "b", put("k", "1"))
	refused("a version from before removal", store.Change{Key: "k", Value: []byte("4"), If: first.Version})
	refused("another version from before removal", store.Change{Key: "k", Value: []byte("4"), If: second.Version})
}

func testList(t *testing.T, p Place) {
	s := p.open(t)
	var changes []store.Change
	for i := range 30 {
		changes = append(changes, put(fmt.Sprintf("juliet/%02d", i), fmt.Sprint(i)), put(fmt.Sprintf("romeo/%02d", i), fmt.Sprint(i)))
	}
	update(t, s, "b", changes...)
	update(t, s, "b", put("juliet\xff", "last of its prefix"), put("juliet", "first"), store.Change{Key: "juliet/05"})
	list := func(prefix, after string, limit int) (keys []string) {
		t.Helper()
		records, err := s.List(t.Context(), "b", prefix, after, limit)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		for _, r := range records {
			keys = append(keys, r.Key+"="+string(r.Value))
		}
		return keys
	}
	want(t, "page", list("juliet/", "juliet/03", 3), []string{"juliet/04=4", "juliet/06=6", "juliet/07=7"})
	want(t, "first", list("juliet", "", 2), []string{"juliet=first", "juliet/00=0"})
	want(t, "end of prefix", list("juliet", "juliet/28", 9), []string{"juliet/29=29", "juliet\xff=last of its prefix"})
	want(t, "after beyond the prefix", list("juliet", "romeo", 9), []string(nil))
	want(t, "after before the prefix", list("romeo/", "juliet", 1), []string{"romeo/00=0"})
	want(t, "unknown prefix", list("x", "", 9), []string(nil))
	want(t, "everything", len(list("", "", store.MaxPage)), 61)
	records, err := s.List(t.Context(), "empty", "", "", 1)
	if len(records) != 0 || err != nil {
		t.Errorf("empty bucket: %v, %v", records, err)
	}
	if _, err := s.List(t.Context(), "b", "", "", 0); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("limit 0: %v", err)
	}
	rec, err := s.Get(t.Context(), "b", "juliet")
	want(t, "get", err, nil)
	records, err = s.List(t.Context(), "b", "juliet", "", 1)
	if err != nil || len(records) != 1 || records[0].Version != rec.Version {
		t.Errorf("version by list %v, by get %v, %v", records, rec.Version, err)
	}
}
