package history

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/store"
)

// Metrics of a query, as protocol/data-plane.md, section 9, has them: both parts without their own start.
type Metrics struct {
	MetricsStart string       `json:"metricsStart"`
	North        NorthMetrics `json:"north"`
	South        SouthMetrics `json:"south"`
	History      Progress     `json:"historyMetrics"`
}

// Progress is how far a query has come. The interval is the one that is read, null when none is.
type Progress struct {
	Running           bool    `json:"running"`
	IntervalProgress  float64 `json:"intervalProgress"` // of all intervals of all items, 0 to 1
	CurrentStart      *string `json:"currentIntervalStart"`
	CurrentEnd        *string `json:"currentIntervalEnd"`
	CurrentNumber     int     `json:"currentIntervalNumber"`
	NumberOfIntervals int     `json:"numberOfIntervals"` // of one item
}

// NorthMetrics are those of the North of a query.
type NorthMetrics struct {
	LastConnection      *string  `json:"lastConnection"`
	LastRunStart        *string  `json:"lastRunStart"`
	LastRunDuration     *float64 `json:"lastRunDuration"`
	ContentSentSize     uint64   `json:"contentSentSize"`
	ContentCachedSize   uint64   `json:"contentCachedSize"`
	ContentErroredSize  uint64   `json:"contentErroredSize"`
	ContentArchivedSize uint64   `json:"contentArchivedSize"`
	LastContentSent     *string  `json:"lastContentSent"`
	CurrentCacheSize    int64    `json:"currentCacheSize"`
	CurrentErrorSize    int64    `json:"currentErrorSize"`
	CurrentArchiveSize  int64    `json:"currentArchiveSize"`
}

// SouthMetrics are those of the South of a query.
type SouthMetrics struct {
	LastConnection          *string  `json:"lastConnection"`
	LastRunStart            *string  `json:"lastRunStart"`
	LastRunDuration         *float64 `json:"lastRunDuration"`
	NumberOfValuesRetrieved uint64   `json:"numberOfValuesRetrieved"`
	NumberOfFilesRetrieved  uint64   `json:"numberOfFilesRetrieved"`
	LastValueRetrieved      any      `json:"lastValueRetrieved"`
	LastFileRetrieved       *string  `json:"lastFileRetrieved"`
}

func northMetrics(m north.Metrics) NorthMetrics {
	return NorthMetrics{m.LastConnection, m.LastRunStart, m.LastRunDuration, m.ContentSentSize, m.ContentCachedSize, m.ContentErroredSize,
		m.ContentArchivedSize, m.LastContentSent, m.CurrentCacheSize, m.CurrentErrorSize, m.CurrentArchiveSize}
}

func southMetrics(m south.Metrics) SouthMetrics {
	return SouthMetrics{m.LastConnection, m.LastRunStart, m.LastRunDuration, m.NumberOfValuesRetrieved, m.NumberOfFilesRetrieved, m.LastValueRetrieved, m.LastFileRetrieved}
}

// State says how a query does.
type State struct {
	Status  string  `json:"status"`
	Reason  string  `json:"reason"`  // why it is ERRORED, or what it waits for; "" when all is well
	Reading bool    `json:"reading"` // false while it only sends what was read
	Ratio   float64 `json:"progress"`
}

// view is what others see of a run.
type view struct {
	reading bool
	says    string // what is wrong
	window  *interval.Window
	number  int
}

// begins notes that a pass begins.
func (r *run) begins() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.reading = true
}

// reads notes which interval is read.
func (r *run) reads(p plan, w interval.Window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.window, r.view.number = &w, p.slot(w.Start)+1
}

// rests notes that nothing is read.
func (r *run) rests() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.reading, r.view.window = false, nil
}

// says notes what is wrong, "" for nothing.
func (r *run) says(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.says = text
}

func (r *run) seen() view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// progress is how far a query has come: what is durable, and what is being read.
func (s *Service) progress(q *entity.HistoryQuery, r *run) Progress {
	p, err := newPlan(q.Range, true)
	if err != nil {
		return Progress{}
	}
	book, positions := s.tracking.Book(q.ID), []time.Time(nil)
	first := p.end
	for i := range q.South.Items {
		if !q.South.Items[i].Enabled {
			continue
		}
		at := p.start
		if row, ok := book.Row(south.ItemUnit(q.South.Items[i].ID)); ok && row.Tracked.After(at) {
			at = row.Tracked
		}
		positions = append(positions, at)
		if at.Before(first) {
			first = at
		}
	}
	v := Progress{NumberOfIntervals: p.grid.Len(), IntervalProgress: p.progress(positions), CurrentNumber: p.slot(first)}
	if r == nil {
		return v
	}
	if now := r.seen(); now.window != nil {
		start, end := entity.Milli(now.window.Start), entity.Milli(now.window.End)
		v.CurrentStart, v.CurrentEnd, v.CurrentNumber = &start, &end, now.number
		v.Running = now.reading
	}
	return v
}

// Metrics of a query at this moment.
func (s *Service) Metrics(id string) (Metrics, error) {
	q, err := s.Query(id)
	if err != nil {
		return Metrics{}, err
	}
	l := s.slot(id)
	l.mu.Lock()
	n, r, meter, last := l.north, l.run, l.meter, l.last
	l.mu.Unlock()
	if n != nil {
		last = n.Metrics()
	}
	m := Metrics{North: northMetrics(last), History: s.progress(&q, r)}
	if meter != nil {
		metrics := meter.Metrics()
		m.MetricsStart, m.South = metrics.MetricsStart, southMetrics(metrics)
	}
	return m, nil
}

// State of a query at this moment.
func (s *Service) State(id string) (State, error) {
	q, err := s.Query(id)
	if err != nil {
		return State{}, err
	}
	l := s.slot(id)
	l.mu.Lock()
	n, r := l.north, l.run
	l.mu.Unlock()
	v := State{Status: q.Status, Reason: q.Reason, Ratio: s.progress(&q, r).IntervalProgress}
	if r == nil {
		return v, nil
	}
	now := r.seen()
	if v.Reading = now.reading; now.says != "" {
		v.Reason = now.says
	} else if n != nil && n.State().LastError != "" {
		v.Reason = n.State().LastError
	}
	return v, nil
}

// loadMetrics goes on with those of before. l.mu is held.
func (l *slot) loadMetrics() {
	before, _, err := store.Load(l.s.o.Store, metricsName(l.id), south.Metrics{})
	if err != nil {
		l.s.o.Log.Warn("cannot load the metrics of a history query, starting new ones", "error", err)
	}
	l.saved, l.meter = before, south.NewMeter(l.s.now, before)
}

// keepMetrics saves them from time to time.
func (l *slot) keepMetrics(ctx context.Context) error {
	for sleep(ctx, savePeriod) == nil {
		if err := l.saveMetrics(); err != nil {
			l.s.o.Log.Warn("cannot save the metrics of a history query, trying again", "error", err)
		}
	}
	return nil
}

// saveMetrics stores them when they have changed.
func (l *slot) saveMetrics() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meter == nil || l.gone {
		return nil
	}
	now := l.meter.Metrics()
	if reflect.DeepEqual(now, l.saved) {
		return nil
	}
	if err := store.Save(l.s.o.Store, metricsName(l.id), now); err != nil {
		return fmt.Errorf("cannot save the metrics of a history query: %w", err)
	}
	l.saved = now
	return nil
}

// ScanModes are the ids of the scan modes that queries send by.
func (s *Service) ScanModes() []string {
	var ids []string
	for _, q := range s.Queries() {
		if q.Status == entity.HistoryRunning {
			ids = append(ids, q.North.Caching.Trigger.ScanModeID)
		}
	}
	return ids
}

// Tick says that a scan mode is due. It does not block.
func (s *Service) Tick(scanModeID string) {
	s.mu.RLock()
	slots := make([]*slot, 0, len(s.slots))
	for _, l := range s.slots {
		slots = append(slots, l)
	}
	s.mu.RUnlock()
	for _, l := range slots {
		l.mu.Lock()
		n := l.north
		l.mu.Unlock()
		if n != nil {
			n.Tick(scanModeID)
		}
	}
}
