package xmpp

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
)

// localExcluded are the characters that RFC 7622 §3.3.1 forbids in a localpart beyond what PRECIS forbids.
const localExcluded = "\"&'/:<>@"

const ruleLength = "must not be longer than 1023 octets"

// prepareLocal applies UsernameCaseMapped (RFC 7622 §3.3, RFC 8265 §3.3).
func prepareLocal(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if len(s) > MaxJIDPart {
		return "", jidError("localpart", s, ruleLength)
	}
	if isPlainLocal(s) {
		return s, nil
	}
	p, err := stable(precis.UsernameCaseMapped, s)
	if err != nil {
		return "", jidError("localpart", s, "PRECIS UsernameCaseMapped: "+err.Error())
	}
	if strings.ContainsAny(p, localExcluded) {
		return "", jidError("localpart", s, "must not contain "+localExcluded) // RFC 7622 §3.3.1
	}
	if len(p) > MaxJIDPart {
		return "", jidError("localpart", s, ruleLength)
	}
	return p, nil
}

// isPlainLocal says that UsernameCaseMapped would leave s as it is: printable ASCII, no upper case, nothing excluded.
func isPlainLocal(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7F || ('A' <= c && c <= 'Z') || strings.IndexByte(localExcluded, c) >= 0 {
			return false
		}
	}
	return true
}

// prepareResource applies OpaqueString (RFC 7622 §3.4, RFC 8265 §4.2).
func prepareResource(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if len(s) > MaxJIDPart {
		return "", jidError("resourcepart", s, ruleLength)
	}
	if isPlainResource(s) {
		return s, nil
	}
	p, err := stable(precis.OpaqueString, s)
	if err != nil {
		return "", jidError("resourcepart", s, "PRECIS OpaqueString: "+err.Error())
	}
	if len(p) > MaxJIDPart {
		return "", jidError("resourcepart", s, ruleLength)
	}
	return p, nil
}

func isPlainResource(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// preparations is how often a profile may be applied until its result stays the same (RFC 8264 §7).
const preparations = 4

// stable applies a profile until the result stays the same, so that a prepared string is always its own preparation.
func stable(p *precis.Profile, s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errNotUTF8
	}
	for range preparations {
		next, err := p.String(s)
		if err != nil {
			return "", err
		}
		if next == s {
			return s, nil
		}
		s = next
	}
	return "", errUnstable
}

type prepareError string

func (e prepareError) Error() string { return string(e) }

const (
	errNotUTF8  = prepareError("not UTF-8")
	errUnstable = prepareError("has no stable form") // RFC 8264 §7
	errLabel    = prepareError("labels have 1 to 63 octets")
)

// domains maps as for lookup (RFC 5895), then checks bidi and joiner rules of IDNA2008. Underscores stay allowed: hosts on
// private networks have them, and their users must be able to get an answer.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.BidiRule(),
	idna.CheckJoiners(true),
)

// prepareDomain turns a domainpart into its U-label form (RFC 7622 §3.2): a host name or an IP literal, without the final dot.
func prepareDomain(s string) (string, error) {
	if s == "" {
		return "", ErrEmptyJID
	}
	if len(s) > MaxJIDPart {
		return "", jidError("domainpart", s, ruleLength)
	}
	if s[0] == '[' {
		return prepareIPv6(s)
	}
	if isPlainDomain(s) {
		return s, nil
	}
	p := strings.TrimSuffix(s, ".")
	for range preparations {
		next, err := domains.ToUnicode(p)
		if err != nil {
			return "", jidError("domainpart", s, "IDNA: "+err.Error())
		}
		if next == p {
			return checkDomain(s, p)
		}
		p = next
	}
	return "", jidError("domainpart", s, string(errUnstable))
}

// checkDomain holds what IDNA leaves open: length of labels, and no character that means something else in an address.
func checkDomain(given, p string) (string, error) {
	if p == "" {
		return "", ErrEmptyJID
	}
	if len(p) > MaxJIDPart {
		return "", jidError("domainpart", given, ruleLength)
	}
	for label := range strings.SplitSeq(p, ".") {
		if label == "" || len(label) > 63 && isASCII(label) {
			return "", jidError("domainpart", given, string(errLabel))
		}
	}
	for i := 0; i < len(p); i++ {
		if c := p[i]; c < utf8.RuneSelf && !isDomainByte(c) {
			return "", jidError("domainpart", given, "ASCII characters are letters, digits, hyphen and dot") // RFC 7622 §3.2.1
		}
	}
	return p, nil
}

func isDomainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isPlainDomain says that s is an ordinary lower-case host name that IDNA would leave as it is.
func isPlainDomain(s string) bool {
	label := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case !isDomainByte(c), c == '-' && label == 0:
			return false
		case label == 2 && c == '-', label == 3 && c == '-': // "xn--" and other reserved labels take the long way
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && s[len(s)-1] != '-'
}

func prepareIPv6(s string) (string, error) {
	inner, closed := strings.CutSuffix(s[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", jidError("domainpart", s, "brackets hold an IPv6 address without zone") // RFC 7622 §3.2
	}
	return "[" + addr.String() + "]", nil
}

// Nickname prepares a nickname for showing (RFC 8266 §2.3): spaces trimmed and single, compatibility forms mapped, case kept.
func Nickname(s string) (string, error) { return nickname(precis.Nickname, s) }

// NicknameKey is what two nicknames are compared by (RFC 8266 §2.4): as [Nickname], and lower case.
func NicknameKey(s string) (string, error) {
	if len(s) > MaxJIDPart {
		return "", jidError("resourcepart", s, ruleLength)
	}
	for range preparations {
		next, err := precis.Nickname.CompareKey(s)
		if err != nil {
			return "", jidError("resourcepart", s, "PRECIS Nickname: "+err.Error())
		}
		if next == s {
			return s, nil
		}
		s = next
	}
	return "", jidError("resourcepart", s, string(errUnstable))
}

func nickname(p *precis.Profile, s string) (string, error) {
	if len(s) > MaxJIDPart {
		return "", jidError("resourcepart", s, ruleLength)
	}
	n, err := stable(p, s)
	if err != nil {
		return "", jidError("resourcepart", s, "PRECIS Nickname: "+err.Error())
	}
	// A nickname is carried as a resourcepart, so it must also be one.
	return prepareResource(n)
}
