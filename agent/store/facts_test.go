package store

import (
	"encoding/json"
	"sync"
	"testing"
)

func TestFactsOutliveTheProcessAndAreDeletedOneByOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := s.Facts("memory/a")
	if _, ok := f.Get("host"); ok {
		t.Error("a fact is there before it was set")
	}
	var all sync.WaitGroup
	for _, key := range []string{"host", "key", "other"} {
		all.Go(func() {
			if err := s.Facts("memory/a").Set(map[string]json.RawMessage{key: json.RawMessage(`"` + key + `"`)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := f.Set(map[string]json.RawMessage{"other": nil}); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"host": `"host"`, "key": `"key"`, "other": ""} {
		if v, ok := s.Facts("memory/a").Get(key); string(v) != want || ok != (want != "") {
			t.Errorf("%s is %s, %v", key, v, ok)
		}
	}
	if _, ok := s.Facts("memory/b").Get("host"); ok {
		t.Error("a fact of another document is found")
	}
}
