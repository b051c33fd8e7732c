package mucmap

import (
	"fmt"
	"net/url"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
)

// Policies for what messages contain (draft-ietf-mimi-room-policy-04 §7.1, §7.3, §7.4): which files a room takes, whether it is told of reading and delivery.
// The gateway is the client that holds them for XMPP users, in rooms of ours and of others. Owners with MIMI clients set them; operators see them.

// policyOf is the group's policy, whoever owns the room; nil: there is no group.
func (r *Room) policyOf() *policy.State {
	switch {
	case r.hub != nil:
		return r.hub.State()
	case r.follow != nil && r.follow.room.Group() != nil:
		return r.follow.room.State()
	}
	return nil
}

// contentRefusal says why a user of ours may not send a message with this content here.
func (r *Room) contentRefusal(u mimi.URI, m *content.Message) *xmpp.StanzaError {
	s := r.policyOf()
	if s == nil {
		return nil
	}
	err := partFault(s, u.Provider(), &m.Body)
	if err == nil {
		return nil
	}
	return refusal(xmpp.NotAllowed, err.Error())
}

// partFault asks the room's policies about a part and what is in it.
func partFault(s *policy.State, provider string, p *content.Part) error {
	switch {
	case p.Cardinality == content.External:
		a := mimi.Asset{Provider: provider, MediaType: p.ContentType, Size: p.External.Size}
		if u, err := url.Parse(p.External.URL); err == nil {
			a.Host = u.Hostname()
		}
		return policy.AuthorizeAsset(s, a)
	case p.Cardinality == content.Single && strings.EqualFold(p.ContentType, content.TypeStatus):
		report, err := content.DecodeReport(p.Content)
		if err != nil {
			return err
		}
		delivered, read := false, false
		for _, r := range report {
			delivered, read = delivered || r.Status == content.Delivered, read || r.Status == content.Read
		}
		return policy.AuthorizeReport(s, delivered, read)
	}
	for i := range p.Parts {
		if err := partFault(s, provider, &p.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// PolicyLine is a policy of a room that XEP-0045 has no word for, as operators see it.
type PolicyLine struct{ Name, Text string }

// policies are those of the group, and the numbers of those that we do not know.
func (r *Room) policies() (all []PolicyLine) {
	s := r.policyOf()
	if s == nil {
		return nil
	}
	add := func(name, format string, args ...any) {
		all = append(all, PolicyLine{name, fmt.Sprintf(format, args...)})
	}
	if p, there := s.Status(); there {
		add("receipts", "delivery %s, reading %s", optionality(p.Delivery), optionality(p.Read))
	}
	if p, there := s.Previews(); there {
		add("link previews", "by senders %s, by receivers %s, by proxy %s %s", optionality(p.Send), optionality(p.Automatic), optionality(p.ProxyUse), p.Proxy)
	}
	if p, there := s.Assets(); there {
		where := map[mimi.AssetLocation]string{mimi.AssetsAnywhere: "anywhere", mimi.AssetsLocally: "with the sender's provider", mimi.AssetsWithHub: "with the hub"}[p.Location]
		var hosts []string
		for i := range p.Domains {
			hosts = append(hosts, p.Domains[i].Hosts...)
		}
		add("files", "%s (%s); images up to %d bytes, sounds %d, videos %d, others %d", where, strings.Join(hosts, ", "), p.MaxImage, p.MaxAudio, p.MaxVideo, p.MaxAttach)
	}
	if p, there := s.JoinLinks(); there {
		add("join links", "on request %v, for several users %v, good for %d s", p.OnRequest, p.MultiUser, p.Expiration)
	}
	for _, id := range s.Base().PolicyComponents {
		if !mimi.Updatable(id) {
			add("unknown", "component 0x%04x", uint16(id))
		}
	}
	return all
}

func optionality(o mimi.Optionality) string {
	return [...]string{mimi.Optional: "optional", mimi.Required: "required", mimi.Forbidden: "forbidden"}[o]
}
