package gateway

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mucmap"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

// pair is two providers with real rooms that reach each other: a.example and b.example, whose services are rooms.a.example and rooms.b.example.
type pair struct {
	t *testing.T
	*bench
	b *bench
}

// link brings requests of one gateway to another.
type link struct {
	from string
	to   map[string]*bench
}

func (l link) Post(ctx context.Context, provider string, e mimi.Endpoint, uri mimi.URI, body []byte) (PeerReply, error) {
	g := l.to[provider].g
	call := map[mimi.Endpoint]func(context.Context, string, mimi.URI, []byte) (int, []byte){
		mimi.EndpointKeyMaterial: g.KeyMaterial, mimi.EndpointUpdate: g.Update, mimi.EndpointNotify: g.Notify, mimi.EndpointSubmitMessage: g.SubmitMessage,
		mimi.EndpointGroupInfo: g.GroupInfo, mimi.EndpointRequestConsent: g.RequestConsent, mimi.EndpointUpdateConsent: g.UpdateConsent, mimi.EndpointReportAbuse: g.ReportAbuse,
		mimi.EndpointIdentifierQuery: func(ctx context.Context, peer string, _ mimi.URI, body []byte) (int, []byte) {
			return g.IdentifierQuery(ctx, peer, body)
		},
	}[e]
	status, answer := call(ctx, l.from, uri, append([]byte(nil), body...))
	return PeerReply{Status: status, Body: answer}, nil
}

func (l link) Document(ctx context.Context, room mimi.URI) (PeerReply, error) {
	status, answer := l.to[room.Provider()].g.RoomDocument(ctx, l.from, room)
	return PeerReply{Status: status, Body: answer}, nil
}

// inPair runs a test with two gateways in a synctest bubble.
func inPair(t *testing.T, f func(p *pair), change ...func(*mucmap.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		all := map[string]*bench{}
		for i, provider := range []string{"a.example", "b.example"} {
			logs := &strings.Builder{}
			hub, err := mls.NewSigner(1, mls.Seed{byte(i + 1)})
			if err != nil {
				t.Fatal(err)
			}
			cfg := mucmap.Config{Domain: xmpp.MustParseJID("rooms." + provider), Provider: provider, Users: []string{provider}, Hub: hub, NoLock: true}
			for _, c := range change {
				c(&cfg)
			}
			svc, err := mucmap.NewService(cfg)
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{t: t, line: &line{}, store: memstore.New(), logs: logs}
			b.opt = Options{Rooms: Core(svc), Store: b.store, Server: b.line, Peers: link{provider, all}, Provider: provider, Workers: 2,
				Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			all[provider] = b
		}
		p := &pair{t, all["a.example"], all["b.example"]}
		p.bench.start()
		p.b.start()
		f(p)
		p.bench.stop()
		p.b.stop()
	})
}

// send lets a user of one of the servers send a stanza, and waits until everything came of it.
func (p *pair) send(xml string) {
	p.t.Helper()
	st, err := xmpp.ParseStanzaXML([]byte(xml))
	if err != nil {
		p.t.Fatal(err)
	}
	at := p.bench
	if strings.HasSuffix(st.To.Domain(), "b.example") {
		at = p.b
	}
	if e := at.g.Deliver(&st); e != nil {
		p.t.Fatalf("%s: %v", xml, e)
	}
	p.settle()
}

// last is the newest stanza that a user got whose encoding holds all parts; empty if there is none.
func (p *pair) last(user string, parts ...string) string {
	p.t.Helper()
	for _, b := range []*bench{p.bench, p.b} {
		b.line.mu.Lock()
		defer b.line.mu.Unlock()
		for i := len(b.line.got) - 1; i >= 0; i-- {
			st := b.line.got[i]
			if st.To.String() != user {
				continue
			}
			x, found := st.String(), true
			for _, part := range parts {
				found = found && strings.Contains(x, part)
			}
			if found {
				return x
			}
		}
	}
	return ""
}

// want holds that a user got a stanza with all parts.
func (p *pair) want(why, user string, parts ...string) {
	p.t.Helper()
	if p.last(user, parts...) == "" {
		p.t.Errorf("%s: %s did not get %q; the last is %s\n%s\n%s", why, user, parts, p.last(user), p.bench.logs, p.b.logs)
	}
}

func body(text string) string { return "<body>" + text + "</body>" }

func enter(from, to string) string {
	return "<presence xmlns='jabber:client' from='" + from + "' to='" + to + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
}

func message(from, to, payload string) string {
	return "<message xmlns='jabber:client' from='" + from + "' to='" + to + "' type='chat' id='m'>" + payload + "</message>"
}

func iq(typ, from, to, payload string) string {
	return "<iq xmlns='jabber:client' type='" + typ + "' from='" + from + "' to='" + to + "' id='q'>" + payload + "</iq>"
}
