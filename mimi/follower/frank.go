package follower

import (
	"bytes"
	"errors"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// frank verifies the hub's stamp on a message: the group's franking agent is the hub's and signed it, for this sender, room and time
// (draft-ietf-mimi-protocol-06 §5.4.1, receiver verification). Without a stamp there is neither stamp nor error. That the sender has committed to the
// content is for whoever can read the content.
func (t *turn) frank(pg *mls.PublicGroup, f *mimi.Frank, c *mimi.FrankingContext) (*mimi.Frank, error) {
	if f == nil {
		return nil, nil
	}
	agent, ok := mimi.AgentOf(pg)
	if !ok {
		return nil, errors.New("the group has no franking agent")
	}
	client, err := mimi.CredentialClient(agent.Credential)
	switch {
	case err != nil:
		return nil, err
	case client.Provider() != t.r.Hub():
		return nil, errors.New("the franking agent is not the hub's")
	case !isSender(pg, agent) && pg.CheckCredential(agent.Credential, agent.SignatureKey, 0) != nil:
		return nil, errors.New("nobody vouches for the franking agent")
	case f.Suite != pg.Suite():
		return nil, errors.New("signed by another cipher suite than the group's")
	}
	if err := f.Verify(agent.SignatureKey, c); err != nil {
		return nil, err
	}
	return f, nil
}

// isSender says that a franking agent is, with the same credential, an external sender of its group, and so was verified with that.
func isSender(pg *mls.PublicGroup, agent *mimi.FrankingAgent) bool {
	data := wire.Marshal(agent)
	return slices.ContainsFunc(mimi.ExternalSenders(pg.Context().Extensions), func(s mls.ExternalSender) bool {
		return bytes.Equal(data, wire.Marshal(&mimi.FrankingAgent{SignatureKey: s.SignatureKey, Credential: s.Credential}))
	})
}
