package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Ad-hoc commands (XEP-0050): what is here runs any command; roomcommands.go says which ones a room has.

const nsCommands = "http://jabber.org/protocol/commands"

// MaxCommandSessions bounds the commands under way in one room, maxOwnSessions those of one device: the oldest one gives way.
// commandPatience is how long one waits for its next stage.
const (
	MaxCommandSessions = 64
	maxOwnSessions     = 2
	commandPatience    = 10 * time.Minute
)

// command is one that a room offers. Its stages are forms, filled in one after the other; without any it is done at once.
type command struct {
	node, name string
	may        func(r *Room, u mimi.URI, from xmpp.JID) *xmpp.StanzaError
	stages     []stageOf
	do         func(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError))
}

// stageOf is one form of a command, and what is wrong with it when it comes back.
type stageOf struct {
	form  func(r *Room) muc.Form
	check func(r *Room, u mimi.URI, f *muc.Form) *xmpp.StanzaError
}

// commandResult is what a finished command says.
type commandResult struct {
	note string
	form *muc.Form
}

// commandSession is a command under way. It is not stored: after a restart its user begins again.
type commandSession struct {
	id      string
	from    xmpp.JID
	st      xmpp.Stanza // the request that finishes it
	command *command
	filled  []*muc.Form // of the stages so far
	until   time.Time
}

// commandError is a refusal with the condition of XEP-0050 §4.4.
func commandError(c xmpp.Condition, condition, text string) *xmpp.StanzaError {
	e := refusal(c, text)
	e.App = xmpp.NewElement(nsCommands, condition)
	return e
}

// command carries out one step of a command (XEP-0050 §2.4).
func (t *turn) command(st *xmpp.Stanza) {
	x := st.Payload[0]
	u, e := t.actor(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	i := slices.IndexFunc(roomCommands, func(c *command) bool { return c.node == x.Attr("node") })
	if i < 0 {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the room has no such command"))
		return
	}
	c := roomCommands[i]
	if e := c.may(t.r, u, st.From); e != nil {
		t.refuse(st, e)
		return
	}
	action := x.Attr("action")
	switch action {
	case "", "execute", "next", "prev", "complete", "cancel":
	default:
		t.refuse(st, commandError(xmpp.BadRequest, "malformed-action", "a command knows no such action"))
		return
	}
	if id := x.Attr("sessionid"); id == "" {
		t.beginCommand(st, u, c, action)
	} else if s, e := t.r.commandSession(t.now, id, st.From, c); e != nil {
		t.refuse(st, e)
	} else {
		t.goOn(st, u, s, action)
	}
}

// beginCommand opens a session, or does at once what takes no form.
func (t *turn) beginCommand(st *xmpp.Stanza, u mimi.URI, c *command, action string) {
	if action != "" && action != "execute" {
		t.refuse(st, commandError(xmpp.BadRequest, "bad-action", "a command begins with execute"))
		return
	}
	s := &commandSession{id: t.id(), from: st.From, command: c, until: t.now.Add(commandPatience)}
	if len(c.stages) == 0 {
		t.finishCommand(st, u, s)
		return
	}
	own := func(o *commandSession) bool { return o.from == st.From }
	all := t.r.commands
	mine := 0
	for _, o := range all {
		if own(o) {
			mine++
		}
	}
	switch {
	case mine >= maxOwnSessions:
		i := slices.IndexFunc(all, own)
		all = slices.Delete(all, i, i+1)
	case len(all) >= MaxCommandSessions && t.now.After(all[0].until):
		all = slices.Delete(all, 0, 1)
	case len(all) >= MaxCommandSessions:
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many commands are under way in this room; try again later"))
		return
	}
	t.r.commands = append(all, s)
	t.showStage(st, s)
}

// commandSession finds a session. It belongs to the device that began it.
func (r *Room) commandSession(now time.Time, id string, from xmpp.JID, c *command) (*commandSession, *xmpp.StanzaError) {
	i := slices.IndexFunc(r.commands, func(s *commandSession) bool { return s.id == id && s.from == from && s.command == c })
	switch {
	case i < 0:
		return nil, commandError(xmpp.BadRequest, "bad-sessionid", "there is no such command under way")
	case now.After(r.commands[i].until):
		return nil, commandError(xmpp.NotAllowed, "session-expired", "the command waited too long for its next stage; begin again")
	}
	return r.commands[i], nil
}

func (r *Room) endCommand(s *commandSession) {
	r.commands = slices.DeleteFunc(r.commands, func(o *commandSession) bool { return o == s })
}

// goOn takes a filled-in stage, or goes back, or gives up (XEP-0050 §3.4).
func (t *turn) goOn(st *xmpp.Stanza, u mimi.URI, s *commandSession, action string) {
	last := len(s.filled) == len(s.command.stages)-1
	switch {
	case action == "cancel":
		t.r.endCommand(s)
		t.result(st, commandElement(s, "canceled"))
		return
	case action == "prev" && len(s.filled) > 0:
		s.filled = s.filled[:len(s.filled)-1]
		t.showStage(st, s)
		return
	case action == "prev", action == "next" && last, action == "complete" && !last:
		t.refuse(st, commandError(xmpp.BadRequest, "bad-action", "this action is not possible at this stage of the command"))
		return
	}
	stage := s.command.stages[len(s.filled)]
	form, e := submittedCommand(st.Payload[0], formCommand)
	if e == nil {
		e = stage.check(t.r, u, form)
	}
	if e != nil {
		if e.App == nil && e.Condition != xmpp.Forbidden {
			e = commandError(xmpp.BadRequest, "bad-payload", e.Text)
		}
		t.refuse(st, e)
		return
	}
	s.filled, s.until = append(s.filled, form), t.now.Add(commandPatience)
	if !last {
		t.showStage(st, s)
		return
	}
	t.r.endCommand(s)
	t.finishCommand(st, u, s)
}

// submittedCommand is the one form of a stage, which clients may send without FORM_TYPE. One that is cancelled counts as submitted (XEP-0050 §3.5.1).
func submittedCommand(x *xmpp.Element, formType string) (*muc.Form, *xmpp.StanzaError) {
	forms := x.ChildrenNamed(muc.NSForm, "x")
	if len(forms) != 1 {
		return nil, refusal(xmpp.BadRequest, "this stage of the command wants its form, and one only")
	}
	f, err := muc.ParseForm(forms[0])
	switch {
	case err != nil:
		return nil, asStanzaError(err)
	case f.Type != muc.FormSubmit && f.Type != muc.FormCancel:
		return nil, refusal(xmpp.BadRequest, "the form is none that was filled in")
	case f.FormType() != "" && f.FormType() != formType:
		return nil, refusal(xmpp.BadRequest, "the form is that of something else")
	}
	return &f, nil
}

// showStage answers with the form that is next, and with what may be done with it.
func (t *turn) showStage(st *xmpp.Stanza, s *commandSession) {
	actions := xmpp.NewElement(nsCommands, "actions")
	if len(s.filled) > 0 {
		actions.With(xmpp.NewElement(nsCommands, "prev"))
	}
	forward := "next"
	if len(s.filled) == len(s.command.stages)-1 {
		forward = "complete"
	}
	actions.WithAttr("execute", forward).With(xmpp.NewElement(nsCommands, forward))
	form := s.command.stages[len(s.filled)].form(t.r)
	t.result(st, commandElement(s, "executing").With(actions, form.Element()))
}

// finishCommand does what the command is for.
func (t *turn) finishCommand(st *xmpp.Stanza, u mimi.URI, s *commandSession) {
	s.st = *st
	s.command.do(t, u, s, func(t *turn, res commandResult) {
		x := commandElement(s, "completed")
		if res.note != "" {
			x.With(xmpp.TextElement(nsCommands, "note", res.note).WithAttr("type", "info"))
		}
		if res.form != nil {
			x.With(res.form.Element())
		}
		t.result(st, x)
	}, func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) })
}

func commandElement(s *commandSession, status string) *xmpp.Element {
	return xmpp.NewElement(nsCommands, "command").WithAttr("node", s.command.node).WithAttr("sessionid", s.id).WithAttr("status", status)
}

// commandItems lists the commands that somebody may use (XEP-0050 §2.2).
func (t *turn) commandItems(st *xmpp.Stanza) {
	var items []muc.DiscoItem
	if u, e := t.actor(st); e == nil {
		for _, c := range roomCommands {
			if c.may(t.r, u, st.From) == nil {
				items = append(items, muc.DiscoItem{JID: t.r.addr, Node: c.node, Name: c.name})
			}
		}
	}
	t.result(st, muc.DiscoItems{Node: nsCommands, Items: items}.Element())
}

// commandInfo describes the list of commands, or one of them to who may use it. False: the node is none of these.
func (t *turn) commandInfo(st *xmpp.Stanza) bool {
	node := st.Payload[0].Attr("node")
	if node == nsCommands {
		t.result(st, muc.DiscoInfo{Node: node, Identities: []muc.Identity{{Category: "automation", Type: "command-list", Name: "Commands"}}}.Element())
		return true
	}
	i := slices.IndexFunc(roomCommands, func(c *command) bool { return c.node == node })
	if i < 0 {
		return false
	}
	u, e := t.actor(st)
	if e == nil {
		e = roomCommands[i].may(t.r, u, st.From)
	}
	if e != nil {
		t.refuse(st, e)
		return true
	}
	t.result(st, muc.DiscoInfo{Node: node, Identities: []muc.Identity{{Category: "automation", Type: "command-node", Name: roomCommands[i].name}},
		Features: []string{nsCommands, muc.NSForm}}.Element())
	return true
}
