package gateway

import "github.com/prometheus/client_golang/prometheus"

// metrics are the gateway's figures. None has a label of a room, a user or a provider: such labels grow without bound and tell
// who talks with whom.
type metrics struct {
	stanzas      *prometheus.CounterVec // taken from the server, by kind
	refused      *prometheus.CounterVec // not taken, by reason
	broadcasts   prometheus.Counter
	deliveries   prometheus.Counter // stanzas handed to the server: broadcasts × recipients
	sendErrors   prometheus.Counter
	steps        prometheus.Counter
	requests     *prometheus.CounterVec // of providers, by endpoint
	jobs         prometheus.Histogram
	writeSeconds prometheus.Histogram
	writeGroup   prometheus.Histogram
	writeErrors  *prometheus.CounterVec // by class
	restores     *prometheus.CounterVec // by reason
	crashes      prometheus.Counter
	quarantined  prometheus.Gauge
	rooms        prometheus.Gauge
	posts        *prometheus.CounterVec // attempts to deliver to providers, by result
	outbox       prometheus.Gauge
	panics       prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "anteroom", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "anteroom", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "anteroom", Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "anteroom", Name: name, Help: help, Buckets: buckets})
	}
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15)
	m := &metrics{
		stanzas:      vec("stanzas_received_total", "Stanzas taken from the XMPP server.", "kind"),
		refused:      vec("stanzas_refused_total", "Stanzas not taken: mailbox full, sender too fast, too many rooms, stopping.", "reason"),
		broadcasts:   counter("broadcasts_sent_total", "Stanzas sent to one or many recipients, each counted once."),
		deliveries:   counter("stanzas_sent_total", "Stanzas handed to the XMPP server."),
		sendErrors:   counter("send_errors_total", "Times that stanzas could not be handed to the XMPP server."),
		steps:        counter("steps_total", "Inputs that rooms worked on."),
		requests:     vec("provider_requests_total", "Requests of other MIMI providers.", "endpoint"),
		jobs:         histogram("commit_seconds", "Duration of MLS commits.", seconds),
		writeSeconds: histogram("store_write_seconds", "Duration of group commits to the store.", seconds),
		writeGroup:   histogram("store_write_rooms", "Rooms written in one group commit.", prometheus.ExponentialBuckets(1, 2, 9)),
		writeErrors:  vec("store_write_errors_total", "Writes of rooms that failed.", "class"),
		restores:     vec("rooms_restored_total", "Rooms dropped and restored after a failure.", "reason"),
		crashes:      counter("room_panics_total", "Panics in the room core."),
		quarantined:  gauge("rooms_quarantined", "Rooms that are not run because they panicked again and again."),
		rooms:        gauge("rooms_loaded", "Rooms in memory."),
		posts:        vec("provider_deliveries_total", "Attempts to deliver to other MIMI providers.", "result"),
		outbox:       gauge("provider_deliveries_waiting", "Deliveries to other MIMI providers that wait."),
		panics:       counter("service_panics_total", "Panics while answering for the service."),
	}
	if r != nil {
		r.MustRegister(m.stanzas, m.refused, m.broadcasts, m.deliveries, m.sendErrors, m.steps, m.requests, m.jobs, m.writeSeconds,
			m.writeGroup, m.writeErrors, m.restores, m.crashes, m.quarantined, m.rooms, m.posts, m.outbox, m.panics)
	}
	return m
}
