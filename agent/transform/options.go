package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// options reads the options of a binding as they are stored: of the right type or absent, where null is absent; names
// that nobody asks for are let through, as the form leaves some behind. The first error is kept.
type options struct {
	members map[string]json.RawMessage
	path    string
	err     *error
}

func readOptions(raw json.RawMessage) *options {
	var err error
	o := &options{err: &err}
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && json.Unmarshal(raw, &o.members) != nil {
		err = fmt.Errorf("the options are no object")
	}
	return o
}

func (o *options) fail(name, format string, args ...any) {
	if *o.err == nil {
		*o.err = fmt.Errorf("option %q: %s", o.path+name, fmt.Sprintf(format, args...))
	}
}

// get is the member name, nil when it is absent.
func (o *options) get(name string) json.RawMessage {
	if raw := o.members[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

func (o *options) has(name string) bool { return o.get(name) != nil }

// textOr is the text name, or what the reference takes for one that is absent.
func (o *options) textOr(name, absent string) string {
	raw := o.get(name)
	if raw == nil {
		return absent
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		o.fail(name, "%s is no text", cut(raw))
	}
	return s
}

// text is the text name, which must be there.
func (o *options) text(name string) string {
	s := o.textOr(name, "")
	if s == "" {
		o.fail(name, "is missing")
	}
	return s
}

// flag is the boolean name; absent is false.
func (o *options) flag(name string) bool {
	var b bool
	if raw := o.get(name); raw != nil && json.Unmarshal(raw, &b) != nil {
		o.fail(name, "%s is neither true nor false", cut(raw))
	}
	return b
}

// choice is the text name, which is one of those allowed.
func (o *options) choice(name, absent string, allowed ...string) string {
	s := o.textOr(name, absent)
	if s == "" && absent == "" {
		o.fail(name, "is missing")
	} else if s != absent && !slices.Contains(allowed, s) {
		o.fail(name, "%q is none of %s", s, strings.Join(allowed, ", "))
	}
	return s
}

// named is what a table has under the text name.
func named[T any](o *options, name, absent string, lookup func(string) (T, bool)) T {
	s := o.textOr(name, absent)
	v, ok := lookup(s)
	switch {
	case ok || *o.err != nil:
	case s == "":
		o.fail(name, "is missing")
	default:
		o.fail(name, "%q is not known", s)
	}
	return v
}

// group are the options inside name; absent is an object without any.
func (o *options) group(name string) *options {
	g := &options{path: o.path + name + ".", err: o.err}
	if raw := o.get(name); raw != nil && json.Unmarshal(raw, &g.members) != nil {
		o.fail(name, "%s is no object", cut(raw))
	}
	return g
}

// rows are the options of each element of the array name, which must be there.
func (o *options) rows(name string) []*options {
	raw := o.get(name)
	if raw == nil {
		o.fail(name, "is missing")
		return nil
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		o.fail(name, "is no list of objects")
		return nil
	}
	var rows []*options
	for i, members := range list {
		rows = append(rows, &options{members: members, path: fmt.Sprintf("%s%s[%d].", o.path, name, i), err: o.err})
	}
	return rows
}

// cut is what an error shows of a value.
func cut(value []byte) string {
	const shown = 100
	if len(value) > shown {
		return string(value[:shown]) + "…"
	}
	return string(value)
}
