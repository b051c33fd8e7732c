package hub

import (
	"bytes"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func marshalFanout(messages ...*mimi.FanoutMessage) []byte {
	w := wire.NewWriter(nil)
	for _, m := range messages {
		m.MarshalTLS(w)
	}
	return w.Bytes()
}

// tell gives the same message to all providers but one.
func tell(providers []string, except string, m *mimi.FanoutMessage) []Fanout {
	var out []Fanout
	var body []byte
	for _, provider := range providers {
		if provider == except {
			continue
		}
		if body == nil {
			body = marshalFanout(m)
		}
		out = append(out, Fanout{provider, body})
	}
	return out
}

// addition is a client that a commit adds by an Add proposal.
type addition struct {
	ref    mls.KeyPackageRef
	client mimi.URI
}

func additions(e *mls.Effects) ([]addition, error) {
	var list []addition
	for _, p := range e.Proposals {
		add, ok := p.Proposal.(mls.Add)
		if !ok {
			continue
		}
		ref, err := add.KeyPackage.Ref()
		if err != nil {
			return nil, err
		}
		client, err := mimi.CredentialClient(add.KeyPackage.LeafNode.Credential)
		if err != nil {
			return nil, err
		}
		list = append(list, addition{ref, client})
	}
	return list, nil
}

// commitFanout is the commit for every provider that had a client in the group, and for each provider of an added client its share of
// the Welcome behind it: a provider needs no other client's secrets.
func (r *Room) commitFanout(at uint64, origin string, commit *mls.Message, welcome *mls.Welcome, added []addition, after *mls.PublicGroup) []Fanout {
	out := tell(r.followers, origin, &mimi.FanoutMessage{Timestamp: at, Message: commit})
	if welcome == nil {
		return out
	}
	shares := map[string]*mls.Welcome{}
	names := map[string]bool{}
	for _, secrets := range welcome.Secrets {
		i := slices.IndexFunc(added, func(a addition) bool { return bytes.Equal(a.ref, secrets.NewMember) })
		provider := r.welcomeProvider(added[i].ref, added[i].client)
		if provider == r.provider() {
			continue
		}
		if shares[provider] == nil {
			shares[provider] = &mls.Welcome{Suite: welcome.Suite, EncryptedGroupInfo: welcome.EncryptedGroupInfo}
			names[provider] = true
		}
		shares[provider].Secrets = append(shares[provider].Secrets, secrets)
	}
	tree := mimi.RatchetTreeOption{Representation: mimi.TreeFull, Tree: after.Tree()}
	for _, provider := range sorted(names) {
		body := marshalFanout(&mimi.FanoutMessage{
			Timestamp:   at,
			Message:     &mls.Message{Format: mls.WireFormatWelcome, Welcome: shares[provider]},
			RatchetTree: tree,
		})
		if i := slices.IndexFunc(out, func(f Fanout) bool { return f.Provider == provider }); i >= 0 {
			out[i].Body = slices.Concat(out[i].Body, body)
		} else {
			out = append(out, Fanout{provider, body})
		}
	}
	return out
}
