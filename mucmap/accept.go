package mucmap

import (
	"errors"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// commitDone takes the result of a job: the hub decides on it as on anybody else's commit.
func (t *turn) commitDone(in CommitDone) {
	r := t.r
	j := r.job
	if j == nil || j.id != in.Job {
		return
	}
	r.job = nil
	res, _ := in.Result.(*jobResult)
	if in.Err == nil && res == nil {
		in.Err = errors.New("mucmap: job returned nothing")
	}
	if in.Err != nil {
		t.retryAlone(j, in.Err)
		return
	}
	if j.create != nil {
		t.finishCreation(j, res)
		return
	}
	if !r.sameBase(j) {
		r.queue = append(j.wishes, r.queue...) // planned again against what the hub accepted meanwhile
		return
	}
	if len(j.wishes) == 1 && j.wishes[0].reInit != nil {
		t.takeReInit(j, res)
		return
	}
	h, proposed := r.hub, new(hub.Accepted)
	if len(res.messages) > 0 {
		var err error
		if proposed, err = h.AcceptLocalProposals(t.now, res.proposed, res.messages...); err != nil {
			t.retryAlone(j, err)
			return
		}
		h = proposed.Next
	}
	a, err := h.AcceptLocal(t.now, res.staged)
	if err != nil {
		t.retryAlone(j, err) // nobody has heard of the proposals
		return
	}
	t.fanout(proposed)
	t.take(a, j.deltas)
	for _, w := range j.wishes {
		w.done(t)
	}
}

// sameBase says that the hub accepted no commit and no proposal since the job began.
func (r *Room) sameBase(j *job) bool {
	if r.hub == nil {
		return false
	}
	now, then := r.hub.Group().Public(), j.base.Group().Public()
	return now.Epoch() == then.Epoch() && len(now.Pending()) == len(then.Pending())
}

// retryAlone finds out which of several wishes was refused, by trying them one by one.
func (t *turn) retryAlone(j *job, err error) {
	if len(j.wishes) == 1 {
		t.failed(j.wishes[0], err)
		return
	}
	if len(j.wishes) == 0 {
		// Only proposals that the hub itself accepted: without them the room goes on, with them it would never commit again.
		t.note(NoteError, "pending proposals cannot be committed and are dropped", Attr{"error", err.Error()})
		t.r.hub = t.r.hub.WithGroup(t.r.hub.Group().WithoutPending())
		t.ask(&wish{ // others hold them, and say nothing before a commit that would have them: the next epoch has none
			what: "epoch without the dropped proposals",
			plan: func(d *delta) *xmpp.StanzaError { d.path = true; return nil },
			done: func(*turn) {},
			refuse: func(t *turn, e *xmpp.StanzaError) {
				t.note(NoteError, "other providers hold dropped proposals", Attr{"reason", e.Text})
			},
		})
		return
	}
	for _, w := range j.wishes {
		w.alone = true
	}
	t.r.queue = append(j.wishes, t.r.queue...)
}

// failed ends a wish that the hub refused, or that could not be carried out.
func (t *turn) failed(w *wish, err error) {
	var refused *mimi.Refusal
	if errors.As(err, &refused) {
		t.note(NoteInfo, "hub refused "+w.what, Attr{"rule", refused.Rule}, Attr{"reason", refused.Error()})
		condition := xmpp.NotAllowed
		if w.join != nil && refused.Rule == "max-clients" {
			condition = xmpp.ServiceUnavailable // XEP-0045 §7.2.9: the room is full
		}
		w.refuse(t, refusal(condition, refused.Error()))
		return
	}
	t.note(NoteError, w.what+" failed", Attr{"error", err.Error()})
	w.refuse(t, refusal(xmpp.InternalServerError, "the change could not be carried out").WithType(xmpp.Wait))
}

// fanout queues what other providers must be told.
func (t *turn) fanout(a *hub.Accepted) {
	for _, f := range a.Fanout {
		t.out.Outbox = append(t.out.Outbox, Delivery{Provider: f.Provider, Endpoint: string(mimi.EndpointNotify), Room: t.r.uri.String(), Body: f.Body})
	}
}

// take makes what the hub accepted the room's state. deltas are the wishes behind an own commit.
func (t *turn) take(a *hub.Accepted, deltas []*delta) {
	r := t.r
	r.hub = a.Next
	t.fanout(a)
	if a.Effects == nil {
		return
	}
	r.moveLeaves(a.Effects)
	t.timesMayHaveChanged(a.Before, a.After)
	reasons := map[mimi.URI]why{}
	cfg, said := r.pub.Config, ""
	for _, d := range deltas {
		for u, w := range d.why {
			reasons[u] = w
		}
		if d.config != nil {
			cfg = *d.config
		}
		if d.said != "" {
			said = d.said
		}
	}
	e := t.describe(a, reasons, r.pub.unveiling(deltas))
	bots := t.followBots(a.After)
	t.emit(e)
	t.noteEpoch(e)
	t.adopted(a)
	hid := !r.pub.Config.Anyone
	t.followMetadata(a, cfg, said)
	if bots || hid == r.pub.Config.Anyone {
		t.renewNames()
	}
	r.unclean = false
}

// describe turns a commit into an event. behind says who has a name in the group; a user whose name changes has two.
func (t *turn) describe(a *hub.Accepted, reasons map[mimi.URI]why, behind func(mimi.URI) mimi.URI) *committed {
	eff := a.Effects
	e := &committed{At: t.now, Epoch: uint64(eff.After.Epoch())}
	e.Committer = behind(leafUser(eff.After, eff.Committer))
	names, by := touchedUsers(a)
	for _, p := range proposers(eff) {
		e.Proposers = append(e.Proposers, behind(p))
	}
	after := map[mimi.URI]mimi.URI{} // the name that a user has now
	for _, name := range names {
		if u := behind(name); after[u].IsZero() || a.After.RoleOf(name) != roleNone {
			after[u] = name
		}
	}
	for _, name := range names {
		u := behind(name)
		if name != after[u] {
			continue // the name that it had
		}
		was := t.r.pub.listed(u)
		c := change{User: u, From: a.Before.RoleOf(was), To: a.After.RoleOf(name), Leaves: a.After.Clients(name)}
		if name != u {
			c.As = name
		}
		if c.From == c.To && a.Before.Clients(was) == c.Leaves && was == name {
			continue
		}
		if w, known := reasons[u]; known {
			c.Cause, c.Actor, c.Reason, c.Ordered = w.cause, w.actor, w.reason, w.ordered
		} else {
			b := by[name]
			b.actor = behind(b.actor)
			t.explain(&c, b)
		}
		if !t.r.svc.local(u) && c.Leaves > 0 && t.r.pub.occupant(u) == nil {
			c.Nick = t.remoteNick(eff, u)
		}
		e.Changes = append(e.Changes, c)
	}
	return e
}

// blame is who proposed a change of a user, with the data that the proposal was signed with.
type blame struct {
	actor mimi.URI
	aad   []byte
}

// explain finds cause, actor and reason of a change that another provider's user made.
func (t *turn) explain(c *change, b blame) {
	if b.actor == c.User {
		c.Cause = causeLeave
		return
	}
	if !b.actor.IsZero() {
		c.Actor, c.Ordered = t.r.nickOf(b.actor), t.r.pub.role(b.actor) != roleKeeper
	}
	if _, w, err := mimi.ParseAAD(b.aad); err == nil && xmpp.LegalText(w.Reason) {
		c.Reason = w.Reason
	}
	switch {
	case c.To == roleBanned || c.Leaves > 0:
	case c.To == roleNone && standingOf(c.From).affiliation >= muc.AffiliationMember:
		c.Cause = causeAffiliation
	default:
		c.Cause = causeKick
	}
}

// touchedUsers are the names of the users that a commit changes, in order of the proposals, and who proposed it.
func touchedUsers(a *hub.Accepted) ([]mimi.URI, map[mimi.URI]blame) {
	eff := a.Effects
	by := map[mimi.URI]blame{}
	gone := make(map[mls.LeafIndex]mimi.URI, len(eff.Removed))
	for _, r := range eff.Removed {
		gone[r.Index] = nodeUser(r.Node)
	}
	var users []mimi.URI
	touch := func(u mimi.URI, b blame) {
		if u.IsZero() {
			return
		}
		if _, twice := by[u]; !twice {
			by[u] = b
			users = append(users, u)
		}
	}
	for i := range eff.Proposals {
		p := &eff.Proposals[i]
		b := blame{actor: senderUser(eff, p.Sender), aad: p.AuthenticatedData}
		if p.Ref == nil {
			b.aad = eff.AuthenticatedData
		}
		switch x := p.Proposal.(type) {
		case mls.AppDataUpdate:
			touchListed(a.Before, &x, func(u mimi.URI) { touch(u, b) })
		case mls.Remove:
			touch(gone[x.Removed], b)
		case mls.SelfRemove:
			touch(b.actor, b)
		case mls.Add:
			touch(credentialUser(x.KeyPackage.LeafNode.Credential), b)
		}
	}
	if eff.Sender.Type == mls.SenderNewMemberCommit {
		u := leafUser(eff.After, eff.Committer)
		touch(u, blame{actor: u})
	}
	return users, by
}

func touchListed(before *policy.State, x *mls.AppDataUpdate, touch func(mimi.URI)) {
	if x.Component != mimi.ComponentParticipantList {
		return
	}
	u, err := mimi.ParseParticipantListUpdate(x.Update)
	if err != nil {
		return // the hub would not have accepted it
	}
	list := before.Participants()
	for _, c := range u.Changed {
		touch(list[c.Index].User)
	}
	for _, i := range u.Removed {
		touch(list[i].User)
	}
	for _, p := range u.Added {
		touch(p.User)
	}
}

func credentialUser(c mls.Credential) mimi.URI {
	client, err := mimi.CredentialClient(c)
	if err != nil {
		return mimi.URI{}
	}
	return client.ClientUser()
}

func nodeUser(n *mls.LeafNode) mimi.URI {
	if n == nil {
		return mimi.URI{}
	}
	return credentialUser(n.Credential)
}

func leafUser(pg *mls.PublicGroup, i mls.LeafIndex) mimi.URI {
	n, ok := pg.Leaf(i)
	if !ok {
		return mimi.URI{}
	}
	return nodeUser(n)
}

// senderUser is who signed a proposal. A new member is named by the leaf that it adds.
func senderUser(eff *mls.Effects, s mls.Sender) mimi.URI {
	switch s.Type {
	case mls.SenderMember:
		return leafUser(eff.Before, s.Leaf)
	case mls.SenderNewMemberCommit:
		return leafUser(eff.After, eff.Committer)
	}
	return mimi.URI{}
}

// proposers are the users whose proposals a commit holds, each once, in order.
func proposers(eff *mls.Effects) []mimi.URI {
	var all []mimi.URI
	seen := map[mimi.URI]bool{}
	for i := range eff.Proposals {
		p := &eff.Proposals[i]
		u := senderUser(eff, p.Sender)
		if add, is := p.Proposal.(mls.Add); is && p.Sender.Type == mls.SenderNewMemberProposal {
			u = credentialUser(add.KeyPackage.LeafNode.Credential)
		}
		if !u.IsZero() && !seen[u] {
			seen[u] = true
			all = append(all, u)
		}
	}
	return all
}

func (t *turn) noteEpoch(e *committed) {
	var by []string
	for _, p := range e.Proposers {
		by = append(by, p.String())
	}
	attrs := []Attr{{"epoch", utoa(e.Epoch)}, {"committer", e.Committer.String()}}
	if len(by) > 0 {
		attrs = append(attrs, Attr{"proposers", strings.Join(by, " ")})
	}
	var changes []string
	for _, c := range e.Changes {
		changes = append(changes, c.User.String()+" "+roleTitle(c.From)+"→"+roleTitle(c.To)+" clients "+utoa(uint64(c.Leaves)))
	}
	if len(changes) > 0 {
		attrs = append(attrs, Attr{"changes", strings.Join(changes, ", ")})
	}
	t.note(NoteInfo, "epoch", attrs...)
}

// followMetadata lets subject and configuration of the XMPP side follow the group's. said is the id of the message that set the subject,
// empty if none did.
func (t *turn) followMetadata(a *hub.Accepted, cfg roomConfig, said string) {
	was := t.r.pub.Config
	cfg = cfg.follow(a.After)
	if cfg != was {
		t.emit(&configured{Config: cfg, Codes: was.codes(&cfg), ID: t.id()})
	}
	if before, after := a.Before.Metadata().Subject, a.After.Metadata().Subject; before != after {
		if said == "" {
			said = t.id()
		}
		t.title(said, t.subjectNick(a), t.subjectUser(a), after)
	}
}
