package component

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/xmpp"
)

// inBubble runs a connection with synthetic time to whatever dial gives; end stops it and gives how long that took.
func inBubble(t *testing.T, dial func() (net.Conn, error)) (conn *Conn, rec *recorder, end func() time.Duration) {
	t.Helper()
	rec = newRecorder(10)
	conn, err := New(Config{
		Domain: xmpp.MustParseJID(domain), Addr: "x:1", Log: slog.New(slog.DiscardHandler), MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond,
		Dial: func(context.Context, string, string) (net.Conn, error) { return dial() },
	}, rec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- conn.Run(ctx) }()
	return conn, rec, func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		took := time.Since(began)
		time.Sleep(time.Second) // synthetic: servers see that it is gone
		return took
	}
}

// accept answers the handshake of a connection.
func accept(conn net.Conn) {
	io.WriteString(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
	io.WriteString(conn, "<handshake/>")
}

// readSlowly takes one chunk in four seconds, and no end of it.
func readSlowly(conn net.Conn) {
	for buf := make([]byte, chunkSize/4); ; time.Sleep(time.Second) {
		if _, err := io.ReadFull(conn, buf); err != nil {
			return
		}
	}
}

// fill queues many chunks.
func fill(t *testing.T, conn *Conn) {
	t.Helper()
	for conn.queue.end() < 20*chunkSize {
		if _, err := conn.Send(t.Context(), message("1", strings.Repeat("x", xmpp.MaxStanzaBytes/2))); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that was away for long is come back to: whoever keeps the failures does not hold up the connection.
func TestServerAwayForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		_, rec, end := inBubble(t, func() (net.Conn, error) {
			if dials++; dials < 5000 {
				return nil, errors.New("no")
			}
			ours, theirs := net.Pipe()
			go io.Copy(io.Discard, theirs)
			go accept(theirs)
			return ours, nil
		})
		<-rec.up
		end()
	})
}

// A server that ended its stream and goes on reading, slowly, does not hold up the next connection.
func TestServerEndsTheStreamWhileWeWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finish := make(chan struct{})
		conn, rec, end := inBubble(t, func() (net.Conn, error) {
			ours, theirs := net.Pipe()
			go readSlowly(theirs)
			go func() {
				accept(theirs)
				<-finish
				io.WriteString(theirs, streamEnd)
			}()
			return ours, nil
		})
		<-rec.up
		fill(t, conn)
		synctest.Wait()
		began := time.Now()
		close(finish)
		var e *Error
		if err := <-rec.down; !errors.As(err, &e) || e.Cause != ServerClosed {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the end of the stream was seen after %v", took)
		}
		<-rec.up
		end()
	})
}

// Closing takes CloseTimeout at most, however much is queued and however slowly the server takes it, and is no failure.
func TestCloseBesideSlowServer(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			conn, rec, end := inBubble(t, func() (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					open := make([]byte, 400)
					for n := 0; !strings.Contains(string(open[:n]), "</handshake>"); {
						k, err := theirs.Read(open[n:])
						if err != nil {
							return
						}
						n += k
					}
					if reads {
						readSlowly(theirs)
					}
				}()
				go accept(theirs)
				return ours, nil
			})
			<-rec.up
			fill(t, conn)
			synctest.Wait()
			if took, most := end(), conn.cfg.CloseTimeout+lastWords; took > most {
				t.Errorf("reading %v: closing took %v, want %v at most", reads, took, most)
			}
			select {
			case err := <-rec.down:
				t.Errorf("reading %v: reported as %v", reads, err)
			default:
			}
		})
	}
}
