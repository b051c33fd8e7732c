package mucmap

import (
	"iter"
	"strconv"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func feature(name string) *xmpp.Element {
	return xmpp.NewElement(muc.NSDiscoInfo, "feature").WithAttr("var", name)
}

func identity(name string) *xmpp.Element {
	return xmpp.NewElement(muc.NSDiscoInfo, "identity").WithAttr("category", "conference").WithAttr("type", "text").WithAttr("name", name)
}

// discoInfo describes the room (XEP-0045 §6.4).
func (t *turn) discoInfo(st *xmpp.Stanza) {
	s := t.r.pub
	if !s.Exists {
		t.refuse(st, t.noRoom(mimi.URI{}))
		return
	}
	if st.Payload[0].Attr("node") == muc.NodeRoomNick {
		t.roomNick(st)
		return
	}
	if st.Payload[0].Attr("node") != "" {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the room has no such node"))
		return
	}
	c := &s.Config
	name := c.Name
	if name == "" {
		name = t.r.name
	}
	q := xmpp.NewElement(muc.NSDiscoInfo, "query").With(identity(name))
	either := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	for _, f := range []string{
		muc.NS, muc.NSDiscoInfo, muc.NSDiscoItems, muc.NSPing, muc.NSVersion, muc.NSStanzaID, muc.NSMAM, muc.NSMAMExtended, nsRetract, nsRetractTombstone,
		muc.NSRegister, muc.FormRegister, muc.FormRequest, muc.FeatureStableID, muc.FeatureSelfPingOptimization,
		either(c.Public, muc.FeaturePublic, muc.FeatureHidden),
		either(c.Persistent, muc.FeaturePersistent, muc.FeatureTemporary),
		either(c.MembersOnly, muc.FeatureMembersOnly, muc.FeatureOpen),
		either(c.Moderated, muc.FeatureModerated, muc.FeatureUnmoderated),
		either(c.Anyone, muc.FeatureNonAnonymous, muc.FeatureSemiAnonymous),
		either(c.Protected, muc.FeaturePasswordProtected, muc.FeatureUnsecured),
	} {
		q.With(feature(f))
	}
	if t.r.follow == nil {
		q.With(feature(nsModerate), feature(nsVCard))
	}
	q.With(feature(muc.NSRSM), feature(nsTime), feature(nsHats))
	if len(s.Secret) > 0 {
		q.With(feature(muc.NSOccupantID))
	}
	f := muc.NewForm(muc.FormResult, muc.FormRoomInfo,
		muc.TextField(muc.InfoDescription, "Description", c.Description),
		muc.TextField(muc.InfoSubject, "Subject", s.Subject.Text),
		muc.BoolField(muc.InfoSubjectMod, "Everybody with voice may change the subject", c.ChangeSubject),
		muc.TextField(muc.InfoOccupants, "Occupants", strconv.Itoa(s.here.Occupants())),
		muc.TextField(muc.InfoLang, "Language", c.Lang),
		muc.TextField(muc.FieldMaxHistoryFetch, "Messages shown to who enters", strconv.Itoa(c.History)),
		// What every room of this service says about its encryption (ARCHITECTURE §3, honest encryption).
		muc.TextField("urn:anteroom:mimi#room", "MIMI room", t.r.uri.String()),
		muc.TextField("urn:anteroom:mimi#encryption", "Encryption", "MLS between providers and MIMI clients; for XMPP clients it ends at this gateway"),
	)
	if s.AvatarHash != "" {
		f.Fields = append(f.Fields, muc.TextField(infoAvatarHash, "Hash of the avatar", s.AvatarHash))
	}
	t.result(st, q.With(f.Element()))
}

// discoItems lists the occupants of a public room to its occupants (XEP-0045 §6.5 leaves it to the room).
func (t *turn) discoItems(st *xmpp.Stanza) {
	s := t.r.pub
	if !s.Exists {
		t.refuse(st, refusal(xmpp.ItemNotFound, "there is no such room"))
		return
	}
	var items []muc.DiscoItem
	if s.here.BySession(st.From) != nil {
		for _, o := range s.here.Sorted() {
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

// HandleService answers a stanza to the bare domain of the component. rooms yields all rooms, sorted by name.
func (s *Service) HandleService(st *xmpp.Stanza, rooms iter.Seq[Summary]) []xmpp.Stanza {
	if !st.IsRequest() || st.ID == "" {
		if st.Kind != xmpp.IQ && st.AcceptsError() && st.Kind == xmpp.Message {
			return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.ServiceUnavailable, "this service takes messages in its rooms only"))}
		}
		return nil
	}
	var e *xmpp.Element
	if len(st.Payload) > 0 {
		e = st.Payload[0]
	}
	get := st.Type == xmpp.TypeGet
	switch {
	case get && e.Is(muc.NSDiscoInfo, "query") && e.Attr("node") == "":
		q := xmpp.NewElement(muc.NSDiscoInfo, "query").With(identity("Rooms"))
		for _, f := range []string{muc.NS, muc.NSDiscoInfo, muc.NSDiscoItems, muc.NSPing, muc.NSVersion, muc.NSRSM, nsVCard} {
			q.With(feature(f))
		}
		return []xmpp.Stanza{st.Reply(q)}
	case get && e.Is(muc.NSDiscoItems, "query") && e.Attr("node") == "":
		q, refused := answerItems(e, s.roomItems(rooms))
		if refused != nil {
			return []xmpp.Stanza{st.ErrorReply(refused)}
		}
		return []xmpp.Stanza{st.Reply(q)}
	case get && e.Is(muc.NSPing, "ping"):
		return []xmpp.Stanza{st.Reply()}
	case get && e.Is(muc.NSVersion, "query"):
		return []xmpp.Stanza{st.Reply(s.versionElement())}
	case e.Is(muc.NSDiscoInfo, "query"), e.Is(muc.NSDiscoItems, "query"):
		return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.ItemNotFound, "the service has no such node"))}
	}
	return []xmpp.Stanza{st.ErrorReply(refusal(xmpp.ServiceUnavailable, "the service does not know this request"))}
}

// roomItems lists the public rooms (XEP-0045 §6.3).
func (s *Service) roomItems(rooms iter.Seq[Summary]) []muc.DiscoItem {
	var items []muc.DiscoItem
	for r := range rooms {
		if !r.Public {
			continue
		}
		j, err := xmpp.NewJID(r.Name, s.cfg.Domain.Domain(), "")
		if err != nil {
			continue
		}
		name := r.Title
		if name == "" {
			name = r.Name
		}
		items = append(items, muc.DiscoItem{JID: j, Name: name + " (" + strconv.Itoa(r.Occupants) + ")"})
	}
	return items
}
