package mucmap

import (
	"cmp"
	"slices"
	"strconv"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func feature(name string) *xmpp.Element {
	return xmpp.NewElement(muc.NSDiscoInfo, "feature").WithAttr("var", name)
}

func roomIdentity(name string) muc.Identity {
	return muc.Identity{Category: "conference", Type: "text", Name: name}
}

func identity(name string) *xmpp.Element {
	return xmpp.NewElement(muc.NSDiscoInfo, "identity").WithAttr("category", "conference").WithAttr("type", "text").WithAttr("name", name)
}

// always are the features of every room, however it is configured, andElsewhere what those of other providers have besides.
var always, andElsewhere = []string{
	muc.NS, muc.NSDiscoInfo, muc.NSDiscoItems, muc.NSCaps, muc.NSPing, muc.NSVersion, muc.NSStanzaID, muc.NSMAM, muc.NSMAMExtended, nsRetract, nsRetractTombstone,
	muc.FeatureStableID, muc.FeatureSelfPingOptimization, muc.NSRSM, nsTime, nsHats, muc.NSMav,
}, []string{muc.FormRequest, nsModerate}

// nameElsewhere is how a room of another provider is called that has no name.
func nameElsewhere(room mimi.URI) string { return room.Name() + " at " + room.Provider() }

// discoInfo describes the room (XEP-0045 §6.4).
func (t *turn) discoInfo(st *xmpp.Stanza) {
	s := t.r.pub
	if !s.Exists {
		t.refuse(st, t.noRoom(mimi.URI{}))
		return
	}
	switch node := st.Payload[0].Attr("node"); {
	case node == "":
		d := s.info()
		f := &d.Forms[0]
		f.Fields = append(f.Fields, muc.TextField(muc.InfoSubject, "Subject", s.Subject.Text),
			muc.TextField(muc.InfoOccupants, "Occupants", strconv.Itoa(s.here.Occupants())))
		if rate, ok := s.activityField(t.now); ok {
			f.Fields = append(f.Fields, rate)
		}
		t.result(st, d.Element())
	case node == muc.NodeRoomNick:
		t.roomNick(st)
	case node == muc.NodeTraffic:
		t.refuse(st, refusal(xmpp.ServiceUnavailable, "the room lets all namespaces through")) // XEP-0045 §17.1.3
	case s.capsNode(node):
		d := s.info()
		d.Node = node
		t.result(st, d.Element())
	case t.r.follow == nil && t.commandInfo(st):
	default:
		t.refuse(st, refusal(xmpp.ItemNotFound, "the room has no such node"))
	}
}

// info is what the room is and can do, without what changes by the hour: what its capabilities stand for (XEP-0115 §5.1).
func (s *state) info() muc.DiscoInfo {
	c := &s.Config
	uri, ours := s.svc.roomURI(s.addr.Local())
	if !ours {
		uri, _ = s.svc.followURI(s.addr.Local())
	}
	name := cmp.Or(c.Name, s.addr.Local())
	if c.Name == "" && !ours {
		name = nameElsewhere(uri)
	}
	either := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	features := append(slices.Clone(always),
		either(c.Public, muc.FeaturePublic, muc.FeatureHidden),
		either(c.Persistent, muc.FeaturePersistent, muc.FeatureTemporary),
		either(c.MembersOnly, muc.FeatureMembersOnly, muc.FeatureOpen),
		either(c.Moderated, muc.FeatureModerated, muc.FeatureUnmoderated),
		either(c.Anyone, muc.FeatureNonAnonymous, muc.FeatureSemiAnonymous),
		either(c.Protected, muc.FeaturePasswordProtected, muc.FeatureUnsecured),
	)
	if ours { // what can only be done where the room lives
		features = append(features, muc.NSRegister, muc.FormRegister, muc.FormRequest, nsModerate, nsVCard, nsCommands)
	} else {
		features = append(features, andElsewhere...)
	}
	if len(s.Secret) > 0 {
		features = append(features, muc.NSOccupantID)
	}
	f := muc.NewForm(muc.FormResult, muc.FormRoomInfo,
		muc.TextField(muc.InfoDescription, "Description", c.Description),
		muc.BoolField(muc.InfoSubjectMod, "Everybody with voice may change the subject", c.ChangeSubject),
		muc.TextField(muc.InfoLang, "Language", c.Lang),
		muc.TextField(muc.FieldMaxHistoryFetch, "Messages shown to who enters", strconv.Itoa(c.History)),
		muc.TextField(infoSlowMode, "Seconds between two messages of a user", strconv.Itoa(c.SlowMode)),
		// What every room of this service says about its encryption (ARCHITECTURE §3, honest encryption).
		muc.TextField("urn:anteroom:mimi#room", "MIMI room", uri.String()),
		muc.TextField("urn:anteroom:mimi#encryption", "Encryption", "MLS between providers and MIMI clients; for XMPP clients it ends at this gateway"),
	)
	f.Fields = append(f.Fields, c.describe()...)
	if s.AvatarHash != "" {
		f.Fields = append(f.Fields, muc.TextField(infoAvatarHash, "Hash of the avatar", s.AvatarHash))
	}
	return muc.DiscoInfo{Identities: []muc.Identity{roomIdentity(name)}, Features: features, Forms: []muc.Form{f}}
}

// discoItems lists the occupants of a public room to its occupants (XEP-0045 §6.5 leaves it to the room).
func (t *turn) discoItems(st *xmpp.Stanza) {
	s := t.r.pub
	if !s.Exists {
		t.refuse(st, refusal(xmpp.ItemNotFound, "there is no such room"))
		return
	}
	if st.Payload[0].Attr("node") == nsCommands && t.r.follow == nil {
		t.commandItems(st)
		return
	}
	if st.Payload[0].Attr("node") != "" {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the room has no such node"))
		return
	}
	var items []muc.DiscoItem
	if s.here.BySession(st.From) != nil {
		for _, o := range s.here.Sorted() {
			if !s.here.Shows(o) && o.Session(st.From) == nil {
				continue
			}
			items = append(items, muc.DiscoItem{JID: s.here.Address(o.Nick)})
		}
	}
	q, e := answerItems(st.Payload[0], items)
	if e != nil {
		t.refuse(st, e)
		return
	}
	t.result(st, q)
}
