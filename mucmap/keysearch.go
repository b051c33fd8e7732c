package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// Key packages of users of other providers, with which our users add them (draft-ietf-mimi-protocol-06 §5.2). The request is signed by the leaf
// of who adds and goes by way of the room's hub: of a room of ours, which is its own hub, straight to the user's provider.

const (
	// MaxSearches is how many requests for key packages a room has on the way.
	MaxSearches = 64
	// MaxClientsAdded is how many clients of a user are added with it; the user adds further ones itself.
	MaxClientsAdded = 32

	keyMaterialPatience = 15 * time.Second
)

// keySearch is a request for the key packages of a user's clients that is on the way.
type keySearch struct {
	by, target mimi.URI
	suite      mls.CipherSuite
	done       func(t *turn, m material)
}

// material is what came of a keySearch.
type material struct {
	packages []mls.KeyPackage
	refused  *xmpp.StanzaError // why there are none; nil if there are
	consent  bool              // because the user was not asked for its consent, or has not given it
}

func noMaterial(c xmpp.Condition, text string) material { return material{refused: refusal(c, text)} }

// seekKeys asks for the key packages of target's clients, on behalf of by, who has a leaf. done is called once, in this Step or a later one.
func (t *turn) seekKeys(by, target mimi.URI, done func(t *turn, m material)) {
	r := t.r
	if len(r.searches) >= MaxSearches {
		done(t, noMaterial(xmpp.ResourceConstraint, "too many users of other providers are being added"))
		return
	}
	g := r.group()
	if g == nil {
		done(t, noMaterial(xmpp.ItemNotFound, "there is no such room"))
		return
	}
	if r.pub.Locked {
		done(t, noMaterial(xmpp.NotAllowed, "the room is not configured yet: nobody else can be added"))
		return
	}
	leaf, ok := r.leaf(by)
	if !ok {
		done(t, noMaterial(xmpp.NotAcceptable, "who adds a user of another provider is in the room"))
		return
	}
	node, _ := g.Public().Leaf(leaf)
	q := &mimi.KeyMaterialRequest{Requester: r.pub.listed(by), Target: target, Room: r.uri, Suites: []mls.CipherSuite{g.Public().Suite()},
		Required: requiredIn(g), Credential: node.Credential}
	signer, err := g.Signer(leaf)
	if err != nil {
		t.note(NoteError, "request for key packages cannot be signed", Attr{"by", by.String()}, Attr{"error", err.Error()})
		done(t, noMaterial(xmpp.InternalServerError, "the request could not be signed"))
		return
	}
	t.search(&keySearch{by: by, target: target, suite: g.Public().Suite(), done: done}, q, signer)
}

// search signs a request for key packages and puts it on its way.
func (t *turn) search(s *keySearch, q *mimi.KeyMaterialRequest, signer mls.Signer) {
	r := t.r
	if err := q.Sign(signer); err != nil {
		t.note(NoteError, "request for key packages cannot be signed", Attr{"by", s.by.String()}, Attr{"error", err.Error()})
		s.done(t, noMaterial(xmpp.InternalServerError, "the request could not be signed"))
		return
	}
	id := t.id()
	r.searches[id] = s
	t.out.Asks = append(t.out.Asks, PeerRequest{ID: id, Provider: r.keySource(s.target), Endpoint: string(mimi.EndpointKeyMaterial), Room: s.target.String(),
		Body: wire.Marshal(q), Patience: keyMaterialPatience})
}

// keySource is the provider that is asked for the key packages of a user.
func (r *Room) keySource(target mimi.URI) string {
	if r.follow != nil {
		return r.uri.Provider()
	}
	return target.Provider()
}

// keysAnswered goes on after a provider's answer.
func (t *turn) keysAnswered(in Answered) {
	s := t.r.searches[in.Request.ID]
	if s == nil {
		return
	}
	delete(t.r.searches, in.Request.ID)
	m := t.readMaterial(s.target, s.suite, in.Status, in.Body)
	if m.refused != nil {
		t.note(NoteInfo, "no key packages", Attr{"user", s.target.String()}, Attr{"for", s.by.String()}, Attr{"reason", m.refused.Text})
	}
	s.done(t, m)
}

// readMaterial says what an answer to keyMaterial comes to, in words that name who refused.
func (t *turn) readMaterial(target mimi.URI, suite mls.CipherSuite, status int, body []byte) material {
	provider := target.Provider()
	switch status {
	case statusOK:
	case statusGatewayTimeout:
		if by := t.r.keySource(target); by != provider {
			provider = by + " or " + provider
		}
		m := noMaterial(xmpp.RemoteServerTimeout, provider+" does not answer: "+target.String()+" cannot be added now")
		m.refused = m.refused.WithType(xmpp.Wait)
		return m
	case statusNotFound:
		return noMaterial(xmpp.ItemNotFound, provider+" does not know "+target.String())
	case statusForbidden:
		why := string(body)
		if !xmpp.LegalText(why) {
			why = "no reason"
		}
		return noMaterial(xmpp.NotAllowed, t.r.keySource(target)+" does not let "+target.String()+" be added: "+clipText(why))
	default:
		return noMaterial(xmpp.UndefinedCondition, provider+" answers with status "+utoa(uint64(status)))
	}
	var a mimi.KeyMaterialResponse
	if err := wire.Unmarshal(body, &a); err != nil || a.User != target {
		return noMaterial(xmpp.UndefinedCondition, provider+" answers with what is no key material for "+target.String())
	}
	switch a.Code {
	case mimi.KeyMaterialSuccess, mimi.KeyMaterialPartial:
		return t.learn(target, suite, &a)
	case mimi.KeyMaterialUserUnknown:
		return noMaterial(xmpp.ItemNotFound, provider+" has no user "+target.String())
	case mimi.KeyMaterialUserDeleted:
		return noMaterial(xmpp.Gone, target.String()+" does not exist any more at "+provider)
	case mimi.KeyMaterialNoConsent, mimi.KeyMaterialNoConsentForRoom:
		m := noMaterial(xmpp.Forbidden, target.String()+" has not consented to be added to this room")
		m.consent = true
		return m
	}
	return noMaterial(xmpp.NotAcceptable, "no client of "+target.String()+" knows what this room requires, says "+provider)
}

// learn takes the key packages that can be used, and lets the hub remember to whom their Welcomes go.
func (t *turn) learn(target mimi.URI, suite mls.CipherSuite, a *mimi.KeyMaterialResponse) material {
	r := t.r
	var m material
	exhausted := false
	g := r.group()
	if g == nil {
		return noMaterial(xmpp.ItemNotFound, "there is no such room any more")
	}
	required := requiredIn(g)
	cfg := r.svc.groupConfig(t.now)
	var clients []mimi.URI
	for i := range a.Clients {
		c := &a.Clients[i]
		exhausted = exhausted || c.Code == mimi.ClientExhausted
		if c.Code != mimi.ClientSuccess || len(m.packages) == MaxClientsAdded {
			continue
		}
		client, err := mimi.CredentialClient(c.KeyPackage.LeafNode.Credential)
		switch {
		case err != nil || client != c.Client || client.ClientUser() != target || slices.Contains(clients, client):
		case !c.KeyPackage.LeafNode.Capabilities.Supports(&required):
		case c.KeyPackage.Validate(suite, cfg) != nil:
		default:
			clients = append(clients, client)
			m.packages = append(m.packages, *c.KeyPackage)
		}
	}
	if len(m.packages) == 0 {
		if exhausted {
			m.refused = refusal(xmpp.ResourceConstraint, "the key packages of "+target.String()+" are used up; try again later")
		} else {
			m.refused = refusal(xmpp.NotAcceptable, target.Provider()+" has no client of "+target.String()+" that can be in this room")
		}
		return m
	}
	if r.hub == nil {
		return m // another's hub knows to whom Welcomes go
	}
	h, err := r.hub.LearnKeyMaterial(t.now, target.Provider(), a)
	if err != nil {
		m.packages, m.refused = nil, refusal(xmpp.UndefinedCondition, target.Provider()+" gives key packages that cannot be used: "+err.Error())
		return m
	}
	r.hub = h
	return m
}
