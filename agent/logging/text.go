package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxMessage bounds one message, so that a device's answer pasted into an error cannot fill the journal.
const maxMessage = 32 << 10

// appendAttr adds ` key=value`; a group becomes ` group.key=value`.
func appendAttr(dst []byte, prefix string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if a.Key == "" && value.Kind() != slog.KindGroup {
		return dst
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			dst = appendAttr(dst, prefix, member)
		}
		return dst
	}
	dst = append(dst, ' ')
	dst = append(dst, prefix...)
	dst = append(dst, a.Key...)
	dst = append(dst, '=')
	if isSecret(a.Key) {
		return append(dst, mask...)
	}
	return appendValue(dst, value)
}

func appendValue(dst []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendWord(dst, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(dst, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(dst, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(dst, v.Bool())
	case slog.KindTime:
		return appendTime(dst, v.Time())
	case slog.KindAny:
		if text, ok := v.Any().([]byte); ok {
			return appendWord(dst, string(text))
		}
		return appendWord(dst, fmt.Sprint(v.Any()))
	default:
		return appendWord(dst, v.String())
	}
}

// appendWord quotes text when it would not read as one word.
func appendWord(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c == '"' || c == '=' || c == 0x7f {
			return strconv.AppendQuote(dst, text)
		}
	}
	if text == "" {
		return append(dst, `""`...)
	}
	return append(dst, text...)
}

// bounded cuts text, at a whole character, to at most maxMessage bytes and says how much is missing.
func bounded(text []byte) []byte {
	if len(text) <= maxMessage {
		return text
	}
	cut := wholeRunes(text[:maxMessage])
	return fmt.Appendf(cut, "… (%d bytes more)", len(text)-len(cut))
}

// wholeRunes drops the beginning of a character at the end of text.
func wholeRunes(text []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

const mask = "***"

func isSecret(key string) bool {
	switch strings.ToLower(key) {
	case "authorization", "proxy-authorization", "password", "secret", "token", "accesstoken", "access_token",
		"privatekey", "cookie", "set-cookie":
		return true
	}
	return false
}

var (
	authorization = regexp.MustCompile(`(?i)(authorization["']?\s*[:=]\s*["'\[]*(?:basic\s+|bearer\s+)?)[^\s"',\]]+`)
	bearer        = regexp.MustCompile(`(Bearer )[A-Za-z0-9._~+/=-]{16,}`)
	userInfo      = regexp.MustCompile(`(://[^\s/@:"]*:)[^\s/@"]+@`)
)

// redact masks what gives access to something: bearer tokens, authorization headers, passwords in URLs, and password,
// the one secret that this package itself holds.
func redact(text []byte, password string) []byte {
	if bytes.Contains(text, []byte("uthorization")) || bytes.Contains(text, []byte("AUTHORIZATION")) {
		text = authorization.ReplaceAll(text, []byte("${1}"+mask))
	}
	if bytes.Contains(text, []byte("Bearer ")) {
		text = bearer.ReplaceAll(text, []byte("${1}"+mask))
	}
	if bytes.Contains(text, []byte("://")) && bytes.IndexByte(text, '@') >= 0 {
		text = userInfo.ReplaceAll(text, []byte("${1}"+mask+"@"))
	}
	// A shorter one would mask ordinary words.
	if len(password) >= 6 && bytes.Contains(text, []byte(password)) {
		text = bytes.ReplaceAll(text, []byte(password), []byte(mask))
	}
	return text
}
