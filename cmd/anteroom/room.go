package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"anteroom/config"
	"anteroom/gateway"
)

// roomCommand asks a running gateway by its administration socket.
type roomCommand struct {
	List    roomListCommand    `cmd:"" help:"List all rooms."`
	Show    roomShowCommand    `cmd:"" help:"Describe one room."`
	Create  roomCreateCommand  `cmd:"" help:"Make a room of a JSON document or a preset."`
	Members roomMembersCommand `cmd:"" help:"List who may enter one room, takes part in it and is in its group: roles, leaves and occupants."`
	Abuse   roomAbuseCommand   `cmd:"" help:"List what users, here and elsewhere, reported as abuse in our rooms."`
	Release roomReleaseCommand `cmd:"" help:"Try a room in quarantine at once, or let a room of another provider that was given up be entered."`
	Move    roomMoveCommand    `cmd:"" help:"Move one of our rooms to another provider."`
	Destroy roomDestroyCommand `cmd:"" help:"Destroy one room, whoever owns it."`
	Reinit  roomReinitCommand  `cmd:"" help:"Give the group of one of our rooms another cipher suite (ReInit)."`
}

type roomFlags struct {
	configFile
	JSON bool `help:"Print JSON."`
}

type roomListCommand struct{ roomFlags }

type roomAbuseCommand struct{ roomFlags }

type roomShowCommand struct {
	roomFlags
	Format string `enum:"table,seed-json" default:"table" help:"table, or seed-json: the JSON document of draft-mahy-mimi-group-chat."`
	Name   string `arg:"" help:"The room's address, its localpart, or its URI."`
}

type roomMembersCommand struct {
	roomFlags
	Name string `arg:"" help:"The room's address, its localpart, or its URI."`
}

type roomReleaseCommand struct {
	roomFlags
	Name string `arg:"" help:"The room's address, its localpart, or its URI."`
}

// Run lists rooms.
func (c *roomListCommand) Run() error {
	var rooms []gateway.RoomLine
	return c.ask("/rooms", &rooms, func(w io.Writer) {
		if len(rooms) == 0 {
			fmt.Fprintln(w, "there are no rooms")
			return
		}
		fmt.Fprintln(w, "NAME\tOCCUPANTS\tLISTED\tKEPT\tLOCKED\tLOADED\tEPOCH\tTITLE\tTROUBLE")
		for _, r := range rooms {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Name, r.Occupants, yes(r.Public && !r.Locked), yes(r.Persistent), yes(r.Locked), yes(r.Loaded), r.Epoch, printable(r.Title), printable(r.Trouble))
		}
	})
}

// Run describes a room.
func (c *roomShowCommand) Run() error {
	if c.Format == "seed-json" {
		c.JSON = true
		return c.ask(roomPath(c.Name)+"/document", nil, nil)
	}
	var d gateway.RoomDetail
	return c.ask(roomPath(c.Name), &d, func(w io.Writer) {
		if d.URI == "" { // in quarantine: all that is known without the room itself
			fmt.Fprintf(w, "name\t%s\ntitle\t%s\ntrouble\t%s\n", d.Name, printable(d.Title), printable(d.Trouble))
			return
		}
		for _, row := range [][2]string{
			{"name", d.Name}, {"title", printable(d.Title)}, {"description", printable(d.Description)},
			{"listed", yes(d.Public)}, {"persistent", yes(d.Persistent)}, {"locked", yes(d.Locked)}, {"occupants", fmt.Sprint(d.Occupants)},
			{"uri", d.URI}, {"hub", d.Hub}, {"hub's certificate", certificateEnd(d.HubUntil, time.Now())}, {"trouble", printable(d.Trouble)}, {"group", d.Group}, {"cipher suite", d.Suite}, {"epoch", fmt.Sprint(d.Epoch)}, {"participants", fmt.Sprint(d.Participants)},
			{"leaves", fmt.Sprint(d.Leaves)}, {"events", fmt.Sprint(d.Events)},
			{"commits under way", fmt.Sprint(d.Jobs)}, {"waiting", fmt.Sprint(d.Waiting)}, {"owed to providers", fmt.Sprint(d.Owed)},
		} {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
		for _, p := range d.Policies {
			fmt.Fprintf(w, "%s policy\t%s\n", p.Name, printable(p.Text))
		}
		for _, b := range d.Bots {
			fmt.Fprintf(w, "bot\t%s\n", printable(describeBot(b)))
		}
	})
}

// certificateEnd says until when a certificate is valid, or since when it is not; empty: there is none.
func certificateEnd(until string, now time.Time) string {
	end, err := time.Parse(time.RFC3339, until)
	switch {
	case err != nil:
		return ""
	case now.After(end):
		return "over since " + until
	}
	return "until " + until
}

// describeBot is a bot in one line.
func describeBot(b gateway.BotLine) string {
	s := b.Name
	if b.Where != "" {
		s += " (" + b.Where + ")"
	}
	s += ": " + b.Rights
	if b.State != "" {
		s += ", " + b.State
	}
	if b.PrivateMessages {
		s += ", private messages"
	}
	if b.PerUserContent {
		s += ", different content per user"
	}
	return s
}

// Run lists the participants of a room.
func (c *roomMembersCommand) Run() error {
	var members []gateway.MemberLine
	return c.ask(roomPath(c.Name)+"/members", &members, func(w io.Writer) {
		fmt.Fprintln(w, "USER\tJID\tSTATE\tAFFILIATION\tROLE\tLEAVES\tNICK\tPRESENT")
		for _, m := range members {
			if m.Bot {
				m.Role += " (bot)"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\n", printable(m.User), m.JID, m.State, m.Affiliation, m.Role, m.Leaves, printable(m.Nick), m.Sessions)
		}
	})
}

// Run lists reports of abuse, and of each message its text and whether our stamp proves that the abuser sent it. MIMI content is in the JSON only.
func (c *roomAbuseCommand) Run() error {
	var lines []gateway.AbuseLine
	return c.ask("/abuse", &lines, func(w io.Writer) {
		if len(lines) == 0 {
			fmt.Fprintln(w, "nothing was reported")
			return
		}
		fmt.Fprintln(w, "TIME\tROOM\tABUSER\tREPORTER\tPROVIDER\tMESSAGES\tNOTE")
		for _, l := range lines {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", l.At.Format(time.RFC3339), l.Room, l.Abuser, l.Reporter, l.Provider, len(l.Messages), printable(l.Note))
			for _, m := range l.Found {
				if m.Proved {
					fmt.Fprintf(w, "\tproved\t%s\t%s\n", m.Said.Format(time.RFC3339), printable(m.Text))
				} else {
					fmt.Fprintf(w, "\tnot proved\t%s\t%s\n", printable(m.Why), printable(m.Text))
				}
			}
		}
	})
}

// Run releases a room.
func (c *roomReleaseCommand) Run() error {
	var d gateway.RoomDetail
	return c.send(http.MethodPost, roomPath(c.Name)+"/release", &d, func(w io.Writer) {
		if d.Trouble != "" {
			fmt.Fprintf(w, "%s is still in trouble: %s\n", d.Name, printable(d.Trouble))
			return
		}
		fmt.Fprintf(w, "%s can be entered again\n", d.Name)
	})
}

// ask gets JSON from the gateway into v and prints it.
func (f *roomFlags) ask(path string, v any, table func(io.Writer)) error {
	return f.send(http.MethodGet, path, v, table)
}

func (f *roomFlags) send(method, path string, v any, table func(io.Writer)) error {
	cfg, err := f.load()
	if err != nil {
		return err
	}
	body, err := askSocket(cfg, method, path, nil)
	if err != nil {
		return err
	}
	if f.JSON {
		_, err := os.Stdout.Write(body)
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("answer of the gateway: %w", err)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// roomPath is where the socket has a room, which may be named by its localpart, by its address or by its URI.
func roomPath(name string) string { return "/rooms/" + url.PathEscape(name) }

// askSocket asks the running gateway.
func askSocket(cfg *config.Config, method, path string, body []byte) ([]byte, error) {
	socket := cfg.Admin.Socket
	if rest, ok := strings.CutPrefix(path, "/rooms/"); ok && !strings.HasPrefix(rest, "im:") { // "@" is nowhere else in paths
		path = "/rooms/" + strings.Replace(rest, "@"+cfg.Component.Domain, "", 1)
	}
	client := &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
	}
	req, err := http.NewRequest(method, "http://anteroom"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no gateway answers at admin.socket %s: is anteroom serve running?", socket)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s", strings.TrimSpace(string(answer)))
	}
	return answer, nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// printable keeps what users wrote from controlling the operator's terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
