package mucmap

import (
	"bytes"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// The hub's own credential (RFC 9420 §5.3, §12.1.8.1; docs/decisions/158-credentials-of-hubs.md). It stands in external_senders of every room of ours and, for
// the same key, beside the franking agent. It is made with the room, is a certificate where our users have some, and is renewed in two thirds of its time
// by a commit of the keeper.

// HubRenewalSpread is how much later than is possible a room renews its hub's certificate at most, so that rooms which began together do it one after the
// other.
const HubRenewalSpread = 6 * time.Hour

// hubClient is whom the hub's credential names: a client of the system user, by a name that no XMPP user has.
func (s *Service) hubClient() mimi.URI {
	client, err := mimi.ClientURI(s.cfg.Provider, hubName, deviceName)
	if err != nil {
		panic("mucmap: provider name was checked: " + err.Error())
	}
	return client
}

// hubKey is the hub without a credential: the key that signs in rooms of a suite.
func (s *Service) hubKey(suite mls.CipherSuite) mls.ExternalSender {
	return mls.ExternalSender{SignatureKey: s.cfg.hubs[suite].Public, Credential: mimi.BasicCredential(s.hubClient())}
}

// hubSender is the hub as it stands in external_senders of a group of a suite.
func (s *Service) hubSender(suite mls.CipherSuite, now time.Time) (mls.ExternalSender, error) {
	sender := s.hubKey(suite)
	var err error
	sender.Credential, err = s.credential(s.hubClient(), suite, sender.SignatureKey, now)
	return sender, err
}

// vouchesFor is hub.Options.Vouch: what stands in the group, until it is to be renewed.
func (s *Service) vouchesFor(suite mls.CipherSuite) func(time.Time, mls.Credential) mls.Credential {
	return func(now time.Time, standing mls.Credential) mls.Credential {
		if s.cfg.Issue == nil || standing.Type == mls.CredentialX509 && !mimi.CredentialDue(standing, now) {
			return standing
		}
		if fresh, err := s.hubSender(suite, now); err == nil {
			return fresh.Credential
		}
		return standing
	}
}

// standingHub is the hub of a room of ours as the group has it now. False: it is no external sender by our key, which we cannot mend.
func (r *Room) standingHub() (mls.ExternalSender, bool) {
	pg := r.hub.Group().Public()
	senders := mimi.ExternalSenders(pg.Context().Extensions)
	key := r.svc.cfg.hubs[pg.Suite()].Public
	i := slices.IndexFunc(senders, func(s mls.ExternalSender) bool { return r.svc.isHub(&s) && bytes.Equal(s.SignatureKey, key) })
	if i < 0 {
		return mls.ExternalSender{}, false
	}
	return senders[i], true
}

// isHub says that an external sender is our hub, by any of its keys.
func (s *Service) isHub(e *mls.ExternalSender) bool {
	return mimi.Asserts(e.Credential, s.hubClient())
}

// hubDue is when the hub's credential in a room of ours is to be renewed: a certificate in the last third of its time, at a turn of the room's own, a basic
// one at once if we have certificates. Never: nobody vouches for us.
func (r *Room) hubDue(plan *renewalPlan) uint64 {
	standing, ok := r.standingHub()
	if !ok || r.svc.cfg.Issue == nil {
		return never
	}
	from, until, err := mimi.CredentialValidity(standing.Credential)
	if err != nil {
		return 0
	}
	return uint64(from.Add(until.Sub(from)*2/3).Unix()) + 1 + spread(plan.room^uint64(from.Unix()))%uint64(HubRenewalSpread/time.Second)
}

// hubRenewal asks for the renewal of the hub's credential in a window of the room and returns when to look again; zero: there is no need.
func (t *turn) hubRenewal() time.Time {
	r := t.r
	if r.hub == nil || r.pub.Closing || r.unclean || r.renewing.hub {
		return time.Time{}
	}
	if t.now.Before(r.renewing.hubLook) {
		return r.renewing.hubLook
	}
	plan, now := r.renewalPlan(), uint64(t.now.Unix())
	due := r.hubDue(plan)
	if due == never {
		return time.Time{}
	}
	if due > now || !plan.open(now) {
		r.renewing.hubLook = plan.windowFrom(max(due, now))
		return r.renewing.hubLook
	}
	r.renewing.hub, r.renewing.hubLook = true, time.Unix(int64(plan.next(now)), 0).UTC()
	t.ask(&wish{
		what: "renewal of the hub's credential", alone: true,
		plan: func(d *delta) *xmpp.StanzaError {
			if d.empty = d.r.hubDue(plan) > now || d.r.othersPending(); d.empty {
				return nil
			}
			return d.renewHub(t.now)
		},
		done: func(t *turn) { t.r.renewing.hub = false },
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.r.renewing.hub = false
			t.note(NoteWarn, "the hub's credential is not renewed", Attr{"reason", e.Text})
		},
	})
	return r.renewing.hubLook
}

// othersPending says that a proposal waits which changes the group's extensions: a commit holds one such.
func (r *Room) othersPending() bool {
	return slices.ContainsFunc(r.hub.Group().Public().Pending(), func(p mls.PendingProposal) bool {
		return p.Proposal.Type() == mls.ProposalGroupContextExtensions
	})
}

// renewHub makes the hub's entry anew, and that of the franking agent with the same key.
func (d *delta) renewHub(now time.Time) *xmpp.StanzaError {
	pg := d.r.hub.Group().Public()
	extensions, agent, err := d.r.svc.withHub(pg.Suite(), pg.Context().Extensions, now)
	if err != nil {
		return refusal(xmpp.InternalServerError, err.Error())
	}
	d.extensions = extensions
	if agent != nil {
		d.replace(mimi.ComponentFrankingAgent, agent)
	}
	return nil
}

// withHub are a group's extensions with the hub's key and credential of a suite, the dictionary apart, and the franking agent, nil if the group has none.
func (s *Service) withHub(suite mls.CipherSuite, old []mls.Extension, now time.Time) ([]mls.Extension, *mimi.FrankingAgent, error) {
	own, err := s.hubSender(suite, now)
	if err != nil {
		return nil, nil, err
	}
	var agent *mimi.FrankingAgent
	out := slices.Clone(old)
	for i := range out {
		switch e := &out[i]; e.Type {
		case mls.ExtensionExternalSenders:
			var senders mls.ExternalSenders
			if err := wire.Unmarshal(e.Data, &senders); err != nil {
				return nil, nil, err
			}
			for n := range senders {
				if s.isHub(&senders[n]) {
					senders[n] = own
				}
			}
			e.Data = wire.Marshal(senders)
		case mls.ExtensionAppDataDictionary:
			var d mls.AppDataDictionary
			if err := wire.Unmarshal(e.Data, &d); err != nil {
				return nil, nil, err
			}
			if _, franks := d.Get(mimi.ComponentFrankingAgent); franks {
				agent = &mimi.FrankingAgent{SignatureKey: own.SignatureKey, Credential: own.Credential}
			}
		}
	}
	return out, agent, nil
}

// hubUntil is when the certificate of a group's hub is over; zero: the group has none of it.
func hubUntil(pg *mls.PublicGroup, provider string) time.Time {
	hub, _ := mimi.SenderOf(pg.Context().Extensions, provider)
	_, until, err := mimi.CredentialValidity(hub.Credential)
	if err != nil {
		return time.Time{}
	}
	return until
}

// watchHub tells operators, once while the room is loaded, that the hub of a room of another provider has not renewed its certificate in time, and returns
// when to look. The room goes on: certificates are held against the time when they come into a group. Who enters then is shown a new one, or does not
// enter (mimi/follower/join.go).
func (t *turn) watchHub() time.Time {
	r, f := t.r, t.r.follow
	if !r.pub.Exists || !f.room.Member() {
		return time.Time{}
	}
	until := hubUntil(f.room.Group().Public(), r.uri.Provider())
	switch {
	case until.IsZero():
		r.renewing.hub = false
	case !t.now.After(until):
		r.renewing.hub = false
		return until.Add(time.Second)
	case !r.renewing.hub:
		r.renewing.hub = true
		t.note(NoteWarn, "the hub's certificate is over, and it has not renewed it", Attr{"hub", r.uri.Provider()}, Attr{"since", until.Format(time.RFC3339)})
	}
	return time.Time{}
}
