package gateway

import (
	"context"
	"errors"
	"time"

	"anteroom/store"
)

// writer is the group commit: one goroutine writes the batches of all rooms that wait, in one go.
type writer struct {
	store store.Store
	jobs  chan writeJob
	m     *metrics
}

type writeJob struct {
	batch store.Batch
	done  chan error
}

func newWriter(s store.Store, m *metrics) *writer {
	return &writer{store: s, jobs: make(chan writeJob, MaxGroup), m: m}
}

// write waits until the batch is durable. An actor has one write under way at most, so that the channel is bounded by them.
func (w *writer) write(b store.Batch) error {
	job := writeJob{b, make(chan error, 1)}
	w.jobs <- job
	return <-job.done
}

// run writes until jobs is closed.
func (w *writer) run() {
	var held *writeJob // came too late for the size of the last group
	for {
		var group []writeJob
		if held != nil {
			group, held = append(group, *held), nil
		} else {
			job, ok := <-w.jobs
			if !ok {
				return
			}
			group = append(group, job)
		}
		held = w.gather(&group)
		w.commit(group)
	}
}

// gather adds what waits, until the group is full.
func (w *writer) gather(group *[]writeJob) (held *writeJob) {
	size := batchSize(&(*group)[0].batch)
	for len(*group) < MaxGroup {
		select {
		case job, ok := <-w.jobs:
			if !ok {
				return nil
			}
			if size += batchSize(&job.batch); size > store.MaxBatchBytes {
				return &job
			}
			*group = append(*group, job)
		default:
			return nil
		}
	}
	return nil
}

func (w *writer) commit(group []writeJob) {
	batches := make([]store.Batch, len(group))
	for i := range group {
		batches[i] = group[i].batch
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), WriteTimeout)
	errs := w.store.WriteAll(ctx, batches)
	cancel()
	w.m.writeSeconds.Observe(time.Since(began).Seconds())
	w.m.writeGroup.Observe(float64(len(group)))
	for i, job := range group {
		if errs[i] != nil {
			w.m.writeErrors.WithLabelValues(errorClass(errs[i])).Inc()
		}
		job.done <- errs[i]
	}
}

func errorClass(err error) string {
	switch {
	case errors.Is(err, store.ErrConflict):
		return "conflict"
	case errors.Is(err, store.ErrInvalid):
		return "invalid"
	}
	return "unknown"
}

// batchSize is about what a batch weighs in the store.
func batchSize(b *store.Batch) int {
	n := len(b.Snapshot)
	for _, e := range b.Events {
		n += len(e)
	}
	for _, part := range b.SetSecrets {
		n += len(part)
	}
	for _, e := range b.Outbox {
		n += len(e.Body)
	}
	for _, e := range b.Archive {
		n += len(e.Body)
	}
	return n
}
