package cloudsim

import (
	"bytes"
	"encoding/json"
	"sort"
	"strconv"
)

// Change is one difference between two JSON documents. From is empty for what was added, To for what was removed.
type Change struct {
	Path string `json:"path"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// maxChanges bounds what a page has to show; more says that there are others.
const maxChanges = 200

// differences compares two documents. Elements of an array are paired by their id or name, so that an insertion is one
// change and not a change of everything after it.
func differences(from, to json.RawMessage) (changes []Change, more bool) {
	before, okBefore := decodeAny(from)
	after, okAfter := decodeAny(to)
	if !okBefore || !okAfter {
		return nil, false
	}
	compare("", before, after, &changes)
	if len(changes) > maxChanges {
		return changes[:maxChanges], true
	}
	return changes, false
}

func decodeAny(raw json.RawMessage) (v any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return v, decoder.Decode(&v) == nil
}

func compare(path string, from, to any, changes *[]Change) {
	a, b := members(from), members(to)
	if a == nil || b == nil {
		if old, now := compact(from), compact(to); old != now {
			*changes = append(*changes, Change{Path: path, From: old, To: now})
		}
		return
	}
	for _, key := range union(a, b) {
		old, had := a[key]
		now, has := b[key]
		switch at := path + key; {
		case !had:
			*changes = append(*changes, Change{Path: trimDot(at), To: compact(now)})
		case !has:
			*changes = append(*changes, Change{Path: trimDot(at), From: compact(old)})
		default:
			compare(trimDot(at), old, now, changes)
		}
	}
}

// members are the parts of an object or array by the end of their path; nil for anything else.
func members(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, child := range v {
			out["."+key] = child
		}
		return out
	case []any:
		out := make(map[string]any, len(v))
		for i, child := range v {
			name := elementName(child, i)
			for n := 2; out["["+name+"]"] != nil; n++ {
				name = elementName(child, i) + "#" + strconv.Itoa(n)
			}
			out["["+name+"]"] = child
		}
		return out
	}
	return nil
}

func union(a, b map[string]any) []string {
	keys := make([]string, 0, len(a))
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys
}

func trimDot(path string) string {
	if path[0] == '.' {
		return path[1:]
	}
	return path
}

func compact(v any) string {
	text, _ := json.Marshal(v) // a decoded value always encodes
	return string(text)
}

// elementName is how a person would name an element of an array.
func elementName(v any, i int) string {
	object, ok := v.(map[string]any)
	if !ok {
		return strconv.Itoa(i)
	}
	for _, key := range []string{"oIBusInternalId", "id", "key", "name"} {
		if id, ok := object[key].(string); ok && id != "" {
			if name := nameOf(object); name != "" && name != id {
				return name + " " + id
			}
			return id
		}
	}
	return strconv.Itoa(i)
}

func nameOf(object map[string]any) string {
	if s, ok := object["name"].(string); ok {
		return s
	}
	settings, _ := object["settings"].(map[string]any)
	s, _ := settings["name"].(string)
	return s
}
