package hub

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Memory is an accepted request with its answer, kept to answer a repetition.
type Memory struct {
	Provider string
	Digest   [32]byte // of endpoint, provider and body
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

func digestOf(e mimi.Endpoint, from string, body []byte) (d [32]byte) {
	w := wire.NewWriter(nil)
	w.OpaqueString(string(e))
	w.OpaqueString(from)
	h := sha256.New()
	h.Write(w.Bytes())
	h.Write(body)
	h.Sum(d[:0])
	return d
}

func (r *Room) recall(digest [32]byte) ([]byte, bool) {
	for i := len(r.remembered) - 1; i >= 0; i-- {
		if r.remembered[i].Digest == digest {
			return r.remembered[i].Answer, true
		}
	}
	return nil, false
}

// Remember repeats what accepting a request did to the memory of requests.
func (r *Room) Remember(m Memory) *Room {
	next := *r
	next.remember(m)
	return &next
}

// remember forgets, when there are too many, the oldest of the provider that has the most: none can make the hub forget what others asked.
func (r *Room) remember(m Memory) {
	kept := slices.Clone(r.remembered)
	for len(kept) >= MaxRemembered {
		i := oldestOfMost(kept)
		kept = slices.Delete(kept, i, i+1)
	}
	r.remembered = slices.Clip(append(kept, m))
}

func oldestOfMost(list []Memory) int {
	count, most := map[string]int{}, 0
	for i := range list {
		count[list[i].Provider]++
		most = max(most, count[list[i].Provider])
	}
	return slices.IndexFunc(list, func(m Memory) bool { return count[m.Provider] == most })
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
	next := *r
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

const (
	encodingVersion  = 4
	withoutProviders = 3 // of remembered requests
	withoutFormers   = 2
	withoutRenewals  = 1
)

// Encode returns everything but the group and the options: routes of Welcomes, remembered requests, times of pending proposals.
func (r *Room) Encode() []byte {
	w := wire.NewWriter(nil)
	w.U8(encodingVersion)
	w.OpaqueString(r.uri.String())
	w.Vector(func(w *wire.Writer) {
		for _, e := range r.routes {
			w.Opaque(e.ref)
			w.OpaqueString(e.provider)
			w.U64(e.notAfter)
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, m := range r.remembered {
			w.OpaqueString(m.Provider)
			w.Raw(m.Digest[:])
			w.Opaque(m.Answer)
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, a := range r.accepted {
			w.Opaque(a.ref)
			w.U64(a.at)
		}
	})
	r.renewals.write(w)
	w.Vector(func(w *wire.Writer) {
		for _, f := range r.formers {
			w.Opaque(f.group)
			w.U64(uint64(f.epoch))
		}
	})
	return w.Bytes()
}

// Load restores a room from Encode and its group.
func Load(b []byte, g *mls.Group, o Options) (*Room, error) {
	in := wire.NewReader(b)
	version := in.At("room.version").U8()
	name := in.At("room.uri").String()
	var routes []route
	in.At("room.routes").Vector(func(in *wire.Reader) {
		routes = append(routes, route{bytes.Clone(in.Opaque()), in.String(), in.U64()})
	})
	var remembered []Memory
	in.At("room.remembered").Vector(func(in *wire.Reader) {
		var m Memory
		if version > withoutProviders {
			m.Provider = in.String()
		}
		copy(m.Digest[:], in.Raw(len(m.Digest)))
		m.Answer = bytes.Clone(in.Opaque())
		remembered = append(remembered, m)
	})
	var accepted []acceptance
	in.At("room.accepted").Vector(func(in *wire.Reader) {
		accepted = append(accepted, acceptance{bytes.Clone(in.Opaque()), in.U64()})
	})
	var known renewals
	if version > withoutRenewals {
		known = readRenewals(in)
	}
	var formers []former
	if version > withoutFormers {
		in.At("room.formers").Vector(func(in *wire.Reader) {
			formers = append(formers, former{bytes.Clone(in.Opaque()), mls.Epoch(in.U64())})
		})
	}
	if err := in.Done(); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	if version < withoutRenewals || version > encodingVersion {
		return nil, fmt.Errorf("hub: encoding version %d is unknown", version)
	}
	uri, err := mimi.ParseURI(name)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	r, err := keep(uri, g, o)
	if err != nil {
		return nil, err
	}
	r.routes, r.remembered, r.accepted, r.renewals, r.formers = routes, remembered, accepted, known, formers
	return r, nil
}
