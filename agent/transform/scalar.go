package transform

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// kind is what a field of a CSV file is taken for (data-plane.md, 7.5).
type kind uint8

const (
	empty kind = iota
	boolean
	number
	date // ISO 8601 with T, at least to the minute, and a zone
	text
)

// maxNumber is 2^53. Numbers of that size stay texts: as numbers they would lose digits.
const maxNumber = 1 << 53

// classify says what field is. v is the value of a number, ms that of a date. plain says that the number is spelled as
// it is printed.
func classify(field []byte) (k kind, v float64, plain bool) {
	if len(field) == 0 {
		return empty, 0, false
	}
	switch c := field[0]; {
	case c >= '0' && c <= '9', c == '-', c == '.':
		if plainNumber(field) {
			return number, 0, true
		}
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		if isBool(field) {
			return boolean, 0, false
		}
		return text, 0, false
	case c > ' ' && c < utf8.RuneSelf:
		return text, 0, false
	}
	if v, ok := parseNumber(field); ok {
		return number, v, false
	}
	if _, ok := zonedDate(field); ok {
		return date, 0, false
	}
	return text, 0, false
}

func isBool(field []byte) bool {
	switch string(field) {
	case "true", "TRUE", "false", "FALSE":
		return true
	}
	return false
}

func isTrue(field []byte) bool { return field[0]|0x20 == 't' }

// plainNumber says whether field is a number spelled as JavaScript prints it, with so few digits that it is sure.
func plainNumber(field []byte) bool {
	b := field
	if b[0] == '-' {
		b = b[1:]
	}
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == 0 || n > 15 || n > 1 && b[0] == '0' || n == len(b) && b[0] == '0' && len(b) != len(field) {
		return false
	}
	if n == len(b) {
		return true
	}
	if b[n] != '.' || len(b) > 16 || len(b) == n+1 || b[len(b)-1] == '0' {
		return false
	}
	for _, c := range b[n+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return b[0] != '0' || !bytes.HasPrefix(b[n+1:], []byte("000000"))
}

// parseNumber reads a decimal or exponent number with spaces around it.
func parseNumber(field []byte) (float64, bool) {
	b := bytes.TrimSpace(field)
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := countDigits(b[i:])
	i += whole
	part := 0
	if i < len(b) && b[i] == '.' {
		part = countDigits(b[i+1:])
		i += 1 + part
	}
	if whole+part == 0 {
		return 0, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := countDigits(b[i:])
		if n == 0 {
			return 0, false
		}
		i += n
	}
	if i != len(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil && math.Abs(v) < maxNumber
}

// spelledNumber reads a number of any size, and returns its text as JavaScript prints it, but for whole numbers, which
// keep all their digits.
func spelledNumber(field []byte) (text []byte, v float64, ok bool) {
	if v, ok := parseNumber(field); ok {
		return appendNumber(nil, v), v, true
	}
	b := bytes.TrimSpace(field)
	if len(b) == 0 || bytes.ContainsFunc(b, func(r rune) bool { return r >= utf8.RuneSelf || !numberByte(byte(r)) }) {
		return nil, 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return nil, 0, false
	}
	if d := bytes.TrimPrefix(b, []byte("-")); countDigits(d) == len(d) {
		sign := bytes.Clone(b[:len(b)-len(d)])
		return append(sign, bytes.TrimLeft(d, "0")...), v, true
	}
	return appendNumber(nil, v), v, true
}

func countDigits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// zonedDate reads a date that is taken for one even where nobody says that there is one.
func zonedDate(b []byte) (int64, bool) {
	if len(b) < len("2024-01-15T10:00Z") || len(b) > 64 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' {
		return 0, false
	}
	zone := b[16:]
	if zone[0] == ':' {
		if len(zone) < 4 {
			return 0, false
		}
		if zone = zone[3:]; zone[0] == '.' {
			zone = zone[1+countDigits(zone[1:]):]
		}
	}
	if string(zone) != "Z" && (len(zone) != 6 || zone[0] != '+' && zone[0] != '-' || zone[3] != ':') {
		return 0, false
	}
	return datetime.ParseISO(b, nil)
}

// appendValue appends the JSON of what field is taken for.
func appendValue(dst, field []byte) []byte {
	k, v, plain := classify(field)
	switch k {
	case empty:
		return append(dst, "null"...)
	case boolean:
		return strconv.AppendBool(dst, isTrue(field))
	case number:
		if plain {
			return append(dst, field...)
		}
		return appendNumber(dst, v)
	case date:
		ms, _ := zonedDate(field)
		return append(datetime.AppendInstant(append(dst, '"'), ms), '"')
	}
	return appendText(dst, field)
}

// appendNumber appends v as JavaScript prints it.
func appendNumber(dst []byte, v float64) []byte {
	if abs := math.Abs(v); v == 0 {
		return append(dst, '0')
	} else if abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	return content.AppendNumber(dst, v)
}

// appendPlain appends the text of what field is taken for. Dates keep their spelling.
func appendPlain(dst, field []byte) []byte {
	k, v, plain := classify(field)
	switch {
	case k == boolean:
		return strconv.AppendBool(dst, isTrue(field))
	case k == number && !plain:
		return appendNumber(dst, v)
	}
	return append(dst, field...)
}

// simple says which bytes stand for themselves in a JSON text, whatever comes before and after them.
var simple = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendText appends b as JSON text. Bytes that are not UTF-8 become U+FFFD.
func appendText(dst, b []byte) []byte {
	dst = append(dst, '"')
	for {
		n := 0
		for n < len(b) && simple[b[n]] {
			n++
		}
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return append(dst, '"')
		}
		c := b[0]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(b)
			dst = utf8.AppendRune(dst, r)
			b = b[size:]
			continue
		}
		dst = appendEscape(dst, c)
		b = b[1:]
	}
}

func appendEscape(dst []byte, c byte) []byte {
	const short, letters = "\"\\\b\f\n\r\t", `"\bfnrt`
	if i := strings.IndexByte(short, c); i >= 0 {
		return append(dst, '\\', letters[i])
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
