package schema

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"unicode/utf16"
)

func isInteger(v any) string {
	if n, ok := v.(float64); ok && n == math.Trunc(n) {
		return ""
	}
	return "must be an integer"
}

func isPort(v any) string {
	if n, ok := v.(float64); ok && n == math.Trunc(n) && n >= 0 && n <= math.MaxUint16 {
		return ""
	}
	return "must be a valid port"
}

func atLeast(limit float64) rule {
	return func(v any) string {
		if n, ok := v.(float64); ok && n >= limit {
			return ""
		}
		return "must be greater than or equal to " + plain(limit)
	}
}

func atMost(limit float64) rule {
	return func(v any) string {
		if n, ok := v.(float64); ok && n <= limit {
			return ""
		}
		return "must be less than or equal to " + plain(limit)
	}
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func notShorter(limit int) rule {
	return func(v any) string {
		if text, ok := v.(string); ok && len(utf16.Encode([]rune(text))) >= limit {
			return ""
		}
		return fmt.Sprintf("length must be at least %d characters long", limit)
	}
}

func matches(re *regexp.Regexp, source string) rule {
	return func(v any) string {
		text, ok := v.(string)
		if ok && re.MatchString(text) {
			return ""
		}
		return fmt.Sprintf(`with value "%s" fails to match the required pattern: /%s/`, text, source)
	}
}

// The grammar of RFC 3986 for an absolute URI, with at least one character after the scheme.
var (
	uriChars  = `(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})`
	userChars = `(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})`
	hostChars = `(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})`
	uri       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.\-]*:(?:` +
		`//(?:` + userChars + `*@)?(?:\[[0-9A-Fa-fv:.]+\]|` + hostChars + `+)(?::[0-9]*)?(?:/` + uriChars + `*)*` +
		`|/(?:` + uriChars + `+(?:/` + uriChars + `*)*)?` +
		`|` + uriChars + `+(?:/` + uriChars + `*)*)` +
		`(?:\?(?:` + uriChars + `|[/?])*)?(?:#(?:` + uriChars + `|[/?])*)?$`)
)

func isURI(v any) string {
	if text, ok := v.(string); ok && uri.MatchString(text) {
		return ""
	}
	return "must be a valid uri"
}

// Unique refuses an array in which two elements have the same value under key. Only the first repetition is told.
func Unique(key string) ArrayRule {
	return func(items []any, at func(int) string) []string {
		seen := map[any]bool{}
		for i, item := range items {
			v := identity(member(item, key))
			if seen[v] {
				return []string{`"` + at(i) + `" contains a duplicate value`}
			}
			seen[v] = true
		}
		return nil
	}
}

// SingleTrue refuses an array in which more than one element has true under key.
func SingleTrue(key string) ArrayRule {
	return func(items []any, _ func(int) string) []string {
		count := 0
		for _, item := range items {
			v, _ := member(item, key)
			if b, ok := toBool(v); ok && b {
				count++
			}
		}
		if count <= 1 {
			return nil
		}
		return []string{`Only one item in the array can have "` + key + `" set to true`}
	}
}

func member(item any, key string) (any, bool) {
	o, ok := objectOf(item)
	if !ok {
		return nil, false
	}
	return o.get(key)
}

type missing struct{}

// identity makes a map key of a value; containers are never equal to each other.
func identity(v any, present bool) any {
	if !present {
		return missing{}
	}
	switch v := v.(type) {
	case string, bool, nil, float64:
		return v
	}
	if n, problem := toNumber(v); problem == "" {
		return n
	}
	return new(byte)
}
