// Command anteroom lets unmodified XMPP clients enter MIMI rooms. Each subcommand is a struct with a Run method in a file of its own;
// this file only lists them.
package main

import "github.com/alecthomas/kong"

type commands struct {
	Client clientCommand `cmd:"" help:"Take part in rooms as a MIMI user, without XMPP."`
	CA     caCommand     `cmd:"" name:"ca" help:"Certificates for providers that trust each other."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("anteroom"), kong.Description("A gateway between XMPP multi-user chat and MIMI rooms."), kong.UsageOnError())
	k.FatalIfErrorf(k.Run())
}
