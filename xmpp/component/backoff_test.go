package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/internal/servertest/fakexmpp"
	"anteroom/xmpp"
)

// Pauses double from the first to the longest, each shortened by up to a half, and begin anew after a connection that lasted.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var dials []time.Time
		const lasting = 9 // this attempt connects and stays for a while
		conn, err := New(Config{
			Domain: xmpp.MustParseJID(domain), Addr: "x:1", Log: slog.New(slog.DiscardHandler),
			MinBackoff: time.Second, MaxBackoff: 60 * time.Second,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dials = append(dials, time.Now())
				switch len(dials) {
				case lasting:
					ours, theirs := net.Pipe()
					go answer(theirs, 10*time.Minute)
					return ours, nil
				case lasting + 2:
					cancel()
				}
				return nil, errors.New("no")
			},
		}, newRecorder(10))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Run(ctx); err != nil {
			t.Fatal(err)
		}
		gaps := []string{}
		for i := 1; i < len(dials); i++ {
			gap, most := dials[i].Sub(dials[i-1]), min(time.Second<<(i-1), 60*time.Second)
			if i == lasting {
				gap, most = gap-10*time.Minute, time.Second
			}
			if i == lasting+1 {
				most = 2 * time.Second
			}
			gaps = append(gaps, gap.String())
			if gap < most/2 || gap > most {
				t.Errorf("pause %d is %v, want between %v and %v", i, gap, most/2, most)
			}
		}
		if len(dials) != lasting+2 {
			t.Errorf("%d attempts: %v", len(dials), gaps)
		}
	})
}

// answer is a server that accepts any handshake, answers no ping but sends white space, and closes after a while.
func answer(conn net.Conn, stay time.Duration) {
	go io.Copy(io.Discard, conn)
	io.WriteString(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'><handshake/>")
	for end := time.Now().Add(stay); time.Now().Before(end); time.Sleep(10 * time.Second) {
		io.WriteString(conn, " ")
	}
	conn.Close()
}

// cutConn fails after a number of octets, in the middle of a write.
type cutConn struct {
	net.Conn
	left *atomic.Int64
}

func (c cutConn) Write(b []byte) (int, error) {
	left := c.left.Load()
	if left < 0 || int64(len(b)) <= left {
		if left >= 0 {
			c.left.Add(-int64(len(b)))
		}
		return c.Conn.Write(b)
	}
	c.left.Store(-1) // the next connection works
	n, _ := c.Conn.Write(b[:left])
	return n, io.ErrClosedPipe
}

// Wherever a write is cut, every stanza arrives once, whole and in order.
func TestCutWrite(t *testing.T) {
	total := len(message("0", "xxxxxxxxxx").String()) * 10
	for cut := 0; cut <= total+20; cut += 61 {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			t.Parallel()
			var left atomic.Int64
			left.Store(-1)
			queued := make(chan struct{})
			f := start(t, func(_ *fakexmpp.Options, c *Config) {
				c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					<-queued
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					return cutConn{conn, &left}, err
				}
			})
			for i := range 10 {
				_, err := f.conn.Send(f.ctx, message(fmt.Sprint(i), strings.Repeat("x", 10)))
				f.must(err)
			}
			opening := int64(len("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='rooms.a.example'>" +
				"<handshake>0123456789012345678901234567890123456789</handshake>"))
			left.Store(opening + int64(cut))
			close(queued)
			f.must(f.server.WaitDelivered(f.ctx, 10))
			f.must(f.conn.Flush(f.ctx, f.conn.queue.end()))
			for i, s := range f.server.Stanzas() {
				if want := message(fmt.Sprint(i), "xxxxxxxxxx").String(); s != want {
					t.Errorf("stanza %d is %s", i, s)
				}
			}
		})
	}
}
