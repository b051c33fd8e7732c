package muc

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"

	"anteroom/xmpp"
)

// Identity says what an entity is (XEP-0030 §3.1).
type Identity struct {
	Category, Type, Name, Lang string
}

// DiscoInfo is a query for, or the answer with, what an entity is and can do (XEP-0030 §3), extended by forms (XEP-0128).
type DiscoInfo struct {
	Node       string
	Identities []Identity
	Features   []string
	Forms      []Form
}

// Element is the payload of an iq.
func (d DiscoInfo) Element() *xmpp.Element {
	e := xmpp.NewElement(NSDiscoInfo, "query").WithAttr("node", d.Node)
	for _, i := range d.Identities {
		e.With(xmpp.NewElement(NSDiscoInfo, "identity").WithAttr("category", i.Category).WithAttr("type", i.Type).
			WithAttr("name", i.Name).WithLang(i.Lang))
	}
	for _, f := range d.Features {
		e.With(xmpp.NewElement(NSDiscoInfo, "feature").WithAttr("var", f))
	}
	for _, f := range d.Forms {
		e.With(f.Element())
	}
	return e
}

// ParseDiscoInfo reads the payload of an iq.
func ParseDiscoInfo(e *xmpp.Element) (DiscoInfo, error) {
	if err := expect(e, NSDiscoInfo, "query"); err != nil {
		return DiscoInfo{}, err
	}
	d := DiscoInfo{Node: e.Attr("node")}
	for c := range e.Elements() {
		switch {
		case c.Is(NSDiscoInfo, "identity"):
			d.Identities = append(d.Identities, Identity{c.Attr("category"), c.Attr("type"), c.Attr("name"), c.Lang()})
		case c.Is(NSDiscoInfo, "feature"):
			d.Features = append(d.Features, c.Attr("var"))
		case c.Is(NSForm, "x"):
			f, err := ParseForm(c)
			if err != nil {
				return DiscoInfo{}, err
			}
			d.Forms = append(d.Forms, f)
		}
	}
	return d, nil
}

// CapsHash is the SHA-1 verification string of XEP-0115 §5.1.
func (d DiscoInfo) CapsHash() string {
	var b strings.Builder
	ids := make([]string, 0, len(d.Identities))
	for _, i := range d.Identities {
		ids = append(ids, i.Category+"/"+i.Type+"/"+i.Lang+"/"+i.Name)
	}
	writeSorted(&b, ids)
	writeSorted(&b, slices.Clone(d.Features))
	forms := slices.Clone(d.Forms)
	slices.SortStableFunc(forms, func(a, b Form) int { return strings.Compare(a.FormType(), b.FormType()) })
	for _, f := range forms {
		if ft := f.Field(FieldFormType); ft == nil || ft.Type != FieldHidden {
			continue // XEP-0115 §5.4 step 3.6: such a form does not count
		}
		writeSorted(&b, []string{f.FormType()})
		fields := slices.DeleteFunc(slices.Clone(f.Fields), func(x Field) bool { return x.Var == FieldFormType })
		slices.SortStableFunc(fields, func(a, b Field) int { return strings.Compare(a.Var, b.Var) })
		for _, field := range fields {
			writeSorted(&b, []string{field.Var})
			writeSorted(&b, slices.Clone(field.Values))
		}
	}
	sum := sha1.Sum([]byte(b.String()))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func writeSorted(b *strings.Builder, items []string) {
	slices.Sort(items)
	for _, s := range items {
		b.WriteString(s)
		b.WriteByte('<')
	}
}

// Caps announces what a [DiscoInfo] would answer (XEP-0115 §3).
type Caps struct {
	Hash string // always "sha-1" in what we send
	Node string // URI of the software
	Ver  string // [DiscoInfo.CapsHash]
}

// Element is the payload of a presence.
func (c Caps) Element() *xmpp.Element {
	return xmpp.NewElement(NSCaps, "c").WithAttr("hash", c.Hash).WithAttr("node", c.Node).WithAttr("ver", c.Ver)
}

// ParseCaps reads the payload of a presence.
func ParseCaps(e *xmpp.Element) (Caps, error) {
	if err := expect(e, NSCaps, "c"); err != nil {
		return Caps{}, err
	}
	return Caps{Hash: e.Attr("hash"), Node: e.Attr("node"), Ver: e.Attr("ver")}, nil
}

// DiscoItem is one thing related to an entity (XEP-0030 §4).
type DiscoItem struct {
	JID        xmpp.JID
	Node, Name string
}

// DiscoItems is a query for, or the answer with, related things, page by page when RSM is there.
type DiscoItems struct {
	Node  string
	Items []DiscoItem
	RSM   *RSM
}

// Element is the payload of an iq.
func (d DiscoItems) Element() *xmpp.Element {
	e := xmpp.NewElement(NSDiscoItems, "query").WithAttr("node", d.Node)
	for _, i := range d.Items {
		e.With(xmpp.NewElement(NSDiscoItems, "item").WithAttr("jid", i.JID.String()).WithAttr("node", i.Node).WithAttr("name", i.Name))
	}
	if d.RSM != nil {
		e.With(d.RSM.Element())
	}
	return e
}

// ParseDiscoItems reads the payload of an iq.
func ParseDiscoItems(e *xmpp.Element) (DiscoItems, error) {
	if err := expect(e, NSDiscoItems, "query"); err != nil {
		return DiscoItems{}, err
	}
	d := DiscoItems{Node: e.Attr("node")}
	var err error
	if d.RSM, err = optionalRSM(e); err != nil {
		return DiscoItems{}, err
	}
	for c := range e.Elements() {
		if !c.Is(NSDiscoItems, "item") {
			continue
		}
		i := DiscoItem{Node: c.Attr("node"), Name: c.Attr("name")}
		if i.JID, err = parseJID(c.Attr("jid"), "jid of an item"); err != nil {
			return DiscoItems{}, err
		}
		d.Items = append(d.Items, i)
	}
	return d, nil
}
