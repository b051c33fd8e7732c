package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// SupportedComponents lists the components that this package understands, for app_components (draft-ietf-mls-extensions §4.3).
func SupportedComponents() mls.ComponentsList {
	return mls.ComponentsList{
		mls.ComponentAppComponents, mls.ComponentSafeAAD,
		ComponentFrankAAD, ComponentFrankingAgent, ComponentParticipantList, ComponentRoomMetadata, ComponentRolesList, ComponentPreauthList, ComponentBaseRoomPolicy,
		ComponentStatusNotification, ComponentJoinLinkPolicy, ComponentJoinLinks, ComponentLinkPreviewPolicy, ComponentAssetPolicy, ComponentLoggingPolicy,
		ComponentChatHistoryPolicy, ComponentBotPolicy, ComponentMessageExpiration, ComponentOperationalPolicy,
		ComponentAnteroomNick, ComponentAnteroomReason, ComponentAnteroomActor, ComponentAnteroomAlternate,
	}
}

// SupportedSafeAAD lists the components whose items this package understands in authenticated data (§4.9).
func SupportedSafeAAD() mls.ComponentsList {
	return mls.ComponentsList{ComponentFrankAAD, ComponentAnteroomReason, ComponentAnteroomActor, ComponentAnteroomAlternate}
}

// requiredComponents lists what everybody in a room must understand: the components that decide who may do what.
func requiredComponents() mls.ComponentsList {
	return mls.ComponentsList{
		mls.ComponentAppComponents, mls.ComponentSafeAAD,
		ComponentParticipantList, ComponentRoomMetadata, ComponentRolesList, ComponentPreauthList, ComponentBaseRoomPolicy,
	}
}

// LeafCapabilities is what a client of ours supports beyond the defaults of RFC 9420 §7.2.
func LeafCapabilities(suites ...mls.CipherSuite) mls.Capabilities {
	return mls.Capabilities{
		Versions:     []mls.ProtocolVersion{mls.ProtocolVersionMLS10},
		CipherSuites: suites,
		Extensions:   []mls.ExtensionType{mls.ExtensionAppDataDictionary},
		Proposals:    []mls.ProposalType{mls.ProposalAppDataUpdate, mls.ProposalAppEphemeral, mls.ProposalSelfRemove},
		Credentials:  []mls.CredentialType{mls.CredentialBasic, mls.CredentialX509},
	}
}

// RequiredCapabilities is what the members of a room must support, with these types of credentials; without any: basic ones.
func RequiredCapabilities(credentials ...mls.CredentialType) mls.RequiredCapabilities {
	if len(credentials) == 0 {
		credentials = []mls.CredentialType{mls.CredentialBasic}
	}
	return mls.RequiredCapabilities{
		Extensions:  []mls.ExtensionType{mls.ExtensionAppDataDictionary},
		Proposals:   []mls.ProposalType{mls.ProposalAppDataUpdate, mls.ProposalSelfRemove},
		Credentials: credentials,
	}
}

// NewRoom is the first state of a room's group. Participants must contain the creator.
type NewRoom struct {
	Participants ParticipantList
	Roles        RolesList
	Metadata     RoomMetadata
	Base         BaseRoomPolicy // PolicyComponents is filled in
	Preauth      PreauthList
	Others       []mls.ComponentData  // further policy components, encoded
	Franking     *FrankingAgent       // nil: messages are not franked
	Hub          []mls.ExternalSender // external_senders must contain the hub (draft-ietf-mimi-protocol-06 §4.2)
	Credentials  []mls.CredentialType // that members must support; nil: basic ones
}

// Extensions returns the extensions of the new group's GroupContext.
func (n *NewRoom) Extensions() ([]mls.Extension, error) {
	base := n.Base
	base.PolicyComponents = []mls.ComponentID{ComponentRolesList, ComponentPreauthList}
	for _, other := range n.Others {
		base.PolicyComponents = append(base.PolicyComponents, other.ID)
	}
	d := mls.AppDataDictionary{
		{ID: mls.ComponentAppComponents, Data: wire.Marshal(requiredComponents())},
		{ID: mls.ComponentSafeAAD, Data: wire.Marshal(SupportedSafeAAD())},
		{ID: ComponentParticipantList, Data: wire.Marshal(&n.Participants)},
		{ID: ComponentRoomMetadata, Data: wire.Marshal(&n.Metadata)},
		{ID: ComponentRolesList, Data: wire.Marshal(&n.Roles)},
		{ID: ComponentPreauthList, Data: wire.Marshal(&n.Preauth)},
		{ID: ComponentBaseRoomPolicy, Data: wire.Marshal(&base)},
	}
	if n.Franking != nil {
		d = d.With(ComponentFrankingAgent, wire.Marshal(n.Franking))
	}
	for _, other := range n.Others {
		if _, ok := replacing[other.ID]; !ok && other.ID != ComponentJoinLinks {
			return nil, listError("component-unknown", "component 0x%04x", uint16(other.ID))
		}
		if _, twice := d.Get(other.ID); twice {
			return nil, listError("component-twice", "component 0x%04x", uint16(other.ID))
		}
		d = d.With(other.ID, other.Data)
	}
	for _, c := range d { // what we cannot read ourselves would make a dead room
		if check, ok := replacing[c.ID]; ok {
			if err := check(c.Data); err != nil {
				return nil, err
			}
		}
	}
	if _, err := ParseParticipantList(wire.Marshal(&n.Participants)); err != nil {
		return nil, err
	}
	return []mls.Extension{
		{Type: mls.ExtensionRequiredCapabilities, Data: wire.Marshal(RequiredCapabilities(n.Credentials...))},
		{Type: mls.ExtensionExternalSenders, Data: wire.Marshal(mls.ExternalSenders(n.Hub))},
		{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(d)},
	}, nil
}

// LeafExtensions returns the extensions of a client's leaf: its app_data_dictionary with the nick, which may be empty.
func LeafExtensions(nick string) ([]mls.Extension, error) {
	d, err := LeafDictionary(nick)
	if err != nil {
		return nil, err
	}
	return []mls.Extension{{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(d)}}, nil
}
