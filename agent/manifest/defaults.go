package manifest

import (
	"encoding/json"

	"oibus/agent/schema"
)

// Defaults are the settings that an object attribute suggests: the defaults of what applies among them. A text
// or number without one is null, a secret "", a list empty.
func (a Attribute) Defaults() (json.RawMessage, error) { return schema.Write(a.fallback()) }

// fallback is the default of a as a decoded value.
func (a *Attribute) fallback() any {
	switch a.Type {
	case TypeObject:
		object := schema.NewOrdered()
		for i := range a.Attributes {
			child := &a.Attributes[i]
			if a.applies(child, object) {
				object.Set(child.Key, child.fallback())
			}
		}
		return object
	case TypeArray:
		return []any{}
	case TypeSecret:
		return ""
	}
	return a.Default
}

// applies says whether the condition on a child holds, as the validation reads it.
func (a *Attribute) applies(child *Attribute, object *schema.Ordered) bool {
	c, conditional := a.condition(child.Key)
	if !conditional {
		return true
	}
	value, present := object.Get(c.Referral)
	if !present {
		return true
	}
	if referral, ok := a.child(c.Referral); ok {
		form := referral.schema("")
		value = form.Coerced(value)
	}
	for _, want := range c.Values {
		if same(value, want) {
			return true
		}
	}
	return false
}

func same(a, b any) bool {
	switch a.(type) {
	case string, bool, float64:
		return a == b
	}
	return false
}

// needs says whether a must find child in object.
func (a *Attribute) needs(child *Attribute, object *schema.Ordered) bool {
	if _, limited := child.arguments(Platform); limited {
		return false
	}
	if _, conditional := a.condition(child.Key); conditional {
		return a.applies(child, object)
	}
	return child.Has(Required)
}

// Adapt makes settings that were written for the form other fit this form, for a cloud that speaks the other
// dialect (protocol/control-plane.md, section 12): keys that only other knows are dropped, and keys that are missing
// because only this form needs them get their defaults. Every other mistake stays, and is told by the validation.
func (a Attribute) Adapt(other Attribute, settings json.RawMessage) (json.RawMessage, error) {
	tree, err := schema.Parse(settings)
	if err != nil {
		return nil, err
	}
	a.adapt(&other, tree)
	return schema.Write(tree)
}

func (a *Attribute) adapt(other *Attribute, value any) {
	switch v := value.(type) {
	case *schema.Ordered:
		a.adaptObject(other, v)
	case []any:
		if a.Root == nil || other.Root == nil {
			return
		}
		for _, item := range v {
			a.Root.adapt(other.Root, item)
		}
	}
}

func (a *Attribute) adaptObject(other *Attribute, object *schema.Ordered) {
	for i := range other.Attributes {
		if _, known := a.child(other.Attributes[i].Key); !known {
			object.Delete(other.Attributes[i].Key)
		}
	}
	for i := range a.Attributes {
		child := &a.Attributes[i]
		theirs, shared := other.child(child.Key)
		value, present := object.Get(child.Key)
		switch {
		case present && shared:
			child.adapt(theirs, value)
		case !present && a.needs(child, object) && !(shared && other.needs(theirs, object)):
			object.Set(child.Key, child.fallback())
		}
	}
}

// AdaptSouth adapts the settings of a South that may be written for the other dialect than d. Types that one of the
// two does not know are left alone.
func AdaptSouth(d Dialect, id string, settings json.RawMessage) (json.RawMessage, error) {
	mine, known := FindSouth(d, id)
	theirs, shared := FindSouth(d.other(), id)
	if !known || !shared {
		return settings, nil
	}
	return mine.Settings.Adapt(theirs.Settings, settings)
}

// AdaptNorth adapts the settings of a North that may be written for the other dialect than d.
func AdaptNorth(d Dialect, id string, settings json.RawMessage) (json.RawMessage, error) {
	mine, known := FindNorth(d, id)
	theirs, shared := FindNorth(d.other(), id)
	if !known || !shared {
		return settings, nil
	}
	return mine.Settings.Adapt(theirs.Settings, settings)
}

func (d Dialect) other() Dialect {
	if d == R {
		return N
	}
	return R
}
