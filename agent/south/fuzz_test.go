package south

import (
	"encoding/json"
	"testing"

	"oibus/agent/content"
)

// FuzzLastValue shows that what is shown as the last value is one JSON value, whatever a content holds.
func FuzzLastValue(f *testing.F) {
	f.Add([]byte(`[{"pointId":"a","timestamp":"t","data":{"value":1}}]`))
	f.Add([]byte(`[{"pointId":"a"},{"pointId":"{\"pointId\":1"} ] `))
	f.Add([]byte(`[{"pointId":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		last := lastValue(content.FromBytes(content.TimeValues, "", 1, data))
		if last != nil && !json.Valid(last) {
			t.Fatalf("not JSON: %q", last)
		}
	})
}
