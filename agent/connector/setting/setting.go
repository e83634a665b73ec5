// Package setting decodes the settings of connectors into what they mean. It promises that a number or a boolean that arrives as text, as
// after the import of a table, means what it says, that absent and null are the same, and that any other wrong type
// is an error that names the setting. It guards against settings that silently mean something else.
package setting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode decodes settings, which the form has checked before, into the struct that v points to. Keys that v does not
// have are left alone: another version of the product may know them.
func Decode(raw json.RawMessage, v any) error {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		return nil
	}
	err := json.Unmarshal(raw, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong): // its text would show the value, which may be a secret
		return fmt.Errorf("setting %q must be a %s", wrong.Field, wrong.Type)
	default:
		return fmt.Errorf("cannot read settings: %w", err)
	}
}

// Number is a number, also one written as text. Null and the empty text are 0.
type Number float64

// UnmarshalJSON reads a number or a text that spells one.
func (n *Number) UnmarshalJSON(raw []byte) error {
	text, err := plain(raw)
	if err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return wrongType(reflect.TypeFor[float64]())
	}
	*n = Number(f)
	return nil
}

// Duration is n times unit, within what a timer can wait.
func (n Number) Duration(unit time.Duration) time.Duration {
	const limit = 100 * 365 * 24 * time.Hour
	return time.Duration(max(-float64(limit), min(float64(limit), float64(n)*float64(unit))))
}

// Int is n without its fraction.
func (n Number) Int() int64 {
	return int64(max(-1<<53, min(1<<53, float64(n))))
}

// wrongType is the error that encoding/json adds the name of the field to.
func wrongType(wanted reflect.Type) error {
	return &json.UnmarshalTypeError{Value: "another value", Type: wanted}
}

// Flag is a boolean, also one written as text or as 0 or 1. Null and the empty text are false.
type Flag bool

// UnmarshalJSON reads a boolean, a text that spells one, 0 or 1.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	text, err := plain(raw)
	if err != nil {
		return err
	}
	switch strings.ToLower(text) {
	case "true", "1":
		*f = true
	case "false", "0", "":
		*f = false
	default:
		return wrongType(reflect.TypeFor[bool]())
	}
	return nil
}

// plain is the text of a scalar, "" for null.
func plain(raw []byte) (string, error) {
	switch text := string(bytes.TrimSpace(raw)); {
	case text == "null" || text == "":
		return "", nil
	case text[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return strings.TrimSpace(s), err
	default:
		return text, nil
	}
}
