package memstore_test

import (
	"errors"
	"testing"

	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place {
		s := memstore.New()
		return storetest.Place{Open: func(*testing.T) store.Store { return s }, Shared: true, Model: func() store.Store { return memstore.New() }}
	})
}

func TestFaults(t *testing.T) {
	s := memstore.New()
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	put := func(seq store.Seq) error {
		return s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: seq, Events: [][]byte{{byte(seq)}}})
	}
	seq := func() store.Seq {
		r, err := s.Load(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		return r.Seq
	}
	s.FailBefore(2)
	s.FailAfter(3)
	if err := put(0); err != nil {
		t.Fatalf("first write: %v", err)
	}
	if err := put(1); !errors.Is(err, memstore.ErrInjected) || seq() != 1 {
		t.Errorf("fault before: %v, sequence %d", err, seq())
	}
	if err := put(1); !errors.Is(err, memstore.ErrInjected) || seq() != 2 {
		t.Errorf("fault after: %v, sequence %d", err, seq())
	}
	if err := put(2); err != nil || s.Writes() != 4 {
		t.Errorf("a write later: %v, %d writes", err, s.Writes())
	}
	s.SetFaults(func(write uint64) memstore.Fault {
		if write == 6 {
			return memstore.Before
		}
		return memstore.None
	})
	if err := put(3); err != nil {
		t.Errorf("write 5: %v", err)
	}
	if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v")}); !errors.Is(err, memstore.ErrInjected) {
		t.Errorf("write 6: %v", err)
	}
	if _, err := s.Get(t.Context(), "b", "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("record after a fault before: %v", err)
	}
}
