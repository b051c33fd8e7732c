package roomdoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits of a document. One that exceeds them is refused as a whole.
const (
	MaxDocument = 4 << 20 // bytes
	MaxPreauth  = 1024    // entries of one preauthorisation list
	MaxUsers    = 20_000  // users of one affiliation
	MaxBots     = 64
	MaxSystems  = 16 // system users of other providers
	MaxKey      = 1024
	MaxName     = 3071 // bytes of one name, the limit of a JID
	MaxText     = 4096 // bytes of one text of the metadata
	maxDepth    = 8
	// MaxCertificates and MaxCertificate bound the credential of a system user: certificates, and bytes of one.
	MaxCertificates = 4
	MaxCertificate  = 4096
)

// KnockFirst is the only value of Policy.Membership: who is no member may ask to become one.
const KnockFirst = "knock-first"

// Document is a room. All lists are in the order of the document.
type Document struct {
	Policy         Policy       `json:"policy"`
	PreauthOwner   []Preauth    `json:"preauth-owner"`
	PreauthAdmin   []Preauth    `json:"preauth-admin"`
	PreauthMember  []Preauth    `json:"preauth-member"`
	PreauthVisitor []Preauth    `json:"preauth-visitor"`
	OwningSystem   []string     `json:"owning-system"`
	SystemAuth     []SystemUser `json:"system-auth"`
	Affiliations   Affiliations `json:"user-affiliations"`
	Bots           []Bot        `json:"bots,omitempty"`
	Metadata       *Metadata    `json:"metadata,omitempty"`
}

// Policy is what the room is like.
type Policy struct {
	Discoverable    bool   `json:"discoverable"`
	Open            bool   `json:"open"`
	Membership      string `json:"membership,omitempty"` // KnockFirst, or empty
	Moderated       bool   `json:"moderated"`
	Logging         bool   `json:"logging"`
	FixedMembership bool   `json:"fixed-membership"`
	MultiDevice     bool   `json:"multi-device"`
	WelcomeDirectly bool   `json:"welcome-directly"` // the Welcome goes with the commit that adds
}

// Metadata is how the room presents itself. The seed's document has nothing for it; only operators' documents have it here.
type Metadata struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Language    string `json:"language,omitempty"` // of the description and the discussion
	Subject     string `json:"subject,omitempty"`
}

// Affiliations lists users by what they are in the room. A user is an address such as alice@example.com, or a mimi:// URI.
type Affiliations struct {
	Owner   []string `json:"owner"`
	Admin   []string `json:"admin"`
	Member  []string `json:"member"`
	Outcast []string `json:"outcast"`
}

// SystemUser is the system user of another provider, which acts for it in the room without a client there: as an external sender of the group, with
// this key. The seed's list has no form for its entries; a name alone would let nobody act.
type SystemUser struct {
	Name string `json:"system"` // as in Affiliations
	Key  []byte `json:"key"`    // public signature key of the group's suite; in JSON base64
	// Certificates are its X.509 credential, DER, that of the key first; in JSON base64. None: its credential is a basic one.
	Certificates [][]byte `json:"certificates,omitempty"`
}

// Rights are what a bot may do.
type Rights string

const (
	BotReads     Rights = "read"
	BotWrites    Rights = "read-write"
	BotIsOutside Rights = "none"  // it takes no part itself
	BotIsLocal   Rights = "local" // it works in the client of somebody who takes part
)

// Bot is a bot that the room allows; the seed has a bot policy and no form for it. One that takes part is a User and no one else in the document.
type Bot struct {
	User            string `json:"user,omitempty"` // as in Affiliations
	Name            string `json:"name"`
	Description     string `json:"description,omitempty"`
	Homepage        string `json:"homepage,omitempty"` // of one that is no User
	Rights          Rights `json:"rights"`
	PrivateMessages bool   `json:"private-messages"`
	PerUserContent  bool   `json:"per-user-content"`
}

// Kind is what a preauthorisation goes by.
type Kind string

const (
	User   Kind = "user"
	Domain Kind = "domain"
	Team   Kind = "team"
	System Kind = "system"
)

// Preauth lets a user, everybody of a domain, everybody of a team or a system user enter. In JSON it is an object with its Kind as
// only member.
type Preauth struct {
	Kind Kind
	Name string
}

// MarshalJSON encodes the entry.
func (p Preauth) MarshalJSON() ([]byte, error) { return json.Marshal(map[Kind]string{p.Kind: p.Name}) }

// UnmarshalJSON decodes the entry.
func (p *Preauth) UnmarshalJSON(b []byte) error {
	var m map[Kind]string
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	if len(m) != 1 {
		return errors.New("a preauthorisation has one member: user, domain, team or system")
	}
	for p.Kind, p.Name = range m {
	}
	switch p.Kind {
	case User, Domain, Team, System:
		return nil
	}
	return fmt.Errorf("%q is none of user, domain, team and system", p.Kind)
}

// ParsePreauth reads KIND:NAME, such as domain:example.net.
func ParsePreauth(s string) (Preauth, error) {
	kind, name, ok := strings.Cut(s, ":")
	if !ok {
		return Preauth{}, fmt.Errorf("%q is not of the form KIND:NAME", s)
	}
	var p Preauth
	b, err := json.Marshal(Preauth{Kind(kind), name})
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err
}

// Lists calls f for each preauthorisation list with its name in JSON.
func (d *Document) Lists(f func(name string, list *[]Preauth)) {
	f("preauth-owner", &d.PreauthOwner)
	f("preauth-admin", &d.PreauthAdmin)
	f("preauth-member", &d.PreauthMember)
	f("preauth-visitor", &d.PreauthVisitor)
}

// Parse reads a document. The error names the field and what is wrong with it.
func Parse(b []byte) (*Document, error) {
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("roomdoc: more than %d bytes", MaxDocument)
	}
	if err := strict(b); err != nil {
		return nil, fmt.Errorf("roomdoc: %w", err)
	}
	d := &Document{Policy: Policy{WelcomeDirectly: true}}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("roomdoc: %w", err)
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	return d, nil
}

// Format writes a document, indented. Empty lists are written as such.
func (d *Document) Format() []byte {
	full := *d
	full.Lists(func(_ string, l *[]Preauth) {
		if *l == nil {
			*l = []Preauth{}
		}
	})
	a := &full.Affiliations
	if full.SystemAuth == nil {
		full.SystemAuth = []SystemUser{}
	}
	for _, l := range []*[]string{&full.OwningSystem, &a.Owner, &a.Admin, &a.Member, &a.Outcast} {
		if *l == nil {
			*l = []string{}
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(full); err != nil {
		panic("roomdoc: " + err.Error()) // booleans and strings
	}
	return out.Bytes()
}

// strict refuses what encoding/json lets pass: members that occur twice or differ in case only, null, depth, and anything after the value.
func strict(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := value(dec, "document", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the document")
	}
	return nil
}

func value(dec *json.Decoder, at string, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return fmt.Errorf("%s: %w", at, noEOF(err))
	}
	if depth > maxDepth {
		return fmt.Errorf("%s: nested too deep", at)
	}
	switch token {
	case nil:
		return fmt.Errorf("%s: is null", at)
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return fmt.Errorf("%s: %w", at, noEOF(err))
			}
			name, _ := key.(string)
			if seen[name] {
				return fmt.Errorf("%s: %q occurs twice", at, name)
			}
			if strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
				return fmt.Errorf("%s: %q is unknown", at, name)
			}
			seen[name] = true
			if err := value(dec, name, depth+1); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for n := 0; dec.More(); n++ {
			if n > MaxUsers {
				return fmt.Errorf("%s: more than %d entries", at, MaxUsers)
			}
			if err := value(dec, at, depth+1); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	if _, err = dec.Token(); err != nil {
		return fmt.Errorf("%s: %w", at, noEOF(err))
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Check holds the document against itself: one affiliation per user, and policies that go together.
func (d *Document) Check() error {
	fail := func(field, format string, args ...any) error {
		return fmt.Errorf("roomdoc: %s: %s", field, fmt.Sprintf(format, args...))
	}
	p := &d.Policy
	switch {
	case p.Membership != "" && p.Membership != KnockFirst:
		return fail("membership", "%q is not %q", p.Membership, KnockFirst)
	case p.Open && p.Membership != "":
		return fail("membership", "nobody knocks at an open room")
	case p.Open && p.FixedMembership:
		return fail("fixed-membership", "the membership of an open room is not fixed")
	}
	seen := map[string]string{}
	for _, l := range []struct {
		name string
		list []string
	}{{"owner", d.Affiliations.Owner}, {"admin", d.Affiliations.Admin}, {"member", d.Affiliations.Member}, {"outcast", d.Affiliations.Outcast}} {
		if len(l.list) > MaxUsers {
			return fail(l.name, "more than %d entries", MaxUsers)
		}
		for _, u := range l.list {
			if err := checkName(u); err != nil {
				return fail(l.name, "%v", err)
			}
			if seen[u] != "" {
				return fail(l.name, "%s is %s already", u, seen[u])
			}
			seen[u] = l.name
		}
	}
	if len(d.OwningSystem) > MaxPreauth || len(d.SystemAuth) > MaxSystems {
		return fail("owning-system and system-auth", "more than %d or %d entries", MaxPreauth, MaxSystems)
	}
	for _, u := range d.OwningSystem {
		if err := checkName(u); err != nil {
			return fail("owning-system", "%v", err)
		}
	}
	for i := range d.SystemAuth {
		s := &d.SystemAuth[i]
		if err := checkName(s.Name); err != nil {
			return fail("system-auth", "%v", err)
		}
		if len(s.Key) == 0 || len(s.Key) > MaxKey {
			return fail("system-auth", "%s has no key, or one of more than %d bytes", s.Name, MaxKey)
		}
		if len(s.Certificates) > MaxCertificates || slices.ContainsFunc(s.Certificates, func(der []byte) bool { return len(der) == 0 || len(der) > MaxCertificate }) {
			return fail("system-auth", "%s has more than %d certificates, or one of more than %d bytes", s.Name, MaxCertificates, MaxCertificate)
		}
		if slices.ContainsFunc(d.SystemAuth[:i], func(o SystemUser) bool { return o.Name == s.Name || bytes.Equal(o.Key, s.Key) }) {
			return fail("system-auth", "%s or its key occurs twice", s.Name)
		}
	}
	if m := d.Metadata; m != nil && max(len(m.Name), len(m.Description), len(m.Language), len(m.Subject)) > MaxText {
		return fail("metadata", "a text of more than %d bytes", MaxText)
	}
	if err := d.checkBots(seen); err != nil {
		return fmt.Errorf("roomdoc: bots: %w", err)
	}
	var err error
	d.Lists(func(name string, list *[]Preauth) {
		if err == nil && len(*list) > MaxPreauth {
			err = fail(name, "more than %d entries", MaxPreauth)
		}
		for _, entry := range *list {
			if e := checkName(entry.Name); e != nil && err == nil {
				err = fail(name, "%v", e)
			}
			if err == nil && entry.Kind == System && p.FixedMembership && p.Logging && !slices.Contains(append(append(slices.Clone(d.Affiliations.Member), d.Affiliations.Admin...), d.Affiliations.Owner...), entry.Name) {
				err = fail(name, "%s logs a room of fixed membership and has to be one of its users", entry.Name)
			}
		}
	})
	return err
}

// checkBots holds that each bot is one thing. seen are the users of the document.
func (d *Document) checkBots(seen map[string]string) error {
	if len(d.Bots) > MaxBots {
		return fmt.Errorf("more than %d entries", MaxBots)
	}
	for i := range d.Bots {
		b := &d.Bots[i]
		takesPart := b.Rights == BotReads || b.Rights == BotWrites
		switch {
		case b.Name == "" || len(b.Name) > MaxName || len(b.Description) > MaxName || len(b.Homepage) > MaxName:
			return errors.New("a name is missing, or a text too long")
		case !takesPart && b.Rights != BotIsOutside && b.Rights != BotIsLocal:
			return fmt.Errorf("%q: rights %q are none of read, read-write, none, local", b.Name, b.Rights)
		case takesPart && b.User == "":
			return fmt.Errorf("%q takes part and has no user", b.Name)
		case b.Rights == BotIsLocal && b.User != "":
			return fmt.Errorf("%q is local and no user", b.Name)
		case b.User != "" && b.Homepage != "":
			return fmt.Errorf("%q has a user or a homepage", b.Name)
		case b.User == "":
			continue
		}
		if err := checkName(b.User); err != nil {
			return err
		}
		if seen[b.User] != "" {
			return fmt.Errorf("%s is %s already", b.User, seen[b.User])
		}
		seen[b.User] = "a bot"
	}
	return nil
}

func checkName(s string) error {
	switch {
	case s == "":
		return errors.New("an empty name")
	case len(s) > MaxName:
		return fmt.Errorf("a name of more than %d bytes", MaxName)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }):
		return fmt.Errorf("%q is no name", s)
	}
	return nil
}

// Loggers are the system users among those preauthorised, in a room that is logged.
func (d *Document) Loggers() []string {
	var names []string
	if d.Policy.Logging {
		d.Lists(func(_ string, list *[]Preauth) {
			for _, p := range *list {
				if p.Kind == System && !slices.Contains(names, p.Name) {
					names = append(names, p.Name)
				}
			}
		})
	}
	return names
}
