package manifest

import (
	"encoding/json"

	"oibus/agent/entity"
)

// maxDepth bounds how deep objects and arrays of a foreign manifest may stand in each other.
const maxDepth = 100

// wire is every member that an attribute can have in JSON.
type wire struct {
	Type             Type            `json:"type"`
	Key              string          `json:"key"`
	TranslationKey   string          `json:"translationKey"`
	ContentType      string          `json:"contentType"`
	DefaultValue     any             `json:"defaultValue"`
	Unit             *string         `json:"unit"`
	SelectableValues []string        `json:"selectableValues"`
	AcceptableType   string          `json:"acceptableType"`
	Paginate         bool            `json:"paginate"`
	PageSize         int             `json:"numberOfElementPerPage"`
	RootAttribute    *Attribute      `json:"rootAttribute"`
	Attributes       []Attribute     `json:"attributes"`
	Conditions       []Condition     `json:"enablingConditions"`
	Validators       []Validator     `json:"validators"`
	Display          json.RawMessage `json:"displayProperties"`
}

// pair is a key with its value, in the order of the output.
type pair struct {
	key   string
	value any
}

// MarshalJSON writes the members that the type has.
func (a Attribute) MarshalJSON() ([]byte, error) {
	members := []pair{{"type", a.Type}, {"key", a.Key}, {"translationKey", a.TranslationKey}}
	switch a.Type {
	case TypeString, TypeTimezone, TypeBoolean:
		members = append(members, pair{"defaultValue", a.Default})
	case TypeNumber:
		members = append(members, pair{"defaultValue", a.Default}, pair{"unit", a.Unit})
	case TypeSelect:
		members = append(members, pair{"selectableValues", list(a.Options)}, pair{"defaultValue", a.Default})
	case TypeCode:
		members = append(members, pair{"contentType", a.ContentType}, pair{"defaultValue", a.Default})
	case TypeScanMode:
		members = append(members, pair{"acceptableType", a.AcceptableType})
	case TypeObject:
		members = append(members, pair{"attributes", list(a.Attributes)}, pair{"enablingConditions", list(a.Conditions)})
	case TypeArray:
		members = append(members, pair{"paginate", a.Paginate}, pair{"numberOfElementPerPage", a.PageSize}, pair{"rootAttribute", a.Root})
	}
	members = append(members, pair{"validators", list(a.Validators)})
	switch a.Type {
	case TypeObject:
		members = append(members, pair{"displayProperties", a.Box})
	case TypeArray:
	default:
		members = append(members, pair{"displayProperties", a.Display})
	}
	return object(members)
}

// list is items, never null in JSON.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func object(members []pair) ([]byte, error) {
	out := []byte{'{'}
	for i, m := range members {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, '"'), m.key...)
		out = append(append(out, '"', ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads a manifest, such as one that comes with a custom transformer. Members of other types and
// unknown ones are ignored.
func (a *Attribute) UnmarshalJSON(raw []byte) error {
	if depth(raw) > maxDepth {
		return entity.Invalid("the manifest is nested more than %d deep", maxDepth)
	}
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	*a = Attribute{Type: w.Type, Key: w.Key, TranslationKey: w.TranslationKey, Validators: w.Validators, Default: w.DefaultValue, Unit: w.Unit,
		Options: w.SelectableValues, ContentType: w.ContentType, AcceptableType: w.AcceptableType, Attributes: w.Attributes, Conditions: w.Conditions,
		Paginate: w.Paginate, PageSize: w.PageSize, Root: w.RootAttribute}
	switch {
	case len(w.Display) == 0:
		return nil
	case a.Type == TypeObject:
		return json.Unmarshal(w.Display, &a.Box)
	}
	return json.Unmarshal(w.Display, &a.Display)
}

// depth is how deep the objects and arrays of valid JSON stand in each other.
func depth(raw []byte) int {
	deepest, now, inText := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
