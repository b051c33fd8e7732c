package mucmap

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room changes its cipher suite by ReInit (RFC 9420 §11.2; docs/decisions/140-reinit.md): its group ends, and one with the same members and the same
// policy follows. First key packages of the new suite are fetched for all clients of other providers; if one has none, nothing happens. Then the
// commit and the group that follows are made in one job and taken in one Step, so that there is never one without the other.

const (
	reInitSearches = 16 // requests for key packages at the same time
	reInitRounds   = 4  // times that key packages are fetched, for those who came meanwhile
	reInitNamed    = 8  // users named in a refusal
)

// reInit is a reinitialisation under way. It is not stored: a crash before the commit leaves everything as it was.
type reInit struct {
	suite  mls.CipherSuite
	by     mimi.URI // the owner who signs; zero: the keeper, for an operator
	keeper *mls.KeyPackageSecrets
	done   func(t *turn)
	refuse func(t *turn, e *xmpp.StanzaError)

	packages map[mimi.URI]mls.KeyPackage // of clients of other providers
	rounds   int
	users    []mimi.URI // still to be asked for
	asked    int
	answers  map[mimi.URI]*xmpp.StanzaError // of this round: why there is nothing for a user; nil if there is something
}

// reinitialised says that the room goes on in another group.
type reinitialised struct {
	At    time.Time
	Group string
	Epoch uint64
	Suite mls.CipherSuite
}

func (e *reinitialised) apply(s *state, _ *stage) { s.Group, s.Epoch = e.Group, e.Epoch }

// reinitialise begins to give the room's group another suite, for an owner, or for an operator if by is zero.
func (t *turn) reinitialise(suite mls.CipherSuite, by mimi.URI, done func(*turn), refuse func(*turn, *xmpp.StanzaError)) {
	r := t.r
	if e := r.mayReInit(suite, by); e != nil {
		refuse(t, e)
		return
	}
	ri := &reInit{suite: suite, by: by, packages: map[mimi.URI]mls.KeyPackage{}}
	end := func() {
		if r.reInit == ri {
			r.reInit = nil
		}
	}
	ri.done = func(t *turn) { end(); done(t) }
	ri.refuse = func(t *turn, e *xmpp.StanzaError) { end(); refuse(t, e) }
	var err error
	if ri.keeper, err = r.svc.keyPackageOf(suite, t.derive("keeper of the group that follows"), t.now, r.svc.clientURI(r.keeper), ""); err != nil {
		refuse(t, refusal(xmpp.NotAcceptable, "no keys of this cipher suite can be made here: "+err.Error()))
		return
	}
	r.reInit = ri
	if policy.AuthorizeReInitBy(r.hub.State(), r.pub.listed(ri.signer(r))) != nil {
		t.allowReInit(ri)
		return
	}
	t.gather(ri)
}

// mayReInit says what stands in the way of a reinitialisation, as far as it can be known at once.
func (r *Room) mayReInit(suite mls.CipherSuite, by mimi.URI) *xmpp.StanzaError {
	switch {
	case r.hub == nil || r.pub.Closing:
		return refusal(xmpp.ItemNotFound, "there is no such room")
	case !by.IsZero() && r.pub.affiliation(by) != muc.AffiliationOwner:
		return refusal(xmpp.Forbidden, "only an owner may give the group another cipher suite")
	case !slices.Contains(mls.CipherSuites(), suite):
		return refusal(xmpp.NotAcceptable, "this cipher suite is not known here")
	case r.reInit != nil:
		return refusal(xmpp.Conflict, "the group is being reinitialised already")
	case r.suite() == suite:
		return refusal(xmpp.Conflict, "the group has this cipher suite already")
	}
	if _, in := r.leaf(r.keeper); !in || r.forTwo() {
		return refusal(xmpp.NotAllowed, "this is not a room with a keeper, who would make the new group")
	}
	if who := r.systemsBehind(suite); who != "" {
		return refusal(xmpp.NotAllowed, who+" may act on the group from outside by a key that does not sign in this cipher suite")
	}
	return nil
}

// systemsBehind names a system user of another provider whose key, as the group knows it, is not one of a suite; empty: there is none.
func (r *Room) systemsBehind(suite mls.CipherSuite) string {
	if r.suite().SameSignatures(suite) {
		return ""
	}
	for _, sender := range mimi.ExternalSenders(r.hub.Group().Public().Context().Extensions) {
		if !r.svc.isHub(&sender) {
			return credentialUser(sender.Credential).String()
		}
	}
	return ""
}

func (ri *reInit) signer(r *Room) mimi.URI {
	if ri.by.IsZero() {
		return r.keeper
	}
	return ri.by
}

// allowReInit gives owners and keeper of a room that is older than this the capability, if its configuration does.
func (t *turn) allowReInit(ri *reInit) {
	t.ask(&wish{
		what: "leave to reinitialise the group",
		plan: func(d *delta) *xmpp.StanzaError {
			roles := d.r.pub.Config.roles(false)
			role := d.state.RoleOf(ri.signer(d.r))
			i := slices.IndexFunc(roles.Roles, func(x mimi.Role) bool { return x.Index == role })
			if i < 0 || !roles.Roles[i].Has(mimi.CanSendMLSReinitProposal) {
				return refusal(xmpp.Forbidden, policy.AuthorizeReInitBy(d.r.hub.State(), d.r.pub.listed(ri.signer(d.r))).Error())
			}
			d.replace(mimi.ComponentRolesList, roles)
			return nil
		},
		done:   func(t *turn) { t.gather(ri) },
		refuse: ri.refuse,
	})
}

// missing are the users of other providers with a client whose key package is not here yet, sorted.
func (ri *reInit) missing(r *Room) (users []mimi.URI) {
	seen := map[mimi.URI]bool{}
	for _, node := range r.hub.Group().Public().Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil || r.svc.local(client.ClientUser()) {
			continue
		}
		if _, have := ri.packages[client]; !have && !seen[client.ClientUser()] {
			seen[client.ClientUser()] = true
			users = append(users, client.ClientUser())
		}
	}
	sortURIs(users)
	return users
}

// gather fetches the key packages that are missing and then asks for the commit.
func (t *turn) gather(ri *reInit) {
	r := t.r
	if r.reInit != ri || r.hub == nil {
		return // the room is gone, and has said so
	}
	users := ri.missing(r)
	if len(users) == 0 {
		t.askAs(ri.signer(r), t.reInitWish(ri))
		return
	}
	if ri.rounds++; ri.rounds > reInitRounds {
		ri.refuse(t, refusal(xmpp.ResourceConstraint, "too many users of other providers come and go just now").WithType(xmpp.Wait))
		return
	}
	ri.users, ri.answers = users, map[mimi.URI]*xmpp.StanzaError{}
	t.gatherNext(ri)
}

func (t *turn) gatherNext(ri *reInit) {
	for len(ri.users) > 0 && ri.asked < reInitSearches && t.r.reInit == ri {
		user := ri.users[0]
		ri.users = ri.users[1:]
		ri.asked++
		t.seekOf(ri, user, func(t *turn, m material) {
			ri.asked--
			for _, kp := range m.packages {
				if client, err := mimi.CredentialClient(kp.LeafNode.Credential); err == nil {
					ri.packages[client] = kp
				}
			}
			ri.answers[user] = m.refused
			t.gatherNext(ri)
		})
	}
	if len(ri.users) > 0 || ri.asked > 0 || t.r.reInit != ri {
		return
	}
	lacking := ri.lacking(t.r)
	if n := len(lacking); n > 0 {
		text := strings.Join(lacking[:min(n, reInitNamed)], "; ")
		if n > reInitNamed {
			text += "; and " + utoa(uint64(n-reInitNamed)) + " more"
		}
		t.note(NoteWarn, "the group cannot be reinitialised", Attr{"suite", ri.suite.Name()}, Attr{"reason", text})
		ri.refuse(t, refusal(xmpp.NotAcceptable, "nothing has changed, for not everybody could follow: "+text))
		return
	}
	t.gather(ri)
}

// lacking says which clients of those who were asked for cannot follow, and why, sorted.
func (ri *reInit) lacking(r *Room) (all []string) {
	without := map[mimi.URI][]string{}
	for _, node := range r.hub.Group().Public().Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil {
			continue
		}
		user := client.ClientUser()
		_, have := ri.packages[client]
		if _, asked := ri.answers[user]; asked && !have {
			without[user] = append(without[user], client.String())
		}
	}
	for user, clients := range without {
		if e := ri.answers[user]; e != nil {
			all = append(all, user.String()+": "+e.Text)
		} else {
			all = append(all, user.String()+": no key package of this suite for "+strings.Join(clients, ", "))
		}
	}
	slices.Sort(all)
	return all
}

// seekOf asks a user's provider for key packages of the new suite. The keeper asks with its key of that suite.
func (t *turn) seekOf(ri *reInit, user mimi.URI, done func(*turn, material)) {
	leaf := &ri.keeper.KeyPackage.LeafNode
	q := &mimi.KeyMaterialRequest{Requester: t.r.keeper, Target: user, Room: t.r.uri, Suites: []mls.CipherSuite{ri.suite},
		Required: requiredIn(t.r.hub.Group()), Credential: leaf.Credential}
	t.search(&keySearch{by: t.r.keeper, target: user, suite: ri.suite, done: done}, q,
		mls.Signer{Suite: ri.suite, Public: leaf.SignatureKey, Private: ri.keeper.Signature})
}

func (t *turn) reInitWish(ri *reInit) *wish {
	return &wish{
		what: "reinitialisation of the group", reInit: ri, alone: true,
		plan: func(d *delta) *xmpp.StanzaError {
			d.signer = ri.signer(d.r)
			if !ri.by.IsZero() && d.r.pub.affiliation(ri.by) != muc.AffiliationOwner {
				return refusal(xmpp.Forbidden, "only an owner may give the group another cipher suite")
			}
			if err := policy.AuthorizeReInitBy(d.r.hub.State(), d.r.pub.listed(d.signer)); err != nil {
				return refusal(xmpp.Forbidden, err.Error())
			}
			d.empty = len(ri.missing(d.r)) > 0 // somebody came meanwhile
			return nil
		},
		done:   func(t *turn) { t.gather(ri) },
		refuse: ri.refuse,
	}
}

// reInitJob is what runReInit needs. It is immutable.
type reInitJob struct {
	svc      *Service
	group    *mls.Group
	seed     mls.Seed
	now      time.Time
	suite    mls.CipherSuite
	id       mimi.URI // of the group that follows
	signer   mls.LeafIndex
	keeper   *mls.KeyPackageSecrets
	packages map[mimi.URI]mls.KeyPackage
}

func (t *turn) newReInitJob(ri *reInit) (*reInitJob, error) {
	r := t.r
	signer, in := r.leaf(ri.signer(r))
	if !in {
		return nil, errors.New("mucmap: " + ri.signer(r).String() + " has no leaf to sign with")
	}
	id := t.derive("group id")
	group, err := mimi.GroupURI(r.svc.cfg.Provider, r.uri.Name()+"-"+hex.EncodeToString(id[:8]))
	if err != nil {
		return nil, err
	}
	return &reInitJob{svc: r.svc, group: r.hub.Group().WithNow(uint64(t.now.Unix())), seed: t.derive("reinit"), now: t.now, suite: ri.suite,
		id: group, signer: signer, keeper: ri.keeper, packages: maps.Clone(ri.packages)}, nil
}

// run makes the commit that ends the group and the group that follows. Our own users get new leaves.
func (j *reInitJob) run() (*jobResult, error) {
	extensions, err := j.svc.extensionsFor(j.suite, j.group.Public().Context().Extensions, j.now)
	if err != nil {
		return nil, err
	}
	end, err := j.group.Commit(j.seed.Derive("end"), j.signer, mls.CommitParams{
		ByValue:           []mls.Proposal{mls.ReInit{GroupID: []byte(j.id.String()), Version: mls.ProtocolVersionMLS10, Suite: j.suite, Extensions: extensions}},
		AuthenticatedData: emptyAAD,
	})
	if err != nil {
		return nil, err
	}
	p := mls.SubgroupParams{Creator: j.keeper, AuthenticatedData: emptyAAD, SameClient: mimi.SameIdentities(), Config: j.svc.groupConfig(j.now)}
	keeper, err := mimi.CredentialClient(j.keeper.KeyPackage.LeafNode.Credential)
	if err != nil {
		return nil, err
	}
	for i, node := range j.group.Public().Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		switch {
		case err != nil:
			return nil, err
		case client == keeper:
			continue
		case !j.group.IsLocal(i):
			kp, have := j.packages[client]
			if !have {
				return nil, errors.New("mucmap: no key package of " + client.String())
			}
			p.Members = append(p.Members, &kp)
			continue
		}
		nick, _ := mimi.LeafNick(node)
		kp, err := j.svc.keyPackageOf(j.suite, j.seed.Derive("leaf", wire.Marshal(node.Credential)), j.now, client, nick)
		if err != nil {
			return nil, err
		}
		p.Members, p.Joiners = append(p.Members, &kp.KeyPackage), append(p.Joiners, kp)
	}
	next, err := end.Group.Reinitialize(j.seed.Derive("next"), p)
	if err != nil {
		return nil, err
	}
	return &jobResult{staged: end, next: next}, nil
}

// extensionsFor are a group's extensions with the hub's keys of another suite.
func (s *Service) extensionsFor(suite mls.CipherSuite, old []mls.Extension, now time.Time) ([]mls.Extension, error) {
	out, agent, err := s.withHub(suite, old, now)
	if err != nil || agent == nil {
		return out, err
	}
	for i := range out {
		if e := &out[i]; e.Type == mls.ExtensionAppDataDictionary {
			var d mls.AppDataDictionary
			if err := wire.Unmarshal(e.Data, &d); err != nil {
				return nil, err
			}
			e.Data = wire.Marshal(d.With(mimi.ComponentFrankingAgent, wire.Marshal(agent)))
		}
	}
	return out, nil
}

// takeReInit takes the end of the group and the one that follows: one write holds both, and what others are told of both.
func (t *turn) takeReInit(j *job, res *jobResult) {
	r, ri := t.r, j.wishes[0].reInit
	if res.next == nil {
		t.retryAlone(j, errors.New("mucmap: the group that follows was not made"))
		return
	}
	a, err := r.hub.AcceptReInit(t.now, res.staged, res.next, r.hubOptions(ri.suite))
	if err != nil {
		t.retryAlone(j, err)
		return
	}
	r.hub = a.Next
	t.fanout(a)
	r.leaves, r.renewing, r.unclean = nil, renewing{}, false
	e := t.describe(a, nil, r.pub.unveiling(nil))
	t.emit(e)
	t.noteEpoch(e)
	pg := r.hub.Group().Public()
	t.emit(&reinitialised{At: t.now, Group: string(pg.GroupID()), Epoch: uint64(pg.Epoch()), Suite: pg.Suite()})
	t.note(NoteInfo, "the group is reinitialised", Attr{"suite", pg.Suite().Name()}, Attr{"group", string(pg.GroupID())}, Attr{"by", ri.signer(r).String()})
	ri.done(t)
}

// startReInit puts the job of a reinitialisation on its way.
func (t *turn) startReInit(j *job) {
	work, err := t.newReInitJob(j.wishes[0].reInit)
	if err != nil {
		t.r.job = nil
		t.retryAlone(j, err)
		return
	}
	t.out.Jobs = append(t.out.Jobs, CommitJob{ID: j.id, Run: func() (any, error) { return work.run() }})
}
