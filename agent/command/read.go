package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"oibus/agent/connector"
	"oibus/agent/entity"
)

// change is the identifier under name and the content, which both must be there.
func (c Command) change(name string) (id string, body json.RawMessage, err error) {
	if id, err = c.text(name); err != nil {
		return "", nil, err
	}
	body, err = c.body()
	return id, body, err
}

// kinds of JSON values by the kind of the Go value they should have become.
var kinds = map[string]string{
	"bool": "a boolean", "string": "a string", "float64": "a number", "int": "a number", "slice": "an array", "struct": "of type object",
}

// read decodes a part of a content, and says in the reference's words what does not fit.
func read(body json.RawMessage, into any) error {
	err := json.Unmarshal(body, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		at, kind := wrong.Field, kinds[wrong.Type.Kind().String()]
		if at == "" {
			at = contentKey
		}
		if kind == "" {
			kind = "of type object"
		}
		return entity.Invalid("%q must be %s", at, kind)
	case err != nil:
		return entity.Invalid("cannot read JSON: %v", err)
	}
	return nil
}

// draft is what a test needs of the command that makes a connector, or an item.
type draft struct {
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Settings json.RawMessage `json:"settings"`
}

func readConnector(body json.RawMessage) (d draft, err error) {
	if len(body) == 0 || string(body) == "null" {
		return d, entity.Invalid("%q is required", "settings")
	}
	if err := read(body, &d); err != nil {
		return d, err
	}
	if len(d.Settings) == 0 || string(d.Settings) == "null" {
		return d, entity.Invalid("%q is required", "settings")
	}
	return d, nil
}

// under says of which part of the content an error speaks.
func under(part string, err error) error { return entity.Invalid("%s: %v", part, err) }

// plain is v as JSON, in which nothing is escaped that need not be.
func plain(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("cannot write the result: %w", err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// reported is the result of a test of a connection.
func reported(r connector.Report) (string, error) {
	items := r.Items
	if items == nil {
		items = []connector.Fact{}
	}
	return plain(struct {
		Items []connector.Fact `json:"items"`
	}{items})
}
