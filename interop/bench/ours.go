package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"anteroom/mls"
	"anteroom/mls/wire"
)

const (
	suite       = mls.SuiteX25519AES128SHA256Ed25519
	repetitions = 9
)

// world makes clients and groups from a fixed sequence of seeds.
type world struct {
	n      uint64
	budget time.Duration
}

func (w *world) seed() mls.Seed {
	w.n++
	return mls.Seed{}.Derive("bench", fmt.Appendf(nil, "%d", w.n))
}

func (w *world) client() (*mls.KeyPackageSecrets, error) {
	signer, err := mls.NewSigner(suite, w.seed())
	if err != nil {
		return nil, err
	}
	return mls.NewKeyPackage(w.seed(), mls.KeyPackageParams{
		Signer:     signer,
		Credential: mls.Credential{Type: mls.CredentialBasic, Identity: fmt.Appendf(nil, "user%d", w.n)},
		Capabilities: mls.Capabilities{
			Versions:     []mls.ProtocolVersion{mls.ProtocolVersionMLS10},
			CipherSuites: []mls.CipherSuite{suite},
			Credentials:  []mls.CredentialType{mls.CredentialBasic, mls.CredentialX509},
		},
		Lifetime: mls.Lifetime{NotAfter: 1 << 40},
	})
}

func (w *world) clients(n int) ([]*mls.KeyPackageSecrets, error) {
	out := make([]*mls.KeyPackageSecrets, n)
	for i := range out {
		var err error
		if out[i], err = w.client(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// errDone of a timed function says that there is nothing more to repeat.
var errDone = errors.New("done")

// timed repeats f and returns its median time.
func (w *world) timed(f func() error) (time.Duration, error) {
	var times []time.Duration
	for end := time.Now().Add(w.budget); len(times) == 0 || len(times) < repetitions && time.Now().Before(end); {
		begin := time.Now()
		err := f()
		if err == errDone && len(times) > 0 {
			break
		}
		if err != nil {
			return 0, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

func adds(clients []*mls.KeyPackageSecrets) (out []mls.Proposal) {
	for _, c := range clients {
		out = append(out, mls.Add{KeyPackage: c.KeyPackage})
	}
	return out
}

func encodeKeyPackage(kp *mls.KeyPackage) []byte {
	return wire.Marshal(&mls.Message{Format: mls.WireFormatKeyPackage, KeyPackage: kp})
}

func encodeGroupInfo(g *mls.Group) ([]byte, error) {
	gi, err := g.GroupInfo(g.Local()[0], true)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(&mls.Message{Format: mls.WireFormatGroupInfo, GroupInfo: gi}), nil
}

func decode(b []byte) (*mls.Message, error) {
	m := new(mls.Message)
	return m, wire.Unmarshal(b, m)
}

func join(welcome []byte, kp *mls.KeyPackageSecrets) (*mls.Group, error) {
	m, err := decode(welcome)
	if err != nil {
		return nil, err
	}
	return mls.Join(m.Welcome, kp, mls.JoinParams{})
}

func process(g *mls.Group, commit []byte) (*mls.Group, error) {
	m, err := decode(commit)
	if err != nil {
		return nil, err
	}
	staged, err := g.StageCommit(m)
	if err != nil {
		return nil, err
	}
	return staged.Group, nil
}
