package schema

import "encoding/json"

// Coerced returns v, which has passed s, with every accepted spelling replaced by the value it stands for: numbers
// are float64, booleans bool, an empty text in place of a number, boolean or container nil. Objects are
// map[string]any; v itself is not changed.
func (s Schema) Coerced(v any) any {
	if v == "" && s.kind != stringKind && s.kind != anyKind {
		return nil
	}
	switch s.kind {
	case objectKind:
		return s.coercedObject(v)
	case arrayKind:
		return s.coercedArray(v)
	case anyKind:
		return plainTree(v)
	}
	return s.coerce(v)
}

func (s Schema) coercedObject(v any) any {
	o, ok := objectOf(v)
	if !ok {
		return v
	}
	out := map[string]any{}
	for _, key := range o.keys() {
		value, _ := o.get(key)
		i, known := s.names[key]
		if !known {
			out[key] = plainTree(value)
			continue
		}
		form, _ := s.fields[i].resolve(&s, o)
		out[key] = form.Coerced(value)
	}
	return out
}

func (s Schema) coercedArray(v any) any {
	items, ok := v.([]any)
	if !ok {
		return v
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = s.item.Coerced(item)
	}
	return out
}

// plainTree is v with ordered objects turned into maps and numbers into float64 where that loses nothing.
func plainTree(v any) any {
	switch v := v.(type) {
	case *Ordered:
		out := make(map[string]any, len(v.keys))
		for i, key := range v.keys {
			out[key] = plainTree(v.values[i])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plainTree(item)
		}
		return out
	case json.Number:
		if n, problem := toNumber(v); problem == "" {
			return n
		}
	}
	return v
}
