package mimi

import (
	"slices"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// FrankingAgent is the data of ComponentFrankingAgent in a GroupContext (draft-ietf-mimi-protocol-06 §5.4.1): whose signature stands on franks.
type FrankingAgent struct {
	SignatureKey mls.SignaturePublicKey
	Credential   mls.Credential
}

func (a *FrankingAgent) MarshalTLS(w *wire.Writer) {
	w.Opaque(a.SignatureKey)
	a.Credential.MarshalTLS(w)
}

func (a *FrankingAgent) UnmarshalTLS(r *wire.Reader) {
	*a = FrankingAgent{}
	a.SignatureKey = r.At("FrankingAgentData.franking_signature_key").Opaque()
	a.Credential.UnmarshalTLS(r)
}

// AgentOf reads the franking agent of a group. False: there is none that can be read.
func AgentOf(pg *mls.PublicGroup) (*FrankingAgent, bool) {
	data, ok := pg.AppData(ComponentFrankingAgent)
	if !ok {
		return nil, false
	}
	a, err := unmarshal[FrankingAgent](data)
	return a, err == nil
}

// FrankingAAD is the authenticated data of a message with a franking tag in a group with safe_aad.
func FrankingAAD(tag [32]byte) []byte {
	return wire.Marshal(mls.SafeAAD{{Component: ComponentFrankAAD, Data: tag[:]}})
}

// CommittedAAD is the authenticated data by which a sender commits to content with this salt, in a group with a franking agent. False: the group has
// none, or no place for it.
func CommittedAAD(pg *mls.PublicGroup, salt, applicationData []byte) ([]byte, bool) {
	if _, safe := pg.AppData(mls.ComponentSafeAAD); !safe {
		return nil, false
	}
	if _, ok := AgentOf(pg); !ok {
		return nil, false
	}
	return FrankingAAD(FrankingTag(salt, applicationData)), true
}

// TagOf finds the franking tag in the authenticated data of a message.
func TagOf(aad []byte) (tag [32]byte, ok bool) {
	var items mls.SafeAAD
	if wire.Unmarshal(aad, &items) != nil {
		return tag, false
	}
	i := slices.IndexFunc(items, func(item mls.SafeAADItem) bool { return item.Component == ComponentFrankAAD })
	if i < 0 || len(items[i].Data) != len(tag) {
		return tag, false
	}
	return [32]byte(items[i].Data), true
}
