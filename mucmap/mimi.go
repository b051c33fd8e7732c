package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/hub"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// statusOK and statusNotFound are the HTTP statuses of answers: the body's own code says more.
const (
	statusOK         = 200
	statusNotFound   = 404
	statusBadRequest = 400
)

var endpoints = map[RequestKind]mimi.Endpoint{
	RequestUpdate: mimi.EndpointUpdate, RequestSubmitMessage: mimi.EndpointSubmitMessage, RequestGroupInfo: mimi.EndpointGroupInfo,
}

// request answers another provider (draft-ietf-mimi-protocol-06 §5.3, §5.4, §5.6).
func (t *turn) request(in Request) {
	r := t.r
	if in.Kind == RequestCreate || in.Kind == RequestDocument {
		t.documentRequest(in)
		return
	}
	if in.Kind == RequestUpdateConsent {
		t.updateConsent(in)
		return
	}
	if in.Kind == RequestRequestConsent {
		t.yield(in)
		return
	}
	if in.Kind == RequestKeyMaterial {
		t.hostKeyMaterial(in)
		return
	}
	if in.Kind.ordered() {
		t.order(in)
		return
	}
	if in.Kind == RequestRelayed {
		t.learnRelayed(in)
		return
	}
	if r.hub == nil || r.pub.Closing || r.pub.Locked {
		answer, ok := hub.NoSuchRoom(endpoints[in.Kind], r.uri)
		status := statusOK
		if !ok {
			status = statusNotFound
		}
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: status, Body: answer})
		return
	}
	if answer, e := r.noGroupInfo(in); e != nil {
		t.note(NoteInfo, "refused "+in.Kind.String(), Attr{"provider", in.Provider}, Attr{"reason", e.Text})
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: statusOK, Body: answer})
		return
	}
	var a *hub.Accepted
	var answer []byte
	var err error
	switch in.Kind {
	case RequestUpdate:
		a, answer, err = r.hub.AcceptUpdate(t.now, in.Provider, in.Body)
	case RequestSubmitMessage:
		a, answer, err = r.hub.AcceptSubmit(t.now, in.Provider, in.Body)
	case RequestGroupInfo:
		t.redeem(in)
		if answer, err = r.hub.GroupInfo(t.now, in.Provider, in.Body); err != nil && t.knockByRequest(in) {
			return
		}
	default:
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: statusNotFound})
		return
	}
	status := statusOK
	if err != nil {
		t.note(NoteInfo, "refused "+in.Kind.String(), Attr{"provider", in.Provider}, Attr{"reason", err.Error()})
		if len(answer) == 0 {
			status = statusBadRequest
		}
	}
	if a != nil && a.Application != nil && r.svc.ban(a.Sender) != nil { // it is just being removed
		t.note(NoteInfo, "refused "+in.Kind.String(), Attr{"provider", in.Provider}, Attr{"reason", r.svc.ban(a.Sender).about()})
		answer = marshal(&mimi.SubmitMessageResponse{Code: mimi.SubmitNotAllowed, Epoch: r.hub.Group().Public().Epoch()})
		t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: statusOK, Body: answer})
		return
	}
	if a != nil {
		t.take(a, nil)
		if a.Application != nil {
			t.heard(a)
		}
	}
	said := err == nil && in.Kind == RequestSubmitMessage // the answer is where the provider shows it to who said it (docs/decisions/167-answers-in-turn.md)
	t.out.Replies = append(t.out.Replies, Reply{ID: in.ID, Status: status, Body: answer, InTurn: said})
}

// heard broadcasts a message of a participant of another provider.
func (t *turn) heard(a *hub.Accepted) {
	if t.hearDirect(a.Sender, a.Application.Data) {
		return
	}
	if o := t.r.pub.occupant(a.Sender); o != nil {
		t.show(a.Sender, o.Nick, a.Application.Data, t.r.proofOf(a.Sender, a.Application, a.Frank, a.AcceptedAt))
		return
	}
	t.note(NoteWarn, "message of a participant who is not present", Attr{"user", a.Sender.String()})
}

// show broadcasts MIMI content of somebody under a nick, with its references in the room's words. proof is kept with it, nil for none.
func (t *turn) show(u mimi.URI, nick string, data, proof []byte) {
	m, err := content.Decode(data)
	if err != nil {
		t.note(NoteInfo, "message cannot be shown to XMPP users", Attr{"user", u.String()}, Attr{"reason", err.Error()})
		return
	}
	id := content.ID(u, t.r.uri, data, m.Salt)
	if t.r.pub.recordByMessage(id) != nil { // draft-ietf-mimi-content, Security Considerations, General handling
		t.note(NoteInfo, "message was said before and is not shown again", Attr{"user", u.String()})
		return
	}
	if absurd(m.Expires, t.now) {
		t.note(NoteInfo, "message expires more than a year from now or ago and is not shown", Attr{"user", u.String()})
		return
	}
	gone, ok := t.replaces(u, m)
	if !ok {
		return
	}
	from := origin(u, m, id)
	from.Proof = proof
	if gone != nil && gone.From.User != u {
		t.moderated(gone, u, nick, "", provenance{Message: from.Message})
		return
	}
	names := t.r.pub.names()
	names.Reactions = func() []string { return t.r.pub.reactions(u, from) }
	shown := m.ToXMPP(names)
	if len(shown.Payload) == 0 {
		return // a report that nobody here is told of
	}
	st := &xmpp.Stanza{Kind: xmpp.Message, ID: t.id(), Lang: shown.Lang, Payload: shown.Payload}
	end := t.r.endOf(t.r.pub.recordByMessage(m.Replaces), m.Expires, t.now)
	st.Payload = ephemeral(st.Payload, t.now, end)
	e := t.prepare(from, t.spoken(st, nick))
	e.Ends = end
	if len(e.XML) > maxMessage {
		t.note(NoteInfo, "message is too long for XMPP users", Attr{"user", u.String()})
		return
	}
	if len(e.XML)+2*len(proof) > maxMessage {
		e.From.Proof = nil // the archive keeps no larger message
	}
	t.broadcast(e)
	if gone != nil {
		t.takenAway(gone, st.ID)
	}
}

// remoteNick is the nick under which a participant of another provider appears: what its leaf asks for, or its name.
func (t *turn) remoteNick(eff *mls.Effects, u mimi.URI) string {
	want := ""
	for _, i := range append(append([]mls.LeafIndex{}, eff.Added...), eff.Committer) {
		node, ok := eff.After.Leaf(i)
		if !ok || nodeUser(node) != u {
			continue
		}
		if nick, ok := mimi.LeafNick(node); ok {
			want = nick
		}
		break
	}
	return t.r.pub.here.FreeNick(t.r.goodNick(want, u))
}

// strict is what XEP-0045 demands beyond the MIMI documents, of everybody (docs/decisions/040-room-roles.md).
func strict(before *policy.State, act policy.Act) *mimi.Refusal {
	if act.ActorRole == roleKeeper || act.ActorRole == roleEnforcer || act.Actor == act.Target {
		return nil // which clients a system user takes out is policy's to say
	}
	actor, target := standingOf(act.ActorRole), standingOf(act.From)
	switch act.Kind {
	case policy.ActKick, policy.ActRemoveUser, policy.ActBan:
	case policy.ActChangeRole:
		if standingOf(act.To).role > muc.RoleVisitor || standingOf(act.To).affiliation != target.affiliation {
			return nil
		}
	default:
		return nil
	}
	if act.From == roleKeeper {
		return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "xep-0045-keeper", Text: "the keeper stays in its room"}
	}
	if actor.affiliation == muc.AffiliationOwner && target.affiliation == muc.AffiliationOwner {
		return nil // an owner may unmake another (XEP-0045 §10.4)
	}
	if !outranks(actor, target) {
		return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "xep-0045-rank",
			Text: "nobody acts against a participant of the same or a higher affiliation"} // XEP-0045 §8.2, §8.4
	}
	return nil
}
