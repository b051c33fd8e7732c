package mimi

import (
	"bytes"
	"encoding/hex"
	"testing"

	"anteroom/internal/vectors"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// vector reads a file of the MIMI vectors into v.
func vector(t *testing.T, v any, path ...string) {
	t.Helper()
	vectors.Read(t, v, append([]string{"mimi"}, path...)...)
}

type tlsStruct interface {
	wire.Marshaler
	wire.Unmarshaler
}

// tlsKATs names the structure of every vector in tls_kats.json that belongs to this package.
var tlsKATs = map[string]func() tlsStruct{
	"ParticipantListUpdate add mimi://h/u/a role 2":                 func() tlsStruct { return new(ParticipantListUpdate) },
	"ParticipantListUpdate remove index 0":                          func() tlsStruct { return new(ParticipantListUpdate) },
	"ParticipantListUpdate setRole index 0 -> 3":                    func() tlsStruct { return new(ParticipantListUpdate) },
	"SubmitMessageResponse accepted ts=0x0102030405060708 no frank": func() tlsStruct { return new(SubmitMessageResponse) },
	"SubmitMessageResponse notAllowed":                              func() tlsStruct { return new(SubmitMessageResponse) },
	"SubmitMessageResponse epochTooOld currentEpoch=42":             func() tlsStruct { return new(SubmitMessageResponse) },
	"ConsentEntry request alice->bob no room no ext":                func() tlsStruct { return new(ConsentEntry) },
	"ConsentEntry cancel alice->bob room mimi://a.example/r/team":   func() tlsStruct { return new(ConsentEntry) },
	"ConsentEntry revoke alice/bob no room":                         func() tlsStruct { return new(ConsentEntry) },
	"ConsentEntry grant alice/bob room team, no KPs":                func() tlsStruct { return new(ConsentEntry) },
	"KeyMaterialResponse noConsent bob no clients":                  func() tlsStruct { return new(KeyMaterialResponse) },
	"KeyMaterialResponse partialSuccess bob one client keyMaterialExhausted (clientUri=mimi://b.example/u/bob)": func() tlsStruct {
		return new(KeyMaterialResponse)
	},
	"ParticipantListData [alice role 4, bob role 2]":      func() tlsStruct { return new(ParticipantList) },
	"SafeAAD {0x0020 frank_aad: 32 x 0xAA}":               func() tlsStruct { return new(safeAAD) },
	"SafeAAD empty":                                       func() tlsStruct { return new(safeAAD) },
	"ServerFrankingContext alice, team, ts=1644387225019": func() tlsStruct { return new(FrankingContext) },
	"RoomMetaData uri=team name='Team' no descriptions, no avatar, subject 'Hi', no mood": func() tlsStruct {
		return new(RoomMetadata)
	},
	"BaseRoomPolicy literal: fixed=0 parent_dep=0 parent_room<V> empty multi_device=1 max_clients absent max_users=50 pseud=0 persistent=1 discoverable=1 policy_component_ids=[0x25,0x26]": func() tlsStruct {
		return new(BaseRoomPolicy)
	},
}

// elsewhere are vectors of structures that package mls owns and tests.
var elsewhere = map[string]bool{
	"AppDataUpdate proposal body: component 0x0022 op update, payload = add role 2 above": true,
	"Proposal: type 0x0008 || AppDataUpdate above":                                        true,
	"AppDataUpdate remove component 0x002A":                                               true,
	"Proposal self_remove":                                                                true,
	"AppDataDictionary {0x0022: ParticipantListData[alice 4]}":                            true,
}

type safeAAD struct{ mls.SafeAAD }

func TestTLSKnownAnswers(t *testing.T) {
	var file struct {
		Vectors []struct{ Name, Hex string }
	}
	vector(t, &file, "mimi-protocol", "tls_kats.json")
	checked := 0
	for _, v := range file.Vectors {
		if elsewhere[v.Name] {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			make, ok := tlsKATs[v.Name]
			if !ok {
				t.Fatal("no structure is named for this vector")
			}
			want, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			s := make()
			if err := wire.Unmarshal(want, s); err != nil {
				t.Fatal(err)
			}
			if got := wire.Marshal(s); !bytes.Equal(got, want) {
				t.Errorf("encoded again: %x\nwant            %x", got, want)
			}
		})
		checked++
	}
	if checked != len(tlsKATs) {
		t.Errorf("%d vectors checked, want %d", checked, len(tlsKATs))
	}
}

// The same encodings, from values written here.
func TestTLSKnownValues(t *testing.T) {
	alice, bob := MustURI("mimi://a.example/u/alice"), MustURI("mimi://b.example/u/bob")
	for name, c := range map[string]struct {
		value wire.Marshaler
		hex   string
	}{
		"add":    {&ParticipantListUpdate{Added: []Participant{{MustURI("mimi://h/u/a"), 2}}}, "0000110c6d696d693a2f2f682f752f6100000002"},
		"remove": {&ParticipantListUpdate{Removed: []uint32{0}}, "00040000000000"},
		"role":   {&ParticipantListUpdate{Changed: []RoleChange{{0, 3}}}, "0800000000000000030000"},
		"list": {&ParticipantList{[]Participant{{alice, 4}, {bob, 2}}},
			"38186d696d693a2f2f612e6578616d706c652f752f616c69636500000004166d696d693a2f2f622e6578616d706c652f752f626f6200000002"},
		"submit": {&SubmitMessageResponse{Code: SubmitEpochTooOld, Epoch: 42}, "0102000000000000002a"},
		"base": {&BaseRoomPolicy{MultiDevice: true, MaxUsers: AtMost(50), Persistent: true, Discoverable: true,
			PolicyComponents: []mls.ComponentID{0x25, 0x26}}, "000000010001000000320001010400250026"},
		"metadata": {&RoomMetadata{Room: MustURI("mimi://a.example/r/team"), Name: "Team", Subject: "Hi"},
			"176d696d693a2f2f612e6578616d706c652f722f7465616d045465616d000002486900"},
		"no reason": {mls.SafeAAD(nil), "00"},
	} {
		if got := hex.EncodeToString(wire.Marshal(c.value)); got != c.hex {
			t.Errorf("%s: %s, want %s", name, got, c.hex)
		}
	}
}

func TestCapabilityRegistry(t *testing.T) {
	var file struct {
		Capabilities []struct {
			Value    Capability
			Name     string
			Reserved bool
		}
	}
	vector(t, &file, "room-policy", "capabilities.json")
	if len(file.Capabilities) != 77 || len(capabilityNames) != 77 {
		t.Fatalf("%d registered and %d known, want 77", len(file.Capabilities), len(capabilityNames))
	}
	for _, c := range file.Capabilities {
		if c.Value.String() != c.Name {
			t.Errorf("0x%04x is %s, want %s", uint16(c.Value), c.Value, c.Name)
		}
		if v, ok := CapabilityByName(c.Name); !ok || v != c.Value {
			t.Errorf("%s is 0x%04x, want 0x%04x", c.Name, uint16(v), uint16(c.Value))
		}
	}
	if got := Capability(0xF123).String(); got != "0xf123" {
		t.Errorf("a private capability is called %s", got)
	}
}

// The roles of the four example rooms of room-policy appendix A.
func TestRoleExamples(t *testing.T) {
	var file struct {
		Examples []struct {
			Title string
			Hex   string `json:"RoleData_tls_hex"`
			Roles []struct {
				Index        RoleIndex    `json:"role_index"`
				Name         string       `json:"role_name"`
				Capabilities []Capability `json:"capability_values"`
				Hex          string       `json:"role_tls_hex"`
			}
		}
	}
	vector(t, &file, "room-policy", "role_examples.json")
	if len(file.Examples) != 4 {
		t.Fatalf("%d examples, want 4", len(file.Examples))
	}
	for _, example := range file.Examples {
		t.Run(example.Title, func(t *testing.T) {
			want, err := hex.DecodeString(example.Hex)
			if err != nil {
				t.Fatal(err)
			}
			list, err := ParseRolesList(want)
			if err != nil {
				t.Fatal(err)
			}
			if got := wire.Marshal(list); !bytes.Equal(got, want) {
				t.Errorf("encoded again: %x", got)
			}
			for i, role := range example.Roles {
				got := list.Roles[i]
				if got.Index != role.Index || got.Name != role.Name || len(got.Capabilities) != len(role.Capabilities) {
					t.Errorf("role %d is %+v, want %+v", i, got, role)
				}
				for _, c := range role.Capabilities {
					if !got.Has(c) {
						t.Errorf("role %s lacks %s", role.Name, c)
					}
				}
			}
		})
	}
}

func TestCodepoints(t *testing.T) {
	var file struct {
		ComponentIDs map[string]mls.ComponentID `json:"component_ids"`
	}
	vector(t, &file, "room-policy", "codepoints.json")
	for name, want := range map[string]mls.ComponentID{
		"content_media_types": ComponentContentMediaTypes, "frank_aad": ComponentFrankAAD,
		"franking_signature_key(franking_agent)": ComponentFrankingAgent, "participant_list": ComponentParticipantList,
		"room_metadata": ComponentRoomMetadata, "mls_operational_policy": ComponentOperationalPolicy,
		"roles_list": ComponentRolesList, "preauth_list": ComponentPreauthList, "base_room_policy": ComponentBaseRoomPolicy,
		"status_notification_policy": ComponentStatusNotification, "join_link_policy": ComponentJoinLinkPolicy,
		"join_links": ComponentJoinLinks, "link_preview_policy": ComponentLinkPreviewPolicy, "asset_policy": ComponentAssetPolicy,
		"logging_policy": ComponentLoggingPolicy, "chat_history_policy": ComponentChatHistoryPolicy,
		"bot_policy": ComponentBotPolicy, "message_expiration_policy": ComponentMessageExpiration,
		"message_id(draft-mahy-mimi-msgid-aad-02)": ComponentMessageID,
	} {
		if got, ok := file.ComponentIDs[name]; !ok || got != want {
			t.Errorf("%s is 0x%04x, here 0x%04x", name, got, want)
		}
	}
}
