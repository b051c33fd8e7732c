package hub

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

const digestSize = sha256.Size

// Memory is an accepted request with its answer, kept to answer a repetition.
type Memory struct {
	Provider string
	Digest   [digestSize]byte // of endpoint, provider and body
	Answer   []byte
}

// route says to which provider the Welcome for a claimed key package goes (draft-ietf-mimi-protocol-06 §5.2).
type route struct {
	ref      mls.KeyPackageRef
	provider string
	notAfter uint64 // seconds since 1970
}

// acceptance says when a pending proposal was accepted.
type acceptance struct {
	ref mls.ProposalRef
	at  uint64
}

func digestOf(e mimi.Endpoint, from string, body []byte) (d [digestSize]byte) {
	w := wire.NewWriter(nil)
	w.OpaqueString(string(e))
	w.OpaqueString(from)
	h := sha256.New()
	h.Write(w.Bytes())
	h.Write(body)
	h.Sum(d[:0])
	return d
}

// ofAnybody has what an earlier version remembered: it did not store whose requests they were.
const ofAnybody = ""

func (r *Room) recall(from string, digest [digestSize]byte) ([]byte, bool) {
	e, ok := r.remembered[from].Find(digest[:])
	if !ok {
		e, ok = r.remembered[ofAnybody].Find(digest[:])
	}
	if !ok {
		return nil, false
	}
	return e[len(digest):], true
}

// Remember repeats what accepting a request did to the memory of requests.
func (r *Room) Remember(m Memory) *Room {
	next := r.copy()
	next.remember(m)
	return &next
}

// remember forgets, when there are too many, the oldest of the provider that has the most: none can make the hub forget what others asked.
func (r *Room) remember(m Memory) {
	all := maps.Clone(r.remembered)
	if all == nil {
		all = make(map[string]mimi.Recent)
	}
	all[m.Provider] = all[m.Provider].Add(slices.Concat(m.Digest[:], m.Answer))
	total, most := 0, ""
	for provider, recent := range all {
		total += recent.Len()
		if n := all[most].Len(); recent.Len() > n || recent.Len() == n && provider < most {
			most = provider
		}
	}
	if total-all[most].Oldest() >= MaxRemembered {
		all[most] = all[most].Forget()
		if all[most].Len() == 0 {
			delete(all, most)
		}
	}
	r.remembered = all
}

// LearnKeyMaterial notes to whom the Welcomes for the key packages in a key material response go, and that the response's provider gave them out for
// this room (checkThird). The response came from provider. Key packages of other providers' clients are ignored.
func (r *Room) LearnKeyMaterial(now time.Time, provider string, response *mimi.KeyMaterialResponse) (*Room, error) {
	seconds := uint64(now.Unix())
	routes := slices.DeleteFunc(slices.Clone(r.routes), func(e route) bool { return e.notAfter < seconds })
	for i := range response.Clients {
		kp := response.Clients[i].KeyPackage
		if kp == nil {
			continue
		}
		client, err := mimi.CredentialClient(kp.LeafNode.Credential)
		if err != nil || client.Provider() != provider {
			continue
		}
		ref, err := kp.Ref()
		if err != nil {
			return nil, fmt.Errorf("hub: key package of %s: %w", client, err)
		}
		if slices.ContainsFunc(routes, func(e route) bool { return bytes.Equal(e.ref, ref) }) {
			continue // one that may be used again (draft-ietf-mls-extensions, last_resort_key_package)
		}
		routes = append(routes, route{ref, provider, kp.LeafNode.Lifetime.NotAfter})
	}
	routes = forgetRoutes(routes, MaxRoutesShare, func(e route) bool { return e.provider == provider })
	next := r.copy()
	next.routes = forgetRoutes(routes, MaxRoutes, func(route) bool { return true })
	return &next, nil
}

// forgetRoutes keeps at most limit of certain routes: those that expire last.
func forgetRoutes(routes []route, limit int, counted func(route) bool) []route {
	over := -limit
	for _, e := range routes {
		if counted(e) {
			over++
		}
	}
	if over <= 0 {
		return routes
	}
	slices.SortStableFunc(routes, func(a, b route) int { return cmp.Compare(a.notAfter, b.notAfter) })
	return slices.DeleteFunc(routes, func(e route) bool {
		if over == 0 || !counted(e) {
			return false
		}
		over--
		return true
	})
}

// welcomeProvider says who gets the Welcome for an added client: who handed out the key package, else the client's own provider.
func (r *Room) welcomeProvider(ref mls.KeyPackageRef, client mimi.URI) string {
	for _, e := range r.routes {
		if bytes.Equal(e.ref, ref) {
			return e.provider
		}
	}
	return client.Provider()
}
