package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"anteroom/mucmap"
)

// roomReinitCommand gives the group of a room another cipher suite by the administration's socket.
type roomReinitCommand struct {
	configFile
	Name  string        `arg:"" help:"The room's address, its localpart, or its URI."`
	Suite string        `required:"" placeholder:"SUITE" help:"Registered name or number of the cipher suite, such as MLS_128_DHKEMP256_AES128GCM_SHA256_P256."`
	Wait  time.Duration `default:"30s" help:"How long to wait for it to take effect."`
}

// reinitLook is how long to wait between two looks at what came of it.
const reinitLook = 200 * time.Millisecond

// Run orders the reinitialisation and waits for what comes of it.
func (c *roomReinitCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ask := func(o mucmap.ReInitOrder) (s mucmap.ReInitState, err error) {
		body, err := json.Marshal(o)
		if err == nil {
			body, err = askSocket(cfg, http.MethodPost, roomPath(c.Name)+"/reinit", body)
		}
		if err == nil {
			err = json.Unmarshal(body, &s)
		}
		return s, err
	}
	s, err := ask(mucmap.ReInitOrder{Suite: c.Suite})
	wanted := s.Wanted
	for end := time.Now().Add(c.Wait); err == nil && s.Wanted != "" && time.Now().Before(end); s, err = ask(mucmap.ReInitOrder{}) {
		time.Sleep(reinitLook)
	}
	switch {
	case err != nil:
		return err
	case s.Refused != "":
		return errors.New(s.Refused)
	case s.Wanted != "":
		return fmt.Errorf("%s: key packages of %s are still being fetched; see the log", c.Name, s.Wanted)
	case wanted != "" && s.Suite != wanted:
		return fmt.Errorf("%s: the service was restarted meanwhile, and the group has %s as before", c.Name, s.Suite)
	}
	fmt.Printf("%s: the group has %s now\n", c.Name, s.Suite)
	return nil
}
