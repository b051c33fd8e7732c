package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Owners of a room of another provider configure from here what is a word of the room's metadata. Everything else of XEP-0045 §10.2 is either a rule of the
// room that its own provider has to carry out, or that provider's alone (docs/decisions/171-acts-in-rooms-elsewhere.md).

// followOwnerGet shows what an owner can change from here.
func (t *turn) followOwnerGet(st *xmpp.Stanza) {
	if _, ok := t.owner(st); !ok {
		return
	}
	c := &t.r.pub.Config
	f := muc.NewForm(muc.FormAsk, muc.FormRoomConfig, muc.TextField(muc.FieldRoomName, "Name", c.Name), muc.TextField(muc.FieldRoomDesc, "Description", c.Description))
	f.Title = "Configuration of the room"
	f.Instructions = []string{"This room belongs to " + t.r.uri.Provider() + ": everything else is configured there."}
	t.result(st, muc.OwnerQuery{Form: &f}.Element())
}

// followOwnerSet takes the form back. A field that cannot be changed from here is refused, and not passed over in silence.
func (t *turn) followOwnerSet(st *xmpp.Stanza) {
	q, err := muc.ParseOwnerQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	u, ok := t.owner(st)
	switch {
	case !ok:
	case q.Destroy != nil:
		t.notForeign(st)
	case q.Form == nil || q.Form.Type != muc.FormSubmit && q.Form.Type != muc.FormCancel:
		t.refuse(st, refusal(xmpp.BadRequest, "the form is neither submitted nor cancelled"))
	case q.Form.Type == muc.FormCancel:
		t.result(st)
	default:
		t.followConfigure(st, u, q.Form)
	}
}

func (t *turn) followConfigure(st *xmpp.Stanza, u mimi.URI, f *muc.Form) {
	r := t.r
	for i := range f.Fields {
		switch f.Fields[i].Var {
		case muc.FieldRoomName, muc.FieldRoomDesc, muc.FieldFormType, "":
		default:
			t.refuse(st, refusal(xmpp.NotAllowed, f.Fields[i].Var+": this room belongs to "+r.uri.Provider()+": this cannot be done from here"))
			return
		}
	}
	next, e := r.pub.Config.submit(f, &r.svc.cfg.Limits)
	if e == nil && (r.pub.members[u] == nil || r.pub.members[u].Leaves == 0) {
		e = refusal(xmpp.Forbidden, "enter the room first: who acts in a room of another provider is in it")
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	if next.Name == r.pub.Config.Name && next.Description == r.pub.Config.Description {
		t.result(st)
		return
	}
	m := next.metadata(r.follow.room.State().Metadata())
	t.wish(&asker{st: st, done: func(t *turn) { t.result(st) }}, follower.Wish{Kind: follower.Change, Client: r.svc.clientURI(u), Metadata: m})
}
