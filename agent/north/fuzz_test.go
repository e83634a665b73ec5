package north

import (
	"bytes"
	"io"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
)

// FuzzAccept takes arrays that may be malformed: each is taken, whole or as it came in the folder error.
func FuzzAccept(f *testing.F) {
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 2
	n.Transformers = []entity.TransformerLink{link("l1", "iso", ofSouth("a")), link("l2", "count", ofSouth("b")), link("l3", "broken", ofSouth("c"))}
	r, err := Start(Options{North: n, Type: newTarget().kind(allKinds...), DataDir: f.TempDir(), Reserve: 1, Transformer: transformers})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { stop(f, r) })
	f.Add([]byte(`[{"pointId":"a"},{"pointId":"b"},{"pointId":"c"},{"pointId":"a"},{"pointId":"d"}]`), 5)
	f.Add([]byte(`[{"pointId":"a"},{"pointId":"b"},{"po`), 3)
	f.Add([]byte(`[]`), 0)
	f.Add([]byte(`{"no":"array"}`), 3)
	f.Add([]byte(`[{"pointId":"a"},7,null,{"pointId":{}}]`), 4)
	f.Fuzz(func(t *testing.T, data []byte, elements int) {
		elements = min(max(elements, 0), 1000)
		if err := r.Accept(t.Context(), content.FromBytes(content.TimeValues, "", elements, data), fromSouth("a", "b", "c", "d")); err != nil {
			t.Fatal(err)
		}
		_, empty := content.NewArray(bytes.NewReader(data)).Next()
		if s := r.Cache().Stats(); s.Cached+s.Errored == 0 && empty != io.EOF {
			t.Fatal("taken and nowhere")
		}
		if _, err := r.Cache().Clear(cache.Folders...); err != nil {
			t.Fatal(err)
		}
	})
}
