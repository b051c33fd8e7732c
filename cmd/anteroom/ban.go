package main

import (
	"fmt"
	"io"
	"time"

	"anteroom/gateway"
)

// banCommand keeps users and domains out of all rooms of the service, by the administration's socket of a running gateway.
type banCommand struct {
	Add    banAddCommand    `cmd:"" help:"Ban a user or a domain from all rooms, and remove who is present."`
	Remove banRemoveCommand `cmd:"" help:"Lift a ban."`
	List   banListCommand   `cmd:"" help:"List the bans."`
}

type banAddCommand struct {
	configFile
	Who    string `arg:"" help:"Address of an XMPP user, a domain, mimi://PROVIDER/u/NAME or the name of a provider."`
	Reason string `help:"What those whom it concerns are told."`
}

type banRemoveCommand struct {
	configFile
	Who string `arg:"" help:"Address or domain, as the list has it."`
}

type banListCommand struct{ roomFlags }

// Run bans.
func (c *banAddCommand) Run() error {
	return c.banOrder("/bans", gateway.BanOrder{Who: c.Who, Reason: c.Reason})
}

// Run lifts a ban.
func (c *banRemoveCommand) Run() error {
	return c.banOrder("/bans/lift", gateway.BanOrder{Who: c.Who})
}

func (f *configFile) banOrder(path string, o gateway.BanOrder) error {
	var a gateway.OrderAnswer
	if err := f.order(path, o, &a); err != nil {
		return err
	}
	fmt.Println(a.Text)
	return nil
}

// Run lists the bans.
func (c *banListCommand) Run() error {
	var bans []gateway.BanLine
	return c.ask("/bans", &bans, func(w io.Writer) {
		if len(bans) == 0 {
			fmt.Fprintln(w, "nobody is banned from all rooms")
			return
		}
		fmt.Fprintln(w, "WHO\tSINCE\tBY\tREASON")
		for _, b := range bans {
			by := b.By
			if by == "" {
				by = "command line"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.Who, b.At.Format(time.RFC3339), by, printable(b.Reason))
		}
	})
}
