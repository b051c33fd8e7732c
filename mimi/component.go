package mimi

import "anteroom/mls"

// Components of the group's application data (draft-ietf-mimi-protocol-06 §9, draft-ietf-mimi-room-policy-04 §10.1; the
// values from 0x0024 are the drafts' suggestions).
const (
	ComponentContentMediaTypes  mls.ComponentID = 0x0003
	ComponentFrankAAD           mls.ComponentID = 0x0020
	ComponentFrankingAgent      mls.ComponentID = 0x0021
	ComponentParticipantList    mls.ComponentID = 0x0022
	ComponentRoomMetadata       mls.ComponentID = 0x0023
	ComponentOperationalPolicy  mls.ComponentID = 0x0024
	ComponentRolesList          mls.ComponentID = 0x0025
	ComponentPreauthList        mls.ComponentID = 0x0026
	ComponentBaseRoomPolicy     mls.ComponentID = 0x0027
	ComponentStatusNotification mls.ComponentID = 0x0028
	ComponentJoinLinkPolicy     mls.ComponentID = 0x0029
	ComponentJoinLinks          mls.ComponentID = 0x002A
	ComponentLinkPreviewPolicy  mls.ComponentID = 0x002B
	ComponentAssetPolicy        mls.ComponentID = 0x002C
	ComponentLoggingPolicy      mls.ComponentID = 0x002D
	ComponentChatHistoryPolicy  mls.ComponentID = 0x002E
	ComponentBotPolicy          mls.ComponentID = 0x002F
	ComponentMessageExpiration  mls.ComponentID = 0x0030
	ComponentMessageID          mls.ComponentID = 0x0040
	ComponentAnteroomNick       mls.ComponentID = 0xA701 // in a leaf: the nick in this room, see Nick
	ComponentAnteroomReason     mls.ComponentID = 0xA702 // SafeAAD item: why
	ComponentAnteroomActor      mls.ComponentID = 0xA703 // SafeAAD item: the acting nick
	ComponentAnteroomAlternate  mls.ComponentID = 0xA704 // SafeAAD item: the alternate venue of a destroyed room
	ComponentAnteroomRooms      mls.ComponentID = 0xA708 // identifierQuery: RoomQuery in the request, FoundRooms in the response
)

// Limits of room state. A structure that exceeds one is refused as a whole.
const (
	MaxParticipants  = 100_000 // entries of a participant list
	MaxListChanges   = 20_000  // changes in one participant list update
	MaxRoles         = 256     // roles of a room
	MaxRoleTargets   = 4096    // targets of all authorised role changes of one role
	MaxCapabilities  = 1024    // capabilities of one role
	MaxPreauth       = 1024    // preauthorisation entries
	MaxClaims        = 64      // claims of one entry
	MaxMetadataText  = 16 << 10
	MaxDescriptions  = 64
	MaxSafeAADItems  = 64
	MaxSafeAADItem   = 4096
	MaxNick          = 1023 // bytes, the limit of a JID's resource
	MaxJoinLinks     = 1024
	MaxPolicyEntries = 1024 // entries of any other policy's list
)
