package sim

import (
	"fmt"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mls"
	"anteroom/mucmap"
)

// certificateServes is how long after it was issued a certificate is to be renewed, in these histories.
const certificateServes = 30 * time.Minute

// certificates are credentials by one authority for each provider, issued as if long ago, so that they are to be renewed soon.
func certificates(t *testing.T) Credentials {
	t.Helper()
	circle := pkitest.New(t, time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC), "a.example", "b.example", "c.example")
	return Credentials{Authenticate: circle.Verifier().Authenticate,
		Issue: func(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
			return circle.Issue(client, suite, key, now.Add(certificateServes-aged))
		}}
}

// aged is how old a certificate is that is to be renewed.
const aged = (pki.LeafLifetime+pki.Backdate)*2/3 - pki.Backdate

// certified holds that every leaf has a certificate that is believed, and was renewed in time, and so has every external sender, the hub that is, and the
// franking agent.
func (w *World) certified(hub, name string, c Credentials) error {
	for p, g := range w.groups(hub, name) {
		senders := mimi.ExternalSenders(g.Public().Context().Extensions)
		agent, franks := mimi.AgentOf(g.Public())
		if !franks || len(senders) != 1 {
			return fmt.Errorf("%s: %d external senders, a franking agent: %v", p, len(senders), franks)
		}
		senders = append(senders, mls.ExternalSender{SignatureKey: agent.SignatureKey, Credential: agent.Credential})
		for i, s := range senders {
			if s.Credential.Type != mls.CredentialX509 {
				return fmt.Errorf("%s: the hub, entry %d, has no certificate", p, i)
			}
			if err := c.Authenticate(s.Credential, s.SignatureKey, uint64(w.Now.Unix())); err != nil {
				return fmt.Errorf("%s: the hub, entry %d: %w", p, i, err)
			}
			if mimi.CredentialDue(s.Credential, w.Now.Add(-mucmap.HubRenewalSpread-2*mucmap.MaxRenewalPause)) {
				return fmt.Errorf("%s: the certificate of the hub, entry %d, was not renewed, it is %v", p, i, w.Now)
			}
		}
		for i, node := range g.Public().Leaves() {
			if node.Credential.Type != mls.CredentialX509 {
				return fmt.Errorf("%s: leaf %d has no certificate", p, i)
			}
			if err := c.Authenticate(node.Credential, node.SignatureKey, uint64(w.Now.Unix())); err != nil {
				return fmt.Errorf("%s: leaf %d: %w", p, i, err)
			}
			if mimi.CredentialDue(node.Credential, w.Now.Add(-RenewEncryption-4*mucmap.MaxRenewalPause)) {
				from, _, _ := mimi.CredentialValidity(node.Credential)
				return fmt.Errorf("%s: the certificate of leaf %d, %s, was not renewed since %v, it is %v", p, i, mimi.CredentialName(node.Credential), from.Add(pki.Backdate+aged-certificateServes), w.Now)
			}
		}
	}
	return nil
}

// Providers whose users have certificates meet, renew them, and go on; a provider that nobody vouches for does not get in.
func TestCertificatesAcrossProviders(t *testing.T) {
	c := certificates(t)
	w := NewWith(1, c, "a.example", "b.example", "d.example")
	juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	romeo := w.User("romeo@b.example/orchard", "garden%a.example@rooms.b.example", "Romeo")
	eve := w.User("eve@d.example/dark", "garden%a.example@rooms.d.example", "Eve")
	for _, u := range []*User{juliet, romeo} {
		u.Join()
		settle(t, w)
	}
	first := map[string]bool{}
	for _, node := range w.groups("a.example", "garden")["a.example"].Public().Leaves() {
		first[string(node.Credential.Certificates[0])] = true
	}
	hub, _ := mimi.SenderOf(w.groups("a.example", "garden")["b.example"].Public().Context().Extensions, "a.example")
	first[string(hub.Credential.Certificates[0])] = true
	if err := w.certified("a.example", "garden", c); err != nil {
		t.Fatal(err)
	}
	eve.Join()
	settle(t, w)
	if len(eve.View()) > 0 {
		t.Errorf("eve, for whom nobody vouches, is in: %q", eve.View())
	}
	if err := w.hours(12); err != nil {
		t.Fatal(err)
	}
	groups := w.groups("a.example", "garden")
	if err := agree(groups, "a.example"); err != nil {
		t.Fatal(err)
	}
	if err := w.certified("a.example", "garden", c); err != nil {
		t.Fatal(err)
	}
	for p, g := range groups {
		for i, node := range g.Public().Leaves() {
			if first[string(node.Credential.Certificates[0])] {
				t.Errorf("%s: leaf %d has its first certificate after 12 hours", p, i)
			}
		}
	}
	for p, g := range groups {
		if hub, _ := mimi.SenderOf(g.Public().Context().Extensions, "a.example"); first[string(hub.Credential.Certificates[0])] {
			t.Errorf("%s: the hub has its first certificate after 12 hours", p)
		}
	}
	romeo.Say("still me")
	settle(t, w)
	if texts := juliet.Texts(); len(texts) != 1 || texts[0] != "still me" {
		t.Errorf("juliet hears %q", texts)
	}

	// The check fails where certificates were not renewed, or are none.
	w.Now = w.Now.Add(24 * time.Hour)
	if w.certified("a.example", "garden", c) == nil {
		t.Error("certificates that nobody renewed are not noticed")
	}
	w, _, _, _ = meeting(t)
	if w.certified("a.example", "garden", c) == nil {
		t.Error("leaves without certificates are not noticed")
	}
}
