package muc

import (
	"strconv"

	"anteroom/xmpp"
)

// FormType is the state of a form (XEP-0004 §3.1).
type FormType string

// The form types of XEP-0004 §3.1.
const (
	FormAsk    FormType = "form" // to be filled in
	FormSubmit FormType = "submit"
	FormCancel FormType = "cancel"
	FormResult FormType = "result"
)

// FieldType is the kind of a field (XEP-0004 §3.3).
type FieldType string

// The field types of XEP-0004 §3.3. A submitted field may carry none.
const (
	FieldBoolean     FieldType = "boolean"
	FieldFixed       FieldType = "fixed"
	FieldHidden      FieldType = "hidden"
	FieldJIDMulti    FieldType = "jid-multi"
	FieldJIDSingle   FieldType = "jid-single"
	FieldListMulti   FieldType = "list-multi"
	FieldListSingle  FieldType = "list-single"
	FieldTextMulti   FieldType = "text-multi"
	FieldTextPrivate FieldType = "text-private"
	FieldTextSingle  FieldType = "text-single"
)

// FieldFormType is the name of the hidden field that says what a form is (XEP-0068).
const FieldFormType = "FORM_TYPE"

// Limits of a form. They bound what a handler that compares every field with every other has to do.
const (
	MaxFields      = 256  // fields in one form
	MaxFieldValues = 4096 // values of one field: a full list of admins
)

// Option is one choice of a list field.
type Option struct {
	Label, Value string
}

// Field is one field of a form.
type Field struct {
	Var      string
	Type     FieldType
	Label    string
	Desc     string
	Required bool
	Values   []string
	Options  []Option
	Validate *Validate // in forms that we offer; not read
}

// Validate says what a value may be (XEP-0122 §3): a type of XML Schema and, unless empty, the range of its values.
type Validate struct{ Datatype, Min, Max string }

func (v *Validate) element() *xmpp.Element {
	if v == nil {
		return nil
	}
	e := xmpp.NewElement(NSValidate, "validate").WithAttr("datatype", v.Datatype)
	if v.Min != "" || v.Max != "" {
		e.With(xmpp.NewElement(NSValidate, "range").WithAttr("min", v.Min).WithAttr("max", v.Max))
	}
	return e
}

// Form is a data form (XEP-0004).
type Form struct {
	Type         FormType
	Title        string
	Instructions []string
	Fields       []Field

	Reported []Field    // columns of a table of results (XEP-0004 §3.4)
	Rows     [][]string // its cells, in the order of Reported; not read
}

// NewForm is a form with its FORM_TYPE field.
func NewForm(t FormType, formType string, fields ...Field) Form {
	f := Form{Type: t, Fields: make([]Field, 0, len(fields)+1)}
	f.Fields = append(f.Fields, Field{Var: FieldFormType, Type: FieldHidden, Values: []string{formType}})
	f.Fields = append(f.Fields, fields...)
	return f
}

// TextField is a text-single field; an empty value gives no value.
func TextField(name, label, value string) Field {
	return valueField(name, FieldTextSingle, label, value)
}

// PrivateField is a text-private field; an empty value gives no value.
func PrivateField(name, label, value string) Field {
	return valueField(name, FieldTextPrivate, label, value)
}

func valueField(name string, t FieldType, label, value string) Field {
	f := Field{Var: name, Type: t, Label: label}
	if value != "" {
		f.Values = []string{value}
	}
	return f
}

// BoolField is a boolean field.
func BoolField(name, label string, value bool) Field {
	v := "0"
	if value {
		v = "1"
	}
	return Field{Var: name, Type: FieldBoolean, Label: label, Values: []string{v}}
}

// ListField is a list-single field.
func ListField(name, label, value string, options ...Option) Field {
	f := valueField(name, FieldListSingle, label, value)
	f.Options = options
	return f
}

// ListMultiField is a list-multi field.
func ListMultiField(name, label string, values []string, options ...Option) Field {
	return Field{Var: name, Type: FieldListMulti, Label: label, Values: values, Options: options}
}

// JIDsField is a jid-multi field.
func JIDsField(name, label string, values []xmpp.JID) Field {
	f := Field{Var: name, Type: FieldJIDMulti, Label: label}
	for _, j := range values {
		f.Values = append(f.Values, j.String())
	}
	return f
}

// FormType is the value of the FORM_TYPE field, "" when there is none.
func (f *Form) FormType() string {
	v, _ := f.Text(FieldFormType)
	return v
}

// Field is the first field of this name, nil when there is none.
func (f *Form) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Var == name {
			return &f.Fields[i]
		}
	}
	return nil
}

// Text is the first value of a field, and whether the form has the field. A field without values has the value "".
func (f *Form) Text(name string) (string, bool) {
	field := f.Field(name)
	if field == nil {
		return "", false
	}
	if len(field.Values) == 0 {
		return "", true
	}
	return field.Values[0], true
}

// Bool is the value of a boolean field, and whether the form has the field. A value that is no boolean is refused; a field
// without value is false.
func (f *Form) Bool(name string) (value, present bool, err error) {
	text, present := f.Text(name)
	if !present || text == "" {
		return false, present, nil
	}
	value, ok := parseBool(text)
	if !ok {
		return false, true, xmpp.NewError(xmpp.NotAcceptable, name+" is not a boolean")
	}
	return value, true, nil
}

// Count is the value of a field that holds a number, and whether the form has the field with a value.
func (f *Form) Count(name string) (value int, present bool, err error) {
	text, present := f.Text(name)
	if !present || text == "" {
		return 0, false, nil
	}
	if value, err = parseCount(text, name); err != nil {
		return 0, true, xmpp.NewError(xmpp.NotAcceptable, name+" is not a number")
	}
	return value, true, nil
}

// JIDs are the values of a field that holds addresses, and whether the form has the field. Empty values are left out.
func (f *Form) JIDs(name string) (values []xmpp.JID, present bool, err error) {
	field := f.Field(name)
	if field == nil {
		return nil, false, nil
	}
	for _, v := range field.Values {
		if v == "" {
			continue
		}
		j, err := parseJID(v, name)
		if err != nil {
			return nil, true, err
		}
		values = append(values, j)
	}
	return values, true, nil
}

// Element is the form.
func (f Form) Element() *xmpp.Element {
	e := xmpp.NewElement(NSForm, "x").WithAttr("type", string(f.Type)).With(optionalText(NSForm, "title", f.Title))
	for _, s := range f.Instructions {
		e.With(xmpp.TextElement(NSForm, "instructions", s))
	}
	for _, field := range f.Fields {
		e.With(field.element())
	}
	return f.table(e)
}

// table adds the results of a form that is a table.
func (f Form) table(e *xmpp.Element) *xmpp.Element {
	if len(f.Reported) == 0 {
		return e
	}
	head := xmpp.NewElement(NSForm, "reported")
	for _, c := range f.Reported {
		head.With(c.element())
	}
	e.With(head)
	for _, row := range f.Rows {
		item := xmpp.NewElement(NSForm, "item")
		for i, cell := range row {
			item.With(xmpp.NewElement(NSForm, "field").WithAttr("var", f.Reported[i].Var).With(xmpp.TextElement(NSForm, "value", cell)))
		}
		e.With(item)
	}
	return e
}

func (f Field) element() *xmpp.Element {
	e := xmpp.NewElement(NSForm, "field").WithAttr("var", f.Var).WithAttr("type", string(f.Type)).WithAttr("label", f.Label)
	e.With(optionalText(NSForm, "desc", f.Desc), f.Validate.element())
	if f.Required {
		e.With(xmpp.NewElement(NSForm, "required"))
	}
	for _, v := range f.Values {
		e.With(xmpp.TextElement(NSForm, "value", v))
	}
	for _, o := range f.Options {
		e.With(xmpp.NewElement(NSForm, "option").WithAttr("label", o.Label).With(xmpp.TextElement(NSForm, "value", o.Value)))
	}
	return e
}

// ParseForm reads a form. Unknown field types are kept as they are; media is ignored.
func ParseForm(e *xmpp.Element) (Form, error) {
	if err := expect(e, NSForm, "x"); err != nil {
		return Form{}, err
	}
	f := Form{Type: FormType(e.Attr("type")), Title: e.ChildText(NSForm, "title")}
	switch f.Type {
	case FormAsk, FormSubmit, FormCancel, FormResult:
	default:
		return Form{}, bad("type of a form is none of form, submit, cancel, result (XEP-0004 §3.1)")
	}
	for c := range e.Elements() {
		switch {
		case c.Is(NSForm, "instructions"):
			f.Instructions = append(f.Instructions, c.Text())
		case c.Is(NSForm, "field"):
			field, err := parseField(c)
			if err != nil {
				return Form{}, err
			}
			if len(f.Fields) == MaxFields {
				return Form{}, bad("a form has more than " + strconv.Itoa(MaxFields) + " fields")
			}
			f.Fields = append(f.Fields, field)
		}
	}
	return f, nil
}

func parseField(e *xmpp.Element) (Field, error) {
	f := Field{
		Var: e.Attr("var"), Type: FieldType(e.Attr("type")), Label: e.Attr("label"), Desc: e.ChildText(NSForm, "desc"),
		Required: e.Child(NSForm, "required") != nil,
	}
	for c := range e.Elements() {
		switch {
		case c.Is(NSForm, "value"):
			f.Values = append(f.Values, c.Text())
		case c.Is(NSForm, "option"):
			f.Options = append(f.Options, Option{Label: c.Attr("label"), Value: c.ChildText(NSForm, "value")})
		}
		if len(f.Values)+len(f.Options) > MaxFieldValues {
			return Field{}, bad("a field has more than " + strconv.Itoa(MaxFieldValues) + " values")
		}
	}
	return f, nil
}
