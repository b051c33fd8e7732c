package mls

import (
	"strconv"
	"strings"

	"anteroom/mls/internal/suite"
)

// CipherSuites are all that this package implements, in the order of their registration (RFC 9420 §17.1).
func CipherSuites() []CipherSuite {
	var all []CipherSuite
	for _, id := range suite.Supported() {
		all = append(all, CipherSuite(id))
	}
	return all
}

// Name is the registered name of a cipher suite, or its number if it is not one of RFC 9420.
func (cs CipherSuite) Name() string {
	if s, err := suite.ByID(uint16(cs)); err == nil {
		return s.String()
	}
	return strconv.Itoa(int(cs))
}

// ParseCipherSuite reads the registered name of a cipher suite that is implemented, or its number.
func ParseCipherSuite(text string) (CipherSuite, bool) {
	for _, cs := range CipherSuites() {
		if text == cs.Name() || text == strconv.Itoa(int(cs)) {
			return cs, true
		}
	}
	return 0, false
}

// SameSignatures says that keys that sign in groups of one suite sign in groups of the other too.
func (cs CipherSuite) SameSignatures(other CipherSuite) bool {
	scheme := func(cs CipherSuite) string {
		name := cs.Name()
		return name[strings.LastIndexByte(name, '_')+1:]
	}
	return scheme(cs) == scheme(other)
}
