package history

import (
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
)

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
