package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"anteroom/xmpp/component"
)

// check is one thing that must be up before the service is ready.
type check struct {
	name string
	test func(context.Context) error
}

const checkPatience = 2 * time.Second

// missing says in one line each what is not up.
func missing(ctx context.Context, checks []check) []string {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	var out []string
	for _, c := range checks {
		if err := c.test(ctx); err != nil {
			out = append(out, fmt.Sprintf("%s: %v", c.name, err))
		}
	}
	return out
}

// observation serves /metrics, /healthz and /readyz.
func observation(reg *prometheus.Registry, checks []check) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		lines := missing(r.Context(), checks)
		if len(lines) == 0 {
			fmt.Fprintln(w, "ready")
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	})
	return mux
}

// observeConnection makes figures of the component connection.
func observeConnection(reg *prometheus.Registry, conn *component.Conn) {
	gauge := func(name, help string, f func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "anteroom", Name: name, Help: help}, f))
	}
	counter := func(name, help string, f func(component.Stats) int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "anteroom", Name: name, Help: help},
			func() float64 { return float64(f(conn.Stats())) }))
	}
	gauge("component_up", "1 while the XMPP server has accepted the component.", func() float64 {
		if conn.IsUp() {
			return 1
		}
		return 0
	})
	counter("component_connects_total", "Successful handshakes with the XMPP server.", func(s component.Stats) int64 { return s.Connects })
	counter("component_unreadable_total", "Stanzas that were no acceptable stanzas.", func(s component.Stats) int64 { return s.Unreadable })
	counter("component_overloaded_total", "Stanzas answered with resource-constraint.", func(s component.Stats) int64 { return s.Overloaded })
	counter("component_dropped_total", "Outgoing stanzas that would have made the server close the stream.", func(s component.Stats) int64 { return s.Dropped })
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// listenSocket listens on the administration's socket. One that a dead process left is removed, one in use is not.
func listenSocket(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, writable(err, filepath.Dir(path))
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s is in use: another anteroom is running", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, writable(err, path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, writable(err, path)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// adminServer is an HTTP server for operators.
func adminServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
}
