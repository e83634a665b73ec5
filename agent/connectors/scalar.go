package connectors

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The parts of a body note whether they were given and usable instead of failing, so that a fault can be told with its
// path, and so that "absent", null and a value can be told apart.

// presence is how a part of a body came.
type presence struct{ given, null, bad bool }

// text is a JSON text.
type text struct {
	presence
	value string
}

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(raw []byte) error {
	*t = text{presence: presence{given: true, null: string(raw) == "null"}}
	if !t.null {
		t.bad = json.Unmarshal(raw, &t.value) != nil
	}
	return nil
}

// shown is the text as the reference's messages show it.
func (t text) shown() string {
	switch {
	case !t.given:
		return "undefined"
	case t.null:
		return "null"
	}
	return t.value
}

// number is a JSON number, or a text that holds one.
type number struct {
	presence
	value float64
}

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(raw []byte) error {
	*n = number{presence: presence{given: true, null: string(raw) == "null"}}
	if n.null {
		return nil
	}
	if raw[0] == '"' {
		var s string
		n.bad = json.Unmarshal(raw, &s) != nil
		raw = []byte(strings.TrimSpace(s))
		if len(raw) == 0 {
			n.null = true
			return nil
		}
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	n.value, n.bad = v, n.bad || err != nil || math.IsInf(v, 0) || math.IsNaN(v)
	return nil
}

// pointer is the value, nil when there is none.
func (n number) pointer() *float64 {
	if !n.given || n.null {
		return nil
	}
	return &n.value
}

// flag is a JSON boolean, or what the reference takes for one.
type flag struct {
	presence
	value bool
}

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = flag{presence: presence{given: true, null: string(raw) == "null"}}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "1":
		f.value = true
	case "false", "0", "null":
	default:
		f.bad = true
	}
	return nil
}

// object is any JSON object, without needless white space.
type object struct {
	presence
	raw json.RawMessage
}

// UnmarshalJSON never fails.
func (o *object) UnmarshalJSON(raw []byte) error {
	*o = object{presence: presence{given: true, null: string(raw) == "null"}}
	o.bad = !o.null && raw[0] != '{'
	o.raw = compacted(raw)
	return nil
}

// list is a JSON array whose elements cannot fail.
type list[T any] struct {
	presence
	items []T
}

// UnmarshalJSON never fails.
func (l *list[T]) UnmarshalJSON(raw []byte) error {
	*l = list[T]{presence: presence{given: true, null: string(raw) == "null"}}
	if !l.null {
		l.bad = raw[0] != '[' || json.Unmarshal(raw, &l.items) != nil
	}
	return nil
}
