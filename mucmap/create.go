package mucmap

import (
	"encoding/hex"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
)

// creation is the making of a room (XEP-0045 §10.1): the keeper's group, then the first owner by a commit.
type creation struct {
	join   *join
	config roomConfig
	group  mimi.URI
	veil   []byte // see state.Veil
}

// startCreation begins to make the room for the first join that waits; the other wishes stay in the queue.
func (t *turn) startCreation() {
	r := t.r
	var first *wish
	var rest []*wish
	for _, w := range r.queue {
		switch {
		case w.closed:
		case first == nil && w.join != nil:
			first = w
		case w.join != nil:
			rest = append(rest, w)
		default:
			w.refuse(t, refusal(xmpp.ItemNotFound, "there is no such room"))
		}
	}
	r.queue = rest
	if first == nil {
		return
	}
	r.jobs++
	id := t.derive("group id")
	group, err := mimi.GroupURI(r.svc.cfg.Provider, r.uri.Name()+"-"+hex.EncodeToString(id[:8]))
	if err != nil {
		first.refuse(t, refusal(xmpp.JIDMalformed, "the room's name is too long"))
		return
	}
	c := &creation{join: first.join, config: defaultConfig(), group: group}
	r.job = &job{id: r.jobs, create: c, wishes: []*wish{first}}
	svc, uri, keeper, seed, now, owner := r.svc, r.uri, r.keeper, t.derive("create"), t.now, first.join
	veil := t.derive("pseudonyms")
	c.veil = veil[:]
	user, nick := svc.pseudonym(c.veil, owner.user), owner.nick
	t.out.Jobs = append(t.out.Jobs, CommitJob{ID: r.jobs, Run: func() (any, error) {
		return runCreate(svc, uri, group, keeper, c.config, seed, now, user, nick)
	}})
}

// groupExtensions is what the GroupContext of a new room holds.
func groupExtensions(svc *Service, room, keeper mimi.URI, c *roomConfig, now time.Time) ([]mls.Extension, error) {
	sender, err := svc.hubSender(suite, now)
	if err != nil {
		return nil, err
	}
	n := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: keeper, Role: roleKeeper}}},
		Roles:        *c.roles(false),
		Metadata:     *c.metadata(&mimi.RoomMetadata{Room: room}),
		Base:         *c.base(&mimi.BaseRoomPolicy{MultiDevice: true}),
		Franking:     frankingAgent(sender),
		Hub:          []mls.ExternalSender{sender},
		Credentials:  svc.credentialTypes(),
	}
	return n.Extensions()
}

// runCreate makes the group and the commit that adds the owner. It runs outside the room.
func runCreate(svc *Service, room, group, keeper mimi.URI, c roomConfig, seed mls.Seed, now time.Time, owner mimi.URI, nick string) (*jobResult, error) {
	kp, err := svc.keyPackage(seed.Derive("keeper"), now, svc.clientURI(keeper), "")
	if err != nil {
		return nil, err
	}
	extensions, err := groupExtensions(svc, room, keeper, &c, now)
	if err != nil {
		return nil, err
	}
	g, err := mls.NewGroup(seed.Derive("group"), mls.NewGroupParams{
		GroupID: []byte(group.String()), Creator: kp, Extensions: extensions, Config: svc.groupConfig(now)})
	if err != nil {
		return nil, err
	}
	owned, err := svc.keyPackage(seed.Derive("owner"), now, svc.clientURI(owner), nick)
	if err != nil {
		return nil, err
	}
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: owner, Role: roleOwner}}}
	staged, err := g.Commit(seed.Derive("first commit"), 0, mls.CommitParams{
		ByValue: []mls.Proposal{
			mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&list)},
			mls.Add{KeyPackage: owned.KeyPackage},
		},
		Joiners:           []*mls.KeyPackageSecrets{owned},
		AuthenticatedData: emptyAAD,
	})
	if err != nil {
		return nil, err
	}
	return &jobResult{created: g, proposed: g, staged: staged}, nil
}

// finishCreation takes the new group into keeping.
func (t *turn) finishCreation(j *job, res *jobResult) {
	r, w := t.r, j.wishes[0]
	h, err := hub.New(r.uri, res.created, r.hubOptions(suite))
	if err != nil {
		t.failed(w, err)
		return
	}
	a, err := h.AcceptLocal(t.now, res.staged)
	if err != nil {
		t.failed(w, err)
		return
	}
	t.note(NoteInfo, "room created", Attr{"by", j.create.join.user.String()}, Attr{"group", j.create.group.String()})
	secret := t.derive("occupant ids")
	r.tomb = nil
	t.emit(&created{At: t.now, Secret: secret[:], Veil: j.create.veil, Group: j.create.group.String(), Keeper: r.keeper, Config: j.create.config, Locked: !r.svc.cfg.NoLock})
	j.create.join.creator = true
	t.take(a, []*delta{{touched: []mimi.URI{j.create.join.user}}})
	w.done(t)
}

// groupConfig is how group values of a room behave.
func (s *Service) groupConfig(now time.Time) mls.Config {
	cfg := mls.Config{Components: mimi.Components{}, PastEpochs: mimi.LateEpochs, Authenticate: s.believes(), AuthenticateSender: mimi.AuthenticateSender(s.believes()), Successor: mimi.SameClient, Parallel: s.cfg.Parallel}
	if !now.IsZero() {
		cfg.Now = uint64(now.Unix())
	}
	return cfg
}

// hubName is the name of a provider's system user, by which it stands in external_senders and at which one knocks. No XMPP user has it.
const hubName = "/hub"

func hubUser(provider string) (mimi.URI, error) { return mimi.UserURI(provider, hubName) }

func (r *Room) hubOptions(suite mls.CipherSuite) hub.Options {
	return hub.Options{Sender: r.svc.hubKey(suite), Key: r.svc.cfg.hubs[suite].Private, Vouch: r.svc.vouchesFor(suite), FrankKey: r.svc.frankKey(), System: r.keeper, Issued: r.ownKey, JoinCode: r.joinCode, Extra: func(before *policy.State, act policy.Act) *mimi.Refusal {
		if refused := r.pub.impostor(act); refused != nil {
			return refused
		}
		return r.strict(before, act)
	}}
}
