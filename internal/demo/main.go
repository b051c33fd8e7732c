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
	scenarioTime = 3 * time.Minute
	stepTime     = 15 * time.Second
)

func main() {
	binary := flag.String("anteroom", "bin/anteroom", "path of the anteroom binary")
	server := flag.String("server", "prosody", "prosody or ejabberd")
	store := flag.String("store", "bolt", "bolt or redis")
	federation := flag.Bool("federation", false, "two anterooms, the second one with -server, and a native participant in one room")
	once := flag.Bool("once", false, "end behind the scenario")
	flag.Parse()
	play := run
	if *federation {
		play = runFederation
	}
	if err := play(*binary, *server, *store, *once); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo failed: %v\n", err)
		os.Exit(1)
	}
}

func run(binary, server, store string, once bool) (err error) {
	if store != "bolt" && store != "redis" {
		return fmt.Errorf("store %q: bolt or redis", store)
	}
	if server != "prosody" && server != "ejabberd" {
		return fmt.Errorf("server %q: prosody or ejabberd", server)
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "anteroom-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	fmt.Printf("Starting %s, anteroom (%s store) and a native MIMI participant on 127.0.0.1 ...\n", server, store)
	s, err := stack.Start(ctx, stack.Options{
		Binary: binary, Dir: dir, Server: server, Store: store,
		Users: map[string]string{"juliet": "capulet", "romeo": "montague", "you": "anteroom"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()

	bounded, cancel := context.WithTimeout(ctx, scenarioTime)
	defer cancel()
	bob, err := scenario(bounded, s)
	if err != nil || once {
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
