package content

import (
	"bytes"
	"errors"
	"fmt"
)

// maxDepth is how deep arrays and objects may be nested. The contents of the wire have three levels.
const maxDepth = 128

// errShort says that the JSON seen so far is right and goes on.
var errShort = errors.New("the JSON ends too early")

// SyntaxError is where and why bytes are no JSON of the wanted shape.
type SyntaxError struct {
	Offset int64 // in bytes from the beginning of what was read
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

func bad(at int, reason string) error { return &SyntaxError{Offset: int64(at), Reason: reason} }

// space returns the first position from i on that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// value returns the end of the JSON value that begins at b[i]. A number that reaches the end of b is errShort, since
// it may go on.
func value(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, errShort
	}
	switch c := b[i]; {
	case c == '"':
		return text(b, i)
	case c == '{':
		return object(b, i, depth)
	case c == '[':
		return array(b, i, depth)
	case c == 't':
		return literal(b, i, "true")
	case c == 'f':
		return literal(b, i, "false")
	case c == 'n':
		return literal(b, i, "null")
	case c == '-' || c >= '0' && c <= '9':
		return number(b, i)
	}
	return i, bad(i, "no JSON value")
}

func literal(b []byte, i int, want string) (int, error) {
	n := min(len(want), len(b)-i)
	if !bytes.Equal(b[i:i+n], []byte(want)[:n]) {
		return i, bad(i, "no JSON value")
	}
	if n < len(want) {
		return i, errShort
	}
	return i + n, nil
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

func number(b []byte, i int) (int, error) {
	start := i
	if b[i] == '-' {
		i++
	}
	whole := i
	if i = digits(b, i); i < len(b) && i == whole || i > whole+1 && b[whole] == '0' {
		return start, bad(start, "no JSON number")
	}
	if i < len(b) && b[i] == '.' {
		fraction := i + 1
		if i = digits(b, fraction); i < len(b) && i == fraction {
			return start, bad(start, "no JSON number")
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(b, exponent); i < len(b) && i == exponent {
			return start, bad(start, "no JSON number")
		}
	}
	if i >= len(b) {
		return start, errShort
	}
	return i, nil
}

func text(b []byte, i int) (int, error) {
	start := i
	for i++; i < len(b); i++ {
		c := b[i]
		if plain[c] || c >= 0x80 {
			continue
		}
		switch {
		case c == '"':
			return i + 1, nil
		case c != '\\':
			return start, bad(i, "control character in a text")
		}
		if i++; i >= len(b) {
			return start, errShort
		}
		switch b[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if i++; i >= len(b) {
					return start, errShort
				}
				if h := b[i] | 0x20; !(b[i] >= '0' && b[i] <= '9' || h >= 'a' && h <= 'f') {
					return start, bad(i, "bad escape in a text")
				}
			}
		default:
			return start, bad(i, "bad escape in a text")
		}
	}
	return start, errShort
}

func array(b []byte, i, depth int) (end int, err error) {
	if depth >= maxDepth {
		return i, bad(i, "JSON nested too deep")
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		if i, err = value(b, i, depth+1); err != nil {
			return i, err
		}
		var more bool
		if i, more, err = next(b, i, ']'); err != nil || !more {
			return i, err
		}
	}
}

// next passes the comma or the closing bracket behind an element.
func next(b []byte, i int, closing byte) (end int, more bool, err error) {
	i = space(b, i)
	switch {
	case i >= len(b):
		return i, false, errShort
	case b[i] == closing:
		return i + 1, false, nil
	case b[i] != ',':
		return i, false, bad(i, "comma or end expected")
	}
	return space(b, i+1), true, nil
}

func object(b []byte, i, depth int) (int, error) {
	return members(b, i, depth, nil)
}

// members passes the object that begins at b[i], and calls each, which may be nil, with every name and value, as
// they stand.
func members(b []byte, i, depth int, each func(name, value []byte)) (end int, err error) {
	if depth >= maxDepth {
		return i, bad(i, "JSON nested too deep")
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		name := i
		if i >= len(b) {
			return i, errShort
		}
		if b[i] != '"' {
			return i, bad(i, "member name expected")
		}
		if i, err = text(b, i); err != nil {
			return i, err
		}
		nameEnd := i
		if i = space(b, i); i >= len(b) {
			return i, errShort
		}
		if b[i] != ':' {
			return i, bad(i, "colon expected")
		}
		i = space(b, i+1)
		start := i
		if i, err = value(b, i, depth+1); err != nil {
			return i, err
		}
		if each != nil {
			each(b[name:nameEnd], b[start:i])
		}
		var more bool
		if i, more, err = next(b, i, '}'); err != nil || !more {
			return i, err
		}
	}
}

// Member is the value of the member name of a JSON object, as it stands, nil when there is none or object is none.
// Of members of the same name the last one counts.
func Member(object []byte, name string) []byte {
	var found []byte
	i := space(object, 0)
	if i >= len(object) || object[i] != '{' {
		return nil
	}
	end, err := members(object, i, 0, func(n, v []byte) {
		if isName(n, name) {
			found = v
		}
	})
	if err != nil || space(object, end) != len(object) {
		return nil
	}
	return found
}

// isName compares a member name as it stands with a name.
func isName(token []byte, name string) bool {
	if string(token[1:len(token)-1]) == name {
		return true
	}
	if bytes.IndexByte(token, '\\') < 0 {
		return false
	}
	t, ok := Text(token)
	return ok && string(t) == name
}
