package mucmap

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/mls"
)

// System users of other providers (draft-mahy-mimi-group-chat, "system-auth"): each is an external sender of the group (RFC 9420 §12.1.8.1) with a
// role that can do one thing, take clients out; which ones, the seed says: those of its own provider, in a room of fixed membership never a user's last
// one (mimi/policy/remove.go). It is on no list and has no client. docs/decisions/142-system-users.md.

// enforcerName is the name of their role, that of the draft's example.
const enforcerName = "policy_enforcer"

// enforcer is the role of system users of other providers, in rooms that have them. Nobody is listed with it.
func enforcer() mimi.Role {
	return mimi.Role{Index: roleEnforcer, Name: enforcerName, Capabilities: []mimi.Capability{mimi.CanKick}, MaxActive: mimi.AtMost(0), MaxParticipants: mimi.AtMost(0)}
}

// plannedSystems reads the system users of a document.
func (s *Service) plannedSystems(d *roomdoc.Document, now time.Time) (all []mls.ExternalSender, err error) {
	for _, e := range d.SystemAuth {
		u, err := s.documentUser(e.Name)
		if err != nil {
			return nil, err
		}
		sender, err := systemSender(u, &e)
		switch {
		case err != nil:
			return nil, err
		case u.Provider() == s.cfg.Provider:
			return nil, fmt.Errorf("%s is of this provider, whose system user is %s", e.Name, s.systemName())
		case len(e.Key) != len(s.cfg.Hub.Public):
			return nil, fmt.Errorf("the key of %s is not one of the room's cipher suite", e.Name)
		case bytes.Equal(e.Key, s.cfg.Hub.Public):
			return nil, fmt.Errorf("the key of %s is that of this provider", e.Name)
		}
		if err := s.credible(sender.Credential, sender.SignatureKey, now); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		all = append(all, sender)
	}
	return all, nil
}

// systemSender is a system user as it stands in external_senders: with the credential of the document, a basic one if that has none.
func systemSender(u mimi.URI, e *roomdoc.SystemUser) (mls.ExternalSender, error) {
	client, err := mimi.ClientURI(u.Provider(), u.Name(), deviceName)
	if err != nil {
		return mls.ExternalSender{}, errors.New("no system user can have the name " + u.String())
	}
	sender := mls.ExternalSender{SignatureKey: slices.Clone(e.Key), Credential: mimi.BasicCredential(client)}
	if len(e.Certificates) == 0 {
		return sender, nil
	}
	sender.Credential = mls.Credential{Type: mls.CredentialX509, Certificates: e.Certificates}
	if named, err := mimi.CredentialClient(sender.Credential); err != nil || named.ClientUser() != u {
		return mls.ExternalSender{}, errors.New("the certificate is not one of " + u.String())
	}
	return sender, nil
}

// systemUser is who an external sender is, if it is not our hub.
func (s *Service) systemUser(e *mls.ExternalSender) (mimi.URI, bool) {
	client, err := mimi.CredentialClient(e.Credential)
	if err != nil || client == s.hubClient() {
		return mimi.URI{}, false
	}
	return client.ClientUser(), true
}

// documentSystems are the system users of other providers that the group knows.
func (r *Room) documentSystems(name func(mimi.URI) string) (all []roomdoc.SystemUser) {
	senders := mimi.ExternalSenders(r.hub.Group().Public().Context().Extensions)
	for i := range senders {
		if u, is := r.svc.systemUser(&senders[i]); is {
			all = append(all, roomdoc.SystemUser{Name: name(u), Key: senders[i].SignatureKey, Certificates: senders[i].Credential.Certificates})
		}
	}
	return all
}
