package e2e

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/xmpp"
)

// teams is who belongs to the team of the scenes, for the gateway's configuration.
const teams = "[rooms.teams]\n\"sales@a.example\" = \"nurse@a.example u%cathy%" + cathyDomain + "@rooms.a.example\"\n"

// comer is somebody who tries to enter, by XMPP or natively, and by which kind of preauthorisation it may.
type comer struct {
	kind, nick string
	xmpp       *xmppclient.Client
	native     *stack.Native
}

// comers are five of five providers: who is named, who is of a domain, two of a team (one a user of the hub's), and a system user.
func (p *scene) comers(system *stack.Native) []comer {
	return []comer{{"user", "bob", nil, p.bob}, {"domain", "benvolio", p.benvolio, nil}, {"team", "nurse", p.signsIn(p.here, "nurse"), nil},
		{"team", "cathy", nil, p.cathy}, {"system", "archive", nil, system}}
}

// preauthorised is an entry of each kind.
func preauthorised(system *stack.Native) map[string]string {
	return map[string]string{"user": `{"user": "mimi://` + bobDomain + `/u/bob"}`, "domain": `{"domain": "` + otherDomain + `"}`,
		"team": `{"team": "sales@a.example"}`, "system": `{"system": "` + system.User + `"}`}
}

// preauthorises makes a room for members only with one list of who is preauthorised.
func (p *scene) preauthorises(name, role, entry string) (garden, uri string) {
	p.Helper()
	p.create(name, strings.Replace(closed("", nobodyPreauthorised), `"preauth-`+role+`": []`, `"preauth-`+role+`": [`+entry+`]`, 1))
	garden, uri = room(name)
	p.enters(p.juliet, garden, "juliet")
	return garden, uri
}

// outcome is why somebody is not let in who tries; empty: it is. A native user has tried already.
func (p *scene) outcome(c comer, name string) (why string) {
	p.Helper()
	if c.native != nil {
		_, uri := room(name)
		return p.expects(c.native, "the entry, or an answer", func(l *stack.Line) bool { return l.Room == uri && (l.Type == "joined" || l.Type == "refused") }).Text
	}
	at := far(name)
	if c.xmpp.JID.Domain() == stack.Domain {
		at = name + "@" + stack.Rooms
	}
	_, err := c.xmpp.Join(p.step(), at, c.nick)
	var e *xmpp.StanzaError
	if errors.As(err, &e) {
		return e.Text
	}
	p.must(err)
	return ""
}

// preauthorising: users, domains, teams and system users are let in by themselves, each as what the list says that names them, and nobody else is (the seed,
// "preauth-owner", "preauth-admin", "preauth-member", "preauth-visitor").
func preauthorising(p *scene) {
	system, err := p.here.StartNative(p.ctx, "archive", edgarDomain)
	p.must(err)
	comers, entries := p.comers(system), preauthorised(system)
	for _, r := range []struct{ role, kinds, affiliation, as string }{
		{"member", "user", "member", "participant"}, {"member", "domain", "member", "participant"}, {"member", "team", "member", "participant"}, {"member", "system", "member", "participant"},
		{"owner", "user domain team system", "owner", "moderator"}, {"admin", "user domain team system", "admin", "moderator"}, {"visitor", "user domain team system", "none", "visitor"},
	} {
		var list []string
		for _, kind := range strings.Fields(r.kinds) {
			list = append(list, entries[kind])
		}
		name := "preauth-" + r.role + "-" + strings.ReplaceAll(r.kinds, " ", "-")
		garden, uri := p.preauthorises(name, r.role, strings.Join(list, ", "))
		if len(list) == 1 {
			p.described(name, r.kinds)
		}
		for _, c := range comers {
			if c.native != nil {
				p.tells(c.native, "join %s", uri)
			}
		}
		for _, c := range comers {
			why := p.outcome(c, name)
			if !strings.Contains(r.kinds, c.kind) {
				if !strings.Contains(why, "let") && !strings.Contains(why, "only members may enter") {
					p.Errorf("%s says to %s: %q", name, c.nick, why)
				}
				continue
			}
			if why != "" {
				p.Fatalf("%s does not let %s in: %s", name, c.nick, why)
			}
			p.occupantItem(p.juliet, garden, c.nick, r.affiliation, r.as)
			if r.role == "visitor" && c.native != nil {
				p.tells(c.native, "send %s may I speak?", uri)
				p.refused(c.native, "send", uri)
			}
		}
	}
	p.must(system.Stop())
}

// described: providers of which a user is preauthorised get the room's document, by the certificate that they show; to others there is no such room, and none speaks for
// another (the seed, "GET /room/{provider}/{roomId}").
func (p *scene) described(name, kind string) {
	p.Helper()
	get := func(provider, as string) mimihttp.Reply {
		p.Helper()
		own := filepath.Join(p.here.Dir, provider)
		id, err := mimihttp.LoadIdentity(own+".pem", own+".key", []string{filepath.Join(p.here.Dir, "ca.pem")})
		p.must(err)
		client := mimihttp.NewClient(mimihttp.ClientConfig{Domain: as, Identity: id, Peers: map[string]string{stack.Domain: p.here.MIMIAddr}})
		defer client.Close()
		_, uri := room(name)
		reply, err := client.Document(p.step(), mimi.MustURI(uri))
		p.must(err)
		return reply
	}
	for other, provider := range map[string]string{"user": bobDomain, "domain": otherDomain, "team": cathyDomain, "system": edgarDomain} {
		status, says := http.StatusNotFound, "no such room"
		if other == kind {
			status, says = http.StatusOK, `"`+kind+`"`
		}
		if reply := get(provider, provider); reply.Status != status || !strings.Contains(string(reply.Body), says) {
			p.Errorf("%s asks for %s: %d %s", provider, name, reply.Status, reply.Body)
		}
		if reply := get(provider, stack.Domain); reply.Status != http.StatusForbidden {
			p.Errorf("%s asks for %s as %s: %d %s", provider, name, stack.Domain, reply.Status, reply.Body)
		}
	}
}
