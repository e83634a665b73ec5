package connectors

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
	"oibus/platform"
)

const southFolder = "souths"

// southFile is a South with its two files: a document with the connector and its groups, and a log with its items,
// which can be many.
//
// The document names the generation of the log, so that a change of both is one step: a new log is written beside
// the old one, then the document that names it. The generation before is kept, because the previous generation of the
// document may name it. A change of items alone is one line of the log, whole or absent.
type southFile struct {
	south     entity.South
	document  southDocument
	items     *store.Log
	compacted int64 // size of the log when it was last rewritten
}

// southDocument is state/souths/<id>.json.
type southDocument struct {
	entity.South
	Order      int `json:"order"`      // place among the Souths
	Generation int `json:"generation"` // of the items
	Before     int `json:"before"`     // the generation before
}

// itemsRecord is a line of state/souths/<id>.<generation>.log: items that are new or changed, ids of those that are gone.
type itemsRecord struct {
	Put  []entity.SouthItem `json:"put,omitempty"`
	Drop []string           `json:"drop,omitempty"`
}

// Limits of the items log.
const (
	// manyItems is from where on a new generation costs less than a line.
	manyItems = 5000
	// slack is how much more than twice its content a log may hold before it is rewritten.
	slack = 1 << 20
)

func documentName(id string) string { return southFolder + "/" + id }

func logName(id string, generation int) string {
	return southFolder + "/" + id + "." + strconv.Itoa(generation)
}

func (s *Service) loadSouths() error {
	names, err := store.List(s.o.Store, southFolder)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, name := range names {
		f, err := s.loadSouth(strings.TrimPrefix(name, southFolder+"/"))
		if err != nil {
			return err
		}
		if f == nil {
			continue // unusable: put aside and reported by the store
		}
		s.souths = append(s.souths, f)
		used[filepath.Base(logName(f.south.ID, f.document.Generation))] = true
		used[filepath.Base(logName(f.south.ID, f.document.Before))] = true
	}
	slices.SortStableFunc(s.souths, func(a, b *southFile) int { return a.document.Order - b.document.Order })
	return s.removeLogs(func(name string) bool { return !used[name] })
}

func (s *Service) loadSouth(id string) (*southFile, error) {
	document, found, err := store.Load(s.o.Store, documentName(id), southDocument{})
	if err != nil || !found {
		return nil, err
	}
	document.ID = id
	f := &southFile{document: document}
	var read itemReader
	if f.items, err = store.OpenLog(s.o.Store, logName(id, document.Generation), read.replay); err != nil {
		return nil, fmt.Errorf("cannot load the items of South %q: %w", id, err)
	}
	if read.strange > 0 {
		s.repaired("%d records of items of South %q could not be read", read.strange, document.Name)
	}
	f.compacted = f.items.Size()
	f.south = document.South
	f.south.Items = read.items()
	adapted, err := manifest.AdaptSouth(s.o.Dialect, f.south.Type, f.south.Settings)
	if err == nil {
		f.south.Settings = adapted // the dialect may have changed since
	}
	for i := range f.south.Items {
		item := &f.south.Items[i]
		if _, ok := f.south.Group(item.GroupID); item.GroupID != "" && !ok {
			item.GroupID, item.SyncWithGroup = "", false
			s.repaired("item %q of South %q was in a group that is gone", item.Name, f.south.Name)
		}
	}
	return f, nil
}

func (s *Service) repaired(format string, args ...any) {
	s.repairs = append(s.repairs, fmt.Sprintf(format, args...))
}

// itemReader puts items together from the lines of a log.
type itemReader struct {
	list   []entity.SouthItem
	places map[string]int
	known  map[string]string // texts that many items share

	strange int // records that could not be read
}

func (r *itemReader) replay(line []byte) error {
	var record itemsRecord
	if !readLine(line, &record) {
		r.strange++ // its checksum is right: written by hand, or by a version that knows more
		return nil
	}
	if r.places == nil {
		r.places, r.known = map[string]int{}, map[string]string{}
	}
	for _, item := range record.Put {
		for _, t := range []*string{&item.CreatedBy, &item.UpdatedBy, &item.CreatedAt, &item.UpdatedAt, &item.ScanModeID, &item.GroupID} {
			*t = r.shared(*t)
		}
		if i, ok := r.places[item.ID]; ok {
			r.list[i] = item
			continue
		}
		r.places[item.ID] = len(r.list)
		r.list = append(r.list, item)
	}
	for _, id := range record.Drop {
		if i, ok := r.places[id]; ok {
			r.list[i].ID = ""
			delete(r.places, id)
		}
	}
	return nil
}

func (r *itemReader) shared(t string) string {
	if known, ok := r.known[t]; ok {
		return known
	}
	r.known[t] = t
	return t
}

func (r *itemReader) items() []entity.SouthItem {
	items := slices.DeleteFunc(r.list, func(i entity.SouthItem) bool { return i.ID == "" })
	sortItems(items)
	return items
}

func sortItems(items []entity.SouthItem) {
	slices.SortStableFunc(items, func(a, b entity.SouthItem) int { return strings.Compare(a.Name, b.Name) })
}

// saveSouth makes next durable in place of f.south, and writes as little as the change of its items and the rest need.
func (s *Service) saveSouth(f *southFile, next entity.South, change itemsRecord) error {
	items, head := len(change.Put)+len(change.Drop), !sameHead(f.south, next)
	switch {
	case items == 0 && !head:
		return nil
	case items > manyItems || items > 0 && head:
		return s.saveGeneration(f, next)
	case items > 0:
		if err := f.items.Append(change); err != nil {
			return err
		}
		s.swapSouth(f, next, f.document)
		f.compact()
		return nil
	}
	document := f.document
	document.South = next
	if err := store.Save(s.o.Store, documentName(next.ID), document); err != nil {
		return err
	}
	s.swapSouth(f, next, document)
	return nil
}

// saveGeneration writes a new log of items, then the document that names it.
func (s *Service) saveGeneration(f *southFile, next entity.South) error {
	document := f.document
	document.South, document.Before, document.Generation = next, f.document.Generation, f.document.Generation+1
	name := logName(next.ID, document.Generation)
	log, err := store.CreateLog(s.o.Store, name)
	if err != nil {
		return err
	}
	err = log.Rewrite(lines(next.Items))
	if err == nil {
		err = store.Save(s.o.Store, documentName(next.ID), document)
	}
	if err != nil {
		return errors.Join(err, log.Close(), s.removeLogs(is(name)))
	}
	// The change is made. What is left behind if cleaning up fails is removed when the Service is opened again.
	if f.items != nil {
		_ = f.items.Close()
	}
	_ = s.removeLogs(is(logName(next.ID, f.document.Before)))
	s.swapSouth(f, next, document)
	f.items, f.compacted = log, log.Size()
	return nil
}

func is(name string) func(string) bool {
	base := filepath.Base(name)
	return func(other string) bool { return other == base }
}

func (s *Service) swapSouth(f *southFile, next entity.South, document southDocument) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.south, f.document = next, document
}

// compact rewrites the log of items once it holds more of the past than of the present. It only saves space: when it
// fails, the log stays as it is.
func (f *southFile) compact() {
	if f.items.Size() < 2*f.compacted+slack {
		return
	}
	_ = f.items.Rewrite(lines(f.south.Items))
	f.compacted = f.items.Size()
}

// lines are records of one item each, so that a damaged line loses one item.
func lines(items []entity.SouthItem) []any {
	records := make([]any, len(items))
	for i := range items {
		records[i] = itemsRecord{Put: items[i : i+1]}
	}
	return records
}

// difference is what turns the items before into those after.
func difference(before, after []entity.SouthItem) itemsRecord {
	places := make(map[string]int, len(before))
	for i := range before {
		places[before[i].ID] = i
	}
	var change itemsRecord
	for i := range after {
		old, ok := places[after[i].ID]
		delete(places, after[i].ID)
		if !ok || !sameItem(&before[old], &after[i]) || before[old].Audit != after[i].Audit {
			change.Put = append(change.Put, after[i])
		}
	}
	for i := range before {
		if _, gone := places[before[i].ID]; gone {
			change.Drop = append(change.Drop, before[i].ID)
		}
	}
	return change
}

// discard removes the logs of a South whose document is gone. What it leaves, if it fails, is removed when the Service
// is opened again.
func (f *southFile) discard(s *Service) {
	_ = f.items.Close()
	_ = s.removeLogs(func(name string) bool { return strings.HasPrefix(name, f.south.ID+".") })
}

// removeLogs deletes logs of items by file name without suffix.
func (s *Service) removeLogs(gone func(name string) bool) error {
	dir := filepath.Join(s.o.Store.Dir(), southFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look for logs of items: %w", err)
	}
	removed := false
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".log")
		if !ok || !gone(name) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("cannot remove an old log of items: %w", err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return platform.SyncDir(dir)
}
