package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"anteroom/gateway"
	"anteroom/mimi"
)

// roomMoveCommand moves a room to another provider, in two steps with the other operator's in between (docs/decisions/141-moving.md).
type roomMoveCommand struct {
	configFile
	Name   string `arg:"" help:"The room's address, its localpart, or its URI."`
	To     string `required:"" placeholder:"PROVIDER" help:"Provider that is to have the room, such as b.example."`
	As     string `placeholder:"NAME" help:"Localpart of its address there, if it is another."`
	Done   bool   `help:"The room has been made there: end the one here. Its name points to the new one for 30 days."`
	Reason string `help:"With --done: what those who are in it are told."`
	Unseen bool   `help:"With --done: also if the new room cannot be seen from here, or has not the same users."`
}

// localpart is that of a room's address, or the name in its URI.
func localpart(name string) string {
	if u, err := mimi.ReadURI(name); err == nil {
		return u.Name()
	}
	local, _, _ := strings.Cut(name, "@")
	return local
}

// Run prints the document for the other operator, or ends the room.
func (c *roomMoveCommand) Run() error {
	if c.As == "" {
		c.As = localpart(c.Name)
	}
	path := roomPath(c.Name)
	if c.Done {
		var a gateway.OrderAnswer
		if err := c.order(path+"/move", gateway.MoveOrder{To: c.To, As: c.As, Reason: c.Reason, Unseen: c.Unseen}, &a); err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", c.Name, a.Text)
		return nil
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	document, err := askSocket(cfg, http.MethodGet, path+"/document?to="+url.QueryEscape(c.To), nil)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.Write(document); err != nil {
		return err
	}
	as := ""
	if c.As != localpart(c.Name) {
		as = " --as " + c.As
	}
	fmt.Fprintf(os.Stderr, `Nothing has changed yet. Give the document to the operator of %[1]s, who runs
    anteroom room create --config FILE --from DOCUMENT %[2]s
Then end the room here:
    anteroom room move --config %[3]s %[4]s --to %[1]s%[5]s --done
`, c.To, c.As, c.Config, c.Name, as)
	return nil
}
