package gateway

import (
	"runtime"
	"runtime/debug"
	"time"

	"anteroom/xmpp"
)

func processors() int { return runtime.GOMAXPROCS(0) }

// answerService lets the core answer a stanza to the bare domain. A panic there costs its sender an error.
func (g *Gateway) answerService(st *xmpp.Stanza) {
	defer func() {
		if p := recover(); p != nil {
			g.panicked("answering for the service", p)
			g.refuse(st, xmpp.NewError(xmpp.InternalServerError, "").WithType(xmpp.Wait))
		}
	}()
	if g.hearPrivilege(time.Now(), st) {
		return
	}
	if g.hearIndicator(st) {
		return
	}
	answers, order := g.opt.Rooms.HandleService(time.Now(), st, g.dir.all())
	if order != nil {
		g.obey(order)
	}
	out := make([]xmpp.Broadcast, 0, len(answers))
	for _, a := range answers {
		out = append(out, single(a))
	}
	g.send(out)
}

// panicked counts and logs a panic that is no room's. It is for the function that recovered it, whose stack still is that of the panic.
func (g *Gateway) panicked(while string, p any, attrs ...any) {
	g.m.panics.Inc()
	g.log.Error("panic while "+while, append([]any{"panic", p, "stack", string(debug.Stack())}, attrs...)...)
}

// single is one stanza to one recipient.
func single(st xmpp.Stanza) xmpp.Broadcast {
	return xmpp.Broadcast{Template: xmpp.NewTemplate(st), To: []xmpp.JID{st.To}}
}

// refuse answers a stanza with an error, where errors may be answered.
func (g *Gateway) refuse(st *xmpp.Stanza, e *xmpp.StanzaError) {
	if st.AcceptsError() {
		g.send([]xmpp.Broadcast{single(st.ErrorReply(e))})
	}
}

// send hands stanzas to the server and returns the place behind the last one.
func (g *Gateway) send(stanzas []xmpp.Broadcast) Mark {
	if len(stanzas) == 0 {
		return 0
	}
	mark, err := g.opt.Server.Send(g.ctx, stanzas)
	if err != nil {
		g.m.sendErrors.Inc()
		if g.ctx.Err() == nil {
			g.log.Warn("stanzas were not sent", "stanzas", len(stanzas), "error", err)
		}
		return mark
	}
	for _, b := range stanzas {
		g.m.broadcasts.Inc()
		g.m.deliveries.Add(float64(len(b.To)))
	}
	return mark
}
