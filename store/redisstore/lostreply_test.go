package redisstore_test

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"anteroom/store"
)

// swallowing is a way to a server that takes the server's answer to the next command of a name and closes instead of passing it on.
func swallowing(t *testing.T, server string) (addr string, swallow func(command string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var next atomic.Pointer[string]
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			var lost atomic.Bool
			go pass(up, client, func(request []byte) bool {
				if name := next.Load(); name != nil && bytes.Contains(request, []byte(*name)) && next.CompareAndSwap(name, nil) {
					lost.Store(true)
				}
				return true
			})
			go pass(client, up, func([]byte) bool { return !lost.Load() })
		}
	}()
	return l.Addr().String(), func(command string) { next.Store(&command) }
}

// pass copies until may says no, or one side ends.
func pass(to, from net.Conn, may func([]byte) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || !may(buf[:n]) {
			return
		}
		to.Write(buf[:n])
	}
}

// TestLostReply: a write that took effect, and whose answer got lost, is not sent again by the client: it would meet its own effect and be taken
// for one of somebody else's.
func TestLostReply(t *testing.T) {
	needRedis(t)
	addr, swallow := swallowing(t, shared.Addr())
	s := open(t, "redis://"+addr+"/0", freshPrefix())
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	s.Load(t.Context(), "none") // the server knows the scripts from here on
	err = errors.Join(s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Events: [][]byte{{1}}}), s.Update(t.Context(), "b", store.Change{Key: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	swallow("evalsha")
	b := store.Batch{Room: "r", Fence: f, Seq: 1, Events: [][]byte{{2}}}
	if err := s.Write(t.Context(), b); err == nil || isRefusal(err) {
		t.Errorf("write: %v", err)
	}
	swallow("evalsha")
	if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v"), If: store.Absent}); err == nil || isRefusal(err) {
		t.Errorf("update: %v", err)
	}
	swallow("evalsha") // reading may be repeated
	r, err := s.Load(t.Context(), "r")
	if err != nil || r.Seq != 2 || len(r.Events) != 2 {
		t.Errorf("load: %+v, %v", r, err)
	}
	swallow("hget")
	if rec, err := s.Get(t.Context(), "b", "k"); err != nil || string(rec.Value) != "v" {
		t.Errorf("record: %+v, %v", rec, err)
	}
}
