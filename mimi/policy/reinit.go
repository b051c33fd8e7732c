package policy

import (
	"bytes"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// AuthorizeReInitBy decides whether a user may reinitialise the group, before anything is prepared for it. The error is a *mimi.Refusal.
func AuthorizeReInitBy(s *State, user mimi.URI) error {
	return at(s.need("can-reinit", s.RoleOf(user), mimi.CanSendMLSReinitProposal, "reinitialise the group"), mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed))
}

// AuthorizeReInit decides what a committed ReInit may make of a group (RFC 9420 §11.2): another one for the same room. Who may reinitialise may not for
// that change the policy: the new group has all of the old one's extensions and components unchanged, except the keys of the hub, which are of the
// suite. Who committed it is for AuthorizeCommit. Without a ReInit there is nothing to decide. The error is a *mimi.Refusal.
func AuthorizeReInit(before *mls.PublicGroup, p *mls.ReInit) error {
	if p == nil {
		return nil
	}
	return at(reInitKeeps(before.Context(), p), mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed))
}

func reInitKeeps(old mls.GroupContext, p *mls.ReInit) *mimi.Refusal {
	const rule = "reinit-policy"
	if len(p.GroupID) == 0 || bytes.Equal(p.GroupID, old.GroupID) {
		return deny("reinit-group", "the new group has the name of the old one, or none")
	}
	if len(p.Extensions) != len(old.Extensions) {
		return deny(rule, "the new group has %d extensions, the old one %d", len(p.Extensions), len(old.Extensions))
	}
	for _, was := range old.Extensions {
		i := slices.IndexFunc(p.Extensions, func(e mls.Extension) bool { return e.Type == was.Type })
		if i < 0 {
			return deny(rule, "the new group lacks extension %d", was.Type)
		}
		same := bytes.Equal
		switch was.Type {
		case mls.ExtensionExternalSenders:
			same = func(a, b []byte) bool { return sameSenders(a, b, ownerOf(old)) }
		case mls.ExtensionAppDataDictionary:
			same = sameComponents
		}
		if !same(was.Data, p.Extensions[i].Data) {
			return deny(rule, "extension %d of the new group differs from the old one's", was.Type)
		}
	}
	return nil
}

// ownerOf is the provider whose room a group is, as its metadata say; empty: they do not.
func ownerOf(c mls.GroupContext) string {
	for _, e := range c.Extensions {
		var d mls.AppDataDictionary
		if e.Type != mls.ExtensionAppDataDictionary || wire.Unmarshal(e.Data, &d) != nil {
			continue
		}
		if data, there := d.Get(mimi.ComponentRoomMetadata); there {
			if m, err := mimi.ParseRoomMetadata(data); err == nil {
				return m.Room.Provider()
			}
		}
	}
	return ""
}

// sameSenders says that the external senders are the same, and prove it no worse. Those of the room's provider may have other keys, nobody else: who has its key acts in its name.
func sameSenders(a, b []byte, owner string) bool {
	var x, y mls.ExternalSenders
	if wire.Unmarshal(a, &x) != nil || wire.Unmarshal(b, &y) != nil {
		return false
	}
	return slices.EqualFunc(x, y, func(p, q mls.ExternalSender) bool {
		client, err := mimi.CredentialClient(p.Credential)
		own := err == nil && owner != "" && client.Provider() == owner
		return mimi.SameClient(p.Credential, q.Credential) == nil && (own || bytes.Equal(p.SignatureKey, q.SignatureKey))
	})
}

// sameComponents says that all components are the same, except for the key of the franking agent.
func sameComponents(a, b []byte) bool {
	var x, y mls.AppDataDictionary
	if wire.Unmarshal(a, &x) != nil || wire.Unmarshal(b, &y) != nil {
		return false
	}
	return slices.EqualFunc(x, y, func(p, q mls.ComponentData) bool {
		if p.ID != q.ID || p.ID != mimi.ComponentFrankingAgent {
			return p.ID == q.ID && bytes.Equal(p.Data, q.Data)
		}
		var was, is mimi.FrankingAgent
		return wire.Unmarshal(p.Data, &was) == nil && wire.Unmarshal(q.Data, &is) == nil && mimi.SameClient(was.Credential, is.Credential) == nil
	})
}
