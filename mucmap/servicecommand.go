package mucmap

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Ad-hoc commands of the service itself (XEP-0050). Each has at most one form, which holds everything when it comes back: the service keeps no
// sessions, so that nothing can grow and a restart interrupts nobody. operatorcommands.go has the commands of operators, personcommands.go
// those of every user of ours.

// maxSessionID bounds the sessionid of a form that comes back, in bytes.
const maxSessionID = 64

// serviceCommand is one command.
type serviceCommand struct {
	node, name string
	form       func() muc.Form // nil: done at once
}

// isCommand says that a stanza is a step of a command.
func isCommand(st *xmpp.Stanza) bool {
	return st.Kind == xmpp.IQ && st.Type == xmpp.TypeSet && len(st.Payload) == 1 && st.Payload[0].Is(nsCommands, "command")
}

// step is what a step of the command comes to: an answer, a refusal, or neither. Then it is to be done, with the form f unless it has none.
func (c *serviceCommand) step(st *xmpp.Stanza) (f *muc.Form, answer *xmpp.Element, e *xmpp.StanzaError) {
	x := st.Payload[0]
	session, action := x.Attr("sessionid"), x.Attr("action")
	switch action {
	case "", "execute", "next", "prev", "complete", "cancel":
	default:
		return nil, nil, commandError(xmpp.BadRequest, "malformed-action", "a command knows no such action")
	}
	switch {
	case len(session) > maxSessionID || session != "" && c.form == nil:
		return nil, nil, commandError(xmpp.BadRequest, "bad-sessionid", "there is no such command under way")
	case session != "" && action == "cancel":
		return nil, c.element(st, "canceled"), nil
	case session != "" && action != "" && action != "execute" && action != "complete":
		return nil, nil, commandError(xmpp.BadRequest, "bad-action", "this action is not possible at this stage of the command")
	case session != "":
		f, e = submittedCommand(x, formService)
		return f, nil, badPayload(e)
	case action != "" && action != "execute":
		return nil, nil, commandError(xmpp.BadRequest, "bad-action", "a command begins with execute")
	case c.form == nil:
		return nil, nil, nil
	}
	actions := xmpp.NewElement(nsCommands, "actions").WithAttr("execute", "complete").With(xmpp.NewElement(nsCommands, "complete"))
	form := c.form()
	return nil, c.element(st, "executing").With(actions, form.Element()), nil
}

// badPayload gives the condition of XEP-0050 §4.4 to what is wrong with a form.
func badPayload(e *xmpp.StanzaError) *xmpp.StanzaError {
	if e == nil || e.App != nil || e.Condition == xmpp.Forbidden {
		return e
	}
	return commandError(xmpp.BadRequest, "bad-payload", e.Text)
}

// element answers a step. The session has the id that the user brought, or a new one.
func (c *serviceCommand) element(st *xmpp.Stanza, status string) *xmpp.Element {
	id := st.Payload[0].Attr("sessionid")
	if id == "" {
		sum := sha256.Sum256([]byte(c.node + "\n" + st.From.String() + "\n" + st.ID))
		id = hex.EncodeToString(sum[:10])
	}
	return commandElement(&commandSession{id: id, command: &command{node: c.node}}, status)
}

// completed says what came of the command.
func (c *serviceCommand) completed(st *xmpp.Stanza, res commandResult) *xmpp.Element {
	x := c.element(st, "completed")
	if res.note != "" {
		x.With(xmpp.TextElement(nsCommands, "note", res.note).WithAttr("type", "info"))
	}
	if res.form != nil {
		x.With(res.form.Element())
	}
	return x
}

// offered are the commands that somebody may use, in the order of their list.
func (s *Service) offered(from xmpp.JID) []*serviceCommand {
	var out []*serviceCommand
	if s.operator(from) {
		for _, c := range operatorCommands {
			out = append(out, &c.serviceCommand)
		}
	}
	if s.personAt(from) != "" {
		for _, c := range personCommands {
			out = append(out, &c.serviceCommand)
		}
	}
	return out
}

// commandRefusal refuses a node that somebody may not use, or that there is not.
func commandRefusal(node string) *xmpp.StanzaError {
	switch {
	case strings.HasPrefix(node, personNode):
		return refusal(xmpp.Forbidden, "this command is for users of this service's own provider")
	case slices.ContainsFunc(operatorCommands, func(c *operatorCommand) bool { return c.node == node }):
		return refusal(xmpp.Forbidden, "this command is for operators of the service")
	}
	return refusal(xmpp.ItemNotFound, "the service has no such command")
}

// command carries out one step of an operator's command. Those of persons go to the person: see [Service.Route].
func (q *serviceQuery) command() (*xmpp.Element, *xmpp.StanzaError) {
	node := q.payload().Attr("node")
	i := slices.IndexFunc(operatorCommands, func(c *operatorCommand) bool { return c.node == node })
	if i < 0 || !q.svc.operator(q.st.From) {
		return nil, commandRefusal(node)
	}
	c := operatorCommands[i]
	f, answer, e := c.step(q.st)
	if answer != nil || e != nil {
		return answer, e
	}
	answer, e = c.do(q, c, f)
	return answer, badPayload(e)
}

// commandItems lists the commands that the user may use (XEP-0050 §2.2).
func (q *serviceQuery) commandItems() *xmpp.Element {
	var items []muc.DiscoItem
	for _, c := range q.svc.offered(q.st.From) {
		items = append(items, muc.DiscoItem{JID: q.svc.cfg.Domain, Node: c.node, Name: c.name})
	}
	return muc.DiscoItems{Node: nsCommands, Items: items}.Element()
}

// commandInfo describes the list of commands, or one of them to who may use it.
func (q *serviceQuery) commandInfo(node string) (*xmpp.Element, *xmpp.StanzaError) {
	if node == nsCommands {
		return muc.DiscoInfo{Node: node, Identities: []muc.Identity{{Category: "automation", Type: "command-list", Name: "Commands"}}}.Element(), nil
	}
	for _, c := range q.svc.offered(q.st.From) {
		if c.node == node {
			return muc.DiscoInfo{Node: node, Identities: []muc.Identity{{Category: "automation", Type: "command-node", Name: c.name}},
				Features: []string{nsCommands, muc.NSForm}}.Element(), nil
		}
	}
	return nil, commandRefusal(node)
}
