// The demo starts Prosody or ejabberd, anteroom and a native MIMI participant on 127.0.0.1, lets an XMPP user and an MLS user meet in one room,
// and shows for every step what the other side observed. With -once it ends behind the scenario, with status 0 only if every
// step was observed; otherwise it prints how to join with any XMPP client and keeps running until Ctrl-C.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"anteroom/internal/servertest/stack"
)

// scenarioTime bounds the whole scenario, stepTime one observation.
const (
	scenarioTime = 8 * time.Minute
	stepTime     = 45 * time.Second
)

func main() {
	binary := flag.String("anteroom", "bin/anteroom", "path of the anteroom binary")
	server := flag.String("server", "prosody", "prosody or ejabberd")
	store := flag.String("store", "bolt", "bolt or redis")
	federation := flag.Bool("federation", false, "two anterooms, the second one with -server, and a native participant in one room")
	once := flag.Bool("once", false, "end behind the scenario")
	flag.Parse()
	show := meet
	if *federation {
		show = federate
	}
	if err := (setting{binary: *binary, server: *server, store: *store, once: *once}).run(show); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo failed: %v\n", err)
		os.Exit(1)
	}
}

// setting is what a scenario is played with.
type setting struct {
	binary        string // absolute in run
	server, store string
	once          bool
	dir           string // for all that is written; gone afterwards
}

// run plays a scenario until it ends, or a signal ends it.
func (s setting) run(show func(context.Context, setting) error) (err error) {
	if s.store != "bolt" && s.store != "redis" {
		return fmt.Errorf("store %q: bolt or redis", s.store)
	}
	if s.server != "prosody" && s.server != "ejabberd" {
		return fmt.Errorf("server %q: prosody or ejabberd", s.server)
	}
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "anteroom-demo-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return show(ctx, s)
}

// meet is the scenario of one anteroom.
func meet(ctx context.Context, with setting) (err error) {
	fmt.Printf("Starting %s, anteroom (%s store) and a native MIMI participant on 127.0.0.1 ...\n", with.server, with.store)
	s, err := stack.Start(ctx, stack.Options{
		Binary: with.binary, Dir: with.dir, Server: with.server, Store: with.store,
		Users: map[string]string{"juliet": "capulet", "romeo": "montague", "you": "anteroom"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()

	bounded, cancel := context.WithTimeout(ctx, scenarioTime)
	defer cancel()
	bob, err := scenario(bounded, s)
	if err != nil || with.once {
		return err
	}
	fmt.Printf(`
Now you. Any XMPP client without TLS enforcement can join (it runs until Ctrl-C):
    account   you@%s
    password  anteroom
    server    %s
    room      %s
What you type here, bob says in the room as an MLS user; what he sees is printed.
`, stack.Domain, s.XMPP.ClientAddr(), garden)
	return converse(ctx, bob)
}

// converse lets standard input speak as bob and prints what bob sees until ctx ends.
func converse(ctx context.Context, bob *stack.Native) error {
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if bob.Command("send "+gardenURI+" "+lines.Text()) != nil {
				return
			}
		}
	}()
	for ctx.Err() == nil {
		line, err := bob.Expect(ctx, "anything", func(*stack.Line) bool { return true })
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println("    bob sees:", describe(line))
	}
	return nil
}
