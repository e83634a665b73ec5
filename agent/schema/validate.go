package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxViolations bounds the text that one hostile document can produce.
const maxViolations = 1000

// Validate returns every violation of v in the order of the form. v is decoded JSON: *Ordered or map[string]any, []any,
// string, bool, nil, and json.Number or any Go number. Unknown keys of a plain map come in alphabetical order; Check keeps
// the order of the input.
func (s Schema) Validate(v any) []string {
	c := &collector{}
	s.check(v, place{}, c)
	if c.dropped > 0 {
		c.texts = append(c.texts, fmt.Sprintf("%d more violations", c.dropped))
	}
	return c.texts
}

type collector struct {
	texts   []string
	dropped int
}

func (c *collector) add(text string) {
	if len(c.texts) >= maxViolations {
		c.dropped++
		return
	}
	c.texts = append(c.texts, text)
}

func (c *collector) say(at place, text string) { c.add(`"` + at.label() + `" ` + text) }

// place is where a value stands: the chain of keys and indexes that leads to it. The zero value is the document.
type place struct {
	parent *place
	key    string
	index  int // of an element, when item is true
	item   bool
}

// label is the dotted path, or "value" for the whole document.
func (p place) label() string {
	if p.parent == nil {
		return "value"
	}
	var chain []place
	for at := &p; at.parent != nil; at = at.parent {
		chain = append(chain, *at)
	}
	var b strings.Builder
	for _, at := range slices.Backward(chain) {
		switch {
		case at.item:
			b.WriteString("[" + strconv.Itoa(at.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + at.key)
		default:
			b.WriteString(at.key)
		}
	}
	return b.String()
}

func (s *Schema) check(v any, at place, c *collector) {
	if v == nil && s.nullable {
		return
	}
	if text, ok := v.(string); ok && text == "" && s.blankable {
		return
	}
	switch s.kind {
	case stringKind:
		s.checkString(v, at, c)
	case numberKind:
		s.checkNumber(v, at, c)
	case booleanKind:
		if _, ok := toBool(v); !ok {
			c.say(at, "must be a boolean")
		}
	case objectKind:
		s.checkObject(v, at, c)
	case arrayKind:
		s.checkArray(v, at, c)
	}
}

func (s *Schema) checkString(v any, at place, c *collector) {
	text, isText := v.(string)
	if s.options != nil && (!isText || !slices.Contains(s.options, text)) {
		c.say(at, "must be one of ["+strings.Join(s.allowed(), ", ")+"]")
	} else if s.options != nil {
		return
	}
	switch {
	case !isText:
		c.say(at, "must be a string")
	case text == "":
		c.say(at, "is not allowed to be empty")
	default:
		s.applyRules(text, at, c)
	}
}

// allowed are the options as a violation lists them: with null and the empty text when those pass too.
func (s *Schema) allowed() []string {
	all := slices.Clip(s.options)
	if s.nullable {
		all = append(all, "null")
	}
	if s.blankable {
		all = append(all, "")
	}
	return all
}

func (s *Schema) checkNumber(v any, at place, c *collector) {
	n, problem := toNumber(v)
	if problem != "" {
		c.say(at, problem)
		return
	}
	s.applyRules(n, at, c)
}

func (s *Schema) applyRules(v any, at place, c *collector) {
	for _, r := range s.rules {
		if text := r(v); text != "" {
			c.say(at, text)
		}
	}
}

func (s *Schema) checkObject(v any, at place, c *collector) {
	o, ok := objectOf(v)
	if !ok {
		c.say(at, "must be of type object")
		return
	}
	for i := range s.fields {
		f := &s.fields[i]
		form, required := f.resolve(s, o)
		value, present := o.get(f.name)
		if present {
			form.check(value, place{parent: &at, key: f.name}, c)
		} else if required {
			c.say(place{parent: &at, key: f.name}, "is required")
		}
	}
	if s.open {
		return
	}
	for _, key := range o.keys() {
		if _, known := s.names[key]; !known {
			c.say(place{parent: &at, key: key}, "is not allowed")
		}
	}
}

func (s *Schema) checkArray(v any, at place, c *collector) {
	items, ok := v.([]any)
	if !ok {
		c.say(at, "must be an array")
		return
	}
	for i, item := range items {
		s.item.check(item, place{parent: &at, index: i, item: true}, c)
	}
	for _, r := range s.arrayRules {
		label := func(i int) string { return place{parent: &at, index: i, item: true}.label() }
		for _, text := range r(items, label) {
			c.add(text)
		}
	}
}
