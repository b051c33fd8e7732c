package mucmap

import (
	"encoding/json"
	"strconv"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// What an operator of the service wants of a room, whoever owns it: [RequestDestroy], [RequestAnnounce] and [RequestReInit]. The gateway makes these requests
// itself, after it has made sure that they come from an operator (docs/decisions/085-operators.md).

// The HTTP statuses of answers to operators besides those of mimi.go.
const (
	statusAccepted = 202
	statusConflict = 409
)

// Destruction is what an operator says to those who are in a room that it destroys; in JSON it is the body of [RequestDestroy].
type Destruction = muc.Destroy

// MaxAnnouncement bounds what operators tell all who are in rooms, in bytes.
const MaxAnnouncement = 8192

// CheckAnnouncement says in words what is wrong with the text of an announcement, "" when nothing is.
func CheckAnnouncement(text string) string {
	switch {
	case text == "":
		return "the text is empty"
	case len(text) > MaxAnnouncement:
		return "the text is longer than " + strconv.Itoa(MaxAnnouncement) + " bytes"
	case !xmpp.LegalText(text):
		return "the text holds characters that XML forbids"
	}
	return ""
}

// checkDestruction says in words what is wrong with what an operator says to those who are in a room that it destroys.
func checkDestruction(d muc.Destroy) string {
	switch {
	case len(d.Reason) > maxReason || len(d.Password) > maxPassword:
		return "reason or password is too long"
	case !xmpp.LegalText(d.Reason) || !xmpp.LegalText(d.Password):
		return "reason or password holds characters that XML forbids"
	}
	return ""
}

// order does what an operator wants.
func (t *turn) order(in Request) {
	reply := func(status int, text string) {
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: status, Body: []byte(text)})
	}
	switch {
	case !t.r.pub.Exists:
		reply(statusNotFound, "there is no such room")
	case t.r.pub.Closing:
		reply(statusConflict, "the room is being destroyed")
	case t.r.forTwo():
		reply(statusConflict, "this is a conversation of two users, not a room")
	case in.Kind == RequestAnnounce:
		t.announce(string(in.Body), reply)
	case t.r.follow != nil:
		reply(statusConflict, "the room belongs to "+t.r.uri.Provider())
	case in.Kind == RequestReInit:
		t.orderReInit(in.Body, reply)
	default:
		t.destroyByOrder(in.Body, reply)
	}
}

// announce tells everybody present something. It is no message of the group: nobody in it said it, and it is not archived. Participants of
// other providers do not hear it.
func (t *turn) announce(text string, reply func(int, string)) {
	if why := CheckAnnouncement(text); why != "" {
		reply(statusBadRequest, why)
		return
	}
	st := xmpp.Stanza{Kind: xmpp.Message, From: t.r.addr, ID: t.id(), Type: xmpp.TypeGroupchat, Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}}
	var to []xmpp.JID
	for _, o := range t.r.pub.here.Sorted() {
		to = append(to, o.Devices()...)
	}
	t.passTo(to, st)
	reply(statusOK, "")
}

// destroyByOrder destroys the room by its keeper. With participants elsewhere that takes commits, which go on after the answer.
func (t *turn) destroyByOrder(body []byte, reply func(int, string)) {
	var d muc.Destroy
	why := "this is no order"
	if json.Unmarshal(body, &d) == nil {
		why = checkDestruction(d)
	}
	if why != "" {
		reply(statusBadRequest, why)
		return
	}
	answered := false
	answer := func(status int, text string) {
		if !answered {
			answered = true
			reply(status, text)
		}
	}
	t.raze(mimi.URI{}, d, func(*turn) { answer(statusOK, "") }, func(t *turn, e *xmpp.StanzaError) {
		t.note(NoteError, "an operator's order to destroy the room was refused", Attr{"reason", e.Text})
		answer(statusConflict, e.Text)
	})
	answer(statusAccepted, "users of other providers are being removed")
}
