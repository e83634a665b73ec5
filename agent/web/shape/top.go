package shape

import (
	"bytes"
	"encoding/json"
)

// Kind is what JSON value a key of an object has to have.
type Kind int

// The kinds.
const (
	KindText Kind = iota
	KindBool
	KindNumber
	KindObject
	KindArray
)

// Part is a key of an object of which only the kind is looked at.
type Part struct {
	Name     string
	Kind     Kind
	Required bool
	Null     bool // may be null
}

// Must are keys of a kind that have to be there.
func Must(kind Kind, names ...string) []Part { return parts(Part{Kind: kind, Required: true}, names) }

// May are keys of a kind that may be missing or null.
func May(kind Kind, names ...string) []Part { return parts(Part{Kind: kind, Null: true}, names) }

func parts(like Part, names []string) []Part {
	list := make([]Part, len(names))
	for i, name := range names {
		list[i] = like
		list[i].Name = name
	}
	return list
}

// Top holds the keys of body against parts, and looks no deeper: what a part holds is checked by who reads it. Unlike
// Check it costs no more than body is long, which counts where an array has 100,000 elements.
func Top(body []byte, parts []Part) (json.RawMessage, Faults, error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		body = []byte("{}")
	case body[0] == '[' && json.Valid(body):
		return nil, Faults{Whole: {Message: "invalid object"}}, nil
	case body[0] != '{':
		return nil, nil, ErrJSON
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(body, &given) != nil {
		return nil, nil, ErrJSON
	}
	faults := Faults{}
	for _, p := range parts {
		value, ok := given[p.Name]
		delete(given, p.Name)
		switch {
		case !ok && p.Required:
			faults.add(p.Name, "'%s' is required", p.Name)
		case !ok, p.Null && string(value) == "null":
		default:
			p.check(value, faults)
		}
	}
	for name := range given {
		faults.add(name, "%q is an excess property and therefore is not allowed", name)
	}
	if len(faults) > 0 {
		return nil, faults, nil
	}
	return body, nil, nil
}

func (p Part) check(raw json.RawMessage, faults Faults) {
	switch p.Kind {
	case KindObject:
		if raw[0] != '{' {
			faults.add(p.Name, "invalid object")
		}
	case KindArray:
		if raw[0] != '[' {
			faults.add(p.Name, "invalid array")
		}
	default:
		var value any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			faults.add(p.Name, "invalid value")
			return
		}
		[]Shape{KindText: Text, KindBool: Bool, KindNumber: Number}[p.Kind](p.Name, value, faults)
	}
}
