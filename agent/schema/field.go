package schema

// Field is one key of an object: what its value must be, whether it must be there, and what else holds when a
// sibling has certain values.
type Field struct {
	name      string
	schema    Schema
	required  bool
	condition *condition
}

type condition struct {
	sibling     string
	values      []any
	whenMissing bool // whether a missing sibling counts as one with a listed value
	alternative Schema
	altRequired bool
}

// Required is a key that must be present.
func Required(name string, s Schema) Field { return Field{name: name, schema: s, required: true} }

// Optional is a key that may be absent.
func Optional(name string, s Schema) Field { return Field{name: name, schema: s} }

// Key is Required, or Optional when required is false.
func Key(name string, s Schema, required bool) Field {
	return Field{name: name, schema: s, required: required}
}

// If makes f hold only when sibling has one of values (texts, booleans or float64, compared after coercion);
// otherwise the rules of otherwise hold, whose name is ignored. A missing sibling has none of the values.
//
//	schema.Required("options", form).If("regenerate", schema.Optional("", form.Nullable()), true)
func (f Field) If(sibling string, otherwise Field, values ...any) Field {
	f.condition = &condition{sibling: sibling, values: values, alternative: otherwise.schema, altRequired: otherwise.required}
	return f
}

// IfOrMissing is If, but a missing sibling counts as one that has a listed value.
func (f Field) IfOrMissing(sibling string, otherwise Field, values ...any) Field {
	f = f.If(sibling, otherwise, values...)
	f.condition.whenMissing = true
	return f
}

// resolve returns the schema and presence that hold in the object being checked.
func (f *Field) resolve(parent *Schema, o view) (*Schema, bool) {
	c := f.condition
	if c == nil || c.holds(parent, o) {
		return &f.schema, f.required
	}
	return &c.alternative, c.altRequired
}

func (c *condition) holds(parent *Schema, o view) bool {
	v, ok := o.get(c.sibling)
	if !ok {
		return c.whenMissing
	}
	if i, known := parent.names[c.sibling]; known {
		v = parent.fields[i].schema.coerce(v)
	}
	for _, want := range c.values {
		if same(v, want) {
			return true
		}
	}
	return false
}

func same(a, b any) bool {
	switch a.(type) {
	case string, bool, float64, nil:
		return a == b
	}
	return false
}
