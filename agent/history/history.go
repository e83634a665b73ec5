// Package history reads ranges of the past from a source and sends them on, once (protocol/data-plane.md, section 4).
// It promises that each interval of a history query is handed on once, whatever stops and kills come, but the one that
// was in flight at a kill; that a status tells the truth: FINISHED means that everything was read and sent, PAUSED that
// nothing runs any more, ERRORED comes with the reason; and that nothing of a query that was deleted stays. It guards
// against the back-fill that looks complete and is not, and against the one that goes on after it was stopped.
//
// A query that fails is tried again after a pause. It ends as ERRORED when it cannot work before a person changes
// something, when nothing at all could be read in as many passes as untouchedPasses says, or when it got no further in
// many more passes in a row, once it did work: a source that is down over a weekend ends no back-fill of weeks. Starting
// a query that is ERRORED or FINISHED begins again from nothing, as in the reference; pausing it first keeps what there
// is, and starting it then goes on.
package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/platform/task"
)

// Options are what a Service is built from.
type Options struct {
	Connectors *connectors.Service // which knows the forms, and the connectors that secrets are copied from
	Souths     []south.Type        // that are installed
	Norths     []north.Type
	// Transformer finds a transformer, and its name, by its id.
	Transformer func(id string) (t transform.Transformer, name string, ok bool)
	Dialect     manifest.Dialect                    // of the forms of settings
	Open        func(sealed string) (string, error) // opens secrets
	Host        connector.Host                      // its Now is the clock; nil is that of the machine
	Store       *store.Store
	DataDir     string
	Log         *slog.Logger
	QueryLog    func(id, name string) *slog.Logger // nil is Log
	Reserve     uint64                             // bytes of the disk that new content leaves free, 0 for the default of the cache
	// Reschedule is told that ScanModes has changed. It may call back. nil: nobody is.
	Reschedule func()
}

// trackingName is the log of how far queries have read.
const trackingName = "history-tracking"

// Service owns the history queries, and runs them. It is safe for concurrent use. What it returns shares memory with
// what it keeps, and must not be changed.
type Service struct {
	o        Options
	now      func() time.Time
	pace     pace
	tracking *south.Tracking

	changing sync.Mutex // held through a whole change of the configuration
	mu       sync.RWMutex
	files    []*file // in the order they were made
	listen   []func(id string)
	tasks    *task.Group // all that goes on while the Service runs; nil before Start
	slots    map[string]*slot
	stopped  bool
}

// Open loads the history queries. Nothing runs before Start.
func Open(o Options) (*Service, error) {
	if o.Host.Now == nil {
		o.Host.Now = time.Now
	}
	if o.QueryLog == nil {
		o.QueryLog = func(string, string) *slog.Logger { return o.Log }
	}
	if o.Reschedule == nil {
		o.Reschedule = func() {}
	}
	s := &Service{o: o, now: o.Host.Now, pace: usualPace, slots: map[string]*slot{}}
	if err := s.load(); err != nil {
		return nil, err
	}
	tracking, err := OpenTracking(o.Store)
	if err != nil {
		return nil, err
	}
	s.tracking = tracking
	return s, nil
}

// Start opens the caches of all queries and goes on with those that run. It does not wait for any of it.
func (s *Service) Start(ctx context.Context) {
	tasks := task.New(ctx, func(name string, err error) {
		s.o.Log.Error("a task of the history queries ended", "task", name, "error", err)
	})
	s.mu.Lock()
	s.tasks = tasks
	s.mu.Unlock()
	for _, q := range s.Queries() {
		tasks.Go("open history query "+q.ID, func(ctx context.Context) error {
			s.slot(q.ID).settle(ctx)
			return nil
		})
	}
	tasks.Go("history tracking", s.tracking.Run)
	tasks.Go("history orphans", s.removeOrphans)
}

// Stop stops what runs. It waits until ctx is done at most.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	tasks, slots := s.tasks, make([]*slot, 0, len(s.slots))
	for _, l := range s.slots {
		slots = append(slots, l)
	}
	s.mu.Unlock()
	var errs []error
	if tasks != nil {
		tasks.Stop()
		ending := task.New(context.WithoutCancel(ctx), nil)
		for _, l := range slots {
			ending.Go("stop history query "+l.id, func(context.Context) error { return l.stop(ctx) })
		}
		errs = append(errs, ending.Wait(ctx), tasks.Wait(ctx))
	}
	if err := errors.Join(append(errs, s.tracking.Close())...); err != nil {
		return fmt.Errorf("the history queries did not stop in order: %w", err)
	}
	return nil
}

// Queries lists the history queries in the order they were made.
func (s *Service) Queries() []entity.HistoryQuery {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]entity.HistoryQuery, len(s.files))
	for i, f := range s.files {
		all[i] = f.query
	}
	return all
}

// Query returns one of them.
func (s *Service) Query(id string) (entity.HistoryQuery, error) {
	f, err := s.file(id)
	if err != nil {
		return entity.HistoryQuery{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f.query, nil
}

func (s *Service) file(id string) (*file, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.query.ID == id })
	if i < 0 {
		return nil, entity.NotFound("History query \"%s\" not found", id)
	}
	return s.files[i], nil
}

// Blocks are the history queries as the message to the cloud has them (protocol/control-plane.md, section 7.4).
func (s *Service) Blocks() ([]json.RawMessage, error) {
	var blocks []json.RawMessage
	for _, q := range s.Queries() {
		block, err := s.o.Connectors.HistoryBlock(q)
		if err != nil {
			return nil, fmt.Errorf("cannot write history query %q: %w", q.Name, err)
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// UsesScanMode says whether a query refers to a scan mode, which then cannot be deleted.
func (s *Service) UsesScanMode(id string) bool {
	return slices.ContainsFunc(s.Queries(), func(q entity.HistoryQuery) bool { return q.North.Caching.Trigger.ScanModeID == id })
}

// OnChange has f called after each change of a query or of its status, once it is durable. f must not block, nor change
// anything here.
func (s *Service) OnChange(f func(id string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listen = append(s.listen, f)
}

func (s *Service) announce(id string) {
	s.mu.RLock()
	listeners := s.listen
	s.mu.RUnlock()
	for _, f := range listeners {
		f(id)
	}
}

// log is that of a query.
func (s *Service) log(q *entity.HistoryQuery) *slog.Logger { return s.o.QueryLog(q.ID, q.Name) }
