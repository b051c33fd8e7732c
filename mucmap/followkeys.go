package mucmap

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Key packages of our users, with which participants of a room of another provider add them (draft-ietf-mimi-protocol-06 §5.2). They
// are asked for by way of the room's hub, made for that room alone and kept among its secrets; a Welcome by notify uses them up.

const (
	// MaxKeyPackages is how many key packages of one user for one room may be out and not used yet. Beyond it, all get the one of
	// last resort.
	MaxKeyPackages = 4
	// MaxKeyUsers is for how many users key packages for one room may be out who are not in it.
	MaxKeyUsers = 256

	keyPackageLifetime = 7 * 24 * time.Hour
)

// secretKeys begins the names of stored key packages.
const secretKeys = "keys/"

// outKey is a key package that was given away.
type outKey struct {
	user       mimi.URI
	keys       *mls.KeyPackageSecrets
	lastResort bool
	requester  mimi.URI // zero: nobody asked for it
}

func (k *outKey) MarshalTLS(w *wire.Writer) {
	w.OpaqueString(k.user.String())
	w.Bool(k.lastResort)
	k.keys.KeyPackage.MarshalTLS(w)
	w.Opaque(k.keys.Init)
	w.Opaque(k.keys.Leaf)
	w.Opaque(k.keys.Signature)
	if !k.requester.IsZero() {
		w.OpaqueString(k.requester.String())
	}
}

func (k *outKey) UnmarshalTLS(r *wire.Reader) {
	user := r.At("key.user").String()
	k.lastResort = r.At("key.last_resort").Bool()
	k.keys = new(mls.KeyPackageSecrets)
	k.keys.KeyPackage.UnmarshalTLS(r)
	k.keys.Init = bytes.Clone(r.At("key.init").Opaque())
	k.keys.Leaf = bytes.Clone(r.At("key.leaf").Opaque())
	k.keys.Signature = bytes.Clone(r.At("key.signature").Opaque())
	if r.Err() != nil {
		return
	}
	var err error
	if k.user, err = mimi.ParseURI(user); err != nil {
		r.Fail(err.Error())
	}
	if r.Len() == 0 {
		return
	}
	if k.requester, err = mimi.ParseURI(r.At("key.requester").String()); err != nil {
		r.Fail(err.Error())
	}
}

func (k *outKey) expired(now time.Time) bool {
	return k.keys.KeyPackage.LeafNode.Lifetime.NotAfter <= uint64(now.Unix())
}

// loadKeys reads the key packages that are out.
func (r *Room) loadKeys(secrets map[string][]byte) error {
	for name, b := range secrets {
		ref, ok := strings.CutPrefix(name, secretKeys)
		if !ok {
			continue
		}
		k := new(outKey)
		if err := wire.Unmarshal(b, k); err != nil {
			return err
		}
		r.keys[ref] = k
	}
	return nil
}

// keyMaterial gives a key package of one of our users to the room's hub.
func (t *turn) keyMaterial(in Request) {
	reply := Reply{ID: in.ID, Status: statusOK}
	var q mimi.KeyMaterialRequest
	err := wire.Unmarshal(in.Body, &q)
	switch {
	case err != nil:
		reply.Status, reply.Body = statusBadRequest, []byte(err.Error())
	case in.Provider != t.r.uri.Provider() || q.Room != t.r.uri:
		reply.Status, reply.Body = statusForbidden, []byte("key material is requested by way of the room's hub")
	case q.Verify() != nil:
		reply.Status, reply.Body = statusForbidden, []byte("signature: does not verify")
	case t.r.svc.credible(q.Credential, q.SignatureKey, t.now) != nil:
		reply.Status, reply.Body = statusForbidden, []byte("credential: is not accepted here")
	default:
		reply.Body = wire.Marshal(t.giveKeys(&q))
	}
	t.out.Replies = append(t.out.Replies, reply)
}

func (t *turn) giveKeys(q *mimi.KeyMaterialRequest) *mimi.KeyMaterialResponse {
	answer := &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialUserUnknown, User: q.Target}
	if !t.r.svc.local(q.Target) || q.Target.Kind() != mimi.KindUser || t.r.svc.UserJID(q.Target).Local() == "" {
		return answer
	}
	if back, err := t.r.svc.UserURI(t.r.svc.UserJID(q.Target)); err != nil || back != q.Target {
		return answer // not the name of an XMPP user
	}
	if t.r.pub.role(q.Target) == roleBanned || t.r.svc.ban(q.Target) != nil {
		answer.Code = mimi.KeyMaterialNoConsentForRoom
		return answer
	}
	client := t.r.svc.clientURI(q.Target)
	suite, known := acceptable(q.Suites)
	capabilities := mimi.LeafCapabilities(suite)
	if !known || !capabilities.Supports(&q.Required) {
		answer.Code = mimi.KeyMaterialNoCompatible
		answer.Clients = []mimi.ClientKeyMaterial{{Code: mimi.ClientNothingCompatible, Client: client, Capabilities: &capabilities}}
		return answer
	}
	users := map[mimi.URI]bool{}
	out := 0
	var last *outKey
	t.expireKeys()
	in := func(u mimi.URI) bool { m := t.r.pub.members[u]; return m != nil && m.Leaves > 0 }
	for _, k := range t.r.keys {
		if !in(k.user) {
			users[k.user] = true
		}
		if k.user == q.Target {
			out++
			if k.lastResort && k.keys.KeyPackage.Suite == suite && (last == nil || bytes.Compare(k.keys.KeyPackage.InitKey, last.keys.KeyPackage.InitKey) < 0) { // always the same
				last = k
			}
		}
	}
	if !users[q.Target] && !in(q.Target) && len(users) >= MaxKeyUsers {
		answer.Code = mimi.KeyMaterialSuccess
		answer.Clients = []mimi.ClientKeyMaterial{{Code: mimi.ClientExhausted, Client: client}}
		return answer
	}
	if last == nil || out < MaxKeyPackages {
		var err error
		if last, err = t.newKey(suite, q.Target, client, q.Requester, last == nil && out >= MaxKeyPackages-1); err != nil {
			t.note(NoteError, "no key package could be made", Attr{"user", q.Target.String()}, Attr{"error", err.Error()})
			answer.Code = mimi.KeyMaterialSuccess
			answer.Clients = []mimi.ClientKeyMaterial{{Code: mimi.ClientExhausted, Client: client}}
			return answer
		}
	}
	t.note(NoteInfo, "key package given away", Attr{"user", q.Target.String()}, Attr{"requester", q.Requester.String()})
	answer.Code = mimi.KeyMaterialSuccess
	answer.Clients = []mimi.ClientKeyMaterial{{Code: mimi.ClientSuccess, Client: client, KeyPackage: &last.keys.KeyPackage}}
	return answer
}

// acceptable is the first of the suites that somebody accepts which we know; if there is none, the one that we would have liked.
func acceptable(wanted []mls.CipherSuite) (mls.CipherSuite, bool) {
	known := mls.CipherSuites()
	for _, s := range wanted {
		if slices.Contains(known, s) {
			return s, true
		}
	}
	return suite, false
}

// newKey makes a key package and keeps it.
func (t *turn) newKey(suite mls.CipherSuite, user, client, requester mimi.URI, lastResort bool) (*outKey, error) {
	seed := t.derive("key package")
	signer, err := mls.NewSigner(suite, seed.Derive("signer"))
	if err != nil {
		return nil, err
	}
	credential, err := t.r.svc.credential(client, suite, signer.Public, t.now)
	if err != nil {
		return nil, err
	}
	leaf, err := mimi.LeafExtensions(t.r.goodNick(t.r.nickFor(user), user))
	if err != nil {
		return nil, err
	}
	var extensions []mls.Extension
	if lastResort {
		extensions = []mls.Extension{{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(mls.AppDataDictionary{{ID: componentLastResort}})}}
	}
	keys, err := mls.NewKeyPackage(seed.Derive("keys"), mls.KeyPackageParams{
		Signer: signer, Credential: credential, Capabilities: mimi.LeafCapabilities(suite),
		Lifetime:       mls.Lifetime{NotBefore: uint64(t.now.Add(-backdate).Unix()), NotAfter: uint64(t.now.Add(keyPackageLifetime).Unix())},
		LeafExtensions: leaf, Extensions: extensions,
	})
	if err != nil {
		return nil, err
	}
	ref, err := keys.KeyPackage.Ref()
	if err != nil {
		return nil, err
	}
	k := &outKey{user: user, keys: keys, lastResort: lastResort, requester: requester}
	name := hex.EncodeToString(ref)
	t.r.keys[name] = k
	if t.out.SetSecrets == nil {
		t.out.SetSecrets = map[string][]byte{}
	}
	t.out.SetSecrets[secretKeys+name] = wire.Marshal(k)
	return k, nil
}

// componentLastResort marks a key package that may be used more than once (draft-ietf-mls-extensions, last_resort_key_package).
const componentLastResort mls.ComponentID = 4

func (t *turn) dropKey(ref string) {
	delete(t.r.keys, ref)
	t.out.DropSecrets = append(t.out.DropSecrets, secretKeys+ref)
}

// expireKeys forgets the key packages that nobody can use any more.
func (t *turn) expireKeys() {
	var refs []string
	for ref, k := range t.r.keys {
		if k.expired(t.now) {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	for _, ref := range refs {
		t.dropKey(ref)
	}
}

// lastExpiry is when the last key package that is out expires; zero: none is out.
func (r *Room) lastExpiry() time.Time {
	var last time.Time
	for _, k := range r.keys {
		if at := time.Unix(int64(k.keys.KeyPackage.LeafNode.Lifetime.NotAfter), 0).UTC(); at.After(last) {
			last = at
		}
	}
	return last
}

// usedKeys forgets the key packages of users that are members now, but the ones of last resort.
func (t *turn) usedKeys(users map[mimi.URI]bool) {
	var refs []string
	for ref, k := range t.r.keys {
		if users[k.user] && !k.lastResort {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	for _, ref := range refs {
		t.dropKey(ref)
	}
}

// ownKey finds a key package for a Welcome.
func (r *Room) ownKey(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) {
	k, ok := r.keys[hex.EncodeToString(ref)]
	if !ok {
		return nil, false
	}
	return k.keys, true
}

// invited says that somebody added a user of ours, who has a leaf now and is not present: the user is told by an invitation
// (XEP-0045 §7.8.2), and entering needs no commit any more.
type invited struct {
	User mimi.URI
	By   mimi.URI `json:",omitzero"`
	ID   string
}

func (e *invited) apply(s *state, p *stage) {
	p.send(func() []xmpp.Broadcast {
		from := s.addr
		if !e.By.IsZero() {
			from = s.svc.UserJID(e.By)
		}
		st := xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: e.ID,
			Payload: []*xmpp.Element{muc.User{Invites: []muc.Invite{{From: from}}}.Element()}}
		return []xmpp.Broadcast{{Template: xmpp.NewTemplate(st), To: []xmpp.JID{s.svc.UserJID(e.User)}}}
	})
}

// welcomed invites a user whom somebody else added.
func (t *turn) welcomed(e follower.Joined) {
	u := e.Client.ClientUser()
	by := t.r.follow.adders[u]
	delete(t.r.follow.adders, u)
	if by.IsZero() { // our first one there: the commit that added it is not ours to see
		by = t.r.whoAsked(u)
	}
	t.usedKeys(map[mimi.URI]bool{u: true})
	t.tellUsed(u)
	t.takeInviters(u)
	if t.expected(u) {
		return
	}
	if p, two := t.r.direct(); two {
		t.begun(p)
		return
	}
	if t.r.pub.occupant(u) != nil {
		return
	}
	t.note(NoteInfo, "user was added", Attr{"user", u.String()}, Attr{"by", by.String()})
	t.emit(&invited{User: u, By: by, ID: t.id()})
}

// whoAsked is who asked for the key packages of a user, if it was one user alone.
func (r *Room) whoAsked(u mimi.URI) (by mimi.URI) {
	for _, k := range r.keys {
		switch {
		case k.user != u || k.requester.IsZero():
		case !by.IsZero() && by != k.requester:
			return mimi.URI{}
		default:
			by = k.requester
		}
	}
	return by
}
