package mucmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Ghosts are devices that are gone without having said so. What is sent to them comes back as an error (leave.go); a device that has
// been silent for Config.PingAfter is asked (docs/decisions/065-ghosts.md). Nothing of this is stored: a restored room spreads its
// questions anew over that time, and knows the answers to those that it asked before by their ids.

const (
	maxPings     = 50               // devices of a room that are asked at the same time
	pingPatience = 30 * time.Second // how long a device counts among those
	pingPause    = time.Second      // between two batches of questions
)

// watch is what a room knows of how silent its devices are.
type watch struct {
	devices map[xmpp.JID]*listener
	queue   []listening // in order of when they are due, or later; what does not match devices is out of date
	asked   []listening // in order of asking
	serial  uint64
	next    time.Time // no questions before
}

// listener is a device that is present.
type listener struct {
	heard   time.Time
	serial  uint64
	waiting bool // was asked and has not answered
}

// listening is a device's place in a queue.
type listening struct {
	device xmpp.JID
	serial uint64
	at     time.Time
}

// newWatch begins with all devices that are present as if they had been heard of evenly over the past, so that their turns are spread.
func (r *Room) newWatch(now time.Time) *watch {
	w := &watch{devices: map[xmpp.JID]*listener{}}
	all := r.pub.here.Everybody()
	for i, j := range all {
		w.enter(j, now.Add(-(r.svc.cfg.PingAfter * time.Duration(len(all)-1-i) / time.Duration(len(all))).Truncate(time.Millisecond)))
	}
	return w
}

// enter begins to listen to a device.
func (w *watch) enter(device xmpp.JID, now time.Time) {
	if l := w.devices[device]; l != nil {
		l.heard, l.waiting = now, false
		return
	}
	w.serial++
	w.devices[device] = &listener{heard: now, serial: w.serial}
	w.queue = append(w.queue, listening{device, w.serial, now})
	if len(w.queue) > 2*len(w.devices)+maxPings { // of devices that came and went
		kept := w.queue[:0]
		for _, q := range w.queue {
			if l := w.devices[q.device]; l != nil && l.serial == q.serial {
				kept = append(kept, q)
			}
		}
		w.queue = kept
	}
}

// hear notes that a device said something, which an error sent on its behalf is not.
func (t *turn) hear(st *xmpp.Stanza) {
	if w := t.r.watch; w != nil && st.Type != xmpp.TypeError {
		if l := w.devices[st.From]; l != nil {
			l.heard, l.waiting = t.now, false
		}
	}
}

// pingID names a question to a device. It is the same whenever the room asks it, so that a room that was restored meanwhile knows
// the answer, and nobody else can tell it beforehand.
func (s *state) pingID(stage string, device xmpp.JID) string {
	h := hmac.New(sha256.New, s.svc.cfg.Hub.Private)
	h.Write([]byte("anteroom question\x00" + stage + "\x00" + s.addr.String() + "\x00" + device.String()))
	return stage + "-" + hex.EncodeToString(h.Sum(nil)[:10])
}

// The questions: a ping, and a second one for a device whose client, or server, answered that it knows no pings.
const (
	stagePing = "ping"
	stageInfo = "info"
)

func (t *turn) askDevice(stage string, device xmpp.JID) {
	question := muc.Ping()
	if stage == stageInfo {
		question = xmpp.NewElement(muc.NSDiscoInfo, "query")
	}
	t.send(xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeGet, From: t.r.addr, To: device, ID: t.r.pub.pingID(stage, device), Payload: []*xmpp.Element{question}})
}

// ghosts asks the devices that have been silent for too long, and returns when to look again.
func (t *turn) ghosts() time.Time {
	r, after := t.r, t.r.svc.cfg.PingAfter
	if after <= 0 || !r.pub.Exists {
		r.watch = nil
		return time.Time{}
	}
	if r.watch == nil {
		r.watch = r.newWatch(t.now)
	}
	w := r.watch
	open := w.asked[:0]
	for _, q := range w.asked {
		if l := w.devices[q.device]; l != nil && l.serial == q.serial && l.waiting && t.now.Before(q.at.Add(pingPatience)) {
			open = append(open, q)
		}
	}
	w.asked = open
	if t.now.Before(w.next) {
		return w.next
	}
	for len(w.queue) > 0 && len(w.asked) < maxPings {
		q := w.queue[0]
		l := w.devices[q.device]
		if l == nil || l.serial != q.serial || r.pub.here.BySession(q.device) == nil {
			if w.queue = w.queue[1:]; l != nil && l.serial == q.serial {
				delete(w.devices, q.device) // it was removed with its occupant
			}
			continue
		}
		last := l.heard
		if q.at.After(last) {
			last = q.at // it was asked then, and has not answered
		}
		if due := last.Add(after); t.now.Before(due) {
			if q.at.Equal(last) {
				return due
			}
			q.at = last
			w.queue = append(w.queue[1:], q)
			continue
		}
		w.queue = append(w.queue[1:], listening{q.device, q.serial, t.now})
		w.asked = append(w.asked, listening{q.device, q.serial, t.now})
		l.waiting = true
		w.next = t.now.Add(pingPause)
		t.askDevice(stagePing, q.device)
	}
	switch {
	case len(w.queue) == 0:
		return time.Time{}
	case len(w.asked) >= maxPings:
		return w.asked[0].at.Add(pingPatience)
	}
	return w.next
}

// answeredPing takes the error that a device, or a server on its behalf, answered a question with. False: it answers no question.
func (t *turn) answeredPing(st *xmpp.Stanza, e *xmpp.StanzaError) bool {
	s := t.r.pub
	if t.r.svc.cfg.PingAfter <= 0 || s.here.BySession(st.From) == nil {
		return false
	}
	switch st.ID {
	case s.pingID(stagePing, st.From):
		if e.Condition == xmpp.ServiceUnavailable {
			// So says a server whose user is not there any more (RFC 6121 §8.5.3.2.3), and a client that knows no pings (XEP-0199
			// §4.4). Every client that entered a room answers service discovery.
			t.askDevice(stageInfo, st.From)
			return true
		}
	case s.pingID(stageInfo, st.From):
	default:
		return false
	}
	if !ghostly[e.Condition] {
		t.alive(st.From)
		return true
	}
	t.leaveGhost(st.From, e)
	return true
}

// alive notes that a device answered, if only that it will not.
func (t *turn) alive(device xmpp.JID) {
	if w := t.r.watch; w != nil && w.devices[device] != nil {
		l := w.devices[device]
		l.heard, l.waiting = t.now, false
	}
}

// leaveGhost takes out a device that is gone (XEP-0045 §17.1.4).
func (t *turn) leaveGhost(device xmpp.JID, e *xmpp.StanzaError) {
	t.note(NoteInfo, "occupant is gone", Attr{"jid", device.String()}, Attr{"condition", string(e.Condition)})
	t.emit(&left{At: t.now, JID: device, Code: muc.StatusRemovedServiceError})
}

// follow lets the watch follow who enters and leaves.
func (w *watch) follow(e event, now time.Time) {
	if w == nil {
		return
	}
	switch e := e.(type) {
	case *joined:
		w.enter(e.JID, now)
	case *left:
		delete(w.devices, e.JID)
	}
}
