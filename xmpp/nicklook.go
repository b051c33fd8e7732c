package xmpp

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// lookAlikes maps letters of other scripts, and digits, to the Latin letter that most fonts draw the same. It is a small table of our own,
// not the complete one of UTS 39: Cyrillic, Greek, Armenian and a few Latin letters.
var lookAlikes = func() map[rune]rune {
	m := map[rune]rune{}
	for to, from := range map[rune]string{
		'a': "аαɑ", 'b': "Ьƅ", 'c': "сϲⅽ", 'd': "ԁⅾ", 'e': "еє", 'g': "ɡց", 'h': "һհ", 'i': "іιıɩ", 'j': "јϳ", 'k': "кκ",
		'l': "I1|ІӏΙⅼ", 'm': "мⅿ", 'n': "ոп", 'o': "0оοօσ", 'p': "рρ", 'q': "ԛ", 'r': "г", 's': "ѕ", 't': "тτ", 'u': "υսц",
		'v': "νѵ", 'w': "ѡա", 'x': "хχ", 'y': "уγү", 'z': "ᴢ",
	} {
		for _, r := range from {
			m[r] = to
		}
	}
	// Capitals that look like Latin capitals of a letter whose small form looks different.
	for to, from := range map[rune]string{
		'a': "АΑ", 'b': "ВΒ", 'c': "СϹ", 'e': "ЕΕ", 'h': "НΗ", 'j': "Ј", 'k': "КΚ", 'm': "МΜ", 'n': "Ν", 'o': "ОΟ", 'p': "РΡ", 's': "Ѕ",
		't': "ТΤ", 'x': "ХΧ", 'y': "УΥҮ", 'z': "Ζ",
	} {
		for _, r := range from {
			m[r] = to
		}
	}
	return m
}()

// NicknameLook is what two nicknames share when they can be taken for each other: spaces and what is not drawn are left out, letters
// become the Latin ones that look the same. It is for comparing only. An upper-case L stays apart, since a small one looks like I.
func NicknameLook(nick string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(nick) {
		switch to, like := lookAlikes[r]; {
		case unicode.IsSpace(r), invisible(r):
		case like:
			b.WriteRune(to)
		case r == 'L':
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}

// invisible says that a character is drawn as nothing or as a space.
func invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return true
	}
	return r == 0x2800 // the empty Braille pattern
}

// NicknameFault says why a nickname would deceive its readers, whoever else is present: "" when it does not.
func NicknameFault(nick string) string {
	var left, right bool
	seen := false
	for _, r := range nick {
		seen = seen || !unicode.IsSpace(r) && !invisible(r)
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.L:
			left = true
		case bidi.R, bidi.AL:
			right = true
		case bidi.LRE, bidi.RLE, bidi.LRO, bidi.RLO, bidi.PDF, bidi.LRI, bidi.RLI, bidi.FSI, bidi.PDI:
			return "it holds a character that turns the direction of writing"
		}
	}
	switch {
	case !seen:
		return "nothing of it is visible"
	case left && right:
		return "it mixes directions of writing, so that it can be read as another"
	}
	return ""
}
