package manifest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/schema"
	"oibus/platform"
)

// Validate checks the settings that an object attribute describes, by protocol/data-plane.md, section 2.5. settings
// is a json.RawMessage, or decoded JSON. It returns nil or an *entity.InvalidError with every violation, in the order
// of the manifest, unknown keys last. The settings are checked, not converted.
func (a Attribute) Validate(settings any) error {
	form := a.form
	if form == nil {
		fresh := a.schema(platform.Platform())
		form = &fresh
	}
	switch s := settings.(type) {
	case json.RawMessage:
		return schema.Check(*form, s)
	case []byte:
		return schema.Check(*form, s)
	}
	if texts := form.Validate(settings); len(texts) > 0 {
		return &entity.InvalidError{Text: strings.Join(texts, ". ")}
	}
	return nil
}

// prepared makes later calls of Validate cheap.
func (a Attribute) prepared() Attribute {
	form := a.schema(platform.Platform())
	a.form = &form
	return a
}

// schema says what the values must be on a machine with that platform.
func (a *Attribute) schema(host string) schema.Schema {
	switch a.Type {
	case TypeObject:
		return a.objectSchema(host)
	case TypeArray:
		return a.arraySchema(host)
	case TypeNumber:
		return a.numberSchema()
	case TypeBoolean:
		return schema.Boolean()
	case TypeSelect:
		return schema.Enum(list(a.Options)...)
	}
	return a.textSchema()
}

func (a *Attribute) objectSchema(host string) schema.Schema {
	fields := make([]schema.Field, len(a.Attributes))
	for i := range a.Attributes {
		fields[i] = a.field(&a.Attributes[i], host)
	}
	return schema.Object(fields...)
}

// field is a child with what decides whether it must be there. Whatever its operator, a condition is read as plain
// equality, and one on a missing sibling holds.
func (a *Attribute) field(child *Attribute, host string) schema.Field {
	if systems, limited := child.arguments(Platform); limited && !slices.Contains(systems, host) {
		return schema.Optional(child.Key, schema.Any())
	}
	form := child.schema(host)
	c, conditional := a.condition(child.Key)
	if !conditional {
		return schema.Key(child.Key, form, child.Has(Required))
	}
	return schema.Required(child.Key, form).IfOrMissing(c.Referral, schema.Optional("", form.Blankable()), c.Values...)
}

func (a *Attribute) arraySchema(host string) schema.Schema {
	root := a.Root
	if root == nil {
		root = &Attribute{Type: TypeObject}
	}
	s := schema.Array(root.schema(host))
	for i := range root.Attributes {
		child := &root.Attributes[i]
		if child.Has(Unique) {
			s = s.Check(schema.Unique(child.Key))
		}
		if child.Has(SingleTrue) {
			s = s.Check(schema.SingleTrue(child.Key))
		}
	}
	return s
}

func (a *Attribute) numberSchema() schema.Schema {
	s := schema.Number()
	if !a.Has(Required) {
		s = s.Nullable()
	}
	for _, v := range a.Validators {
		limit, ok := limitOf(v)
		switch {
		case ok && v.Type == Minimum:
			s = s.Min(limit)
		case ok && v.Type == Maximum:
			s = s.Max(limit)
		}
	}
	return s
}

// limitOf is the argument of a limit, cut to an integer as the reference does.
func limitOf(v Validator) (float64, bool) {
	if len(v.Arguments) == 0 {
		return 0, false
	}
	whole, _, _ := strings.Cut(v.Arguments[0], ".")
	n, err := strconv.ParseInt(strings.TrimSpace(whole), 10, 64)
	return float64(n), err == nil
}

func (a *Attribute) textSchema() schema.Schema {
	s := schema.String()
	if !a.Has(Required) {
		s = s.Empty()
	}
	if arguments, ok := a.arguments(Pattern); ok && len(arguments) > 0 {
		s = s.Pattern(expression(arguments[0]), slashed(arguments[0]))
	}
	return s
}

// nothing matches no text.
var nothing = regexp.MustCompile(`[^\x{0}-\x{10FFFF}]`)

// expression compiles a pattern. One that only the reference's regular expressions know is refused for every value,
// rather than let anything pass.
func expression(pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nothing
	}
	return re
}

// slashed is a pattern as it stands between slashes: each slash of its own is escaped.
func slashed(pattern string) string {
	var b strings.Builder
	escaped, inClass := false, false
	for _, c := range pattern {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '[':
			inClass = true
		case c == ']':
			inClass = false
		case c == '/' && !inClass:
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
