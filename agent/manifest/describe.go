package manifest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The words with which manifests are written. A control is required unless it says optional; a secret, an object and
// a list are optional unless they say must. Translation keys follow from the path, except where as says otherwise.

// plan is what a description says beyond the attribute itself, until it is complete.
type plan struct {
	translation string // path after the manifest's prefix, when it does not follow from the key
	when        *Condition
	order       []string    // of the conditions, when it is not that of the attributes
	several     []Attribute // stands for all of these
	absent      bool
}

func control(t Type, key string) Attribute {
	return Attribute{Type: t, Key: key, Validators: []Validator{{Required, []string{}}}, Display: Display{Columns: 12, InViewMode: true}}
}

// text and number may have a default.
func text(key string, value ...string) Attribute    { return first(control(TypeString, key), value) }
func number(key string, value ...float64) Attribute { return first(control(TypeNumber, key), value) }

func first[T any](a Attribute, value []T) Attribute {
	if len(value) > 0 {
		a.Default = value[0]
	}
	return a
}

func secret(key string) Attribute { return control(TypeSecret, key).optional() }

func flag(key string, value bool) Attribute { return control(TypeBoolean, key).def(value) }
func zone(key, value string) Attribute      { return control(TypeTimezone, key).def(value) }

func certificate(key string) Attribute { return control(TypeCertificate, key) }

func scanMode(key, acceptable string) Attribute {
	a := control(TypeScanMode, key)
	a.AcceptableType = acceptable
	return a
}

// choice is a select whose default is value.
func choice(key, value string, options ...string) Attribute {
	a := control(TypeSelect, key).def(value)
	a.Options = options
	return a
}

func code(key, contentType string) Attribute {
	a := control(TypeCode, key)
	a.ContentType = contentType
	return a
}

// group is an object.
func group(key string, attributes ...Attribute) Attribute {
	a := Attribute{Type: TypeObject, Key: key, Box: Box{Visible: true}}
	for _, c := range attributes {
		switch {
		case c.several != nil:
			a.Attributes = append(a.Attributes, group("", c.several...).Attributes...)
		case !c.absent:
			a.Attributes = append(a.Attributes, c)
		}
	}
	return a
}

// together puts several attributes where one is expected.
func together(attributes ...Attribute) Attribute { return Attribute{plan: plan{several: attributes}} }

// rows is an array of objects; element is the key of the object that describes one of them, and named its
// translation key.
func rows(key, element, named string, attributes ...Attribute) Attribute {
	root := group(element, attributes...).as(named)
	return Attribute{Type: TypeArray, Key: key, Root: &root}
}

func (a Attribute) def(value any) Attribute { a.Default = value; return a }

func (a Attribute) unit(unit string) Attribute { a.Unit = &unit; return a }

func (a Attribute) at(row, columns int) Attribute {
	a.Display.Row, a.Display.Columns = row, columns
	return a
}

// hidden keeps a control out of the views where nothing can be edited.
func (a Attribute) hidden() Attribute { a.Display.InViewMode = false; return a }

// allHidden hides every control of an object or of several attributes.
func (a Attribute) allHidden() Attribute {
	hide := func(attributes []Attribute) []Attribute {
		hidden := slices.Clone(attributes)
		for i := range hidden {
			hidden[i] = hidden[i].allHidden()
		}
		return hidden
	}
	a.Attributes, a.several = hide(a.Attributes), hide(a.several)
	return a.hidden()
}

func (a Attribute) boxed() Attribute {
	if a.Root != nil {
		root := a.Root.boxed()
		a.Root = &root
		return a
	}
	a.Box.Wrap = true
	return a
}

func (a Attribute) paged(paginate bool, size int) Attribute {
	a.Paginate, a.PageSize = paginate, size
	return a
}

func (a Attribute) rule(validator string, arguments ...string) Attribute {
	a.Validators = append(slices.Clip(a.Validators), Validator{validator, list(arguments)})
	return a
}

func (a Attribute) must() Attribute { return a.rule(Required) }

func (a Attribute) optional() Attribute {
	a.Validators = slices.DeleteFunc(slices.Clone(a.Validators), func(v Validator) bool { return v.Type == Required })
	return a
}

func (a Attribute) min(limit int) Attribute { return a.rule(Minimum, strconv.Itoa(limit)) }

func (a Attribute) between(low, high int) Attribute {
	return a.min(low).rule(Maximum, strconv.Itoa(high))
}

func (a Attribute) pattern(expression string) Attribute { return a.rule(Pattern, expression) }

// windowsOnly makes a setting count on Windows alone.
func (a Attribute) windowsOnly() Attribute { return a.optional().rule(Platform, "windows") }

// since is how dialect N differs: the attribute is not in dialect R.
func (a Attribute) since(d Dialect) Attribute { a.absent = d == R; return a }

// as is the translation key after the manifest's prefix.
func (a Attribute) as(translation string) Attribute { a.translation = translation; return a }

// when makes an attribute apply only while a sibling has one of the values.
func (a Attribute) when(sibling string, values ...any) Attribute {
	return a.whenOp("", sibling, values)
}

func (a Attribute) whenContains(sibling string, values ...any) Attribute {
	return a.whenOp(Contains, sibling, values)
}

func (a Attribute) whenNot(sibling string, values ...any) Attribute {
	return a.whenOp(NotEqual, sibling, values)
}

func (a Attribute) whenOp(operator, sibling string, values []any) Attribute {
	a.plan.when = &Condition{Referral: sibling, Target: a.Key, Values: values, Operator: operator}
	return a
}

// conditions lists the targets of the conditions in the order of the reference, where it is not that of the form.
func (a Attribute) conditions(targets ...string) Attribute {
	if a.Root != nil {
		root := a.Root.conditions(targets...)
		a.Root = &root
		return a
	}
	a.order = targets
	return a
}

var boundary = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func kebab(key string) string { return strings.ToLower(boundary.ReplaceAllString(key, "$1-$2")) }

// complete fills in translation keys under prefix, and collects the conditions into the objects. path is where the
// children of a stand.
func (a Attribute) complete(prefix, path string) Attribute {
	if a.Root != nil {
		root := a.Root.named(prefix, "").complete(prefix, path)
		a.Root = &root
	}
	children := make([]Attribute, len(a.Attributes))
	for i, child := range a.Attributes {
		if child.plan.when != nil {
			a.Conditions = append(a.Conditions, *child.plan.when)
		}
		at := strings.TrimPrefix(path+"."+kebab(child.Key), ".")
		children[i] = child.named(prefix, at).complete(prefix, at)
	}
	if a.Attributes != nil {
		a.Attributes = children
	}
	if a.order != nil {
		slices.SortFunc(a.Conditions, func(x, y Condition) int { return slices.Index(a.order, x.Target) - slices.Index(a.order, y.Target) })
	}
	a.plan = plan{}
	return a
}

func (a Attribute) named(prefix, path string) Attribute {
	switch {
	case a.translation != "":
		path = a.translation
	case a.Type == TypeObject || a.Type == TypeArray:
		path += ".title"
	}
	a.TranslationKey = prefix + "." + path
	return a
}
