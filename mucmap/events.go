package mucmap

import (
	"encoding/json"
	"fmt"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// An event is a fact. apply changes the public room and stages the stanzas that follow; it runs the same live and when the log
// is replayed, and depends on nothing but the state and the event.
type event interface {
	apply(s *state, p *stage)
}

// stage collects the stanzas of events. When nobody needs them they are not even built.
type stage struct {
	live bool
	out  *broadcasts

	seers map[[2]muc.Affiliation][]xmpp.JID // who may know of a change between two affiliations, as long as nobody present changes
}

func (p *stage) send(build func() []xmpp.Broadcast) {
	if p.live {
		p.out.add(build()...)
	}
}

// newEvent names the events as they are stored. A name never changes its meaning.
var newEvent = map[string]func() event{
	"created":    func() event { return new(created) },
	"committed":  func() event { return new(committed) },
	"joined":     func() event { return new(joined) },
	"left":       func() event { return new(left) },
	"available":  func() event { return new(available) },
	"renamed":    func() event { return new(renamed) },
	"spoke":      func() event { return new(spoke) },
	"titled":     func() event { return new(titled) },
	"configured": func() event { return new(configured) },
	"reserved":   func() event { return new(reserved) },
	"applied":    func() event { return new(applied) },
	"destroyed":  func() event { return new(destroyed) },
	"followed":   func() event { return new(followed) },
	"unfollowed": func() event { return new(unfollowed) },
	"pictured":   func() event { return new(pictured) },
	"retracted":  func() event { return new(retracted) },
	"invited":    func() event { return new(invited) },
	"domain":     func() event { return new(domainBanned) },
	"rebanned":   func() event { return new(rebanned) },
	"unlocked":   func() event { return new(unlocked) },
	"stopped":    func() event { return new(stopped) },
	"opened":     func() event { return new(opened) },
	"kept":       func() event { return new(kept) },
	"let":        func() event { return new(let) },
	"handed":     func() event { return new(handed) },
	"whispered":  func() event { return new(whispered) },
	"asked":      func() event { return new(asked) },
	"agreed":     func() event { return new(agreed) },
	"unasked":    func() event { return new(unasked) },
	"linked":     func() event { return new(linked) },
	"unlinked":   func() event { return new(unlinked) },
	"bots":       func() event { return new(botsChanged) },
	"admitted":   func() event { return new(admitted) },
	"expelled":   func() event { return new(expelled) },

	"reinitialised": func() event { return new(reinitialised) },
}

func eventName(e event) string {
	switch e.(type) {
	case *created:
		return "created"
	case *committed:
		return "committed"
	case *joined:
		return "joined"
	case *left:
		return "left"
	case *available:
		return "available"
	case *renamed:
		return "renamed"
	case *spoke:
		return "spoke"
	case *titled:
		return "titled"
	case *configured:
		return "configured"
	case *reserved:
		return "reserved"
	case *applied:
		return "applied"
	case *destroyed:
		return "destroyed"
	case *followed:
		return "followed"
	case *invited:
		return "invited"
	case *stopped:
		return "stopped"
	case *unlocked:
		return "unlocked"
	case *opened:
		return "opened"
	case *kept:
		return "kept"
	case *let:
		return "let"
	case *handed:
		return "handed"
	case *whispered:
		return "whispered"
	case *asked:
		return "asked"
	case *agreed:
		return "agreed"
	case *unasked:
		return "unasked"
	case *linked:
		return "linked"
	case *unlinked:
		return "unlinked"
	case *botsChanged:
		return "bots"
	case *admitted:
		return "admitted"
	case *domainBanned:
		return "domain"
	case *expelled:
		return "expelled"
	case *unfollowed:
		return "unfollowed"
	case *pictured:
		return "pictured"
	case *retracted:
		return "retracted"
	case *rebanned:
		return "rebanned"
	case *reinitialised:
		return "reinitialised"
	}
	panic(fmt.Sprintf("mucmap: event %T has no name", e))
}

func encodeEvent(e event) []byte {
	return encodeJSON(struct {
		V int
		T string
		E event
	}{stateFormat, eventName(e), e})
}

func decodeEvent(b []byte) (event, error) {
	var raw struct {
		V int
		T string
		E json.RawMessage
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("mucmap: event: %w", err)
	}
	if raw.V != stateFormat {
		return nil, fmt.Errorf("mucmap: event has format %d, this program knows %d", raw.V, stateFormat)
	}
	make, ok := newEvent[raw.T]
	if !ok {
		return nil, fmt.Errorf("mucmap: event %q is unknown", raw.T)
	}
	e := make()
	if err := json.Unmarshal(raw.E, e); err != nil {
		return nil, fmt.Errorf("mucmap: event %q: %w", raw.T, err)
	}
	return e, nil
}
