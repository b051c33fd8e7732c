package mimi

import (
	"fmt"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// Components is the ComponentLogic of MIMI rooms: it checks and applies updates of the components that this package knows
// and refuses every other. Whether the sender may make an update is package policy's question.
type Components struct{}

var _ mls.ComponentLogic = Components{}

// replacing lists the components whose update has the format of the data and replaces it.
var replacing = map[mls.ComponentID]func([]byte) error{
	ComponentRoomMetadata:       decodes[RoomMetadata],
	ComponentRolesList:          decodes[RolesList],
	ComponentPreauthList:        decodes[PreauthList],
	ComponentBaseRoomPolicy:     decodes[BaseRoomPolicy],
	ComponentStatusNotification: decodes[StatusNotificationPolicy],
	ComponentJoinLinkPolicy:     decodes[JoinLinkPolicy],
	ComponentLinkPreviewPolicy:  decodes[LinkPreviewPolicy],
	ComponentAssetPolicy:        decodes[AssetPolicy],
	ComponentLoggingPolicy:      decodes[LoggingPolicy],
	ComponentChatHistoryPolicy:  decodes[HistoryPolicy],
	ComponentBotPolicy:          decodes[BotPolicy],
	ComponentMessageExpiration:  decodes[MessageExpiration],
	ComponentOperationalPolicy:  decodes[OperationalParameters],
	ComponentFrankingAgent:      decodes[FrankingAgent],
}

func decodes[T any, P interface {
	*T
	wire.Unmarshaler
}](b []byte) error {
	_, err := unmarshal[T, P](b)
	return err
}

// Updatable says whether this package can apply updates of a component.
func Updatable(id mls.ComponentID) bool {
	_, ok := replacing[id]
	return ok || id == ComponentParticipantList || id == ComponentJoinLinks
}

// ApplyUpdates implements mls.ComponentLogic.
func (Components) ApplyUpdates(id mls.ComponentID, current []byte, present bool, updates [][]byte) ([]byte, error) {
	if len(updates) == 0 {
		return nil, fmt.Errorf("mimi: component 0x%04x: no updates", uint16(id))
	}
	if id == ComponentRoomMetadata && len(updates) > 1 {
		return nil, &RuleError{"metadata-once", "more than one room metadata update in a commit"} // protocol §7.6
	}
	switch id {
	case ComponentParticipantList:
		return applyList(current, updates)
	case ComponentJoinLinks:
		return applyJoinLinks(current, present, updates)
	}
	check, ok := replacing[id]
	if !ok {
		return nil, fmt.Errorf("mimi: component 0x%04x is unknown", uint16(id))
	}
	for _, update := range updates {
		if err := check(update); err != nil {
			return nil, fmt.Errorf("mimi: component 0x%04x: %w", uint16(id), err)
		}
	}
	return updates[len(updates)-1], nil
}

func applyList(current []byte, updates [][]byte) ([]byte, error) {
	list, err := ParseParticipantList(current)
	if err != nil {
		return nil, err
	}
	parsed := make([]*ParticipantListUpdate, len(updates))
	for i, update := range updates {
		if parsed[i], err = ParseParticipantListUpdate(update); err != nil {
			return nil, err
		}
	}
	next, err := list.Apply(parsed...)
	if err != nil {
		return nil, err
	}
	return wire.Marshal(next), nil
}

func applyJoinLinks(current []byte, present bool, updates [][]byte) ([]byte, error) {
	links := new(JoinLinks)
	if present {
		var err error
		if links, err = unmarshal[JoinLinks](current); err != nil {
			return nil, err
		}
	}
	for _, b := range updates {
		update, err := unmarshal[JoinLinksUpdate](b)
		if err != nil {
			return nil, err
		}
		if links, err = links.Apply(update); err != nil {
			return nil, err
		}
	}
	return wire.Marshal(links), nil
}

// ParseParticipantList decodes the data of ComponentParticipantList.
func ParseParticipantList(b []byte) (*ParticipantList, error) { return unmarshal[ParticipantList](b) }

// ParseParticipantListUpdate decodes an update of ComponentParticipantList.
func ParseParticipantListUpdate(b []byte) (*ParticipantListUpdate, error) {
	return unmarshal[ParticipantListUpdate](b)
}

// ParseRolesList decodes the data or an update of ComponentRolesList.
func ParseRolesList(b []byte) (*RolesList, error) { return unmarshal[RolesList](b) }

// ParseRoomMetadata decodes the data or an update of ComponentRoomMetadata.
func ParseRoomMetadata(b []byte) (*RoomMetadata, error) { return unmarshal[RoomMetadata](b) }

// ParseBaseRoomPolicy decodes the data or an update of ComponentBaseRoomPolicy.
func ParseBaseRoomPolicy(b []byte) (*BaseRoomPolicy, error) { return unmarshal[BaseRoomPolicy](b) }

// ParsePreauthList decodes the data or an update of ComponentPreauthList.
func ParsePreauthList(b []byte) (*PreauthList, error) { return unmarshal[PreauthList](b) }

// ParseHistoryPolicy decodes a chat history policy.
func ParseHistoryPolicy(b []byte) (*HistoryPolicy, error) { return unmarshal[HistoryPolicy](b) }

// ParseMessageExpiration decodes a message expiration policy.
func ParseMessageExpiration(b []byte) (*MessageExpiration, error) {
	return unmarshal[MessageExpiration](b)
}

// ParseBotPolicy decodes a bot policy.
func ParseBotPolicy(b []byte) (*BotPolicy, error) { return unmarshal[BotPolicy](b) }

// ParseLoggingPolicy decodes a logging policy.
func ParseLoggingPolicy(b []byte) (*LoggingPolicy, error) { return unmarshal[LoggingPolicy](b) }
