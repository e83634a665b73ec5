package content

import "encoding/json"

// TimeValue is one reading. Timestamp is an instant, "2024-01-15T10:00:00.000Z". Data is a JSON object with a member
// "value" and others, kept as it came.
type TimeValue struct {
	PointID   string          `json:"pointId"`
	Timestamp string          `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Setpoint is one request to write Value, a JSON text, number or boolean, to Reference.
type Setpoint struct {
	Reference string          `json:"reference"`
	Value     json.RawMessage `json:"value"`
}

// TextData is the data of a time value whose value is a text.
func TextData(value string) json.RawMessage {
	return append(AppendString([]byte(`{"value":`), value), '}')
}

// NumberData is the data of a time value whose value is a number. What JSON has no number for becomes null.
func NumberData(value float64) json.RawMessage {
	return append(AppendNumber([]byte(`{"value":`), value), '}')
}

// AppendNumber appends the JSON of value as the reference prints it: shortest form, exponent outside 1e-6 … 1e21,
// null for infinities and not-a-number.
func AppendNumber(dst []byte, value float64) []byte {
	b, err := json.Marshal(value)
	if err != nil {
		return append(dst, "null"...)
	}
	if value == 0 { // also -0
		return append(dst, '0')
	}
	return append(dst, b...)
}

// AppendTimeValue appends the JSON of v: pointId, timestamp, data.
func AppendTimeValue(dst []byte, v *TimeValue) []byte {
	dst = append(dst, `{"pointId":`...)
	dst = AppendString(dst, v.PointID)
	dst = append(dst, `,"timestamp":`...)
	dst = AppendString(dst, v.Timestamp)
	dst = append(dst, `,"data":`...)
	return append(appendRaw(dst, v.Data), '}')
}

// AppendSetpoint appends the JSON of s: reference, value.
func AppendSetpoint(dst []byte, s *Setpoint) []byte {
	dst = append(dst, `{"reference":`...)
	dst = AppendString(dst, s.Reference)
	dst = append(dst, `,"value":`...)
	return append(appendRaw(dst, s.Value), '}')
}

func appendRaw(dst, raw []byte) []byte {
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, raw...)
}

const hex = "0123456789abcdef"

// plain says which bytes stand for themselves inside a JSON text. Bytes of 0x80 and above are checked as UTF-8.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends s as JSON text, as the reference writes it: nothing escaped that need not be. Bytes that are
// not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if !plain[s[i]] {
			return appendEscaped(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

var shortEscapes = map[rune]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendEscaped(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s { // a byte that is not UTF-8 yields U+FFFD
		if short, ok := shortEscapes[r]; ok {
			dst = append(dst, '\\', short)
		} else if r < 0x20 {
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		} else {
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

// Text is the text that a JSON token stands for when it is a JSON string, and says whether it is. Without escapes it
// is a part of token, otherwise a new slice.
func Text(token []byte) (text []byte, ok bool) {
	if len(token) < 2 || token[0] != '"' {
		return nil, false
	}
	inner := token[1 : len(token)-1]
	for _, c := range inner {
		if c == '\\' {
			var s string
			if json.Unmarshal(token, &s) != nil {
				return nil, false
			}
			return []byte(s), true
		}
	}
	return inner, true
}
