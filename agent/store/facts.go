package store

import (
	"encoding/json"
	"maps"
	"sync"
)

// Facts are a few small facts in one document. They are safe for concurrent use.
type Facts struct {
	s    *Store
	name string
	mu   *sync.Mutex // of all Facts of this Store: they are written rarely
}

// Facts are those in the document of that name. It is made when the first fact is set.
func (s *Store) Facts(name string) *Facts { return &Facts{s, name, &s.facts} }

// Get finds a fact. What cannot be read is as if it were not there; Set then says why.
func (f *Facts) Get(key string) (json.RawMessage, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, _, err := Load(f.s, f.name, map[string]json.RawMessage{})
	if err != nil {
		f.s.Report(f.name+docSuffix, err.Error(), "taken as empty")
		return nil, false
	}
	v, ok := all[key]
	return v, ok
}

// Set changes some facts, nil deletes one. They are durable when it returns nil.
func (f *Facts) Set(changes map[string]json.RawMessage) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, _, err := Load(f.s, f.name, map[string]json.RawMessage{})
	if err != nil {
		return err
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, v json.RawMessage) bool { return v == nil })
	return Save(f.s, f.name, all)
}
