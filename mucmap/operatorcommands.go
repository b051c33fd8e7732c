package mucmap

import (
	"slices"
	"strconv"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The commands of operators, Config.Operators: what they may do to rooms that they do not own.

// The nodes of these commands, and the FORM_TYPE of their forms.
const (
	formService      = "urn:anteroom:service#command"
	operatorRooms    = "urn:anteroom:service#rooms"
	operatorRoom     = "urn:anteroom:service#room"
	operatorDestroy  = "urn:anteroom:service#destroy"
	operatorAnnounce = "urn:anteroom:service#announce"
	operatorBans     = "urn:anteroom:service#bans"
	operatorBan      = "urn:anteroom:service#ban"
	operatorUnban    = "urn:anteroom:service#unban"
)

// operatorCommand does what it can at once and leaves an Order otherwise.
type operatorCommand struct {
	serviceCommand
	do func(q *serviceQuery, c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError)
}

var operatorCommands []*operatorCommand

func init() {
	operatorCommands = []*operatorCommand{
		{serviceCommand{operatorRooms, "List the rooms", nil}, (*serviceQuery).listRooms},
		{serviceCommand{operatorRoom, "Show a room", showRoomForm}, (*serviceQuery).showRoom},
		{serviceCommand{operatorDestroy, "Destroy a room", razeForm}, (*serviceQuery).razeRoom},
		{serviceCommand{operatorAnnounce, "Announce something in all rooms", announceForm}, (*serviceQuery).announce},
		{serviceCommand{operatorBans, "List who is banned from all rooms", nil}, (*serviceQuery).listBans},
		{serviceCommand{operatorBan, "Ban somebody from all rooms", serviceBanForm}, (*serviceQuery).orderBan},
		{serviceCommand{operatorUnban, "Lift a ban from all rooms", serviceUnbanForm}, (*serviceQuery).orderUnban},
	}
}

// OrderKind is what an [Order] wants.
type OrderKind uint8

// What operators want.
const (
	OrderShow     OrderKind = iota + 1 // of Room: its Description
	OrderDestroy                       // of Room, with Destroy
	OrderAnnounce                      // of all rooms whose occupants are here: Text
	OrderBan                           // of Who, with Text as the reason
	OrderUnban                         // of Who
)

// String is the kind in logs.
func (k OrderKind) String() string {
	return map[OrderKind]string{OrderShow: "show", OrderDestroy: "destroy", OrderAnnounce: "announce", OrderBan: "ban", OrderUnban: "unban"}[k]
}

// Order is what the gateway is to do for an operator before the command has an answer.
type Order struct {
	Kind    OrderKind
	By      xmpp.JID // bare address
	Room    string   // localpart
	Destroy muc.Destroy
	Text    string
	Who     xmpp.JID

	st      xmpp.Stanza
	command *operatorCommand
}

// OrderResult is what came of an Order.
type OrderResult struct {
	Status int          // HTTP status: 200, 202 when it goes on, 404, 409, 503
	Text   string       // in words; with a good Status it may be empty
	Room   *Description // of OrderShow
	Rooms  int          // of OrderAnnounce: that will hear it
}

// operator says who may use these commands.
func (s *Service) operator(from xmpp.JID) bool { return slices.Contains(s.cfg.Operators, from.Bare()) }

func (q *serviceQuery) leave(c *operatorCommand, o Order) (*xmpp.Element, *xmpp.StanzaError) {
	o.By, o.st, o.command = q.st.From.Bare(), *q.st, c
	q.order = &o
	return nil, nil
}

// Answer is what the operator is told.
func (o *Order) Answer(res OrderResult) xmpp.Stanza {
	switch {
	case res.Status == statusNotFound:
		return o.st.ErrorReply(refusal(xmpp.ItemNotFound, res.Text))
	case res.Status == statusConflict:
		return o.st.ErrorReply(refusal(xmpp.Conflict, res.Text))
	case res.Status == statusBadRequest:
		return o.st.ErrorReply(commandError(xmpp.BadRequest, "bad-payload", res.Text))
	case res.Status >= statusBadRequest:
		return o.st.ErrorReply(refusal(xmpp.ResourceConstraint, res.Text).WithType(xmpp.Wait))
	}
	out := commandResult{note: res.Text}
	switch o.Kind {
	case OrderShow:
		out.form = res.Room.form()
	case OrderDestroy:
		if out.note = "The room is destroyed."; res.Status == statusAccepted {
			out.note = "The room is destroyed; users of other providers are being removed."
		}
	case OrderAnnounce:
		out.note = "The announcement goes to " + strconv.Itoa(res.Rooms) + " rooms, one after the other."
		if res.Rooms == 1 {
			out.note = "The announcement goes to 1 room."
		}
	case OrderBan:
		out.note = o.Who.String() + " is banned from all rooms of this service."
	case OrderUnban:
		out.note = o.Who.String() + " is not banned any more."
	}
	return o.st.Reply(o.command.completed(&o.st, out))
}

func serviceForm(title string, fields ...muc.Field) muc.Form {
	f := muc.NewForm(muc.FormAsk, formService, fields...)
	f.Title = title
	return f
}

func resultForm(title string, fields ...muc.Field) *muc.Form {
	f := muc.NewForm(muc.FormResult, formService, fields...)
	f.Title = title
	return &f
}

// addRows adds as many rows as an answer can hold, from the beginning, and says where the others are.
func addRows(f *muc.Form, rows [][]string, others string) *muc.Form {
	size := len(f.Element().AppendXML(nil, ""))
	for i, row := range rows {
		one := muc.Form{Reported: f.Reported, Rows: [][]string{row}}
		if size += len(one.Element().AppendXML(nil, "")); size > maxListBytes && i > 0 {
			f.Instructions = []string{"These are " + strconv.Itoa(i) + " of " + strconv.Itoa(len(rows)) + ": " + others}
			break
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// listRooms tells of all rooms what the directory knows, of rooms that are not in memory as of when they last were.
func (q *serviceQuery) listRooms(c *operatorCommand, _ *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	f := resultForm("Rooms")
	f.Reported = []muc.Field{muc.TextField("room", "Room", ""), muc.TextField("title", "Name", ""), muc.TextField("occupants", "Occupants", ""),
		muc.TextField("locked", "Locked", ""), muc.TextField("public", "Listed", ""), muc.TextField("epoch", "Epoch", "")}
	var rows [][]string
	for r := range q.rooms {
		if !strings.HasPrefix(r.Name, personMark) {
			rows = append(rows, []string{r.Name, r.Title, strconv.Itoa(r.Occupants), yesNo(r.Locked), yesNo(r.Public && !r.Locked), utoa(r.Epoch)})
		}
	}
	if len(rows) == 0 {
		return c.completed(q.st, commandResult{note: "There are no rooms."}), nil
	}
	return c.completed(q.st, commandResult{form: addRows(f, rows, "\"anteroom room list\" shows them all.")}), nil
}

func showRoomForm() muc.Form {
	return serviceForm("Show a room", required(muc.TextField("room", "Name or address of the room", "")))
}

// formRoom is the localpart of the room that a form names.
func (q *serviceQuery) formRoom(f *muc.Form) (string, *xmpp.StanzaError) {
	text, _ := f.Text("room")
	local := strings.TrimSuffix(text, "@"+q.svc.cfg.Domain.Domain())
	j, err := xmpp.NewJID(local, q.svc.cfg.Domain.Domain(), "")
	if err != nil || local == "" {
		return "", refusal(xmpp.BadRequest, "room is no name of a room of this service")
	}
	return j.Local(), nil
}

func (q *serviceQuery) showRoom(c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	name, e := q.formRoom(f)
	if e != nil {
		return nil, e
	}
	return q.leave(c, Order{Kind: OrderShow, Room: name})
}

// form is the room for operators: how many, not who.
func (d *Description) form() *muc.Form {
	return resultForm("Room "+d.Name,
		muc.TextField("title", "Name", d.Title), muc.TextField("description", "Description", d.Summary.Description),
		muc.TextField("occupants", "Occupants", strconv.Itoa(d.Occupants)), muc.TextField("locked", "Locked", yesNo(d.Locked)),
		muc.TextField("public", "Listed", yesNo(d.Public && !d.Locked)), muc.TextField("persistent", "Persistent", yesNo(d.Persistent)),
		muc.TextField("uri", "URI", d.URI), muc.TextField("hub", "Provider whose room it is", d.Hub), muc.TextField("trouble", "Given up because", d.Trouble),
		muc.TextField("group", "MLS group", d.Group), muc.TextField("epoch", "Epoch", utoa(d.Epoch)),
		muc.TextField("participants", "Participants", strconv.Itoa(len(d.Participants))), muc.TextField("leaves", "Clients in the group", strconv.Itoa(d.Leaves)))
}

func razeForm() muc.Form {
	return serviceForm("Destroy a room", required(muc.TextField("room", "Name or address of the room", "")),
		muc.TextField("reason", "Reason", ""), muc.Field{Var: "venue", Type: muc.FieldJIDSingle, Label: "Room to go to instead"}, muc.PrivateField("password", "Its password", ""),
		required(muc.TextField("confirm", "To confirm, write the name of the room again", "")))
}

func (q *serviceQuery) razeRoom(c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	name, e := q.formRoom(f)
	if e != nil {
		return nil, e
	}
	first, _ := f.Text("room")
	if again, _ := f.Text("confirm"); again != name && again != first {
		return nil, refusal(xmpp.BadRequest, "confirm is not the name of the room")
	}
	d, e := destroyOf(f)
	if e != nil {
		return nil, e
	}
	return q.leave(c, Order{Kind: OrderDestroy, Room: name, Destroy: d})
}

func announceForm() muc.Form {
	return serviceForm("Announce something", required(muc.Field{Var: "text", Type: muc.FieldTextMulti, Label: "What all who are in a room are told, in the room's name"}))
}

func (q *serviceQuery) announce(c *operatorCommand, f *muc.Form) (*xmpp.Element, *xmpp.StanzaError) {
	text := ""
	if field := f.Field("text"); field != nil {
		text = strings.Join(field.Values, "\n")
	}
	if why := CheckAnnouncement(text); why != "" {
		return nil, refusal(xmpp.BadRequest, why)
	}
	return q.leave(c, Order{Kind: OrderAnnounce, Text: text})
}
