package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// fewKeys is up to where looking through all keys is as fast as a map.
const fewKeys = 16

// Ordered is a JSON object that remembers the order of its keys. A repeated key keeps its first place and its last
// value, as in the reference.
type Ordered struct {
	keys   []string
	values []any
	places map[string]int // of each key, once there are many
}

// NewOrdered returns an empty object.
func NewOrdered() *Ordered { return &Ordered{} }

func (o *Ordered) place(key string) (int, bool) {
	if o.places != nil {
		i, ok := o.places[key]
		return i, ok
	}
	i := slices.Index(o.keys, key)
	return i, i >= 0
}

// Get returns the value of key and whether it is there.
func (o *Ordered) Get(key string) (any, bool) {
	i, ok := o.place(key)
	if !ok {
		return nil, false
	}
	return o.values[i], true
}

// Set gives key a value; a new key comes last.
func (o *Ordered) Set(key string, v any) {
	if i, ok := o.place(key); ok {
		o.values[i] = v
		return
	}
	o.keys, o.values = append(o.keys, key), append(o.values, v)
	if o.places != nil {
		o.places[key] = len(o.keys) - 1
	} else if len(o.keys) > fewKeys {
		o.index()
	}
}

func (o *Ordered) index() {
	o.places = make(map[string]int, 2*len(o.keys))
	for i, key := range o.keys {
		o.places[key] = i
	}
}

// Delete removes key.
func (o *Ordered) Delete(key string) {
	i, ok := o.place(key)
	if !ok {
		return
	}
	o.keys, o.values = slices.Delete(o.keys, i, i+1), slices.Delete(o.values, i, i+1)
	if o.places != nil {
		o.index()
	}
}

// Keys are the keys in their order.
func (o *Ordered) Keys() []string { return slices.Clone(o.keys) }

// MarshalJSON writes the object in its order.
func (o *Ordered) MarshalJSON() ([]byte, error) { return Write(o) }

// listed are the keys in the order in which the reference sees them: array indexes first and ascending, then as they came.
func (o *Ordered) listed() []string {
	if !slices.ContainsFunc(o.keys, isIndex) {
		return o.keys
	}
	keys := slices.Clone(o.keys)
	slices.SortStableFunc(keys, func(a, b string) int {
		x, y := isIndex(a), isIndex(b)
		switch {
		case x && y:
			m, _ := strconv.ParseUint(a, 10, 32)
			n, _ := strconv.ParseUint(b, 10, 32)
			return int(int64(m) - int64(n))
		case x:
			return -1
		case y:
			return 1
		}
		return 0
	})
	return keys
}

func isIndex(key string) bool {
	n, err := strconv.ParseUint(key, 10, 32)
	return err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == key
}

// view is an object in either of the forms that it can have.
type view struct {
	ordered *Ordered
	plain   map[string]any
}

func objectOf(v any) (view, bool) {
	switch o := v.(type) {
	case *Ordered:
		return view{ordered: o}, true
	case map[string]any:
		return view{plain: o}, true
	}
	return view{}, false
}

func (o view) get(key string) (any, bool) {
	if o.ordered != nil {
		return o.ordered.Get(key)
	}
	v, ok := o.plain[key]
	return v, ok
}

// keys are those of an ordered object in the order of the reference, those of a plain one in alphabetical order.
func (o view) keys() []string {
	if o.ordered != nil {
		return o.ordered.listed()
	}
	keys := make([]string, 0, len(o.plain))
	for k := range o.plain {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Write encodes what Parse returned, or any value made of the same parts, without changing texts or numbers.
func Write(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := write(&b, v); err != nil {
		return nil, fmt.Errorf("cannot write JSON: %w", err)
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case *Ordered:
		return writeObject(b, v)
	case []any:
		return writeArray(b, v)
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line end
	return nil
}

func writeObject(b *bytes.Buffer, o *Ordered) error {
	b.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := write(b, key); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := write(b, o.values[i]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeArray(b *bytes.Buffer, items []any) error {
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := write(b, item); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}
