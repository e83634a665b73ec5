package south

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"oibus/agent/interval"
	"oibus/agent/store"
)

// trackingName is the log of all positions. The Souths share it, so that what they track at the same time shares one
// flush of the disk.
const trackingName = "tracking"

// Times and sizes of the log.
const (
	notePeriod = time.Minute // how often last values, which may be lost, are written
	logSlack   = 1 << 20     // how much more than twice its content the log may hold before it is rewritten
	noteBatch  = 1000        // records of last values in one write
)

// Row is what is kept of one unit: a group that is read as one, or an item.
type Row struct {
	interval.Position
	// Until is where an item that joined a group begins to be read with it: it is read alone up to there. Zero when
	// there is nothing to catch up.
	Until     time.Time
	QueryTime string          // instant of the last query
	Value     json.RawMessage // what people see as the last value
}

// rowRecord is a Row on disk.
type rowRecord struct {
	Tracked   time.Time       `json:"tracked,omitzero"`
	Seen      time.Time       `json:"seen,omitzero"`
	Until     time.Time       `json:"until,omitzero"`
	QueryTime string          `json:"query,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

// trackingRecord is one line of the log. Without Unit it says that the South is gone, without Row and Memory that the
// unit is.
type trackingRecord struct {
	South  string                     `json:"south"`
	Unit   string                     `json:"unit,omitempty"`
	Row    *rowRecord                 `json:"row,omitempty"`
	Memory map[string]json.RawMessage `json:"memory,omitempty"` // null forgets a key
}

// Tracking keeps how far each unit of each South has been read, and what connectors remember. What it was told is
// durable when the call returns, except for notes. It is safe for concurrent use.
type Tracking struct {
	log *store.Log

	gate      sync.RWMutex // held for writing while the log is rewritten
	mu        sync.RWMutex
	souths    map[string]*southRows
	compacted int64 // size of the log when it was last rewritten
}

// southRows is what is known of one South.
type southRows struct {
	rows     map[string]Row
	memories map[string]map[string]json.RawMessage
	dirty    map[string]bool // rows with notes that are not written
	late     map[string]bool // rows with Until
}

func newSouthRows() *southRows {
	return &southRows{rows: map[string]Row{}, memories: map[string]map[string]json.RawMessage{}, dirty: map[string]bool{}, late: map[string]bool{}}
}

// OpenTracking loads what was tracked. Damaged parts are put aside and reported by the store: what they told is read
// again.
func OpenTracking(s *store.Store) (*Tracking, error) { return OpenTrackingAs(s, trackingName) }

// OpenTrackingAs loads what was tracked from a log of another name: that of history queries, which nobody takes for what
// a South has left that was deleted.
func OpenTrackingAs(s *store.Store, name string) (*Tracking, error) {
	t := &Tracking{souths: map[string]*southRows{}}
	strange, lines := 0, 0
	log, err := store.OpenLog(s, name, func(line []byte) error {
		var r trackingRecord
		lines++
		if json.Unmarshal(line, &r) != nil || r.South == "" {
			strange++ // its checksum is right: written by hand, or by a version that knows more
			return nil
		}
		t.apply(r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open what was tracked: %w", err)
	}
	if strange > 0 {
		s.Report(name+".log", fmt.Sprintf("%d records could not be read", strange), "left out")
	}
	t.log, t.compacted = log, log.Size()
	if lines > 2*t.records()+noteBatch {
		t.compacted = 0
		if err := t.rewrite(); err != nil { // at worst the log stays as long as it was
			t.compacted = log.Size()
		}
	}
	return t, nil
}

// records is how many lines the log needs.
func (t *Tracking) records() int {
	n := 0
	for _, s := range t.souths {
		n += len(s.rows)
		for _, memory := range s.memories {
			n += len(memory)
		}
	}
	return n
}

// apply notes in memory what a record says.
func (t *Tracking) apply(r trackingRecord) {
	if r.Unit == "" {
		delete(t.souths, r.South)
		return
	}
	s := t.souths[r.South]
	if s == nil {
		s = newSouthRows()
		t.souths[r.South] = s
	}
	if r.Row == nil && r.Memory == nil {
		delete(s.rows, r.Unit)
		delete(s.memories, r.Unit)
		delete(s.dirty, r.Unit)
		delete(s.late, r.Unit)
		return
	}
	if r.Row != nil {
		s.rows[r.Unit] = r.Row.row()
		delete(s.dirty, r.Unit)
		if delete(s.late, r.Unit); !r.Row.Until.IsZero() {
			s.late[r.Unit] = true
		}
	}
	for key, value := range r.Memory {
		s.remember(r.Unit, key, value)
	}
}

func (s *southRows) remember(unit, key string, value json.RawMessage) {
	memory := s.memories[unit]
	if value == nil || string(value) == "null" {
		delete(memory, key)
		return
	}
	if memory == nil {
		memory = map[string]json.RawMessage{}
		s.memories[unit] = memory
	}
	memory[key] = value
}

func (r *rowRecord) row() Row {
	return Row{interval.Position{Tracked: r.Tracked, Seen: r.Seen}, r.Until, r.QueryTime, r.Value}
}

func (r Row) record() *rowRecord {
	return &rowRecord{r.Tracked, r.Seen, r.Until, r.QueryTime, r.Value}
}

// write makes records durable, then visible.
func (t *Tracking) write(records ...trackingRecord) error {
	if len(records) == 0 {
		return nil
	}
	lines := make([]any, len(records))
	for i := range records {
		lines[i] = records[i]
	}
	t.gate.RLock()
	err := t.log.Append(lines...)
	if err == nil {
		t.mu.Lock()
		for _, r := range records {
			t.apply(r)
		}
		t.mu.Unlock()
	}
	t.gate.RUnlock()
	if err != nil {
		return fmt.Errorf("cannot save how far was read: %w", err)
	}
	t.compact()
	return nil
}

// compact rewrites the log once it holds more of the past than of the present. It only saves space: when it fails, the
// log stays as it is until it has grown again.
func (t *Tracking) compact() {
	t.mu.RLock()
	limit := 2*t.compacted + logSlack
	t.mu.RUnlock()
	if t.log.Size() < limit {
		return
	}
	if err := t.rewrite(); err != nil {
		t.mu.Lock()
		t.compacted = t.log.Size()
		t.mu.Unlock()
	}
}

func (t *Tracking) rewrite() error {
	t.gate.Lock()
	defer t.gate.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if size := t.log.Size(); t.compacted > 0 && size < 2*t.compacted+logSlack {
		return nil // somebody else was faster
	}
	var lines []any
	for id, s := range t.souths {
		for unit, row := range s.rows {
			lines = append(lines, trackingRecord{South: id, Unit: unit, Row: row.record()})
		}
		for unit, memory := range s.memories {
			for key, value := range memory { // a line each, so that a damaged one costs little
				lines = append(lines, trackingRecord{South: id, Unit: unit, Memory: map[string]json.RawMessage{key: value}})
			}
		}
		clear(s.dirty)
	}
	if err := t.log.Rewrite(lines); err != nil {
		return err
	}
	t.compacted = t.log.Size()
	return nil
}

// Run writes notes from time to time until ctx is done.
func (t *Tracking) Run(ctx context.Context) error {
	tick := time.NewTicker(notePeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = t.flush() // notes stay dirty, and are written later
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush writes the notes.
func (t *Tracking) flush() error {
	var records []trackingRecord
	t.mu.RLock()
	for id, s := range t.souths {
		for unit := range s.dirty {
			records = append(records, trackingRecord{South: id, Unit: unit, Row: s.rows[unit].record()})
		}
	}
	t.mu.RUnlock()
	for part := range slices.Chunk(records, noteBatch) {
		if err := t.writeNotes(part); err != nil {
			return err
		}
	}
	return nil
}

// writeNotes writes rows that are in memory already. One that changed meanwhile is not overwritten there.
func (t *Tracking) writeNotes(records []trackingRecord) error {
	t.gate.RLock()
	defer t.gate.RUnlock()
	t.mu.Lock()
	var lines []any
	for _, r := range records {
		s := t.souths[r.South]
		if s == nil || !s.dirty[r.Unit] {
			continue
		}
		delete(s.dirty, r.Unit)
		r.Row = s.rows[r.Unit].record()
		lines = append(lines, r)
	}
	t.mu.Unlock()
	err := t.log.Append(lines...)
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, r := range records {
			if s := t.souths[r.South]; s != nil {
				if _, ok := s.rows[r.Unit]; ok {
					s.dirty[r.Unit] = true
				}
			}
		}
	}
	return err
}

// Close writes what is left and ends the use of the log.
func (t *Tracking) Close() error {
	err := t.flush()
	if closeErr := t.log.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Souths lists the ids of those of which something is known.
func (t *Tracking) Souths() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var ids []string
	for id := range t.souths {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Forget drops everything of a South that is gone.
func (t *Tracking) Forget(southID string) error {
	t.mu.RLock()
	_, known := t.souths[southID]
	t.mu.RUnlock()
	if !known {
		return nil
	}
	return t.write(trackingRecord{South: southID})
}
