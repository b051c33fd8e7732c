package muc

import (
	"time"

	"anteroom/xmpp"
)

// Fields of the form of an archive query (XEP-0313 §4.1).
const (
	MAMWith     = "with"
	MAMStart    = "start"
	MAMEnd      = "end"
	MAMBeforeID = "before-id"
	MAMAfterID  = "after-id"
	MAMIDs      = "ids"
)

// MAMQuery asks an archive for messages (XEP-0313 §4). The zero values of the filters do not filter.
type MAMQuery struct {
	QueryID  string
	Node     string
	With     xmpp.JID
	Start    time.Time
	End      time.Time
	BeforeID string
	AfterID  string
	IDs      []string
	RSM      *RSM
	FlipPage bool // results of a page in reverse order
}

// Element is the payload of an iq of type set.
func (q MAMQuery) Element() *xmpp.Element {
	e := xmpp.NewElement(NSMAM, "query").WithAttr("queryid", q.QueryID).WithAttr("node", q.Node)
	form := NewForm(FormSubmit, NSMAM)
	add := func(name string, values ...string) {
		if len(values) > 0 && values[0] != "" {
			form.Fields = append(form.Fields, Field{Var: name, Values: values})
		}
	}
	add(MAMWith, q.With.String())
	for _, f := range []struct {
		name string
		t    time.Time
	}{{MAMStart, q.Start}, {MAMEnd, q.End}} {
		if !f.t.IsZero() {
			add(f.name, FormatTime(f.t))
		}
	}
	add(MAMBeforeID, q.BeforeID)
	add(MAMAfterID, q.AfterID)
	add(MAMIDs, q.IDs...)
	if len(form.Fields) > 1 {
		e.With(form.Element())
	}
	if q.RSM != nil {
		e.With(q.RSM.Element())
	}
	if q.FlipPage {
		e.With(xmpp.NewElement(NSMAM, "flip-page"))
	}
	return e
}

// ParseMAMQuery reads the payload of an iq of type set. A filter that is not known is refused: XEP-0313 §4.1 wants an error and
// not a result that was not filtered.
func ParseMAMQuery(e *xmpp.Element) (MAMQuery, error) {
	if err := expect(e, NSMAM, "query"); err != nil {
		return MAMQuery{}, err
	}
	q := MAMQuery{QueryID: e.Attr("queryid"), Node: e.Attr("node"), FlipPage: e.Child(NSMAM, "flip-page") != nil}
	var err error
	if q.RSM, err = optionalRSM(e); err != nil {
		return MAMQuery{}, err
	}
	fe := e.Child(NSForm, "x")
	if fe == nil {
		return q, nil
	}
	form, err := ParseForm(fe)
	if err != nil {
		return MAMQuery{}, err
	}
	if form.Type != FormSubmit || form.FormType() != NSMAM {
		return MAMQuery{}, bad("the filter is no submitted form of " + NSMAM)
	}
	for _, f := range form.Fields {
		if err := q.filter(f); err != nil {
			return MAMQuery{}, err
		}
	}
	return q, nil
}

func (q *MAMQuery) filter(f Field) error {
	value := ""
	if len(f.Values) > 0 {
		value = f.Values[0]
	}
	var err error
	switch f.Var {
	case FieldFormType:
	case MAMWith:
		q.With, err = parseJID(value, MAMWith)
	case MAMStart:
		q.Start, err = optionalTime(value, MAMStart)
	case MAMEnd:
		q.End, err = optionalTime(value, MAMEnd)
	case MAMBeforeID:
		q.BeforeID = value
	case MAMAfterID:
		q.AfterID = value
	case MAMIDs:
		q.IDs = f.Values
	default:
		return xmpp.NewError(xmpp.FeatureNotImplemented, "the archive cannot filter by "+f.Var)
	}
	return err
}

// MAMForm is the form that tells which filters exist, the answer to a query of type get (XEP-0313 §4.1.1).
func MAMForm() *xmpp.Element {
	field := func(name string, t FieldType) Field { return Field{Var: name, Type: t} }
	f := NewForm(FormAsk, NSMAM, field(MAMWith, FieldJIDSingle), field(MAMStart, FieldTextSingle), field(MAMEnd, FieldTextSingle),
		field(MAMBeforeID, FieldTextSingle), field(MAMAfterID, FieldTextSingle), field(MAMIDs, FieldListMulti))
	e := f.Element()
	for _, c := range e.ChildrenNamed(NSForm, "field") {
		if c.Attr("var") == MAMIDs { // any id may be given: listing all would be too much (XEP-0313 §4.1.5, XEP-0122)
			c.With(xmpp.NewElement(NSValidate, "validate").WithAttr("datatype", "xs:string").With(xmpp.NewElement(NSValidate, "open")))
		}
	}
	return xmpp.NewElement(NSMAM, "query").With(e)
}

// MAMResult is one archived message on its way to who asked (XEP-0313 §4.2).
type MAMResult struct {
	QueryID   string
	ID        string // of the message in the archive
	Forwarded Forwarded
}

// Element is the payload of a message.
func (r MAMResult) Element() *xmpp.Element {
	return xmpp.NewElement(NSMAM, "result").WithAttr("queryid", r.QueryID).WithAttr("id", r.ID).With(r.Forwarded.Element())
}

// ParseMAMResult reads the payload of a message.
func ParseMAMResult(e *xmpp.Element) (MAMResult, error) {
	if err := expect(e, NSMAM, "result"); err != nil {
		return MAMResult{}, err
	}
	f, err := ParseForwarded(e.Child(NSForward, "forwarded"))
	if err != nil {
		return MAMResult{}, err
	}
	return MAMResult{QueryID: e.Attr("queryid"), ID: e.Attr("id"), Forwarded: f}, nil
}

// MAMFin ends the answer to an archive query (XEP-0313 §4.3).
type MAMFin struct {
	Complete bool // nothing follows this page
	Unstable bool // the page may look different when asked for again
	RSM      RSM
}

// Element is the payload of an iq of type result.
func (f MAMFin) Element() *xmpp.Element {
	e := xmpp.NewElement(NSMAM, "fin")
	if f.Complete {
		e.SetAttr("complete", "true")
	}
	if f.Unstable {
		e.SetAttr("stable", "false")
	}
	return e.With(f.RSM.Element())
}

// ParseMAMFin reads the payload of an iq of type result.
func ParseMAMFin(e *xmpp.Element) (MAMFin, error) {
	if err := expect(e, NSMAM, "fin"); err != nil {
		return MAMFin{}, err
	}
	complete, _ := parseBool(e.Attr("complete"))
	stable, given := parseBool(e.Attr("stable"))
	f := MAMFin{Complete: complete, Unstable: given && !stable}
	set, err := optionalRSM(e)
	if err != nil {
		return MAMFin{}, err
	}
	if set != nil {
		f.RSM = *set
	}
	return f, nil
}

// Forwarded carries another stanza inside a stanza (XEP-0297).
type Forwarded struct {
	Delay  *Delay
	Stanza *xmpp.Element // in jabber:client
}

// Element is the payload.
func (f Forwarded) Element() *xmpp.Element {
	e := xmpp.NewElement(NSForward, "forwarded")
	if f.Delay != nil {
		e.With(f.Delay.Element())
	}
	return e.With(f.Stanza)
}

// ParseForwarded reads the payload.
func ParseForwarded(e *xmpp.Element) (Forwarded, error) {
	if err := expect(e, NSForward, "forwarded"); err != nil {
		return Forwarded{}, err
	}
	f := Forwarded{Stanza: e.Child(xmpp.NSClient, "")}
	if f.Stanza == nil {
		return Forwarded{}, bad("forwarded holds no stanza (XEP-0297 §3)")
	}
	if de := e.Child(NSDelay, "delay"); de != nil {
		d, err := ParseDelay(de)
		if err != nil {
			return Forwarded{}, err
		}
		f.Delay = &d
	}
	return f, nil
}
