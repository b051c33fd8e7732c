package policy

import (
	"bytes"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// External senders (RFC 9420 §12.1.8.1): the hub is always one of them (draft-ietf-mimi-protocol-06 §7.4), by the key that it has in this group, which a
// ReInit changes. A provider renews the credentials of its own without a capability: they prove themselves, and nothing else changes
// (docs/decisions/158-credentials-of-hubs.md). Whether they are believed was asked by package mls.

// changeExtensions decides on GroupContextExtensions. The dictionary is out of its reach (draft-ietf-mls-extensions §4.7); what is left are capabilities
// and external senders.
func (c *change) changeExtensions(o other) *mimi.Refusal {
	after := o.p.(mls.GroupContextExtensions).Extensions
	was, is := mimi.ExternalSenders(c.extensions), mimi.ExternalSenders(after)
	for i := range was {
		stays := slices.IndexFunc(is, func(s mls.ExternalSender) bool { return bytes.Equal(s.SignatureKey, was[i].SignatureKey) })
		client, err := mimi.CredentialClient(was[i].Credential)
		switch {
		case stays < 0 && err == nil && client.Provider() == c.before.owningProvider():
			return deny("hub-sender", "the hub is an external sender of its rooms, by the key that it has there")
		case stays < 0 || sameCredential(was[i].Credential, is[stays].Credential):
			continue
		}
		if err := mimi.SameClient(was[i].Credential, is[stays].Credential); err != nil {
			return deny("external-sender", "an external sender stays who it is: %v", err)
		}
	}
	if c.renewsSenders(o.by, was, is) && sameOthers(c.extensions, after) {
		return nil
	}
	return c.before.need("can-change-extensions", o.by.role, mimi.CanChangeRoomMembershipStyle, "change the group's extensions")
}

// renewsSenders says that external senders get other certificates, and nothing else, by a participant of their provider.
func (c *change) renewsSenders(by *actor, was, is mls.ExternalSenders) bool {
	return len(was) > 0 && slices.EqualFunc(was, is, func(p, q mls.ExternalSender) bool {
		return bytes.Equal(p.SignatureKey, q.SignatureKey) && (sameCredential(p.Credential, q.Credential) || c.renews(by, p.Credential, q.Credential))
	})
}

// renews says that a credential is exchanged for a certificate of the same client, by a participant of its provider.
func (c *change) renews(by *actor, was, is mls.Credential) bool {
	client, err := mimi.CredentialClient(is)
	return err == nil && is.Type == mls.CredentialX509 && mimi.SameClient(was, is) == nil && !by.external &&
		by.role != mimi.RoleNone && by.role != mimi.RoleBanned && by.user.Provider() == client.Provider()
}

// sameOthers says that two lists of extensions differ in external senders alone.
func sameOthers(was, is []mls.Extension) bool {
	return slices.EqualFunc(was, is, func(p, q mls.Extension) bool {
		return p.Type == q.Type && (p.Type == mls.ExtensionExternalSenders || bytes.Equal(p.Data, q.Data))
	})
}

// changeAgent decides on updates of the franking agent. It keeps its key and who it is: another one is for a ReInit, so that nobody doubts whose
// signature is on a frank (draft-ietf-mimi-protocol-06 §5.4.1). Its new certificate must be that of an external sender, which was verified.
func (c *change) changeAgent(u *componentUpdate) *mimi.Refusal {
	if u.p.Remove {
		return c.changeOther(u)
	}
	was, is := agentIn(c.extensions), new(mimi.FrankingAgent)
	if err := wire.Unmarshal(u.p.Update, is); err != nil {
		return deny("franking-agent", "%v", err)
	}
	if was == nil || !bytes.Equal(was.SignatureKey, is.SignatureKey) || mimi.SameClient(was.Credential, is.Credential) != nil {
		return deny("franking-agent", "another franking agent needs another group")
	}
	senders := mimi.ExternalSenders(c.extensions)
	for _, o := range c.others {
		if g, changes := o.p.(mls.GroupContextExtensions); changes {
			senders = mimi.ExternalSenders(g.Extensions)
		}
	}
	if !slices.ContainsFunc(senders, func(s mls.ExternalSender) bool {
		return bytes.Equal(s.SignatureKey, is.SignatureKey) && sameCredential(s.Credential, is.Credential)
	}) {
		return deny("franking-agent-sender", "the franking agent's credential is renewed to that of an external sender")
	}
	if c.renews(u.by, was.Credential, is.Credential) {
		return nil
	}
	return c.changeOther(u)
}

func agentIn(extensions []mls.Extension) *mimi.FrankingAgent {
	for _, e := range extensions {
		var d mls.AppDataDictionary
		if e.Type != mls.ExtensionAppDataDictionary || wire.Unmarshal(e.Data, &d) != nil {
			continue
		}
		a := new(mimi.FrankingAgent)
		if data, has := d.Get(mimi.ComponentFrankingAgent); has && wire.Unmarshal(data, a) == nil {
			return a
		}
	}
	return nil
}

func sameCredential(a, b mls.Credential) bool { return bytes.Equal(wire.Marshal(a), wire.Marshal(b)) }
