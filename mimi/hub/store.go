package hub

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// The parts of a stored room, besides its group. They go behind a name of the caller's.
const (
	partRoom         = ""
	rememberedPrefix = "/m." // then the provider, "/" and the block's number
)

const (
	encodingVersion   = 4
	withoutRemembered = 3 // accepted requests were in the room's part
	withoutFormers    = 2
	withoutRenewals   = 1
)

// Parts returns what has changed since an earlier value of the same room (nil: everything) in all but the group and the options: routes of Welcomes,
// remembered requests, times of pending proposals. A message changes one part of a few kilobytes at most.
func (r *Room) Parts(since *Room) mls.Parts {
	out := mls.Parts{Set: map[string][]byte{}}
	var remembered map[string]mimi.Recent
	if since != nil && !since.old {
		remembered = since.remembered
	}
	for provider, recent := range r.remembered {
		recent.Parts(&out, rememberedBy(provider), remembered[provider])
	}
	for provider, recent := range remembered {
		if _, ok := r.remembered[provider]; !ok {
			mimi.Recent{}.Parts(&out, rememberedBy(provider), recent)
		}
	}
	if since == nil || since.old || !r.alike(since) {
		out.Set[partRoom] = r.encode()
	}
	return out
}

func rememberedBy(provider string) string { return rememberedPrefix + provider + "/" }

func loadRemembered(parts map[string][]byte) (map[string]mimi.Recent, error) {
	all := make(map[string]mimi.Recent)
	for name := range parts {
		rest, ok := strings.CutPrefix(name, rememberedPrefix)
		if !ok {
			continue
		}
		provider := rest[:max(0, strings.LastIndexByte(rest, '/'))]
		if _, ok := all[provider]; ok {
			continue
		}
		var err error
		if all[provider], err = mimi.LoadRecent(parts, rememberedBy(provider)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// alike says that two values differ in group state and remembered requests alone.
func (r *Room) alike(since *Room) bool {
	now, before := r.group.Public(), since.group.Public()
	return now.Epoch() == before.Epoch() && bytes.Equal(now.GroupID(), before.GroupID()) && r.uri == since.uri &&
		same(r.routes, since.routes) && same(r.accepted, since.accepted) && same(r.formers, since.formers)
}

// same says that two lists, which are never changed in place, are one.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func (r *Room) encode() []byte {
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

// Load restores a room from all its parts and its group.
func Load(parts map[string][]byte, g *mls.Group, o Options) (*Room, error) {
	in := wire.NewReader(parts[partRoom])
	version := in.At("room.version").U8()
	if in.Err() == nil && (version < withoutRenewals || version > encodingVersion) {
		return nil, fmt.Errorf("hub: encoding version %d is unknown", version)
	}
	name := in.At("room.uri").String()
	var routes []route
	in.At("room.routes").Vector(func(in *wire.Reader) {
		routes = append(routes, route{bytes.Clone(in.Opaque()), in.String(), in.U64()})
	})
	remembered, err := loadRemembered(parts)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	if version <= withoutRemembered {
		in.At("room.remembered").Vector(func(in *wire.Reader) {
			digest := in.Raw(digestSize)
			remembered[ofAnybody] = remembered[ofAnybody].With(MaxRemembered, slices.Concat(digest, in.Opaque()))
		})
	}
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
	uri, err := mimi.ParseURI(name)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	r, err := keep(uri, g, o)
	if err != nil {
		return nil, err
	}
	r.routes, r.remembered, r.accepted, r.renewals, r.formers, r.old = routes, remembered, accepted, known, formers, version <= withoutRemembered
	return r, nil
}
