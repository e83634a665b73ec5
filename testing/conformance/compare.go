package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Difference is a place where we differ from the recording. Values are JSON; absent is none.
type Difference struct{ Field, Recorded, Ours string }

const absent = "absent"

// valueLimit bounds a shown value, so that a table stays readable. The start of a value tells what it is.
const valueLimit = 240

func (d Difference) String() string {
	return fmt.Sprintf("%s\n      recorded: %s\n      ours:     %s", d.Field, d.Recorded, d.Ours)
}

// Compare lists the differences between two JSON values, in the order of their fields.
func Compare(recorded, ours any) []Difference { return compare("", recorded, ours, nil) }

func compare(field string, recorded, ours any, found []Difference) []Difference {
	switch r := recorded.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			return compareObjects(field, r, o, found)
		}
	case []any:
		if o, ok := ours.([]any); ok {
			return compareArrays(field, r, o, found)
		}
	}
	if a, b := shown(recorded), shown(ours); a != b {
		found = append(found, Difference{field, clipped(a), clipped(b)})
	}
	return found
}

func compareObjects(field string, recorded, ours map[string]any, found []Difference) []Difference {
	keys := slices.Collect(maps.Keys(recorded))
	for k := range ours {
		if _, both := recorded[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		r, inRecorded := recorded[k]
		o, inOurs := ours[k]
		at := strings.TrimPrefix(field+"."+k, ".")
		switch {
		case !inRecorded:
			found = append(found, Difference{at, absent, clipped(shown(o))})
		case !inOurs:
			found = append(found, Difference{at, clipped(shown(r)), absent})
		default:
			found = compare(at, r, o, found)
		}
	}
	return found
}

func compareArrays(field string, recorded, ours []any, found []Difference) []Difference {
	for i := range max(len(recorded), len(ours)) {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case i >= len(recorded):
			found = append(found, Difference{at, absent, clipped(shown(ours[i]))})
		case i >= len(ours):
			found = append(found, Difference{at, clipped(shown(recorded[i])), absent})
		default:
			found = compare(at, recorded[i], ours[i], found)
		}
	}
	return found
}

// shown is the JSON of a value, which always has one: it was decoded from JSON, or built from such values.
func shown(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("not JSON: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func clipped(s string) string {
	if utf8.RuneCountInString(s) <= valueLimit {
		return s
	}
	return string([]rune(s)[:valueLimit]) + "…"
}
