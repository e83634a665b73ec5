// Package shape checks that the body of a REST request has the form that protocol/openapi.json gives it: which keys,
// of which JSON types. It promises one message for each wrong field, with its path, in the form the reference answers
// (protocol/rest-notes.md, errors), and guards the services behind from values of a type they do not expect. What a
// value may be is the concern of those services, not of this package.
package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
)

// Fault says what is wrong with one field. It never repeats the value, which may be a password.
type Fault struct {
	Message string `json:"message"`
}

// Faults are the wrong fields of a body by their path ("webServer.port"). Empty when the body fits.
type Faults map[string]Fault

// Fields returns the paths of the wrong fields in order.
func (f Faults) Fields() []string {
	paths := make([]string, 0, len(f))
	for path := range f {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}

// Whole is the path of a fault that concerns the body as a whole.
const Whole = "body"

// ErrJSON says that a body is not one JSON object or array.
var ErrJSON = errors.New("not a JSON object")

// Shape is the form of a JSON value: it returns the value, with numbers and booleans given as text turned into what
// they stand for, and records in faults what does not fit.
type Shape func(path string, value any, faults Faults) any

// Check decodes body and holds it against s. An empty body counts as an empty object, as in the reference. The
// returned JSON says the same as body, without repeated keys and with values of the types that s asks for.
func Check(s Shape, body []byte) (json.RawMessage, Faults, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	value, err := decode(body)
	if err != nil {
		return nil, nil, err
	}
	faults := Faults{}
	fitted := s("", value, faults)
	if len(faults) > 0 {
		return nil, faults, nil
	}
	out, err := json.Marshal(fitted)
	return out, nil, err
}

func decode(body []byte) (any, error) {
	if body[0] != '{' && body[0] != '[' {
		return nil, ErrJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, ErrJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrJSON
	}
	return value, nil
}
