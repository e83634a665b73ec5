package logging

import (
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"
)

// timeLayout is fixed in width and zone, so that instants compare as texts.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeLayout) }

// appendLine adds what a journal line holds after its sequence number. scope is what appendScope made.
func appendLine(dst []byte, at time.Time, level slog.Level, scope, message []byte) []byte {
	dst = append(dst, `"time":"`...)
	dst = appendTime(dst, at)
	dst = append(dst, `","level":"`...)
	dst = append(dst, LevelName(level)...)
	dst = append(dst, `",`...)
	dst = append(dst, scope...)
	dst = append(dst, `"message":"`...)
	dst = appendEscaped(dst, message)
	return append(dst, "\"}\n"...)
}

// appendNumbered adds a whole line: the sequence number, then body as appendLine made it.
func appendNumbered(dst []byte, seq uint64, body []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, ',')
	return append(dst, body...)
}

// appendScope adds the keys of a scope, each followed by a comma, without the empty ones. except names the forwarder
// that must not forward the line, because the line is about that forwarder's own trouble.
func appendScope(dst []byte, s Scope, except string) []byte {
	for _, pair := range [...][2]string{
		{"type", s.Type}, {"id", s.ID}, {"name", s.Name}, {"itemId", s.ItemID}, {"itemName", s.ItemName},
		{"groupId", s.GroupID}, {"groupName", s.GroupName}, {"except", except},
	} {
		if pair[1] != "" {
			dst = append(dst, '"')
			dst = append(dst, pair[0]...)
			dst = append(dst, `":"`...)
			dst = appendEscaped(dst, []byte(pair[1]))
			dst = append(dst, `",`...)
		}
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendEscaped adds text as the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendEscaped(dst, text []byte) []byte {
	start := 0 // of what can be copied as it is
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < 0x20 || c == '"' || c == '\\' {
				dst = appendControl(append(dst, text[start:i]...), c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			dst = utf8.AppendRune(append(dst, text[start:i]...), utf8.RuneError)
			start = i + 1
		}
		i += size
	}
	return append(dst, text[start:]...)
}

func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\t':
		return append(dst, `\t`...)
	case '\r':
		return append(dst, `\r`...)
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}
