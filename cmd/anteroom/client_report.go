package main

import (
	"fmt"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/mimihttp"
	"anteroom/mls/wire"
)

// What a client keeps of each room to be able to report it, in memory only, and what goes into one report.
const (
	maxHeard        = 32       // messages
	maxHeardContent = 64 << 10 // bytes of one; a longer one cannot be reported
	maxReported     = 16       // messages of one report
)

// heardMessage is what somebody said, with the hub's stamp if that proves it.
type heardMessage struct {
	sender mimi.URI
	said   mimi.AbusiveMessage
}

// hear keeps a message. The stamp, whose signature was verified, is kept if the sender has committed to just this content, as itself and in this room
// (draft-ietf-mimi-protocol-06 §5.4.1): it proves nothing else.
func (r *nativeRoom) hear(room mimi.URI, e *follower.Message) {
	data := e.Message.Data
	m, err := content.Decode(data)
	if err != nil || len(data) > maxHeardContent {
		return
	}
	h := heardMessage{e.Sender, mimi.AbusiveMessage{Content: data, AcceptedAt: e.At}}
	tag, committed := mimi.TagOf(e.Message.AuthenticatedData)
	if e.Frank != nil && committed && tag == mimi.FrankingTag(m.Salt[:], data) && m.Sender == e.Sender.String() && m.Room == room.String() {
		h.said.Frank = *e.Frank
	}
	r.heard = append(r.heard[max(0, len(r.heard)-maxHeard+1):], h)
}

// report carries out: report URI USER [TEXT]. The room's provider gets the last messages of a user, with what proves them, and the text
// (draft-ietf-mimi-protocol-06 §5.9, docs/decisions/123-franking.md).
func (c *nativeClient) report(room mimi.URI, rest string) error {
	name, note, _ := strings.Cut(rest, " ")
	user, err := mimi.ReadURI(name)
	if err != nil || user.Kind() != mimi.KindUser {
		return fmt.Errorf("report: %q is not a user", name)
	}
	report := &mimi.AbuseReport{Reporter: c.user, Abuser: user, Note: strings.TrimSpace(note)}
	if len(report.Note) > mimi.MaxNote {
		return fmt.Errorf("report: the text is longer than %d bytes", mimi.MaxNote)
	}
	c.mu.Lock()
	if entry := c.rooms[room]; entry != nil {
		report.Messages = lastOf(entry.heard, user, mimihttp.MaxAbuseBody-len(wire.Marshal(report)))
	}
	c.mu.Unlock()
	if len(report.Messages) == 0 {
		return fmt.Errorf("report: nothing that %s said in %s is remembered", user, room)
	}
	return c.owe(mimi.EndpointReportAbuse, room, report)
}

// lastOf are the newest messages of a user, oldest first, as many as fit.
func lastOf(heard []heardMessage, user mimi.URI, space int) []mimi.AbusiveMessage {
	space -= 8 // the length of the list
	var all []mimi.AbusiveMessage
	for i := len(heard) - 1; i >= 0 && len(all) < maxReported; i-- {
		if heard[i].sender != user {
			continue
		}
		if space -= len(wire.Marshal(&heard[i].said)); space < 0 {
			break
		}
		all = append([]mimi.AbusiveMessage{heard[i].said}, all...)
	}
	return all
}
