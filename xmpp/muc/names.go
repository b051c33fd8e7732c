package muc

// Namespaces of XEP-0045 §15.1.
const (
	NS      = "http://jabber.org/protocol/muc"
	NSUser  = "http://jabber.org/protocol/muc#user"
	NSAdmin = "http://jabber.org/protocol/muc#admin"
	NSOwner = "http://jabber.org/protocol/muc#owner"
)

// Values of FORM_TYPE, and at the same time features (XEP-0045 §15.3 and §15.5).
const (
	FormRegister   = "http://jabber.org/protocol/muc#register"
	FormRequest    = "http://jabber.org/protocol/muc#request"
	FormRoomConfig = "http://jabber.org/protocol/muc#roomconfig"
	FormRoomInfo   = "http://jabber.org/protocol/muc#roominfo"
)

// Features of a room or a service (XEP-0045 §15.3).
const (
	FeatureStableID             = "http://jabber.org/protocol/muc#stable_id"
	FeatureSelfPingOptimization = "http://jabber.org/protocol/muc#self-ping-optimization" // XEP-0410 §3.3
	FeatureHidden               = "muc_hidden"
	FeatureMembersOnly          = "muc_membersonly"
	FeatureModerated            = "muc_moderated"
	FeatureNonAnonymous         = "muc_nonanonymous"
	FeatureOpen                 = "muc_open"
	FeaturePasswordProtected    = "muc_passwordprotected"
	FeaturePersistent           = "muc_persistent"
	FeaturePublic               = "muc_public"
	FeatureRooms                = "muc_rooms"
	FeatureSemiAnonymous        = "muc_semianonymous"
	FeatureTemporary            = "muc_temporary"
	FeatureUnmoderated          = "muc_unmoderated"
	FeatureUnsecured            = "muc_unsecured"
)

// Well-known nodes of service discovery (XEP-0045 §15.4).
const (
	NodeRooms    = "http://jabber.org/protocol/muc#rooms"
	NodeRoomNick = "x-roomuser-item"
	NodeTraffic  = "http://jabber.org/protocol/muc#traffic"
)

// Fields of the room configuration form (XEP-0045 §15.5.3).
const (
	FieldMaxHistoryFetch   = "muc#maxhistoryfetch"
	FieldAllowPM           = "muc#roomconfig_allowpm"
	FieldAllowInvites      = "muc#roomconfig_allowinvites"
	FieldChangeSubject     = "muc#roomconfig_changesubject"
	FieldEnableLogging     = "muc#roomconfig_enablelogging"
	FieldGetMemberList     = "muc#roomconfig_getmemberlist"
	FieldLang              = "muc#roomconfig_lang"
	FieldPubSub            = "muc#roomconfig_pubsub"
	FieldMaxUsers          = "muc#roomconfig_maxusers"
	FieldMembersOnly       = "muc#roomconfig_membersonly"
	FieldModeratedRoom     = "muc#roomconfig_moderatedroom"
	FieldPasswordProtected = "muc#roomconfig_passwordprotectedroom"
	FieldPersistentRoom    = "muc#roomconfig_persistentroom"
	FieldPresenceBroadcast = "muc#roomconfig_presencebroadcast"
	FieldPublicRoom        = "muc#roomconfig_publicroom"
	FieldRoomAdmins        = "muc#roomconfig_roomadmins"
	FieldRoomDesc          = "muc#roomconfig_roomdesc"
	FieldRoomName          = "muc#roomconfig_roomname"
	FieldRoomOwners        = "muc#roomconfig_roomowners"
	FieldRoomSecret        = "muc#roomconfig_roomsecret"
	FieldWhois             = "muc#roomconfig_whois"
)

// Fields of the room information form (XEP-0045 §15.5.4), beside [FieldMaxHistoryFetch].
const (
	InfoContactJID  = "muc#roominfo_contactjid"
	InfoDescription = "muc#roominfo_description"
	InfoLang        = "muc#roominfo_lang"
	InfoLDAPGroup   = "muc#roominfo_ldapgroup"
	InfoLogs        = "muc#roominfo_logs"
	InfoOccupants   = "muc#roominfo_occupants"
	InfoSubject     = "muc#roominfo_subject"
	InfoSubjectMod  = "muc#roominfo_subjectmod"

	// InfoChangeSubject is what Prosody and ejabberd call InfoSubjectMod, and Converse.js looks for; it is not registered.
	InfoChangeSubject = "muc#roominfo_changesubject"
)

// Fields of the registration and voice request forms (XEP-0045 §15.5.1 and §15.5.2).
const (
	RegisterAllow    = "muc#register_allow"
	RegisterEmail    = "muc#register_email"
	RegisterFAQEntry = "muc#register_faqentry"
	RegisterFirst    = "muc#register_first"
	RegisterLast     = "muc#register_last"
	RegisterRoomNick = "muc#register_roomnick"
	RegisterURL      = "muc#register_url"
	RequestRole      = "muc#role"
	RequestJID       = "muc#jid"
	RequestRoomNick  = "muc#roomnick"
	RequestAllow     = "muc#request_allow"
)

// Namespaces of the extensions around XEP-0045.
const (
	NSForm         = "jabber:x:data"
	NSDiscoInfo    = "http://jabber.org/protocol/disco#info"
	NSDiscoItems   = "http://jabber.org/protocol/disco#items"
	NSRSM          = "http://jabber.org/protocol/rsm"
	NSRegister     = "jabber:iq:register"
	NSVersion      = "jabber:iq:version"
	NSCaps         = "http://jabber.org/protocol/caps"
	NSPing         = "urn:xmpp:ping"
	NSDelay        = "urn:xmpp:delay"
	NSDirectInvite = "jabber:x:conference"
	NSForward      = "urn:xmpp:forward:0"
	NSMAM          = "urn:xmpp:mam:2"
	NSMAMExtended  = "urn:xmpp:mam:2#extended"
	NSValidate     = "http://jabber.org/protocol/xdata-validate"
	NSStanzaID     = "urn:xmpp:sid:0"
	NSOccupantID   = "urn:xmpp:occupant-id:0"
	NSMav          = "urn:xmpp:muc:affiliations:1" // XEP-0463
)
