package mimi

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"anteroom/mls"
	"anteroom/mls/wire"
)

func users(names ...string) (list []Participant) {
	for _, name := range names {
		list = append(list, Participant{MustURI("mimi://a.example/u/" + name), 2})
	}
	return list
}

// Positions refer to the list before the commit; changes, removals, additions; nobody twice (mimi-protocol §7.5).
func TestApplyParticipantList(t *testing.T) {
	before := &ParticipantList{users("a", "b", "c", "d")}
	got, err := before.Apply(&ParticipantListUpdate{Removed: []uint32{1}, Added: users("e")},
		&ParticipantListUpdate{Changed: []RoleChange{{3, 5}}, Removed: []uint32{0}, Added: users("f")})
	if err != nil {
		t.Fatal(err)
	}
	want := users("c", "d", "e", "f")
	want[1].Role = 5
	if !bytes.Equal(wire.Marshal(got), wire.Marshal(&ParticipantList{want})) {
		t.Errorf("got %v, want %v", got.Participants, want)
	}
	if len(before.Participants) != 4 || before.Participants[3].Role != 2 {
		t.Error("the list before has changed")
	}
	for name, c := range map[string]struct {
		rule    string
		updates []*ParticipantListUpdate
	}{
		"beyond the end":        {"list-index", []*ParticipantListUpdate{{Removed: []uint32{4}}}},
		"change beyond the end": {"list-index", []*ParticipantListUpdate{{Changed: []RoleChange{{4, 2}}}}},
		"removed twice":         {"list-twice", []*ParticipantListUpdate{{Removed: []uint32{1, 1}}}},
		"by two updates":        {"list-twice", []*ParticipantListUpdate{{Removed: []uint32{1}}, {Changed: []RoleChange{{1, 3}}}}},
		"added while listed":    {"list-twice", []*ParticipantListUpdate{{Added: users("a")}}},
		"added while removed":   {"list-twice", []*ParticipantListUpdate{{Removed: []uint32{0}, Added: users("a")}}},
		"added twice":           {"list-twice", []*ParticipantListUpdate{{Added: users("x", "x")}}},
	} {
		var broken *RuleError
		if _, err := before.Apply(c.updates...); !errors.As(err, &broken) || broken.Rule != c.rule {
			t.Errorf("%s: %v, want rule %s", name, err, c.rule)
		}
	}
}

func TestComponents(t *testing.T) {
	list := wire.Marshal(&ParticipantList{users("a")})
	add := wire.Marshal(&ParticipantListUpdate{Added: users("b")})
	got, err := Components{}.ApplyUpdates(ComponentParticipantList, list, true, [][]byte{add})
	if err != nil || !bytes.Equal(got, wire.Marshal(&ParticipantList{users("a", "b")})) {
		t.Errorf("%x %v", got, err)
	}
	links := func(l ...string) (out [][]byte) {
		for _, s := range l {
			out = append(out, []byte(s))
		}
		return out
	}
	got, err = Components{}.ApplyUpdates(ComponentJoinLinks, nil, false, [][]byte{
		wire.Marshal(&JoinLinksUpdate{Added: links("x", "y")}), wire.Marshal(&JoinLinksUpdate{Removed: []uint32{0}, Added: links("z")})})
	if err != nil || !bytes.Equal(got, wire.Marshal(&JoinLinks{links("y", "z")})) {
		t.Errorf("%x %v", got, err)
	}
	metadata := wire.Marshal(&RoomMetadata{Room: MustURI("mimi://a.example/r/x")})
	if got, err = (Components{}).ApplyUpdates(ComponentRoomMetadata, nil, true, [][]byte{metadata}); err != nil || !bytes.Equal(got, metadata) {
		t.Errorf("%x %v", got, err)
	}
	for name, c := range map[string]struct {
		id      mls.ComponentID
		updates [][]byte
	}{
		"no updates":         {ComponentRoomMetadata, nil},
		"metadata twice":     {ComponentRoomMetadata, [][]byte{metadata, metadata}},
		"malformed":          {ComponentRolesList, [][]byte{{1}}},
		"malformed list":     {ComponentParticipantList, [][]byte{{1}}},
		"unknown":            {0x1234, [][]byte{{}}},
		"our private nick":   {ComponentAnteroomNick, [][]byte{[]byte("x")}},
		"application's own":  {mls.ComponentAppComponents, [][]byte{{0}}},
		"a link that is not": {ComponentJoinLinks, [][]byte{wire.Marshal(&JoinLinksUpdate{Removed: []uint32{0}})}},
	} {
		if got, err := (Components{}).ApplyUpdates(c.id, list, true, c.updates); err == nil {
			t.Errorf("%s: accepted as %x", name, got)
		}
	}
}

// What each structure of the room's state refuses, beside what it takes.
func TestStateLimits(t *testing.T) {
	long := string(bytes.Repeat([]byte{'a'}, MaxMetadataText+1))
	room := MustURI("mimi://a.example/r/x")
	manyTargets := make([]RoleIndex, MaxRoleTargets+1)
	for name, c := range map[string]struct {
		v    wire.Marshaler
		into wire.Unmarshaler
		ok   bool
	}{
		"roles":                {&RolesList{[]Role{{Index: 1, Name: "banned"}, {Index: 2}}}, new(RolesList), true},
		"role twice":           {&RolesList{[]Role{{Index: 2}, {Index: 2}}}, new(RolesList), false},
		"role 1 is not banned": {&RolesList{[]Role{{Index: 1, Name: "member"}}}, new(RolesList), false},
		"open join on role 2":  {&RolesList{[]Role{{Index: 2, Capabilities: []Capability{CanOpenJoin}}}}, new(RolesList), false},
		"min above max":        {&RolesList{[]Role{{Index: 2, MinActive: 2, MaxActive: AtMost(1)}}}, new(RolesList), false},
		"many roles":           {&RolesList{make([]Role, MaxRoles+1)}, new(RolesList), false},
		"many capabilities":    {&RolesList{[]Role{{Capabilities: make([]Capability, MaxCapabilities+1)}}}, new(RolesList), false},
		"many targets":         {&RolesList{[]Role{{Changes: []RoleTargets{{Targets: manyTargets}}}}}, new(RolesList), false},
		"long role name":       {&RolesList{[]Role{{Name: long}}}, new(RolesList), false},
		"list":                 {&ParticipantList{users("a", "b")}, new(ParticipantList), true},
		"listed twice":         {&ParticipantList{users("a", "a")}, new(ParticipantList), false},
		"listed with role 0":   {&ParticipantList{[]Participant{{MustURI("mimi://a.example/u/a"), 0}}}, new(ParticipantList), false},
		"listed client":        {&ParticipantList{[]Participant{{MustURI("mimi://a.example/d/a/b"), 2}}}, new(ParticipantList), false},
		"many changes":         {&ParticipantListUpdate{Removed: make([]uint32, MaxListChanges+1)}, new(ParticipantListUpdate), false},
		"change to role 0":     {&ParticipantListUpdate{Changed: []RoleChange{{0, 0}}}, new(ParticipantListUpdate), false},
		"metadata":             {&RoomMetadata{Room: room}, new(RoomMetadata), true},
		"long subject":         {&RoomMetadata{Room: room, Subject: long}, new(RoomMetadata), false},
		"NUL in the name":      {&RoomMetadata{Room: room, Name: "a\x00"}, new(RoomMetadata), false},
		"name is not UTF-8":    {&RoomMetadata{Room: room, Name: "\xff"}, new(RoomMetadata), false},
		"many descriptions":    {&RoomMetadata{Room: room, Descriptions: make([]RichDescription, MaxDescriptions+1)}, new(RoomMetadata), false},
		"room is a user":       {&RoomMetadata{Room: MustURI("mimi://a.example/u/a")}, new(RoomMetadata), false},
		"base":                 {&BaseRoomPolicy{ParentDependent: true, ParentRoom: room}, new(BaseRoomPolicy), true},
		"parent without flag":  {&BaseRoomPolicy{ParentRoom: room}, new(BaseRoomPolicy), false},
		"flag without parent":  {&BaseRoomPolicy{ParentDependent: true}, new(BaseRoomPolicy), false},
		"preauth":              {&PreauthList{[]Preauth{PreauthUser(MustURI("mimi://a.example/u/a"), Role{Index: 2})}}, new(PreauthList), true},
		"many preauths":        {&PreauthList{make([]Preauth, MaxPreauth+1)}, new(PreauthList), false},
		"many claims":          {&PreauthList{[]Preauth{{Claims: make([]Claim, MaxClaims+1)}}}, new(PreauthList), false},
		"status":               {&StatusNotificationPolicy{Required, Forbidden}, new(StatusNotificationPolicy), true},
		"status 3":             {&StatusNotificationPolicy{3, 0}, new(StatusNotificationPolicy), false},
		"logging":              {&LoggingPolicy{Logging: Required, Clients: []string{"mimi://a.example/u/log"}}, new(LoggingPolicy), true},
		"logging by nobody":    {&LoggingPolicy{Logging: Required}, new(LoggingPolicy), false},
		"no history":           {&HistoryPolicy{Sharing: Forbidden}, new(HistoryPolicy), true},
		"history":              {&HistoryPolicy{Roles: []RoleIndex{2}, MaxPeriod: 3600}, new(HistoryPolicy), true},
		"history for banned":   {&HistoryPolicy{Roles: []RoleIndex{1}}, new(HistoryPolicy), false},
		"bot":                  {&BotPolicy{[]Bot{{Name: "b", Role: 2}}}, new(BotPolicy), true},
		"local bot in a role":  {&BotPolicy{[]Bot{{LocalClient: true, Role: 2}}}, new(BotPolicy), false},
		"link previews":        {&LinkPreviewPolicy{Send: Forbidden, Automatic: Required, ProxyUse: Required, Proxy: "https://preview.example/"}, new(LinkPreviewPolicy), true},
		"no preview proxy":     {&LinkPreviewPolicy{ProxyUse: Forbidden}, new(LinkPreviewPolicy), true},
		"a proxy is missing":   {&LinkPreviewPolicy{ProxyUse: Optional}, new(LinkPreviewPolicy), false},
		"links always found":   {&LinkPreviewPolicy{Autodetect: Required, ProxyUse: Forbidden}, new(LinkPreviewPolicy), false},
		"previews 3":           {&LinkPreviewPolicy{Send: 3, ProxyUse: Forbidden}, new(LinkPreviewPolicy), false},
		"long proxy":           {&LinkPreviewPolicy{Proxy: strings.Repeat("x", MaxURI+1)}, new(LinkPreviewPolicy), false},
		"assets":               {assets(), new(AssetPolicy), true},
		"assets anywhere":      {&AssetPolicy{Default: DownloadOHTTP}, new(AssetPolicy), true},
		"permitted: none":      {&AssetPolicy{OnlyPermitted: true}, new(AssetPolicy), true},
		"assets on the moon":   {&AssetPolicy{Location: 3}, new(AssetPolicy), false},
		"hub without domain":   {&AssetPolicy{Location: AssetsWithHub}, new(AssetPolicy), false},
		"hub with two domains": {&AssetPolicy{Location: AssetsWithHub, Domains: make([]AssetDomains, 2)}, new(AssetPolicy), false},
		"unknown download":     {&AssetPolicy{Allowed: []DownloadType{3}}, new(AssetPolicy), false},
		"unknown default":      {&AssetPolicy{Default: 3}, new(AssetPolicy), false},
		"forbidden by default": {&AssetPolicy{Denied: []DownloadType{DownloadDirect}}, new(AssetPolicy), false},
		"allowed, forbidden":   {&AssetPolicy{Allowed: []DownloadType{1}, Denied: []DownloadType{1}}, new(AssetPolicy), false},
		"many domains":         {&AssetPolicy{Domains: make([]AssetDomains, maxAssetDomains+1)}, new(AssetPolicy), false},
		"many hosts":           {&AssetPolicy{Domains: []AssetDomains{{Hosts: make([]string, maxAssetDomains+1)}}}, new(AssetPolicy), false},
		"long host":            {&AssetPolicy{Domains: []AssetDomains{{Hosts: []string{strings.Repeat("x", maxDomain+1)}}}}, new(AssetPolicy), false},
		"many forbidden types": {&AssetPolicy{Forbidden: make([]mls.MediaType, maxAssetTypes+1)}, new(AssetPolicy), false},
		"many permitted types": {&AssetPolicy{OnlyPermitted: true, Permitted: make([]mls.MediaType, maxAssetTypes+1)}, new(AssetPolicy), false},
		"expiration":           {&MessageExpiration{Min: 1, Max: 2, Default: AtMost(2)}, new(MessageExpiration), true},
		"min above max time":   {&MessageExpiration{Min: 2, Max: 1}, new(MessageExpiration), false},
		"operational policy":   {operational(Times{1, 2, 3}), new(OperationalParameters), true},
		"no position":          {new(OperationalParameters), new(OperationalParameters), true},
		"infinite time":        {operational(Times{Infinity, Infinity, Infinity}), new(OperationalParameters), true},
		"random delay":         {&OperationalParameters{Pending: PendingProposalPolicy{Strategy: PendingRandomDelay, MinDelay: 5, MaxDelay: 6}}, new(OperationalParameters), true},
		"strategy elsewhere":   {&OperationalParameters{Pending: PendingProposalPolicy{Strategy: 3, Component: 0x8001}}, new(OperationalParameters), true},
		"min above max update": {operational(Times{4, 0, 3}), new(OperationalParameters), false},
		"default below min":    {operational(Times{4, 3, 0}), new(OperationalParameters), false},
		"default above max":    {operational(Times{1, 4, 3}), new(OperationalParameters), false},
		"min above max delay":  {&OperationalParameters{Pending: PendingProposalPolicy{Strategy: PendingRandomDelay, MinDelay: 7, MaxDelay: 6}}, new(OperationalParameters), false},
		"many formats":         {&OperationalParameters{HandshakeFormats: make(mls.WireFormats, MaxPolicyEntries+1)}, new(OperationalParameters), false},
		"many media types":     {&OperationalParameters{Default: ExtendedCapabilities{MediaTypes: make([]mls.MediaType, MaxPolicyEntries+1)}}, new(OperationalParameters), false},
		"join link policy":     {&JoinLinkPolicy{Link: []byte("x"), Expiration: 9}, new(JoinLinkPolicy), true},
		"many join links":      {&JoinLinks{make([][]byte, MaxJoinLinks+1)}, new(JoinLinks), false},
	} {
		b := wire.Marshal(c.v)
		err := wire.Unmarshal(b, c.into)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && !bytes.Equal(wire.Marshal(c.into.(wire.Marshaler)), b) {
			t.Errorf("%s: encoded differently", name)
		}
	}
}

func TestPreauthMatches(t *testing.T) {
	juliet := MustURI("mimi://a.example/u/juliet")
	credential := BasicCredential(MustURI("mimi://a.example/d/juliet/phone"))
	for name, c := range map[string]struct {
		claims []Claim
		want   bool
	}{
		"user":               {PreauthUser(juliet, Role{}).Claims, true},
		"identity":           {[]Claim{{mls.CredentialBasic, nil, credential.Identity}}, true},
		"both":               {[]Claim{{mls.CredentialBasic, nil, credential.Identity}, {mls.CredentialBasic, []byte(ClaimUser), []byte(juliet.String())}}, true},
		"one of two":         {[]Claim{{mls.CredentialBasic, nil, credential.Identity}, {mls.CredentialBasic, []byte(ClaimUser), []byte("x")}}, false},
		"another user":       {PreauthUser(MustURI("mimi://a.example/u/romeo"), Role{}).Claims, false},
		"another type":       {[]Claim{{mls.CredentialX509, nil, credential.Identity}}, false},
		"an unknown claim":   {[]Claim{{mls.CredentialBasic, []byte("team"), []byte("x")}}, false},
		"no claims at all":   {nil, false},
		"a prefix of a user": {PreauthUser(MustURI("mimi://a.example/u/juliet2"), Role{}).Claims, false},
	} {
		if got := (&Preauth{Claims: c.claims}).Matches(credential); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhy(t *testing.T) {
	want := Why{Reason: "too loud", Actor: "Juliet", Alternate: "orchard@rooms.a.example"}
	if _, got, err := ParseAAD(want.AAD()); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if got := (Why{}).AAD(); !bytes.Equal(got, []byte{0}) {
		t.Errorf("no reason is %x", got)
	}
	if _, _, err := ParseAAD(nil); err == nil {
		t.Error("nothing is no SafeAAD")
	}
	long := Why{Reason: string(bytes.Repeat([]byte("é"), MaxSafeAADItem))}
	if _, got, err := ParseAAD(long.AAD()); err != nil || len(got.Reason) > MaxSafeAADItem || got.Reason == "" {
		t.Errorf("a long reason becomes %d bytes: %v", len(got.Reason), err)
	}
}

// Any bytes: an error or a structure that encodes to the same bytes, and memory in proportion to the input.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte{0})
	f.Add(wire.Marshal(&RolesList{[]Role{{Index: 2, Changes: []RoleTargets{{From: 1, Targets: []RoleIndex{2}}}}}}))
	f.Add(wire.Marshal(&ParticipantList{users("a", "b")}))
	f.Add(wire.Marshal(assets()))
	f.Add(wire.Marshal(&LinkPreviewPolicy{ProxyUse: Required, Proxy: "https://preview.example/"}))
	f.Add([]byte{0xbf, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []tlsStruct{new(ParticipantList), new(ParticipantListUpdate), new(RolesList), new(RoomMetadata), new(BaseRoomPolicy),
			new(PreauthList), new(StatusNotificationPolicy), new(JoinLinkPolicy), new(JoinLinksUpdate), new(LoggingPolicy), new(HistoryPolicy),
			new(BotPolicy), new(MessageExpiration), new(LinkPreviewPolicy), new(AssetPolicy), new(OperationalParameters), new(KeyMaterialRequest), new(KeyMaterialResponse), new(UpdateRequest), new(UpdateResponse),
			new(SubmitMessageRequest), new(SubmitMessageResponse), new(FanoutMessage), new(GroupInfoRequest), new(GroupInfoResponse),
			new(GroupInfoAndTree), new(ConsentEntry), new(IdentifierRequest), new(IdentifierResponse), new(AbuseReport)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := wire.Unmarshal(b, v)
			runtime.ReadMemStats(&after)
			if n, bound := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+600*len(b)); n > bound {
				t.Fatalf("%T: %d bytes of input allocate %d bytes", v, len(b), n)
			}
			if err == nil && !bytes.Equal(wire.Marshal(v), b) {
				t.Fatalf("%T: %x encodes to %x", v, b, wire.Marshal(v))
			}
		}
		_, _ = ParseFanout(b)
		_, _, _ = ParseAAD(b)
	})
}

// operational is a policy of which every field is set.
func operational(update Times) *OperationalParameters {
	c := ExtendedCapabilities{Versions: []mls.ProtocolVersion{1}, CipherSuites: []mls.CipherSuite{1, 2}, Extensions: []mls.ExtensionType{6}, Proposals: []mls.ProposalType{8},
		Credentials: []mls.CredentialType{1}, WireFormats: mls.WireFormats{1}, Components: mls.ComponentsList{0x22}, SafeAAD: mls.ComponentsList{0xa702},
		MediaTypes: []mls.MediaType{{Type: "text/plain", Parameters: []mls.MediaParameter{{Name: "charset", Value: "utf-8"}}}}, ContentTypes: []mls.ContentType{1, 3}}
	return &OperationalParameters{Mandatory: c, Default: c, Forbidden: c, HandshakeFormats: mls.WireFormats{1, 2}, ExternalProposals: true, ExternalCommits: true,
		Pending: PendingProposalPolicy{Strategy: PendingImmediately}, LeafUpdate: update, AppMessages: AppMessagePolicy{4, 256, 1000}, MaxKeyPackageLifetime: 1, MaxCredentialLifetime: 2,
		ResumptionPSKLifetime: 3, SenderKeyLifetime: Times{4, 5, 6}, MaxKeyPairs: 7, BufferTime: Times{8, 9, 10}, MaxBuffered: 11}
}

// The operational policy keeps every field, in the draft's order, and replaces the one before (draft-ietf-mimi-room-policy-04, "Operational policy component").
func TestOperationalPolicy(t *testing.T) {
	p := operational(Times{1, 2, 3})
	b := wire.Marshal(p)
	got, err := ParseOperationalParameters(b)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := ParseOperationalParameters(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes are taken", n, len(b))
		}
	}
	times := []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 4, 1, 0, 0, 0, 3, 232}
	if !bytes.Contains(b, append([]byte{4, 0, 1, 0, 2, 1, 1, 1}, times...)) {
		t.Errorf("formats, switches, strategy, update times and message policy do not stand one after the other in %x", b)
	}
	other := wire.Marshal(operational(Times{}))
	if data, err := (Components{}).ApplyUpdates(ComponentOperationalPolicy, b, true, [][]byte{other}); err != nil || !bytes.Equal(data, other) {
		t.Errorf("an update gives %x, %v", data, err)
	}
	if _, err := (Components{}).ApplyUpdates(ComponentOperationalPolicy, b, true, [][]byte{b[1:]}); err == nil {
		t.Error("a malformed update is taken")
	}
	for times, limited := range map[Times]bool{{}: false, {Default: 9}: false, {Max: Infinity}: false, {Min: 1}: true, {Max: 1}: true} {
		if times.Limited() != limited {
			t.Errorf("%+v bounds something: %v", times, !limited)
		}
	}
}
