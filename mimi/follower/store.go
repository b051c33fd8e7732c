package follower

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

const (
	partRoom    = "room"
	groupPrefix = "g."
	stagePrefix = "s."
	trailPrefix = "t." // the trail's own parts
	endedPrefix = "f."
	seenPrefix  = "n." // of notify bodies

	encodingVersion = 9
	withoutInto     = 8 // before what was left of the time before touch was lost said in which group it ends
	withoutParts    = 7 // before wishes, requests and what was seen had parts of their own
	withoutFormer   = 6 // before groups ended with a ReInit
	withoutTogether = 5 // before several entered in one commit
	withoutTrail    = 4 // before anything was left of the time before touch was lost
	withoutAdds     = 3 // before wishes added users
	withoutGap      = 2 // before anything was kept
)

// Parts returns what has changed since an earlier value of the same room (nil: everything), as named byte strings. They are secret.
// Store them before a request leaves.
func (r *Room) Parts(since *Room) mls.Parts {
	out := mls.Parts{Set: map[string][]byte{}}
	var oldGroup, oldStaged, oldFormer *mls.Group
	if since != nil {
		oldGroup, oldStaged, oldFormer = since.group, since.stagedGroup(), since.former
	}
	merge(&out, groupPrefix, r.group, oldGroup)
	merge(&out, endedPrefix, r.former, oldFormer)
	merge(&out, stagePrefix, r.stagedGroup(), oldStaged)
	r.keptParts(&out, since)
	r.trailParts(&out, since)
	r.queueParts(&out, since)
	var seen mimi.Recent
	if since != nil && !since.old {
		seen = since.seen
	}
	r.seen.Parts(&out, seenPrefix, seen)
	room := r.encode()
	if since == nil || since.old || !bytes.Equal(room, since.encode()) {
		out.Set[partRoom] = room
	}
	return out
}

func (r *Room) stagedGroup() *mls.Group {
	if r.flight == nil {
		return nil
	}
	return r.flight.staged
}

// merge adds the change of one group. Groups that have replaced each other entirely (another group, or none) are written anew.
func merge(out *mls.Parts, prefix string, g, old *mls.Group) {
	if g == old {
		return
	}
	if g != nil && old != nil && bytes.Equal(g.Public().GroupID(), old.Public().GroupID()) && sharesLeaf(g, old) {
		change := g.Parts(old)
		for name, value := range change.Set {
			out.Set[prefix+name] = value
		}
		for _, name := range change.Drop {
			out.Drop = append(out.Drop, prefix+name)
		}
		return
	}
	var now map[string][]byte
	if g != nil {
		now = g.Parts(nil).Set
	}
	if old != nil {
		for name := range old.Parts(nil).Set {
			if _, kept := now[name]; !kept {
				out.Drop = append(out.Drop, prefix+name)
			}
		}
	}
	for name, value := range now {
		out.Set[prefix+name] = value
	}
	slices.Sort(out.Drop)
}

func sharesLeaf(a, b *mls.Group) bool {
	return slices.ContainsFunc(a.Local(), b.IsLocal)
}

func (r *Room) encode() []byte {
	w := wire.NewWriter(nil)
	w.U8(encodingVersion)
	w.OpaqueString(r.uri.String())
	w.Bool(r.member)
	w.OpaqueString(r.broken)
	w.U64(uint64(r.waitFor))
	w.Vector(func(w *wire.Writer) {
		for _, n := range r.front() {
			w.U64(n)
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, client := range r.leaving {
			w.OpaqueString(client.String())
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, ref := range r.missing {
			w.Opaque(ref)
		}
	})
	w.OpaqueString(r.lost)
	writeTime(w, r.since)
	w.U32(uint32(r.tries))
	writeTime(w, r.retry)
	w.OpaqueString(r.failure)
	w.Optional(r.trail != nil, func(w *wire.Writer) {
		w.U64(uint64(r.trail.until))
		writeTime(w, r.trail.ends)
		w.Opaque(r.trail.into)
	})
	return w.Bytes()
}

// writeTime writes milliseconds since 1970, 0 for the zero time.
func writeTime(w *wire.Writer, at time.Time) {
	if at.IsZero() {
		w.U64(0)
		return
	}
	w.U64(uint64(at.UnixMilli()))
}

func readTime(in *wire.Reader) time.Time {
	if ms := in.U64(); ms != 0 {
		return time.UnixMilli(int64(ms)).UTC()
	}
	return time.Time{}
}

// Load restores a room from all its parts.
func Load(parts map[string][]byte, o Options) (*Room, error) {
	r := &Room{options: o}
	in := wire.NewReader(parts[partRoom])
	version := in.At("room.version").U8()
	if in.Err() == nil && (version < withoutGap || version > encodingVersion) {
		return nil, fmt.Errorf("follower: encoding version %d is unknown", version)
	}
	r.uri = readURI(in, "room.uri")
	r.member = in.At("room.member").Bool()
	r.broken = in.At("room.broken").String()
	r.waitFor = mls.Epoch(in.At("room.wait_for").U64())
	var front []uint64
	if version > withoutParts {
		in.At("room.front").Vector(func(in *wire.Reader) { front = append(front, in.U64()) })
	} else {
		in.At("room.queue").Vector(func(in *wire.Reader) {
			r.count++
			q := readQueued(in, version)
			q.n = r.count
			r.queue = append(r.queue, q)
		})
	}
	in.At("room.leaving").Vector(func(in *wire.Reader) { r.leaving = append(r.leaving, readURI(in, "room.leaving")) })
	in.At("room.missing").Vector(func(in *wire.Reader) { r.missing = append(r.missing, bytes.Clone(in.Opaque())) })
	if version <= withoutParts {
		in.At("room.seen").Vector(func(in *wire.Reader) { r.seen = r.seen.With(MaxSeen, bytes.Clone(in.Raw(sha256.Size))) })
		in.At("room.flight").Optional(func(in *wire.Reader) { r.flight = readFlight(in, version) })
		r.old = true
	}
	if version > withoutGap {
		r.lost = in.At("room.lost").String()
		r.since = readTime(in.At("room.since"))
		r.tries = int(in.At("room.tries").U32())
		r.retry = readTime(in.At("room.retry"))
		r.failure = in.At("room.failure").String()
	}
	if version > withoutTrail {
		in.At("room.trail").Optional(func(in *wire.Reader) {
			r.trail = &trail{until: mls.Epoch(in.U64()), ends: readTime(in)}
			if version > withoutInto {
				r.trail.into = bytes.Clone(in.Opaque())
			}
		})
	}
	if err := in.Done(); err != nil {
		return nil, fmt.Errorf("follower: %w", err)
	}
	var err error
	if r.old {
		if r.flight != nil && len(r.queue) == 0 {
			return nil, fmt.Errorf("follower: %s: a request without a wish", r.uri)
		}
	} else if err := r.loadQueue(parts, front); err != nil {
		return nil, fmt.Errorf("follower: %s: %w", r.uri, err)
	} else if r.seen, err = mimi.LoadRecent(parts, seenPrefix); err != nil {
		return nil, fmt.Errorf("follower: %s: %w", r.uri, err)
	}
	for name, body := range parts {
		if rest, ok := strings.CutPrefix(name, keptPrefix); ok {
			k, err := loadKept(rest, body)
			if err != nil {
				return nil, fmt.Errorf("follower: %s: kept message: %w", r.uri, err)
			}
			r.kept, r.keptLast = append(r.kept, k), max(r.keptLast, k.n)
		}
	}
	slices.SortFunc(r.kept, func(a, b keptMessage) int { return cmp.Compare(a.n, b.n) })
	config := r.options.config()
	if r.group, err = loadGroup(parts, groupPrefix, config); err != nil {
		return nil, fmt.Errorf("follower: %s: %w", r.uri, err)
	}
	if r.group != nil {
		if r.state, err = policy.StateOf(r.group.Public()); err != nil {
			return nil, fmt.Errorf("follower: %s: %w", r.uri, err)
		}
	}
	if r.former, err = loadGroup(parts, endedPrefix, config); err != nil {
		return nil, fmt.Errorf("follower: %s: the group that ended: %w", r.uri, err)
	}
	staged, err := loadGroup(parts, stagePrefix, config)
	if err != nil {
		return nil, fmt.Errorf("follower: %s: request on the way: %w", r.uri, err)
	}
	if r.flight != nil {
		r.flight.staged = staged
		if staged == nil && r.flight.kind == flightCommit {
			return nil, fmt.Errorf("follower: %s: the request on the way has no group", r.uri)
		}
	}
	if r.member && r.group == nil {
		return nil, fmt.Errorf("follower: %s: a member without group", r.uri)
	}
	if r.trail != nil {
		if r.trail.room, err = Load(below(parts, trailPrefix), o); err != nil {
			return nil, fmt.Errorf("%w, of the time before touch was lost", err)
		}
		if r.trail.into == nil && r.group != nil {
			r.trail.into = r.group.Public().GroupID()
		}
		if r.trail.room.group == nil {
			return nil, fmt.Errorf("follower: %s: what was left when touch was lost has no group", r.uri)
		}
	}
	return r, nil
}

func loadGroup(parts map[string][]byte, prefix string, config mls.Config) (*mls.Group, error) {
	own := below(parts, prefix)
	if len(own) == 0 {
		return nil, nil
	}
	return mls.LoadGroup(own, config)
}

// below are the parts whose names begin with a prefix, without it.
func below(parts map[string][]byte, prefix string) map[string][]byte {
	own := map[string][]byte{}
	for name := range maps.Keys(parts) {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			own[rest] = parts[name]
		}
	}
	return own
}
