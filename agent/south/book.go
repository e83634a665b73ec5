package south

import (
	"encoding/json"
	"iter"
	"maps"
)

// Book is the part of Tracking that belongs to one South.
type Book struct {
	t  *Tracking
	id string
}

// Book returns the part of a South, or of a history query.
func (t *Tracking) Book(id string) *Book { return &Book{t, id} }

// Row is what is known of a unit.
func (b *Book) Row(unit string) (Row, bool) {
	b.t.mu.RLock()
	defer b.t.mu.RUnlock()
	s := b.t.souths[b.id]
	if s == nil {
		return Row{}, false
	}
	row, ok := s.rows[unit]
	return row, ok
}

// Save makes rows durable.
func (b *Book) Save(rows map[string]Row) error {
	records := make([]trackingRecord, 0, len(rows))
	for unit, row := range rows {
		records = append(records, trackingRecord{South: b.id, Unit: unit, Row: row.record()})
	}
	return b.t.write(records...)
}

// keep notes rows that could not be made durable. They are written later, like notes.
func (b *Book) keep(rows map[string]Row) {
	b.t.mu.Lock()
	defer b.t.mu.Unlock()
	for unit, row := range rows {
		b.t.apply(trackingRecord{South: b.id, Unit: unit, Row: row.record()})
		b.t.souths[b.id].dirty[unit] = true
	}
}

// Note shows another last value. It is not durable at once: a kill loses a minute of notes.
func (b *Book) Note(unit, queryTime string, value json.RawMessage) {
	b.t.mu.Lock()
	defer b.t.mu.Unlock()
	s := b.t.souths[b.id]
	if s == nil {
		s = newSouthRows()
		b.t.souths[b.id] = s
	}
	row := s.rows[unit]
	if row.QueryTime = queryTime; value != nil {
		row.Value = value
	}
	s.rows[unit], s.dirty[unit] = row, true
}

// anyLate says whether any item has still to catch up with its group.
func (b *Book) anyLate() bool {
	b.t.mu.RLock()
	defer b.t.mu.RUnlock()
	s := b.t.souths[b.id]
	return s != nil && len(s.late) > 0
}

// units lists the units of which something is known.
func (b *Book) units() map[string]bool {
	b.t.mu.RLock()
	defer b.t.mu.RUnlock()
	all := map[string]bool{}
	if s := b.t.souths[b.id]; s != nil {
		for unit := range s.rows {
			all[unit] = true
		}
		for unit := range s.memories {
			all[unit] = true
		}
	}
	return all
}

// drop forgets units.
func (b *Book) drop(units ...string) error {
	records := make([]trackingRecord, len(units))
	for i, unit := range units {
		records[i] = trackingRecord{South: b.id, Unit: unit}
	}
	return b.t.write(records...)
}

// memory is the Memory of an item.
type memory struct {
	book *Book
	unit string
}

// Memory is what a connector remembers of an item.
func (b *Book) Memory(itemID string) Memory { return memory{b, itemKey(itemID)} }

func (m memory) Get(key string) (json.RawMessage, bool) {
	t := m.book.t
	t.mu.RLock()
	defer t.mu.RUnlock()
	if s := t.souths[m.book.id]; s != nil {
		value, ok := s.memories[m.unit][key]
		return value, ok
	}
	return nil, false
}

// All yields what was remembered when it was called.
func (m memory) All() iter.Seq2[string, json.RawMessage] {
	t := m.book.t
	t.mu.RLock()
	defer t.mu.RUnlock()
	if s := t.souths[m.book.id]; s != nil {
		return maps.All(maps.Clone(s.memories[m.unit]))
	}
	return func(func(string, json.RawMessage) bool) {}
}

func (m memory) Set(changes map[string]json.RawMessage) error {
	if len(changes) == 0 {
		return nil
	}
	return m.book.t.write(trackingRecord{South: m.book.id, Unit: m.unit, Memory: changes})
}
