package xmpp

// ErrorType says what the sender may do about an error (RFC 6120 §8.3.2).
type ErrorType string

// The error types of RFC 6120 §8.3.2.
const (
	Auth     ErrorType = "auth"     // retry after providing credentials
	Cancel   ErrorType = "cancel"   // do not retry
	Continue ErrorType = "continue" // proceed, it was only a warning
	Modify   ErrorType = "modify"   // retry after changing the data
	Wait     ErrorType = "wait"     // retry after waiting
)

// Condition is a defined condition of a stanza error, and its element name.
type Condition string

// The conditions of RFC 6120 §8.3.3.
const (
	BadRequest            Condition = "bad-request"
	Conflict              Condition = "conflict"
	FeatureNotImplemented Condition = "feature-not-implemented"
	Forbidden             Condition = "forbidden"
	Gone                  Condition = "gone"
	InternalServerError   Condition = "internal-server-error"
	ItemNotFound          Condition = "item-not-found"
	JIDMalformed          Condition = "jid-malformed"
	NotAcceptable         Condition = "not-acceptable"
	NotAllowed            Condition = "not-allowed"
	NotAuthorized         Condition = "not-authorized"
	PolicyViolation       Condition = "policy-violation"
	RecipientUnavailable  Condition = "recipient-unavailable"
	Redirect              Condition = "redirect"
	RegistrationRequired  Condition = "registration-required"
	RemoteServerNotFound  Condition = "remote-server-not-found"
	RemoteServerTimeout   Condition = "remote-server-timeout"
	ResourceConstraint    Condition = "resource-constraint"
	ServiceUnavailable    Condition = "service-unavailable"
	SubscriptionRequired  Condition = "subscription-required"
	UndefinedCondition    Condition = "undefined-condition"
	UnexpectedRequest     Condition = "unexpected-request"
)

// DefaultType is the error type that RFC 6120 §8.3.3 recommends for a condition, "" for an unknown condition.
func (c Condition) DefaultType() ErrorType {
	switch c {
	case Forbidden, NotAuthorized, RegistrationRequired, SubscriptionRequired:
		return Auth
	case Conflict, FeatureNotImplemented, Gone, InternalServerError, ItemNotFound, NotAllowed,
		RemoteServerNotFound, ServiceUnavailable, UndefinedCondition:
		return Cancel
	case BadRequest, JIDMalformed, NotAcceptable, PolicyViolation, Redirect:
		return Modify
	case RecipientUnavailable, RemoteServerTimeout, ResourceConstraint, UnexpectedRequest:
		return Wait
	}
	return ""
}

// A StanzaError is a refusal that a peer gets to see (RFC 6120 §8.3).
type StanzaError struct {
	Type      ErrorType
	Condition Condition
	Text      string   // for a human reader, English unless Lang says otherwise
	Lang      string   // language of Text
	Address   string   // new address, with gone and redirect only: a URI
	By        JID      // who reports the error, when it is not the sender of the stanza
	App       *Element // application-specific condition
}

// NewError is an error of the condition's default type.
func NewError(c Condition, text string) *StanzaError {
	return &StanzaError{Type: c.DefaultType(), Condition: c, Text: text}
}

// WithType is a copy with another error type, where a protocol asks for one that is not the condition's default.
func (e *StanzaError) WithType(t ErrorType) *StanzaError {
	c := *e
	c.Type = t
	return &c
}

func (e *StanzaError) Error() string {
	s := "stanza error " + string(e.Condition) + " (" + string(e.Type) + ")"
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Element is the error element of a stanza. A missing type or condition becomes the default one.
func (e *StanzaError) Element() *Element {
	cond, typ := e.Condition, e.Type
	if cond == "" {
		cond = UndefinedCondition
	}
	if typ == "" {
		if typ = cond.DefaultType(); typ == "" {
			typ = Cancel
		}
	}
	el := NewElement(NSClient, "error").WithAttr("type", string(typ)).WithAttr("by", e.By.String())
	c := NewElement(NSStanzas, string(cond))
	if cond == Gone || cond == Redirect {
		c.WithText(e.Address)
	}
	el.With(c)
	if e.Text != "" {
		el.With(TextElement(NSStanzas, "text", e.Text).WithLang(e.Lang))
	}
	return el.With(e.App)
}

// DecodeError reads an error element leniently: what is missing or unknown becomes undefined-condition and its default type,
// a malformed by attribute is left out.
func DecodeError(el *Element) *StanzaError {
	e := &StanzaError{Condition: UndefinedCondition}
	for c := range el.Elements() {
		switch {
		case c.Is(NSStanzas, "text"):
			if e.Text == "" {
				e.Text, e.Lang = c.Text(), c.Lang()
			}
		case c.Name.Space == NSStanzas:
			if known := Condition(c.Name.Local); known.DefaultType() != "" {
				e.Condition = known
				if known == Gone || known == Redirect {
					e.Address = c.Text()
				}
			}
		case e.App == nil:
			e.App = c
		}
	}
	switch t := ErrorType(el.Attr("type")); t {
	case Auth, Cancel, Continue, Modify, Wait:
		e.Type = t
	default:
		e.Type = e.Condition.DefaultType()
	}
	if by, err := ParseJID(el.Attr("by")); err == nil {
		e.By = by
	}
	return e
}
