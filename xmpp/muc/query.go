package muc

import "anteroom/xmpp"

// AdminQuery reads or changes lists of users and occupants (XEP-0045 §8 and §9). In a request of type get exactly one item says
// which list is wanted; in a set each item says what shall become of one user or occupant.
type AdminQuery struct {
	Items []Item
}

// Element is the payload of an iq.
func (q AdminQuery) Element() *xmpp.Element {
	e := xmpp.NewElement(NSAdmin, "query")
	for _, i := range q.Items {
		e.With(i.element(NSAdmin))
	}
	return e
}

// ParseAdminQuery reads the payload of an iq.
func ParseAdminQuery(e *xmpp.Element) (AdminQuery, error) {
	if err := expect(e, NSAdmin, "query"); err != nil {
		return AdminQuery{}, err
	}
	var q AdminQuery
	for c := range e.Elements() {
		if !c.Is(NSAdmin, "item") {
			continue
		}
		i, err := parseItem(c)
		if err != nil {
			return AdminQuery{}, err
		}
		q.Items = append(q.Items, i)
	}
	return q, nil
}

// OwnerQuery carries the room configuration form or the order to destroy the room (XEP-0045 §10). Both nil: a request for
// the form.
type OwnerQuery struct {
	Form    *Form
	Destroy *Destroy
}

// Element is the payload of an iq.
func (q OwnerQuery) Element() *xmpp.Element {
	e := xmpp.NewElement(NSOwner, "query")
	if q.Form != nil {
		e.With(q.Form.Element())
	}
	if q.Destroy != nil {
		e.With(q.Destroy.Element(NSOwner))
	}
	return e
}

// ParseOwnerQuery reads the payload of an iq. A form and a destroy in one query are refused.
func ParseOwnerQuery(e *xmpp.Element) (OwnerQuery, error) {
	if err := expect(e, NSOwner, "query"); err != nil {
		return OwnerQuery{}, err
	}
	var q OwnerQuery
	var err error
	if q.Destroy, err = parseDestroy(e.Child(NSOwner, "destroy")); err != nil {
		return OwnerQuery{}, err
	}
	if fe := e.Child(NSForm, "x"); fe != nil {
		f, err := ParseForm(fe)
		if err != nil {
			return OwnerQuery{}, err
		}
		q.Form = &f
	}
	if q.Form != nil && q.Destroy != nil {
		return OwnerQuery{}, bad("a query holds a form or a destroy, not both")
	}
	return q, nil
}

// RegisterQuery is a registration with a room (XEP-0077 as used in XEP-0045 §7.10).
type RegisterQuery struct {
	Registered   bool
	Remove       bool
	Instructions string
	Username     string // the reserved nick, in the answer for a registered user
	Form         *Form
}

// Element is the payload of an iq.
func (q RegisterQuery) Element() *xmpp.Element {
	e := xmpp.NewElement(NSRegister, "query")
	if q.Registered {
		e.With(xmpp.NewElement(NSRegister, "registered"))
	}
	e.With(optionalText(NSRegister, "instructions", q.Instructions), optionalText(NSRegister, "username", q.Username))
	if q.Remove {
		e.With(xmpp.NewElement(NSRegister, "remove"))
	}
	if q.Form != nil {
		e.With(q.Form.Element())
	}
	return e
}

// ParseRegisterQuery reads the payload of an iq.
func ParseRegisterQuery(e *xmpp.Element) (RegisterQuery, error) {
	if err := expect(e, NSRegister, "query"); err != nil {
		return RegisterQuery{}, err
	}
	q := RegisterQuery{
		Registered:   e.Child(NSRegister, "registered") != nil,
		Remove:       e.Child(NSRegister, "remove") != nil,
		Instructions: e.ChildText(NSRegister, "instructions"),
		Username:     e.ChildText(NSRegister, "username"),
	}
	if fe := e.Child(NSForm, "x"); fe != nil {
		f, err := ParseForm(fe)
		if err != nil {
			return RegisterQuery{}, err
		}
		q.Form = &f
	}
	return q, nil
}
