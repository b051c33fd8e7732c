package content

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// maxExact bounds integer keys: what a double holds exactly (§8.2).
const maxExact = 1<<53 - 1

// mapEntries reads the extensions map: keys ascending and unique, integers that a double holds or text of 1 to 255 bytes,
// values of at most three further levels, all in deterministic encoding (§8.1 to §8.3). The input is well-formed.
func mapEntries(b []byte) ([]Extension, error) {
	if len(b) == 0 || b[0]>>5 != majorMap {
		return nil, bad("extensions", "not a map")
	}
	n, rest, ok := head(b)
	if !ok || n > MaxExtensions {
		return nil, bad("extensions", "length not in its shortest form, or more than %d entries", MaxExtensions)
	}
	var entries []Extension
	for range n {
		key, after, rule := item(rest, 2, true)
		if rule != "" {
			return nil, bad("extensions", "key: %s", rule)
		}
		value, after, rule := item(after, 2, false)
		if rule != "" {
			return nil, bad("extensions", "value: %s", rule)
		}
		if len(entries) > 0 && bytes.Compare(entries[len(entries)-1].Key, key) >= 0 {
			return nil, bad("extensions", "keys are not in ascending order")
		}
		if err := checkKey(key); err != nil {
			return nil, err
		}
		entries = append(entries, Extension{bytes.Clone(key), bytes.Clone(value)})
		rest = after
	}
	if len(rest) > 0 {
		return nil, bad("extensions", "bytes after the end")
	}
	return entries, nil
}

func checkKey(key []byte) error {
	n, text, _ := head(key)
	switch major := key[0] >> 5; {
	case major <= majorNegInt && n > maxExact-uint64(major):
		return bad("extensions", "an integer key beyond 2^53-1")
	case major == majorText && (len(text) == 0 || len(text) > MaxName):
		return bad("extensions", "a text key that is not 1 to %d bytes", MaxName)
	case major > majorNegInt && major != majorText:
		return bad("extensions", "a key that is neither integer nor text")
	}
	return nil
}

// head returns the argument of the first item and what follows its head. It is not ok when the head is cut off, indefinite or
// not in its shortest form.
func head(b []byte) (n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	info := b[0] & 0x1f
	if info < 24 {
		return uint64(info), b[1:], true
	}
	size := 1 << (info - 24)
	if info > 27 || len(b) < 1+size {
		return 0, nil, false
	}
	var padded [8]byte
	copy(padded[8-size:], b[1:1+size])
	n = binary.BigEndian.Uint64(padded[:])
	shortest := [...]uint64{24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}[info]
	return n, b[1+size:], n >= shortest || b[0]>>5 == majorSimple
}

// item splits off the first item and says which rule it breaks. level counts arrays, maps and tags; a key may only be an
// integer, text or bytes.
func item(b []byte, level int, key bool) (first, rest []byte, rule string) {
	n, rest, ok := head(b)
	if !ok {
		return nil, nil, "length or number not in its shortest form"
	}
	major := b[0] >> 5
	if key && major > majorText {
		return nil, nil, "a map key that is neither integer, text nor bytes"
	}
	if major >= majorArray && major <= majorTag && level > MaxDepth {
		return nil, nil, "nested too deep"
	}
	switch major {
	case majorBytes, majorText:
		if n > uint64(len(rest)) {
			return nil, nil, "string beyond the end"
		}
		if major == majorText && !utf8.Valid(rest[:n]) {
			return nil, nil, "text that is not UTF-8"
		}
		rest = rest[n:]
	case majorArray, majorTag:
		if major == majorTag {
			n = 1
		}
		for range n {
			if _, rest, rule = item(rest, level+1, false); rule != "" {
				return nil, nil, rule
			}
		}
	case majorMap:
		if rest, rule = innerMap(rest, n, level+1); rule != "" {
			return nil, nil, rule
		}
	case majorSimple:
		if rule = simple(b[0]&0x1f, n); rule != "" {
			return nil, nil, rule
		}
	}
	return b[:len(b)-len(rest)], rest, ""
}

func innerMap(b []byte, n uint64, level int) (rest []byte, rule string) {
	var last []byte
	for i := range n {
		var key []byte
		if key, b, rule = item(b, level, true); rule != "" {
			return nil, rule
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return nil, "map keys are not in ascending order"
		}
		last = key
		if _, b, rule = item(b, level, false); rule != "" {
			return nil, rule
		}
	}
	return b, ""
}

// simple holds simple values and floats to their shortest form; the only NaN is the quiet one of 16 bits (§8.2). Typed arrays
// (tags 80 to 87) hold their floats as bytes and are not concerned.
func simple(info byte, n uint64) string {
	switch info {
	case 24:
		if n < 32 {
			return "simple value not in its shortest form"
		}
	case 25:
		if n&0x7c00 == 0x7c00 && n&0x03ff != 0 && n != 0x7e00 {
			return "a NaN other than 7e00"
		}
	case 26:
		if f := math.Float32frombits(uint32(n)); f != f || fitsHalf(f) {
			return "float not in its shortest form"
		}
	case 27:
		if f := math.Float64frombits(n); f != f || float64(float32(f)) == f {
			return "float not in its shortest form"
		}
	}
	return ""
}

// fitsHalf says whether a float of 32 bits has the same value with 16: at most 11 significant bits within the exponents of
// IEEE 754 binary16, fewer below its normal range.
func fitsHalf(f float32) bool {
	if f == 0 || math.IsInf(float64(f), 0) {
		return true
	}
	fraction, exponent := math.Frexp(math.Abs(float64(f))) // 0.5 <= fraction < 1
	if exponent > 16 {
		return false
	}
	bits := 11
	if exponent < -13 {
		bits -= -13 - exponent
	}
	if bits <= 0 {
		return false
	}
	scaled := math.Ldexp(fraction, bits)
	return scaled == math.Trunc(scaled)
}
