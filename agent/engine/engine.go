// Package engine runs the Souths and Norths that are configured: it starts, changes and stops them, tells them when
// scan modes are due, and hands what Souths read on to the Norths (protocol/data-plane.md, section 1). It promises that
// every change takes effect by itself, on what it concerns alone; that a South is told that its content was taken only
// once each North that wants it has it durably; and that one connector that is slow, broken or wrongly configured holds
// up neither the others nor the start of the agent. It guards against the edit that needs a restart, the content that
// nobody took, and the stop that never ends.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	Connectors *connectors.Service
	Souths     []south.Type // that are installed
	Norths     []north.Type
	// Transformer finds a transformer, and its name, by its id.
	Transformer func(id string) (t transform.Transformer, name string, ok bool)
	Dialect     manifest.Dialect // of the forms of settings
	ScanModes   func() []entity.ScanMode
	Open        func(sealed string) (string, error) // opens secrets
	Host        connector.Host                      // its Now is the clock; nil is that of the machine
	Store       *store.Store
	DataDir     string
	Log         *slog.Logger
	SouthLog    func(id, name string) *slog.Logger // nil is Log
	NorthLog    func(id, name string) *slog.Logger
}

// northRunner is a running North.
type northRunner interface {
	taker
	Tick(scanModeID string)
	Update(n entity.North) error
	Stop(ctx context.Context) error
	Metrics() north.Metrics
	ResetMetrics()
	State() north.State
	Tally() north.Tally
}

// Others run connectors of their own, which scan modes are due for too.
type Others interface {
	// ScanModes are the ids of the scan modes that they run by.
	ScanModes() []string
	// Tick says that a scan mode is due. It does not block.
	Tick(scanModeID string)
}

// Serve tells others when their scan modes are due. Call it before Start.
func (s *Service) Serve(others Others) { s.others = others }

// Service runs connectors. It is safe for concurrent use.
type Service struct {
	o        Options
	now      func() time.Time
	tracking *south.Tracking
	clock    *scheduler
	refused  refusals

	startNorth func(north.Options) (northRunner, error)

	others Others // may be nil

	tasks  *task.Group // all that goes on while the Service runs
	mu     sync.RWMutex
	souths map[string]*southSlot
	norths map[string]*northSlot
}

// New makes a Service that does nothing yet.
func New(o Options) (*Service, error) {
	if o.Host.Now == nil {
		o.Host.Now = time.Now
	}
	if o.SouthLog == nil {
		o.SouthLog = func(string, string) *slog.Logger { return o.Log }
	}
	if o.NorthLog == nil {
		o.NorthLog = func(string, string) *slog.Logger { return o.Log }
	}
	s := &Service{o: o, now: o.Host.Now, souths: map[string]*southSlot{}, norths: map[string]*northSlot{}}
	s.startNorth = func(o north.Options) (northRunner, error) {
		r, err := north.Start(o)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	s.removeTrials()
	s.clock = newScheduler(s.now, s.tick, o.Log)
	tracking, err := south.OpenTracking(o.Store)
	if err != nil {
		return nil, err
	}
	s.tracking = tracking
	return s, nil
}

// Start begins to run what is configured. It does not wait for any of it.
func (s *Service) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = task.New(ctx, func(name string, err error) {
		s.o.Log.Error("a task of the engine ended", "task", name, "error", err)
	})
	for _, n := range s.o.Connectors.Norths() {
		s.changed(connectors.Change{Kind: connectors.North, ID: n.ID, What: connectors.Created})
	}
	for _, e := range s.o.Connectors.Souths() {
		s.changed(connectors.Change{Kind: connectors.South, ID: e.ID, What: connectors.Created})
	}
	s.tasks.Go("scheduler", s.clock.run)
	s.tasks.Go("tracking", s.tracking.Run)
	s.tasks.Go("orphans", s.removeOrphans)
}

// Changed is told of each change of the configuration, after it was made. It does not block.
func (s *Service) Changed(c connectors.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks != nil && s.tasks.Context().Err() == nil {
		s.changed(c)
	}
}

// changed looks at one connector again. s.mu is held.
func (s *Service) changed(c connectors.Change) {
	restart := c.What == connectors.Enabled || c.What == connectors.Disabled
	switch c.Kind {
	case connectors.South:
		slot := s.souths[c.ID]
		if slot == nil {
			slot = &southSlot{s: s, id: c.ID, keeper: newKeeper()}
			s.souths[c.ID] = slot
			s.tasks.Go("south "+c.ID, func(ctx context.Context) error { return slot.keep(ctx, slot.settle) })
		}
		slot.request(restart)
	case connectors.North:
		slot := s.norths[c.ID]
		if slot == nil {
			slot = newNorthSlot(s, c.ID)
			s.norths[c.ID] = slot
			s.tasks.Go("north "+c.ID, func(ctx context.Context) error { return slot.keep(ctx, slot.settle) })
		}
		slot.request(restart)
	}
}

// ScanModesChanged is told that scan modes were made, changed or deleted. It does not block.
func (s *Service) ScanModesChanged() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, slot := range s.souths {
		slot.request(false) // what scripts see of items has changed
	}
	s.clock.set(s.modesInUse())
}

// tick tells everyone that a scan mode is due.
func (s *Service) tick(scanModeID string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, slot := range s.norths {
		if r := slot.current(); r != nil {
			r.Tick(scanModeID)
		}
	}
	for _, slot := range s.souths {
		if r := slot.current(); r != nil {
			r.Tick(scanModeID)
		}
	}
	if s.others != nil {
		s.others.Tick(scanModeID)
	}
}

// modesInUse are the scan modes that a connector runs by. s.mu is held.
func (s *Service) modesInUse() []entity.ScanMode {
	used := map[string]bool{}
	for _, slot := range s.souths {
		if r := slot.current(); r != nil {
			for _, id := range r.ScanModes() {
				used[id] = true
			}
		}
	}
	for _, slot := range s.norths {
		if id := slot.mode(); id != "" {
			used[id] = true
		}
	}
	if s.others != nil {
		for _, id := range s.others.ScanModes() {
			used[id] = true
		}
	}
	var modes []entity.ScanMode
	for _, m := range s.o.ScanModes() {
		if used[m.ID] && m.ID != entity.SubscriptionScanMode {
			modes = append(modes, m)
		}
	}
	return modes
}

// Reschedule is told that the scan modes of the Others have changed.
func (s *Service) Reschedule() { s.reschedule() }

// reschedule sees to it that the scan modes in use are due.
func (s *Service) reschedule() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.clock.set(s.modesInUse())
}

// scanMode finds a scan mode.
func (s *Service) scanMode(id string) (entity.ScanMode, bool) {
	for _, m := range s.o.ScanModes() {
		if m.ID == id {
			return m, true
		}
	}
	return entity.ScanMode{}, false
}

// Stop stops the Souths, which hand on what they have, then the Norths. It waits until ctx is done at most.
func (s *Service) Stop(ctx context.Context) error {
	var errs []error
	s.mu.RLock()
	tasks := s.tasks
	s.mu.RUnlock()
	if tasks != nil {
		tasks.Stop()
		patience, cancel := half(ctx)() // a connector that is restarted may hang
		errs = append(errs, tasks.Wait(patience))
		cancel()
	}
	s.mu.RLock()
	var souths, norths []func(context.Context) error
	for _, slot := range s.souths {
		souths = append(souths, slot.stop)
	}
	for _, slot := range s.norths {
		norths = append(norths, slot.stop)
	}
	s.mu.RUnlock()
	errs = append(errs, all(half(ctx), souths)...)
	errs = append(errs, all(func() (context.Context, context.CancelFunc) { return ctx, func() {} }, norths)...)
	errs = append(errs, s.tracking.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the data plane did not stop in order: %w", err)
	}
	return nil
}

// half is a context for half of the time that ctx leaves.
func half(ctx context.Context) func() (context.Context, context.CancelFunc) {
	return func() (context.Context, context.CancelFunc) {
		if deadline, ok := ctx.Deadline(); ok {
			return context.WithDeadline(ctx, time.Now().Add(time.Until(deadline)/2))
		}
		return context.WithCancel(ctx)
	}
}

// all calls functions at the same time and waits for them.
func all(limit func() (context.Context, context.CancelFunc), functions []func(context.Context) error) []error {
	ctx, cancel := limit()
	defer cancel()
	errs := make([]error, len(functions))
	group := task.New(ctx, nil)
	for i, f := range functions {
		group.Go("stop", func(context.Context) error {
			errs[i] = f(ctx)
			return nil
		})
	}
	return append(errs, group.Wait(context.WithoutCancel(ctx)))
}

// raw is settings as JSON, an empty object for none.
func raw(settings json.RawMessage) json.RawMessage {
	if len(settings) == 0 {
		return json.RawMessage("{}")
	}
	return settings
}
