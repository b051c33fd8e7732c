package xmpp

import "strings"

// escapes are the ten characters that XEP-0106 §4.2 escapes, and the code of each.
var escapes = [...]struct {
	char byte
	code string
}{
	{' ', `\20`}, {'"', `\22`}, {'&', `\26`}, {'\'', `\27`}, {'/', `\2f`},
	{':', `\3a`}, {'<', `\3c`}, {'>', `\3e`}, {'@', `\40`}, {'\\', `\5c`},
}

// codeAt is the escape that s holds at i, if any.
func codeAt(s string, i int) (byte, bool) {
	if len(s)-i < 3 || s[i] != '\\' {
		return 0, false
	}
	for _, e := range escapes {
		if s[i:i+3] == e.code {
			return e.char, true
		}
	}
	return 0, false
}

// EscapeLocal turns any text into one that may be a localpart (XEP-0106 §4.2). A backslash is escaped only where it would
// otherwise read as an escape.
func EscapeLocal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			if _, is := codeAt(s, i); is {
				b.WriteString(`\5c`)
			} else {
				b.WriteByte(c)
			}
			continue
		}
		if code := escapeOf(c); code != "" {
			b.WriteString(code)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func escapeOf(c byte) string {
	for _, e := range escapes {
		if e.char == c {
			return e.code
		}
	}
	return ""
}

// UnescapeLocal undoes [EscapeLocal] (XEP-0106 §4.3). Sequences that are no escapes stay as they are.
func UnescapeLocal(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, is := codeAt(s, i); is {
			b.WriteByte(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
