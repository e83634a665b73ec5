package shape

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (f Faults) add(path, format string, args ...any) any {
	if path == "" {
		path = Whole
	}
	f[path] = Fault{Message: fmt.Sprintf(format, args...)}
	return nil
}

// Text is a JSON string.
func Text(path string, value any, faults Faults) any {
	if s, ok := value.(string); ok {
		return s
	}
	return faults.add(path, "invalid string value")
}

// numeral is what counts as a number when it is given as text: no hexadecimal, no infinity.
var numeral = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// Number is a JSON number, or a text that is one.
func Number(path string, value any, faults Faults) any {
	switch v := value.(type) {
	case json.Number:
		return v
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil && numeral.MatchString(v) {
			return n
		}
	}
	return faults.add(path, "invalid float number")
}

// Bool is a JSON boolean, or the text "true" or "false".
func Bool(path string, value any, faults Faults) any {
	switch value {
	case true, "true":
		return true
	case false, "false":
		return false
	}
	return faults.add(path, "invalid boolean value")
}

// OneOf is one of the given texts.
func OneOf(values ...string) Shape {
	return func(path string, value any, faults Faults) any {
		if s, ok := value.(string); ok && slices.Contains(values, s) {
			return s
		}
		return faults.add(path, "should be one of the following; ['%s']", strings.Join(values, "','"))
	}
}

// OrNull also takes null.
func OrNull(s Shape) Shape {
	return func(path string, value any, faults Faults) any {
		if value == nil {
			return nil
		}
		return s(path, value, faults)
	}
}

// List is an array of values of one shape.
func List(s Shape) Shape {
	return func(path string, value any, faults Faults) any {
		given, ok := value.([]any)
		if !ok {
			return faults.add(path, "invalid array")
		}
		fitted := make([]any, len(given))
		for i, v := range given {
			fitted[i] = s(path+"."+strconv.Itoa(i), v, faults)
		}
		return fitted
	}
}

// Field is one key of an object.
type Field struct {
	name     string
	shape    Shape
	required bool
}

// Key is a key that must be there.
func Key(name string, s Shape) Field { return Field{name, s, true} }

// Optional is a key that may be missing.
func Optional(name string, s Shape) Field { return Field{name, s, false} }

// Keys are several keys of the same shape that must be there.
func Keys(s Shape, names ...string) []Field {
	fields := make([]Field, len(names))
	for i, name := range names {
		fields[i] = Key(name, s)
	}
	return fields
}

// Object has these keys and no others.
func Object(fields ...Field) Shape { return object(fields, false) }

// Open has these keys, and whatever others.
func Open(fields ...Field) Shape { return object(fields, true) }

func object(fields []Field, open bool) Shape {
	return func(path string, value any, faults Faults) any {
		given, ok := value.(map[string]any)
		if !ok {
			return faults.add(path, "invalid object")
		}
		fitted := make(map[string]any, len(given))
		for _, f := range fields {
			v, ok := given[f.name]
			switch {
			case ok:
				fitted[f.name] = f.shape(join(path, f.name), v, faults)
			case f.required:
				faults.add(join(path, f.name), "'%s' is required", f.name)
			}
		}
		for name, v := range given {
			if slices.ContainsFunc(fields, func(f Field) bool { return f.name == name }) {
				continue
			}
			if fitted[name] = v; !open {
				faults.add(join(path, name), "%q is an excess property and therefore is not allowed", name)
			}
		}
		return fitted
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
