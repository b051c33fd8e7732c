package mls

import (
	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// epochSecrets are the secrets of one epoch that all members share (§8), without the root of the secret tree. They are immutable.
type epochSecrets schedule.Secrets

// joinSecrets is what a Welcome carries of an epoch.
type joinSecrets struct{ joiner, psk []byte }

// advanceSecrets runs the key schedule from one epoch to the next (§8). commitSecret is nil without path.
func advanceSecrets(s *suite.Suite, initSecret, commitSecret, pskSecret []byte, context *GroupContext) (*joinSecrets, *epochSecrets) {
	join := &joinSecrets{joiner: schedule.Joiner(s, initSecret, commitSecret, wire.Marshal(context)), psk: pskSecret}
	return join, join.epoch(s, context)
}

// epoch derives the epoch's secrets.
func (j *joinSecrets) epoch(s *suite.Suite, context *GroupContext) *epochSecrets {
	e := epochSecrets(schedule.Epoch(s, j.joiner, j.psk, wire.Marshal(context)))
	e.Welcome = nil
	return &e
}

func (j *joinSecrets) seal(s *suite.Suite, groupInfo []byte) []byte {
	key, nonce := schedule.WelcomeKey(s, schedule.Welcome(s, j.joiner, j.psk))
	return s.Seal(nil, key, nonce, nil, groupInfo)
}

func (j *joinSecrets) open(s *suite.Suite, encrypted []byte) (*GroupInfo, error) {
	key, nonce := schedule.WelcomeKey(s, schedule.Welcome(s, j.joiner, j.psk))
	plain, err := s.Open(nil, key, nonce, nil, encrypted)
	if err != nil {
		return nil, invalid("9420-12.4.3.1-decrypt", "GroupInfo: "+err.Error())
	}
	gi := new(GroupInfo)
	if err := wire.Unmarshal(plain, gi); err != nil {
		return nil, invalid("9420-12.4.3.1-encoding", err.Error())
	}
	return gi, nil
}

// pskSecret combines the PSKs that a commit or Welcome names, in order (§8.4).
func pskSecret(s *suite.Suite, ids []PreSharedKeyID, lookup func(*PreSharedKeyID) ([]byte, error)) ([]byte, error) {
	psks := make([]schedule.PSK, len(ids))
	for i := range ids {
		secret, err := lookup(&ids[i])
		if err != nil {
			return nil, err
		}
		psks[i] = schedule.PSK{ID: wire.Marshal(&ids[i]), Secret: secret}
	}
	return schedule.PSKSecret(s, psks), nil
}

func (e *epochSecrets) confirmationTag(s *suite.Suite, confirmedTranscriptHash []byte) []byte {
	return s.MAC(e.Confirmation, confirmedTranscriptHash)
}

func (e *epochSecrets) verifyConfirmationTag(s *suite.Suite, confirmedTranscriptHash, tag []byte) bool {
	return s.VerifyMAC(e.Confirmation, confirmedTranscriptHash, tag)
}

// externalKey is the key pair by which outsiders send an init secret (§8).
func (e *epochSecrets) externalKey(s *suite.Suite) (HPKEPrivateKey, HPKEPublicKey) {
	return s.DeriveKeyPair(e.External)
}
