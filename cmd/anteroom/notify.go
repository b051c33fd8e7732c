package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells systemd about our state (sd_notify(3)), if it started us.
func notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if path[0] == '@' {
		path = "\x00" + path[1:] // abstract socket
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(state))
	return err
}

// watchdog tells systemd that we are alive, twice in the time that it allows, as long as alive says so.
func watchdog(ctx context.Context, alive func(context.Context) error) {
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return
	}
	every := time.Duration(us) * time.Microsecond / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		check, cancel := context.WithTimeout(ctx, every)
		if alive(check) == nil {
			_ = notify("WATCHDOG=1") // systemd acts when it does not come
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
