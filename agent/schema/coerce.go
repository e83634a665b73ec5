package schema

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// maxSafeInteger is the largest integer that the reference's numbers hold exactly.
const maxSafeInteger = 1<<53 - 1

var numericText = regexp.MustCompile(`^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$`)

// toNumber returns the number that v is or spells, or what is wrong with it.
func toNumber(v any) (float64, string) {
	var n float64
	switch v := v.(type) {
	case float64:
		n = v
	case json.Number:
		n, _ = strconv.ParseFloat(string(v), 64) // out of range gives an infinity, refused below
	case int:
		n = float64(v)
	case int64:
		n = float64(v)
	case string:
		return spelledNumber(v)
	default:
		return 0, "must be a number"
	}
	return safe(n)
}

func safe(n float64) (float64, string) {
	switch {
	case math.IsNaN(n):
		return 0, "must be a number"
	case math.IsInf(n, 0):
		return 0, "cannot be infinity"
	case math.Abs(n) > maxSafeInteger:
		return 0, "must be a safe number"
	}
	return n, ""
}

// spelledNumber refuses a text whose digits a 64-bit number cannot hold, as the reference does.
func spelledNumber(text string) (float64, string) {
	if len(text) > 400 || !numericText.MatchString(text) {
		return 0, "must be a number"
	}
	text = strings.TrimSpace(text)
	n, _ := strconv.ParseFloat(text, 64)
	if _, problem := safe(n); problem != "" {
		return 0, problem
	}
	if significant(text) != significant(strconv.FormatFloat(n, 'e', -1, 64)) {
		return 0, "must be a safe number"
	}
	return n, ""
}

// significant are the digits of a decimal text without its sign, point, exponent and the zeros around.
func significant(text string) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(text, "+-")), "e")
	return strings.Trim(strings.Replace(mantissa, ".", "", 1), "0")
}

// toBool returns the boolean that v is or stands for.
func toBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		switch {
		case strings.EqualFold(v, "true"):
			return true, true
		case strings.EqualFold(v, "false"):
			return false, true
		}
	case json.Number, float64, int, int64:
		n, problem := toNumber(v)
		return n == 1, problem == "" && (n == 0 || n == 1)
	}
	return false, false
}

// coerce returns the value that v stands for: a float64 or bool when s is a number or a boolean and v one of its
// spellings, else v itself.
func (s *Schema) coerce(v any) any {
	switch s.kind {
	case numberKind:
		if n, problem := toNumber(v); problem == "" {
			return n
		}
	case booleanKind:
		if b, ok := toBool(v); ok {
			return b
		}
	}
	return v
}
