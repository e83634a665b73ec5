// Package schema checks decoded JSON against closed forms and words every violation exactly as the reference does
// (protocol/control-plane.md, section 4.8), because those texts reach the cloud and people's scripts. It promises
// that all violations are found, in the order of the form, with unknown keys last and in the order of the input;
// that nothing but the listed coercions passes; and that no input, however deep or malformed, does more than cost
// time in proportion to its size. It guards against half-checked settings reaching the disk.
package schema

import (
	"regexp"
	"slices"
)

type kind uint8

const (
	anyKind kind = iota
	stringKind
	numberKind
	booleanKind
	objectKind
	arrayKind
)

// Schema says what a JSON value must be. The zero value accepts anything. Its methods return a changed copy, so that
// schemas can be shared and refined.
type Schema struct {
	kind       kind
	nullable   bool
	blankable  bool
	open       bool // an object that may hold any key
	options    []string
	rules      []rule
	fields     []Field
	names      map[string]int // place of each field, so that unknown keys are found in one pass
	item       *Schema
	arrayRules []ArrayRule
}

// rule returns what is wrong with a value of the right type, without the name of the value, or "".
type rule func(v any) string

// ArrayRule looks at a whole array, whose elements may be of any type, and returns complete sentences. at names the
// element with an index, as "fields[1]".
type ArrayRule func(items []any, at func(index int) string) []string

// Any accepts every value.
func Any() Schema { return Schema{} }

// String accepts a text that is not empty.
func String() Schema { return Schema{kind: stringKind} }

// Boolean accepts true, false, those words as text in any case, 0 and 1.
func Boolean() Schema { return Schema{kind: booleanKind} }

// Number accepts a number, also written as a text.
func Number() Schema { return Schema{kind: numberKind} }

// Integer accepts a number without fraction.
func Integer() Schema { return Number().with(isInteger) }

// Port accepts an integer from 0 to 65535.
func Port() Schema { return Number().with(isPort) }

// URI accepts an absolute URI of RFC 3986.
func URI() Schema { return String().with(isURI) }

// Enum accepts one of some texts.
func Enum(options ...string) Schema { return Schema{kind: stringKind, options: options} }

// Map accepts an object with any keys.
func Map() Schema { return Schema{kind: objectKind, open: true} }

// Object accepts an object with these fields and no other key.
func Object(fields ...Field) Schema {
	s := Schema{kind: objectKind, fields: fields, names: make(map[string]int, len(fields))}
	for i, f := range fields {
		s.names[f.name] = i
	}
	return s
}

// Array accepts an array whose elements all match item.
func Array(item Schema) Schema { return Schema{kind: arrayKind, item: &item} }

// Nullable also accepts null.
func (s Schema) Nullable() Schema { s.nullable = true; return s }

// Blankable also accepts the empty text.
func (s Schema) Blankable() Schema { s.blankable = true; return s }

// Empty also accepts null and the empty text.
func (s Schema) Empty() Schema { return s.Nullable().Blankable() }

// Min refuses numbers below limit.
func (s Schema) Min(limit float64) Schema { return s.with(atLeast(limit)) }

// Max refuses numbers above limit.
func (s Schema) Max(limit float64) Schema { return s.with(atMost(limit)) }

// MinLength refuses texts of fewer UTF-16 units.
func (s Schema) MinLength(limit int) Schema { return s.with(notShorter(limit)) }

// Pattern refuses texts that re does not match. source is the expression as a violation shows it, without the
// slashes around.
func (s Schema) Pattern(re *regexp.Regexp, source string) Schema {
	return s.with(matches(re, source))
}

// Check adds a rule for a whole array. Rules run in the order they were added.
func (s Schema) Check(r ArrayRule) Schema {
	s.arrayRules = append(slices.Clip(s.arrayRules), r)
	return s
}

func (s Schema) with(r rule) Schema {
	s.rules = append(slices.Clip(s.rules), r)
	return s
}
