package mls

import (
	"bytes"
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

type keyScheduleCase struct {
	CipherSuite       uint16   `json:"cipher_suite"`
	GroupID           hexBytes `json:"group_id"`
	InitialInitSecret hexBytes `json:"initial_init_secret"`
	Epochs            []struct {
		TreeHash                hexBytes `json:"tree_hash"`
		CommitSecret            hexBytes `json:"commit_secret"`
		PSKSecret               hexBytes `json:"psk_secret"`
		ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
		GroupContext            hexBytes `json:"group_context"`
		JoinerSecret            hexBytes `json:"joiner_secret"`
		WelcomeSecret           hexBytes `json:"welcome_secret"`
		InitSecret              hexBytes `json:"init_secret"`
		SenderDataSecret        hexBytes `json:"sender_data_secret"`
		EncryptionSecret        hexBytes `json:"encryption_secret"`
		ExporterSecret          hexBytes `json:"exporter_secret"`
		EpochAuthenticator      hexBytes `json:"epoch_authenticator"`
		ExternalSecret          hexBytes `json:"external_secret"`
		ConfirmationKey         hexBytes `json:"confirmation_key"`
		MembershipKey           hexBytes `json:"membership_key"`
		ResumptionPSK           hexBytes `json:"resumption_psk"`
		ExternalPub             hexBytes `json:"external_pub"`
		Exporter                struct {
			Label   string
			Context hexBytes
			Length  int
			Secret  hexBytes
		}
	}
}

func vectorKeySchedule(t *testing.T, file string) {
	cases := loadVectors[keyScheduleCase](t, file)
	eachSuite(t, cases, func(c *keyScheduleCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *keyScheduleCase) {
		init := []byte(c.InitialInitSecret)
		for i, e := range c.Epochs {
			context := wire.Marshal(&GroupContext{
				Version: ProtocolVersionMLS10, Suite: CipherSuite(c.CipherSuite), GroupID: c.GroupID, Epoch: Epoch(i),
				TreeHash: e.TreeHash, ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
			})
			joiner := schedule.Joiner(st, init, e.CommitSecret, context)
			s := schedule.Epoch(st, joiner, e.PSKSecret, context)
			_, externalPub := st.DeriveKeyPair(s.External)
			for _, v := range []struct {
				name      string
				got, want []byte
			}{
				{"group_context", context, e.GroupContext},
				{"joiner_secret", joiner, e.JoinerSecret},
				{"welcome_secret", s.Welcome, e.WelcomeSecret},
				{"welcome_secret of a joiner", schedule.Welcome(st, joiner, e.PSKSecret), e.WelcomeSecret},
				{"init_secret", s.Init, e.InitSecret},
				{"sender_data_secret", s.SenderData, e.SenderDataSecret},
				{"encryption_secret", s.Encryption, e.EncryptionSecret},
				{"exporter_secret", s.Exporter, e.ExporterSecret},
				{"epoch_authenticator", s.Authenticator, e.EpochAuthenticator},
				{"external_secret", s.External, e.ExternalSecret},
				{"confirmation_key", s.Confirmation, e.ConfirmationKey},
				{"membership_key", s.Membership, e.MembershipKey},
				{"resumption_psk", s.Resumption, e.ResumptionPSK},
				{"external_pub", externalPub, e.ExternalPub},
				{"exporter", schedule.Export(st, s.Exporter, e.Exporter.Label, e.Exporter.Context, e.Exporter.Length), e.Exporter.Secret},
			} {
				if !bytes.Equal(v.got, v.want) {
					t.Errorf("epoch %d: %s is %x, want %x", i, v.name, v.got, v.want)
				}
			}
			init = s.Init
		}
	})
}

type pskSecretCase struct {
	CipherSuite uint16 `json:"cipher_suite"`
	PSKs        []struct {
		ID    hexBytes `json:"psk_id"`
		PSK   hexBytes
		Nonce hexBytes `json:"psk_nonce"`
	}
	PSKSecret hexBytes `json:"psk_secret"`
}

func vectorPSKSecret(t *testing.T, file string) {
	cases := loadVectors[pskSecretCase](t, file)
	eachSuite(t, cases, func(c *pskSecretCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *pskSecretCase) {
		var psks []schedule.PSK
		for _, p := range c.PSKs {
			id := PreSharedKeyID{Type: PSKExternal, ID: p.ID, Nonce: p.Nonce}
			psks = append(psks, schedule.PSK{ID: wire.Marshal(&id), Secret: p.PSK})
		}
		if got := schedule.PSKSecret(st, psks); !bytes.Equal(got, c.PSKSecret) {
			t.Errorf("%d PSKs: %x, want %x", len(psks), got, c.PSKSecret)
		}
	})
}

type secretTreeCase struct {
	CipherSuite      uint16   `json:"cipher_suite"`
	EncryptionSecret hexBytes `json:"encryption_secret"`
	SenderData       struct {
		Secret     hexBytes `json:"sender_data_secret"`
		Ciphertext hexBytes
		Key        hexBytes
		Nonce      hexBytes
	} `json:"sender_data"`
	Leaves [][]struct {
		Generation       uint32
		HandshakeKey     hexBytes `json:"handshake_key"`
		HandshakeNonce   hexBytes `json:"handshake_nonce"`
		ApplicationKey   hexBytes `json:"application_key"`
		ApplicationNonce hexBytes `json:"application_nonce"`
	}
}

func vectorSecretTree(t *testing.T, file string) {
	cases := loadVectors[secretTreeCase](t, file)
	eachSuite(t, cases, func(c *secretTreeCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *secretTreeCase) {
		key, nonce := schedule.SenderDataKey(st, c.SenderData.Secret, c.SenderData.Ciphertext)
		if !bytes.Equal(key, c.SenderData.Key) || !bytes.Equal(nonce, c.SenderData.Nonce) {
			t.Errorf("sender data key %x, nonce %x", key, nonce)
		}
		tree := schedule.NewSecretTree(st, c.EncryptionSecret, treemath.FullSize(uint32(len(c.Leaves))))
		check := func(leaf int, which schedule.Ratchet, generation uint32, key, nonce []byte) {
			next, got, err := tree.Key(treemath.LeafIndex(leaf), which, generation)
			if err != nil {
				t.Fatal(err)
			}
			tree = next
			if !bytes.Equal(got.Key, key) || !bytes.Equal(got.Nonce, nonce) {
				t.Errorf("leaf %d, ratchet %d, generation %d: %x %x", leaf, which, generation, got.Key, got.Nonce)
			}
		}
		for leaf, generations := range c.Leaves {
			for _, g := range generations {
				check(leaf, schedule.HandshakeRatchet, g.Generation, g.HandshakeKey, g.HandshakeNonce)
				check(leaf, schedule.ApplicationRatchet, g.Generation, g.ApplicationKey, g.ApplicationNonce)
			}
		}
	})
}

type messageProtectionCase struct {
	CipherSuite             uint16   `json:"cipher_suite"`
	GroupID                 hexBytes `json:"group_id"`
	Epoch                   Epoch
	TreeHash                hexBytes `json:"tree_hash"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	SignaturePriv           hexBytes `json:"signature_priv"`
	SignaturePub            hexBytes `json:"signature_pub"`
	EncryptionSecret        hexBytes `json:"encryption_secret"`
	SenderDataSecret        hexBytes `json:"sender_data_secret"`
	MembershipKey           hexBytes `json:"membership_key"`
	Proposal                hexBytes
	ProposalPub             hexBytes `json:"proposal_pub"`
	ProposalPriv            hexBytes `json:"proposal_priv"`
	Commit                  hexBytes
	CommitPub               hexBytes `json:"commit_pub"`
	CommitPriv              hexBytes `json:"commit_priv"`
	Application             hexBytes
	ApplicationPriv         hexBytes `json:"application_priv"`
}

// Each message opens to its plaintext; the same plaintext protected anew opens again; a changed byte is refused.
func vectorMessageProtection(t *testing.T, file string) {
	cases := loadVectors[messageProtectionCase](t, file)
	eachSuite(t, cases, func(c *messageProtectionCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *messageProtectionCase) {
		p := protection{st, c, wire.Marshal(&GroupContext{
			Version: ProtocolVersionMLS10, Suite: CipherSuite(c.CipherSuite), GroupID: c.GroupID, Epoch: c.Epoch,
			TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
		})}
		for _, m := range []struct {
			name             string
			kind             ContentType
			plain, pub, priv []byte
		}{
			{"proposal", ContentProposal, c.Proposal, c.ProposalPub, c.ProposalPriv},
			{"commit", ContentCommit, c.Commit, c.CommitPub, c.CommitPriv},
			{"application", ContentApplication, c.Application, nil, c.ApplicationPriv},
		} {
			for _, encoded := range [][]byte{m.pub, m.priv} {
				if encoded == nil {
					continue
				}
				a, err := p.open(encoded)
				if err != nil {
					t.Fatalf("%s: %v", m.name, err)
				}
				if got := bodyOf(a); !bytes.Equal(got, m.plain) {
					t.Fatalf("%s opens to %x, want %x", m.name, got, m.plain)
				}
				again := p.protect(t, m.kind, a)
				b, err := p.open(again)
				if err != nil {
					t.Fatalf("own %s: %v", m.name, err)
				}
				if got := bodyOf(b); !bytes.Equal(got, m.plain) {
					t.Fatalf("own %s opens to %x, want %x", m.name, got, m.plain)
				}
				for _, i := range []int{len(again) - 1, len(again) / 2, 30} {
					bad := bytes.Clone(again)
					bad[i] ^= 1
					if _, err := p.open(bad); err == nil {
						t.Fatalf("own %s with byte %d of %d changed was accepted", m.name, i, len(bad))
					}
				}
			}
		}
	})
}

type protection struct {
	st      *suite.Suite
	c       *messageProtectionCase
	context []byte
}

// tree is the secret tree of the vectors: two leaves, of which leaf 1 sends.
func (p protection) tree() schedule.SecretTree {
	return schedule.NewSecretTree(p.st, p.c.EncryptionSecret, 2)
}

func (p protection) open(encoded []byte) (*authenticatedContent, error) {
	var m Message
	if err := wire.Unmarshal(encoded, &m); err != nil {
		return nil, err
	}
	var a *authenticatedContent
	if m.Format == WireFormatPublicMessage {
		var err error
		if a, err = m.Public.unprotect(p.st, p.c.MembershipKey, p.context); err != nil {
			return nil, err
		}
	} else {
		d, err := m.Private.openSenderData(p.st, p.c.SenderDataSecret)
		if err != nil {
			return nil, err
		}
		_, key, err := p.tree().Key(treemath.LeafIndex(d.Leaf), ratchetOf(m.Private.ContentType), d.Generation)
		if err != nil {
			return nil, err
		}
		if a, err = m.Private.openContent(p.st, d, key); err != nil {
			return nil, err
		}
	}
	return a, a.verifySignature(p.st, SignaturePublicKey(p.c.SignaturePub), p.context)
}

// protect signs and encodes content anew, in the wire format in which a came.
func (p protection) protect(t *testing.T, kind ContentType, a *authenticatedContent) []byte {
	t.Helper()
	own := *a
	own.Auth.Signature = nil
	if err := own.sign(p.st, SignaturePrivateKey(p.c.SignaturePriv), p.context); err != nil {
		t.Fatal(err)
	}
	if own.WireFormat == WireFormatPublicMessage {
		return wire.Marshal(&Message{Format: own.WireFormat, Public: own.protectPublic(p.st, p.c.MembershipKey, p.context)})
	}
	tree, err := p.tree().Reserve(1, ratchetOf(kind), 5)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := tree.Next(1, ratchetOf(kind))
	if err != nil {
		t.Fatal(err)
	}
	m := own.protectPrivate(p.st, p.c.SenderDataSecret, key, [4]byte{1, 2, 3, 4}, 17)
	return wire.Marshal(&Message{Format: own.WireFormat, Private: m})
}

// bodyOf encodes the content as the vectors have it: application data without its length.
func bodyOf(a *authenticatedContent) []byte {
	if a.Content.ContentType == ContentApplication {
		return a.Content.Application
	}
	var w wire.Writer
	a.Content.marshalBody(&w)
	return w.Bytes()
}
