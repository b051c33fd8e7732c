package suite

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
)

var errLowOrder = errors.New("point of low order")

// lowOrderPoints are the u-coordinates of the points of X25519 and X448 (RFC 7748) whose order divides the cofactor, in every
// encoding but for the top bit of X25519, which is ignored: 0, 1, p-1, the two of order 8 of X25519, and the encodings p and p+1 of
// 0 and 1. Nobody can encrypt to them, for the shared secret is zero, so that a member with such a key would make the
// commits of all others fail.
var lowOrderPoints = func() map[string]bool {
	points := make(map[string]bool)
	ff := func(n int) string { return strings.Repeat("ff", n) }
	for _, s := range []string{
		strings.Repeat("00", 32),
		"01" + strings.Repeat("00", 31),
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ec" + ff(30) + "7f",
		"ed" + ff(30) + "7f",
		"ee" + ff(30) + "7f",

		strings.Repeat("00", 56),
		"01" + strings.Repeat("00", 55),
		"fe" + ff(27) + "fe" + ff(27),
		ff(28) + "fe" + ff(27),
		strings.Repeat("00", 28) + ff(28),
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		points[string(b)] = true
	}
	return points
}()

// checkOrder refuses points of low order of X25519 and X448.
func checkOrder(public []byte) error {
	if len(public) == 32 {
		public = bytes.Clone(public)
		public[31] &= 0x7f
	}
	if lowOrderPoints[string(public)] {
		return keyError(errLowOrder)
	}
	return nil
}
