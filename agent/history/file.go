package history

import (
	"fmt"
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// Folders of the state.
const (
	queryFolder = "history"
	itemFolder  = "history/items"
)

// file is a query with its two documents: state/history/<id>.json, which changes with its status, and its items, which
// can be many. The first names the generation of the second, so that a change of both is one step. The generation
// before is kept, because the previous generation of the document may name it.
type file struct {
	query    entity.HistoryQuery
	document document
	epoch    int // counts what changes how the query runs: what a run before ended as does not count any more
}

// document is state/history/<id>.json.
type document struct {
	entity.HistoryQuery
	Order      int  `json:"order"`      // place among the queries
	Generation int  `json:"generation"` // of the items
	Before     int  `json:"before"`     // the generation before
	Reset      bool `json:"reset,omitempty"`
}

func documentName(id string) string { return queryFolder + "/" + id }

func itemsName(id string, generation int) string {
	return fmt.Sprintf("%s/%s-%d", itemFolder, id, generation)
}

func (s *Service) load() error {
	names, err := store.List(s.o.Store, queryFolder)
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := s.loadFile(strings.TrimPrefix(name, queryFolder+"/"))
		if err != nil {
			return err
		}
		if f != nil { // else unusable: put aside and reported by the store
			s.files = append(s.files, f)
		}
	}
	slices.SortStableFunc(s.files, func(a, b *file) int { return a.document.Order - b.document.Order })
	return s.removeItems()
}

func (s *Service) loadFile(id string) (*file, error) {
	d, found, err := store.Load(s.o.Store, documentName(id), document{})
	if err != nil || !found {
		return nil, err
	}
	d.ID = id
	f := &file{document: d}
	items, found, err := store.Load(s.o.Store, itemsName(id, d.Generation), []entity.SouthItem(nil))
	if err != nil {
		return nil, err
	}
	if d.South.Items = items; !found && d.Generation > 0 && d.Status == entity.HistoryRunning {
		d.Status, d.Reason = entity.HistoryErrored, "its items cannot be read any more: import them again"
	}
	if adapted, err := manifest.AdaptSouth(s.o.Dialect, d.South.Type, d.South.Settings); err == nil {
		d.South.Settings = adapted // the dialect may have changed since
	}
	if adapted, err := manifest.AdaptNorth(s.o.Dialect, d.North.Type, d.North.Settings); err == nil {
		d.North.Settings = adapted
	}
	f.query = d.HistoryQuery
	f.query.Compose()
	return f, nil
}

// removeItems deletes items that no document names: an interrupted change left them.
func (s *Service) removeItems() error {
	names, err := store.List(s.o.Store, itemFolder)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, f := range s.files {
		used[itemsName(f.query.ID, f.document.Generation)], used[itemsName(f.query.ID, f.document.Before)] = true, true
	}
	for _, name := range names {
		id, _, _ := strings.Cut(strings.TrimPrefix(name, itemFolder+"/"), "-")
		if used[name] || s.doubt(id) && !s.known(id) {
			continue
		}
		if err := store.Remove(s.o.Store, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) known(id string) bool {
	_, err := s.file(id)
	return err == nil
}

// change says what of a query is new.
type change struct {
	items bool // its items
	runs  bool // how it runs: what runs now does not count any more
	reset bool // what it has read and cached is to be forgotten before it runs again
}

// save makes next durable, and visible.
func (s *Service) save(f *file, next entity.HistoryQuery, c change) error {
	next.Compose()
	d := f.document
	d.HistoryQuery, d.Reset = next, d.Reset || c.reset
	oldest := d.Before
	if c.items {
		d.Before, d.Generation = d.Generation, d.Generation+1
		if err := store.Save(s.o.Store, itemsName(next.ID, d.Generation), next.South.Items); err != nil {
			return err
		}
	}
	if err := store.Save(s.o.Store, documentName(next.ID), d); err != nil {
		return err
	}
	s.mu.Lock()
	f.query, f.document = next, d
	if c.runs {
		f.epoch++
	}
	s.mu.Unlock()
	if c.items && oldest > 0 {
		if err := store.Remove(s.o.Store, itemsName(next.ID, oldest)); err != nil {
			s.o.Log.Warn("old items of a history query cannot be removed; they are at the next start", "error", err)
		}
	}
	return nil
}

// remove deletes the documents.
func (s *Service) remove(f *file) error {
	if err := store.Remove(s.o.Store, documentName(f.query.ID)); err != nil {
		return err
	}
	s.mu.Lock()
	s.files = slices.DeleteFunc(slices.Clone(s.files), func(other *file) bool { return other == f })
	s.mu.Unlock()
	for _, generation := range []int{f.document.Generation, f.document.Before} {
		if err := store.Remove(s.o.Store, itemsName(f.query.ID, generation)); err != nil {
			s.o.Log.Warn("items of a history query that was deleted cannot be removed; they are at the next start", "error", err)
		}
	}
	return nil
}

// snapshot is a query with what its run needs to know.
type snapshot struct {
	entity.HistoryQuery
	epoch int
	reset bool
}

func (s *Service) snapshot(id string) (snapshot, bool) {
	f, err := s.file(id)
	if err != nil {
		return snapshot{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return snapshot{f.query, f.epoch, f.document.Reset}, true
}
