package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"anteroom/gateway"
)

// roomDestroyCommand destroys a room by the administration's socket.
type roomDestroyCommand struct {
	configFile
	Name     string `arg:"" help:"The room's address, its localpart, or its URI."`
	Reason   string `help:"What those who are in it are told."`
	Venue    string `placeholder:"ROOM" help:"Room to go to instead, by address or URI; the name points there for 30 days."`
	Password string `help:"Password of that room."`
}

// Run destroys a room.
func (c *roomDestroyCommand) Run() error {
	var a gateway.OrderAnswer
	if err := c.order(roomPath(c.Name)+"/destroy", gateway.DestroyOrder{Reason: c.Reason, Venue: c.Venue, Password: c.Password}, &a); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", c.Name, a.Text)
	return nil
}

// announceCommand tells all rooms something.
type announceCommand struct {
	configFile
	Text string `arg:"" help:"The text."`
}

// Run makes an announcement.
func (c *announceCommand) Run() error {
	var a gateway.Announcement
	if err := c.order("/announce", gateway.AnnounceOrder{Text: c.Text}, &a); err != nil {
		return err
	}
	if a.Rooms == 1 {
		fmt.Println("on its way to 1 room")
	} else {
		fmt.Printf("on its way to %d rooms\n", a.Rooms)
	}
	return nil
}

// order posts an order to the running gateway.
func (f *configFile) order(path string, order, answer any) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	body, err := json.Marshal(order)
	if err != nil {
		return err
	}
	if body, err = askSocket(cfg, http.MethodPost, path, body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("answer of the gateway: %w", err)
	}
	return nil
}
