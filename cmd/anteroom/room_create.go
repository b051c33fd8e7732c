package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"anteroom/mimi/roomdoc"
)

// roomCreateCommand makes a room of a document, or of one of the presets.
type roomCreateCommand struct {
	configFile
	Name string `arg:"" help:"The room's address, its localpart, or its URI."`

	From   string `placeholder:"FILE" xor:"what" help:"JSON document of the room, - for standard input. room show --format seed-json prints such."`
	Preset string `placeholder:"NAME" xor:"what" help:"one-on-one, administrated, open, semi-open, moderated or fixed-with-logging."`

	Owner   []string `placeholder:"USER" help:"With --preset: addresses or URIs (mimi:// or im:mimi=) of owners."`
	Admin   []string `placeholder:"USER" help:"With --preset: admins."`
	Member  []string `placeholder:"USER" help:"With --preset: members."`
	Logger  []string `placeholder:"USER" help:"With --preset: who logs the room."`
	Preauth []string `placeholder:"KIND:NAME" help:"With --preset: who enters as a member without being asked, user:, domain:, team: or system:."`
	DryRun  bool     `help:"Print the document and make nothing."`
}

// Run makes a room.
func (c *roomCreateCommand) Run() error {
	d, err := c.document()
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "roomdoc: "))
	}
	if c.DryRun {
		_, err := os.Stdout.Write(d.Format())
		return err
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if _, err = askSocket(cfg, http.MethodPost, roomPath(c.Name), d.Format()); err != nil {
		return err
	}
	fmt.Printf("%s is made\n", c.Name)
	return nil
}

func (c *roomCreateCommand) document() (*roomdoc.Document, error) {
	names := roomdoc.Names{Owners: c.Owner, Admins: c.Admin, Members: c.Member, Loggers: c.Logger}
	switch {
	case c.From != "":
		if len(c.Owner)+len(c.Admin)+len(c.Member)+len(c.Logger)+len(c.Preauth) > 0 {
			return nil, errors.New("--from: the document names its users itself")
		}
		in := os.Stdin
		if c.From != "-" {
			f, err := os.Open(c.From)
			if err != nil {
				return nil, err
			}
			defer f.Close()
			in = f
		}
		b, err := io.ReadAll(io.LimitReader(in, roomdoc.MaxDocument+1))
		if err != nil {
			return nil, err
		}
		return roomdoc.Parse(b)
	case c.Preset != "":
		for _, text := range c.Preauth {
			p, err := roomdoc.ParsePreauth(text)
			if err != nil {
				return nil, err
			}
			names.Preauth = append(names.Preauth, p)
		}
		return roomdoc.Preset(c.Preset, names)
	}
	return nil, errors.New("either --from or --preset says what room it is to be")
}
