package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// signatureKey is the key of a signed object that its signature does not cover: the signature itself.
const signatureKey = "signature"

// canonical returns a JSON object in the one form that is signed: without its key "signature" and without space, the
// keys sorted by their bytes, numbers as they were written. The signed object is then decoded from this form and from
// nothing else, so that no two readers can disagree about what was signed; keys that this version does not know are
// covered too. The second result is the signature as it stood there, nil for none.
func canonical(text []byte) (form, signature []byte, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, nil, fmt.Errorf("it is not a JSON object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("something follows the JSON object")
	}
	if object == nil {
		return nil, nil, errors.New("it is null instead of a JSON object")
	}
	if value, there := object[signatureKey]; there {
		if signature, err = compact(value); err != nil {
			return nil, nil, err
		}
	}
	delete(object, signatureKey)
	form, err = compact(object)
	return form, signature, err
}

// compact encodes without space at the end, and < > & as they are.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot encode as JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
