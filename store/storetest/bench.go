package storetest

import (
	"fmt"
	"testing"
	"time"

	"anteroom/store"
)

// Bench measures batches per second of a sealed store. A batch is that of one groupchat message: an event of 300 bytes,
// two secret parts of 200, an archive entry of 300; every 64th brings a snapshot of 10 kB.
func Bench(b *testing.B, open func(b *testing.B) store.Store) {
	for _, rooms := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			s, err := store.Seal(b.Context(), open(b), store.NewKey())
			if err != nil {
				b.Fatal(err)
			}
			bench(b, s, rooms)
		})
	}
}

func bench(b *testing.B, s store.Store, rooms int) {
	batches := make([]store.Batch, rooms)
	for i := range batches {
		room := fmt.Sprint("bench ", i)
		f, err := s.Claim(b.Context(), store.RoomLease(room), owner, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		batches[i] = store.Batch{Room: room, Fence: f}
	}
	event, part, snapshot := make([]byte, 300), make([]byte, 200), make([]byte, 10<<10)
	turn := 0
	for b.Loop() {
		for i := range batches {
			m := &batches[i]
			m.Seq += store.Seq(len(m.Events))
			m.Sent = m.Seq
			m.Events = [][]byte{event}
			m.SetSecrets = map[string][]byte{"chain": part, "generation": part}
			m.Archive = []store.ArchiveEntry{{ID: fmt.Sprint(turn), Time: at(turn), Sender: "juliet@a.example", Body: event}}
			m.Snapshot, m.SnapshotSeq = nil, 0
			if turn%64 == 63 {
				m.Snapshot, m.SnapshotSeq = snapshot, m.Seq
			}
		}
		turn++
		for _, err := range s.WriteAll(b.Context(), batches) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(turn*rooms)/b.Elapsed().Seconds(), "batches/s")
}
