package main

import (
	"net/http"
	"net/http/pprof"
)

// profiles serves the Go runtime's profiles beside the administration, below /debug/pprof/: who looks for what takes time or memory needs no
// other build. Only operators can open the socket.
func profiles(admin http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", admin)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
