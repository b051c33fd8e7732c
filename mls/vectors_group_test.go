package mls

import (
	"bytes"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

func init() {
	vectors["welcome"] = vectorWelcome
	vectors["passive-client-welcome"] = vectorPassiveClient
	vectors["passive-client-handling-commit"] = vectorPassiveClient
	vectors["passive-client-random"] = vectorPassiveClient
}

func decodeMessage(t *testing.T, b []byte) *Message {
	t.Helper()
	m := new(Message)
	if err := wire.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// §12.4.3.1: a Welcome opens, its GroupInfo is signed, and the epoch it leads to confirms the transcript.
func vectorWelcome(t *testing.T, file string) {
	type testCase struct {
		Suite      uint16   `json:"cipher_suite"`
		InitPriv   hexBytes `json:"init_priv"`
		KeyPackage hexBytes `json:"key_package"`
		SignerPub  hexBytes `json:"signer_pub"`
		Welcome    hexBytes `json:"welcome"`
	}
	eachSuite(t, loadVectors[testCase](t, file), func(c *testCase) uint16 { return c.Suite }, func(t *testing.T, s *suite.Suite, c *testCase) {
		w := decodeMessage(t, c.Welcome).Welcome
		kp := &KeyPackageSecrets{KeyPackage: *decodeMessage(t, c.KeyPackage).KeyPackage, Init: HPKEPrivateKey(c.InitPriv)}
		_, opened, err := openWelcome(w, kp)
		if err != nil {
			t.Fatal(err)
		}
		join := &joinSecrets{opened.JoinerSecret, nil}
		gi, err := join.open(s, w.EncryptedGroupInfo)
		if err != nil {
			t.Fatal(err)
		}
		if err := gi.verifySignature(s, SignaturePublicKey(c.SignerPub)); err != nil {
			t.Fatal(err)
		}
		if !join.epoch(s, &gi.Context).verifyConfirmationTag(s, gi.Context.ConfirmedTranscriptHash, gi.ConfirmationTag) {
			t.Fatal("confirmation tag does not match")
		}
	})
}

// A client that joins by Welcome and follows the group's epochs. Its value is stored and loaded again after every epoch.
func vectorPassiveClient(t *testing.T, file string) {
	type testCase struct {
		Suite        uint16 `json:"cipher_suite"`
		ExternalPSKs []struct {
			ID  hexBytes `json:"psk_id"`
			PSK hexBytes `json:"psk"`
		} `json:"external_psks"`
		KeyPackage    hexBytes  `json:"key_package"`
		SignaturePriv hexBytes  `json:"signature_priv"`
		Encryption    hexBytes  `json:"encryption_priv"`
		Init          hexBytes  `json:"init_priv"`
		Welcome       hexBytes  `json:"welcome"`
		Tree          *hexBytes `json:"ratchet_tree"`
		Authenticator hexBytes  `json:"initial_epoch_authenticator"`
		Epochs        []struct {
			Proposals     []hexBytes `json:"proposals"`
			Commit        hexBytes   `json:"commit"`
			Authenticator hexBytes   `json:"epoch_authenticator"`
		} `json:"epochs"`
	}
	epochs := 0
	eachSuite(t, loadVectors[testCase](t, file), func(c *testCase) uint16 { return c.Suite }, func(t *testing.T, s *suite.Suite, c *testCase) {
		psks := map[string][]byte{}
		for _, p := range c.ExternalPSKs {
			psks[string(p.ID)] = p.PSK
		}
		cfg := Config{PastEpochs: 4, ExternalPSK: func(id []byte) ([]byte, bool) {
			psk, found := psks[string(id)]
			return psk, found
		}}
		kp := &KeyPackageSecrets{KeyPackage: *decodeMessage(t, c.KeyPackage).KeyPackage, Init: HPKEPrivateKey(c.Init),
			Leaf: HPKEPrivateKey(c.Encryption), Signature: SignaturePrivateKey(c.SignaturePriv)}
		p := JoinParams{PSKs: psks, Config: cfg}
		if c.Tree != nil {
			if err := wire.Unmarshal(*c.Tree, &p.Tree); err != nil {
				t.Fatal(err)
			}
		}
		g, err := Join(decodeMessage(t, c.Welcome).Welcome, kp, p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(g.EpochAuthenticator(), c.Authenticator) {
			t.Fatal("wrong epoch authenticator after joining")
		}
		for i, e := range c.Epochs {
			for _, b := range e.Proposals {
				if g, _, err = g.AddProposal(decodeMessage(t, b)); err != nil {
					t.Fatalf("epoch %d: %v", i, err)
				}
			}
			staged, err := g.StageCommit(decodeMessage(t, e.Commit))
			if err != nil {
				t.Fatalf("epoch %d: %v", i, err)
			}
			g = staged.Group
			if !bytes.Equal(g.EpochAuthenticator(), e.Authenticator) {
				t.Fatalf("epoch %d: wrong epoch authenticator", i)
			}
			if err := g.checkInvariant(); err != nil {
				t.Fatalf("epoch %d: %v", i, err)
			}
			epochs++
		}
	})
	t.Logf("%d epochs followed", epochs)
}
