package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/entity"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/platform/task"
)

// Times of starting and stopping.
const (
	haltLimit  = 15 * time.Second // for a run to give up, and again for its North
	openAgain  = 10 * time.Second // after a cache could not be opened
	savePeriod = 10 * time.Second // between two savings of metrics; a kill loses that much of them
)

// northRunner is a running North.
type northRunner interface {
	taker
	Tick(scanModeID string)
	Update(n entity.North) error
	Stop(ctx context.Context) error
	Metrics() north.Metrics
	State() north.State
}

// slot is what there is of one query at work. Its cache is open whether the query runs or not, so that it can be seen.
type slot struct {
	s  *Service
	id string

	op sync.Mutex // held while something is started or stopped

	mu    sync.Mutex
	north northRunner // nil while it is started, or when it cannot be
	as    snapshot    // what north was started with
	run   *run        // nil when the query does not run
	meter *south.Meter
	saved south.Metrics
	last  north.Metrics // of north, while it is nil
	gone  bool
}

// slot finds what there is of a query, or makes it.
func (s *Service) slot(id string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.slots[id]
	if l == nil {
		l = &slot{s: s, id: id}
		s.slots[id] = l
	}
	return l
}

// ready is the North, which is waited for while something is started or stopped; nil when it cannot be opened.
func (l *slot) ready() northRunner {
	now := func() northRunner {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.north
	}
	if n := now(); n != nil {
		return n
	}
	l.op.Lock()
	defer l.op.Unlock()
	return now()
}

// settle makes the query run, or not, as it is configured. Trouble is logged, and tried again.
func (l *slot) settle(ctx context.Context) {
	l.op.Lock()
	defer l.op.Unlock()
	l.s.mu.RLock()
	idle := l.s.tasks == nil || l.s.stopped
	l.s.mu.RUnlock()
	if idle {
		return
	}
	defer l.s.o.Reschedule()
	q, known := l.s.snapshot(l.id)
	if !known {
		l.remove(ctx)
		return
	}
	if l.adapt(q) {
		if q.Status != entity.HistoryRunning {
			l.tidy(q)
		}
		return
	}
	l.halt(ctx, haltLimit)
	if err := l.open(q); err != nil {
		l.s.log(&q.HistoryQuery).Error(err.Error())
		l.again(openAgain)
	}
}

// again settles later.
func (l *slot) again(after time.Duration) {
	l.s.mu.RLock()
	tasks := l.s.tasks
	l.s.mu.RUnlock()
	tasks.Go("open history query "+l.id, func(ctx context.Context) error {
		if task.Sleep(ctx, after) == nil {
			l.settle(ctx)
		}
		return nil
	})
}

// adapt lets a change that does not concern what runs take effect, and says whether that was enough.
func (l *slot) adapt(q snapshot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.north == nil || q.reset || q.North.Type != l.as.North.Type || q.Name != l.as.Name || !slices.Equal(q.North.Settings, l.as.North.Settings) {
		return false
	}
	runs, ran := q.Status == entity.HistoryRunning, l.run != nil
	if runs != ran || runs && q.epoch != l.as.epoch || l.north.Update(q.North) != nil {
		return false
	}
	l.as = q
	return true
}

// open opens the cache, after a reset when one is due, and begins to run the query when it is to run.
func (l *slot) open(q snapshot) error {
	if q.reset {
		if err := l.reset(q); err != nil {
			return fmt.Errorf("history query %q cannot be reset: %w", q.Name, err)
		}
	}
	l.tidy(q)
	o, problem := l.s.northOptions(q.HistoryQuery)
	n, err := l.s.startNorth(o)
	if err != nil {
		return fmt.Errorf("history query %q cannot be opened: %w", q.Name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meter == nil {
		l.loadMetrics()
	}
	l.north, l.as, l.gone = n, q, false
	if q.Status == entity.HistoryRunning {
		l.run = l.begin(q, n, problem)
	}
	return nil
}

// reset forgets what was read and cached.
func (l *slot) reset(q snapshot) error {
	err := errors.Join(l.s.tracking.Forget(l.id), north.RemoveCache(l.s.o.Store, l.s.o.DataDir, cacheID(l.id)), store.Remove(l.s.o.Store, metricsName(l.id)),
		store.Remove(l.s.o.Store, connector.MemoryName(l.id)))
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.meter, l.last = nil, north.Metrics{}
	l.mu.Unlock()
	l.s.changing.Lock()
	defer l.s.changing.Unlock()
	f, err := l.s.file(l.id)
	if err != nil {
		return nil // deleted meanwhile: that is seen to next
	}
	d := f.document
	d.Reset = false
	if err := store.Save(l.s.o.Store, documentName(l.id), d); err != nil {
		return err
	}
	l.s.mu.Lock()
	f.document = d
	l.s.mu.Unlock()
	return nil
}

// tidy forgets how far items were read that the query has no more.
func (l *slot) tidy(q snapshot) {
	book, units := l.s.tracking.Book(l.id), map[string]bool{}
	for i := range q.South.Items {
		units[south.ItemUnit(q.South.Items[i].ID)] = true
	}
	lost := slices.DeleteFunc(book.Units(), func(u string) bool { return units[u] })
	if len(lost) == 0 {
		return
	}
	if err := book.Drop(lost...); err != nil {
		l.s.log(&q.HistoryQuery).Warn("what was tracked of items that are gone cannot be removed", "error", err)
	}
}

// halt stops the run and the North.
func (l *slot) halt(ctx context.Context, limit time.Duration) {
	l.mu.Lock()
	r, n, q := l.run, l.north, l.as
	l.run, l.north = nil, nil
	if n != nil {
		l.last = n.Metrics()
	}
	l.mu.Unlock()
	var errs []error
	if r != nil {
		errs = append(errs, r.stop(ctx, limit))
	}
	if n != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		errs = append(errs, n.Stop(ctx))
		cancel()
	}
	errs = append(errs, l.saveMetrics())
	if err := errors.Join(errs...); err != nil {
		l.s.log(&q.HistoryQuery).Error(fmt.Sprintf("History query \"%s\" did not stop in order: %s", q.Name, err))
	}
}

// stop is called when the Service stops.
func (l *slot) stop(ctx context.Context) error {
	l.op.Lock()
	defer l.op.Unlock()
	limit := haltLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(0, min(limit, time.Until(deadline)/2))
	}
	l.halt(ctx, limit)
	return nil
}

// remove ends a query that was deleted.
func (l *slot) remove(ctx context.Context) {
	l.halt(ctx, haltLimit)
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	l.s.mu.Lock()
	delete(l.s.slots, l.id)
	l.s.mu.Unlock()
	if err := l.s.clear(l.id); err != nil {
		l.s.o.Log.Error("what is left of a history query that was deleted cannot be removed", "history query", l.id, "error", err)
	}
}
