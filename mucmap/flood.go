package mucmap

import (
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Rate bounds how fast something may come: Burst at once, then one per Every. An Every of zero is no bound.
type Rate struct {
	Burst int
	Every time.Duration
}

// Rates bound what users do to one room (XEP-0045 §14.6, docs/decisions/063-abuse.md). What is beyond is refused with type wait and
// the time to wait.
type Rates struct {
	Messages Rate // of all users together; moderators are exempt
	Joins    Rate // of all users together; who has an affiliation or a leaf is exempt
	Rejoins  Rate // of one user, with all its devices
	Presence Rate // changes of status of one user
	Renames  Rate // of one user
}

// The defaults of [Rates]. That of Joins is [Limits.Occupants] at once: after a restart of the server everybody comes back.
var defaultRates = Rates{
	Messages: Rate{500, 10 * time.Millisecond},
	Joins:    Rate{0, 20 * time.Millisecond},
	Rejoins:  Rate{30, 2 * time.Second},
	Presence: Rate{30, time.Second},
	Renames:  Rate{10, 5 * time.Second},
}

// MaxPresence bounds, in bytes, what a presence may say beside the protocol of the room: everybody gets it, and newcomers again.
const MaxPresence = 16 << 10

// maxWatched bounds how many users one room counts for one rate at a time.
const maxWatched = 20000

// loudness is how many refusals by a limit one room puts into the log.
var loudness = Rate{5, 10 * time.Second}

// setDefaults fills in what is not set.
func (r *Rates) setDefaults(occupants int) {
	for _, f := range []struct{ at, def *Rate }{{&r.Messages, &defaultRates.Messages}, {&r.Joins, &defaultRates.Joins}, {&r.Rejoins, &defaultRates.Rejoins},
		{&r.Presence, &defaultRates.Presence}, {&r.Renames, &defaultRates.Renames}} {
		if f.at.Every == 0 {
			f.at.Every = f.def.Every
		}
		if f.at.Burst == 0 {
			f.at.Burst = f.def.Burst
		}
		if f.at.Burst == 0 {
			f.at.Burst = occupants
		}
	}
}

// gauge counts towards one rate: full is when the whole burst is free again.
type gauge struct{ full time.Time }

// take counts one, or says how long to wait.
func (g *gauge) take(now time.Time, r Rate) (wait time.Duration, ok bool) {
	if r.Every <= 0 {
		return 0, true
	}
	next := g.full
	if next.Before(now) {
		next = now
	}
	next = next.Add(r.Every)
	if over := next.Sub(now) - time.Duration(max(r.Burst, 1))*r.Every; over > 0 {
		return over, false
	}
	g.full = next
	return 0, true
}

// gauges count for each user. Who did nothing for as long as a burst takes to be free again is forgotten.
type gauges struct {
	now, old map[mimi.URI]gauge
	turned   time.Time
}

func (g *gauges) take(now time.Time, u mimi.URI, r Rate) (wait time.Duration, ok bool) {
	if now.Sub(g.turned) > time.Duration(max(r.Burst, 1))*r.Every || len(g.now) >= maxWatched || g.now == nil {
		g.now, g.old, g.turned = map[mimi.URI]gauge{}, g.now, now
	}
	one, known := g.now[u]
	if !known {
		one = g.old[u]
	}
	wait, ok = one.take(now, r)
	g.now[u] = one
	return wait, ok
}

// flood is what a room counts against floods. It is not stored: a restart forgives.
type flood struct {
	messages, joins            gauge
	rejoins, presence, renames gauges
	reports                    gauges

	loud     gauge
	silenced int // refusals since the last one in the log
}

// limited refuses a stanza because of a limit, and says so in the log, with the same text, unless it does so all the time.
func (t *turn) limited(st *xmpp.Stanza, e *xmpp.StanzaError) {
	f := &t.r.flood
	if _, ok := f.loud.take(t.now, loudness); ok {
		t.note(NoteInfo, "refused by a limit", Attr{"from", st.From.String()}, Attr{"stanza", st.Kind.String()}, Attr{"condition", string(e.Condition)},
			Attr{"reason", e.Text}, Attr{"not_logged_before", strconv.Itoa(f.silenced)})
		f.silenced = 0
	} else {
		f.silenced++
	}
	t.refuse(st, e)
}

// tooFast is the refusal of what comes too fast.
func tooFast(c xmpp.Condition, text string, wait time.Duration) *xmpp.StanzaError {
	seconds := int((wait + time.Second - 1) / time.Second)
	return refusal(c, text+"; try again in "+strconv.Itoa(seconds)+" s").WithType(xmpp.Wait)
}

// tooLoud refuses a message to everybody, or a subject, that is beyond the rate of the room. A moderator can speak in any flood; who has no voice is
// refused for that.
func (t *turn) tooLoud(st *xmpp.Stanza, o *presence.Occupant) bool {
	if o.Role != muc.RoleParticipant {
		return false
	}
	wait, ok := t.r.flood.messages.take(t.now, t.r.svc.cfg.Limits.Rates.Messages)
	if !ok {
		t.limited(st, tooFast(xmpp.ResourceConstraint, "too much is said in this room at once", wait))
	}
	return !ok
}

// mayTryToEnter holds the rate of a user's attempts to enter: to guess a password, or to get the whole list of occupants.
func (t *turn) mayTryToEnter(u mimi.URI) *xmpp.StanzaError {
	if wait, ok := t.r.flood.rejoins.take(t.now, u, t.r.svc.cfg.Limits.Rates.Rejoins); !ok {
		return tooFast(xmpp.PolicyViolation, "you enter this room too often", wait)
	}
	return nil
}

// mayArrive holds the rate at which newcomers enter.
func (t *turn) mayArrive(u mimi.URI) *xmpp.StanzaError {
	if t.r.pub.known(u) {
		return nil
	}
	if wait, ok := t.r.flood.joins.take(t.now, t.r.svc.cfg.Limits.Rates.Joins); !ok {
		return tooFast(xmpp.ResourceConstraint, "too many users enter this room at once", wait)
	}
	return nil
}

// known says that a user is in the participant list already, which means no newcomer.
func (s *state) known(u mimi.URI) bool {
	m := s.members[u]
	return m != nil && m.Role != roleBanned
}

// mayChangeStatus holds the rate of changes of status.
func (t *turn) mayChangeStatus(u mimi.URI) *xmpp.StanzaError {
	if wait, ok := t.r.flood.presence.take(t.now, u, t.r.svc.cfg.Limits.Rates.Presence); !ok {
		return tooFast(xmpp.PolicyViolation, "you change your status too often: this one is not passed on, you stay in the room", wait)
	}
	return nil
}

// mayRename holds the rate of changes of nick.
func (t *turn) mayRename(u mimi.URI) *xmpp.StanzaError {
	if wait, ok := t.r.flood.renames.take(t.now, u, t.r.svc.cfg.Limits.Rates.Renames); !ok {
		return tooFast(xmpp.PolicyViolation, "you change your nick too often: you keep the one that you have", wait)
	}
	return nil
}

// tooMuchPresence refuses a presence that says too much.
func tooMuchPresence(st *xmpp.Stanza) *xmpp.StanzaError {
	if len(payloadText(ownPayload(st))) > MaxPresence {
		return refusal(xmpp.PolicyViolation, "the presence is longer than "+strconv.Itoa(MaxPresence)+" bytes")
	}
	return nil
}
