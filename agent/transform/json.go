package transform

import (
	"bytes"
	"iter"
	"math"
	"strconv"

	"oibus/agent/content"
)

// appendJSON appends the JSON raw as JavaScript prints what it reads from it: without white space, texts and numbers in
// their shortest form. Whole numbers keep all their digits.
func appendJSON(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"':
			n := textEnd(raw[i:])
			dst = appendToken(dst, raw[i:i+n])
			i += n
		case c == '-' || c >= '0' && c <= '9':
			n := 1
			for i+n < len(raw) && numberByte(raw[i+n]) {
				n++
			}
			dst = appendNumberToken(dst, raw[i:i+n])
			i += n
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// textEnd is how long the JSON text is that b begins with.
func textEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func appendToken(dst, token []byte) []byte {
	if bytes.IndexByte(token, '\\') < 0 {
		return append(dst, token...)
	}
	t, ok := content.Text(token)
	if !ok {
		return append(dst, token...)
	}
	return appendText(dst, t)
}

func numberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

func appendNumberToken(dst, token []byte) []byte {
	if plainNumber(token) || len(token) > 1 && countDigits(token[1:]) == len(token)-1 && string(token) != "-0" {
		return append(dst, token...)
	}
	v, err := strconv.ParseFloat(string(token), 64)
	if err != nil || math.IsInf(v, 0) {
		return append(dst, token...)
	}
	return appendNumber(dst, v)
}

// elements are the elements of a JSON array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for a := content.NewArray(bytes.NewReader(array)); ; {
			element, err := a.Next()
			if err != nil || !yield(element) {
				return
			}
		}
	}
}

// members are the names and values of a JSON object, as they stand.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		i := skipSpace(object, 0)
		if i >= len(object) || object[i] != '{' {
			return
		}
		for i = skipSpace(object, i+1); i < len(object) && object[i] == '"'; i = skipSpace(object, i+1) {
			name := object[i : i+textEnd(object[i:])]
			start := skipSpace(object, skipSpace(object, i+len(name))+1) // behind the colon
			end := valueEnd(object, start)
			if end > len(object) || !yield(name, bytes.TrimRight(object[start:end], " \t\r\n")) {
				return
			}
			i = end
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is where the comma or bracket stands behind the value that begins at i, in JSON that is known to be right.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i += textEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}
