package mucmap

import (
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Shutdown sends all XMPP users out of the room because the service stops for long (XEP-0045 §11.2). A service that comes back soon
// does not give it: occupants outlast a restart.
type Shutdown struct{}

func (Shutdown) input() {}

// stopped says that everybody with a device here was sent out. Each is told by a presence of its own; nobody hears of the others.
type stopped struct{ At time.Time }

func (e *stopped) apply(s *state, p *stage) {
	for _, o := range s.here.Sorted() {
		if len(o.Sessions) == 0 {
			continue
		}
		p.send(func() []xmpp.Broadcast {
			c := presence.Change{Codes: []muc.Status{muc.StatusRemovedShutdown}}
			return []xmpp.Broadcast{s.here.ToSelf(o, xmpp.TypeUnavailable, c, o.Devices()...)}
		})
		s.here.Leave(o)
		if m := s.members[mimi.MustURI(o.User)]; m != nil {
			m.Gone = e.At
		}
	}
}

// shutdown also refuses those who are about to enter.
func (t *turn) shutdown() {
	var entering []*join
	for _, j := range t.r.joining {
		entering = append(entering, j)
	}
	slices.SortFunc(entering, func(a, b *join) int { return strings.Compare(a.st.From.String(), b.st.From.String()) })
	for _, j := range entering {
		if j.wish != nil {
			j.wish.closed = true
		}
		t.unwait(j)
		t.refuse(j.st, refusal(xmpp.ServiceUnavailable, "the service is stopping").WithType(xmpp.Wait))
	}
	if t.r.pub.here.Len() > 0 {
		t.emit(&stopped{At: t.now})
	}
}
