package command

import (
	"bytes"
	"encoding/json"
	"io"
)

// replaceText replaces the text at path in nested objects by what f makes of it. A blank text, a missing key and what
// is no text stay as they are, and everything else keeps its bytes and its place.
func replaceText(raw json.RawMessage, path []string, f func(string) (string, error)) (json.RawMessage, error) {
	if len(path) == 0 {
		return replaced(raw, f)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return raw, nil
	}
	var out []byte
	copied := int64(0)
	for dec.More() {
		name, value, err := member(dec)
		if err != nil {
			return raw, nil // not JSON: whoever reads it says so
		}
		if name != path[0] {
			continue
		}
		stop := dec.InputOffset()
		changed, err := replaceText(value, path[1:], f)
		if err != nil {
			return nil, err
		}
		out = append(append(out, raw[copied:stop-int64(len(value))]...), changed...)
		copied = stop
	}
	return append(out, raw[copied:]...), nil
}

// member reads a key and its value.
func member(dec *json.Decoder) (name string, value json.RawMessage, err error) {
	token, err := dec.Token()
	if err != nil {
		return "", nil, err
	}
	name, ok := token.(string)
	if !ok {
		return "", nil, io.ErrUnexpectedEOF
	}
	err = dec.Decode(&value)
	return name, value, err
}

func replaced(raw json.RawMessage, f func(string) (string, error)) (json.RawMessage, error) {
	text, ok := textOf(raw)
	if !ok || text == "" {
		return raw, nil
	}
	changed, err := f(text)
	if err != nil {
		return nil, err
	}
	return json.Marshal(changed)
}
