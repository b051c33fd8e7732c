// Command cmd serves package mlsclient on a loopback port, for the test runner of mlswg/mls-implementations or our own. It ends with
// SIGINT or SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"anteroom/interop/mlsclient"
)

func main() {
	port := flag.Uint("port", 50051, "TCP port on 127.0.0.1; 0 for a free one")
	name := flag.String("name", "anteroom", "what the client calls itself")
	flag.Parse()
	if err := serve(*port, *name); err != nil {
		fmt.Fprintln(os.Stderr, "mlsclient:", err)
		os.Exit(1)
	}
}

func serve(port uint, name string) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatUint(uint64(port), 10)))
	if err != nil {
		return err
	}
	server := mlsclient.NewGRPC(mlsclient.New(name, time.Now))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, server.Stop)
	fmt.Println("mls_client listens on", l.Addr())
	return server.Serve(l)
}
