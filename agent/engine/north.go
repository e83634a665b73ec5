package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/store"
)

// northSlot is one North. Unless it cannot be started it runs even when it is switched off: then its cache is open, and
// nothing is taken or sent.
type northSlot struct {
	s  *Service
	id string
	keeper

	mu      sync.Mutex
	runner  northRunner // nil while it is started, or when it cannot be
	entity  entity.North
	takes   bool // it is switched on: content waits for it while it is started
	gone    bool
	broken  north.State   // why it is not running
	changed chan struct{} // closed when one of the above has changed
}

func newNorthSlot(s *Service, id string) *northSlot {
	l := &northSlot{s: s, id: id, keeper: newKeeper(), changed: make(chan struct{})}
	// Known at once, so that nothing that is read during a start passes it by.
	if e, err := s.o.Connectors.North(id); err == nil {
		_, err := s.northType(e.Type)
		l.entity, l.takes = e, e.Enabled && err == nil
	}
	return l
}

func (l *northSlot) current() northRunner {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runner
}

// view is the North as it is, whether it takes content, and a channel that is closed when that changes.
func (l *northSlot) view() (r northRunner, e entity.North, takes bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.runner, l.entity, l.takes && !l.gone, l.changed
}

// mode is the id of the scan mode that it sends by, "" when it does not.
func (l *northSlot) mode() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.takes || l.runner == nil {
		return ""
	}
	return l.entity.Caching.Trigger.ScanModeID
}

// set changes what others see.
func (l *northSlot) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.changed)
	l.changed = make(chan struct{})
}

// settle makes the North run as it is configured.
func (l *northSlot) settle(ctx context.Context, restart bool) (gone bool, err error) {
	e, err := l.s.o.Connectors.North(l.id)
	var unknown *entity.NotFoundError
	if errors.As(err, &unknown) {
		return true, l.remove(ctx)
	}
	if err != nil {
		return false, err
	}
	defer l.s.reschedule()
	_, missing := l.s.northType(e.Type)
	takes := e.Enabled && missing == nil
	if r, old, on, _ := l.view(); r != nil {
		if !restart && takes == on && old.Type == e.Type && slices.Equal(old.Settings, e.Settings) {
			if err := r.Update(e); err != nil {
				return false, l.failed(e, fmt.Errorf("north %q cannot be changed: %w", e.Name, err))
			}
			l.set(func() { l.entity = e })
			return false, nil
		}
		l.set(func() { l.takes = takes }) // what comes meanwhile waits, or passes by
		l.halt(ctx, restartLimit)
	}
	l.set(func() { l.entity, l.takes = e, takes })
	if ctx.Err() != nil {
		return false, nil
	}
	return false, l.start(e)
}

func (l *northSlot) start(e entity.North) error {
	o, problem := l.s.northOptions(e)
	r, err := l.s.startNorth(o)
	if err != nil {
		return l.failed(e, err)
	}
	l.set(func() { l.runner, l.broken = r, north.State{} })
	if problem != nil {
		return l.failed(e, problem)
	}
	return nil
}

// failed notes and logs why the North cannot run. Something that only a person can put right is no error to try again.
func (l *northSlot) failed(e entity.North, err error) error {
	l.mu.Lock()
	known := l.broken.LastError == err.Error()
	l.broken = north.State{LastError: err.Error(), LastErrorAt: l.s.now()}
	l.mu.Unlock()
	if !known {
		l.s.o.NorthLog(l.id, e.Name).Error(err.Error())
	}
	var missing *missingError
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

func (l *northSlot) state() north.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runner == nil || l.broken.LastError != "" {
		return l.broken
	}
	return l.runner.State()
}

// halt stops the runner, if there is one.
func (l *northSlot) halt(ctx context.Context, limit time.Duration) {
	r, e, _, _ := l.view()
	if r == nil {
		return
	}
	l.set(func() { l.runner = nil })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		l.s.o.NorthLog(l.id, e.Name).Error(err.Error())
	}
}

// remove ends a North that was deleted, with its cache.
func (l *northSlot) remove(ctx context.Context) error {
	l.set(func() { l.gone = true })
	l.halt(ctx, restartLimit)
	l.s.mu.Lock()
	delete(l.s.norths, l.id)
	l.s.mu.Unlock()
	l.s.reschedule()
	if err := north.Remove(l.s.o.Store, l.s.o.DataDir, l.id); err != nil {
		l.s.o.Log.Error("what is left of a north that was deleted cannot be removed", "north", l.id, "error", err)
	}
	return nil
}

// stop is called once nobody settles any more.
func (l *northSlot) stop(ctx context.Context) error {
	r := l.current()
	if r == nil {
		return nil
	}
	l.set(func() { l.runner = nil })
	return r.Stop(ctx)
}

func (s *Service) northType(id string) (north.Type, error) {
	i := slices.IndexFunc(s.o.Norths, func(t north.Type) bool { return t.ID == id })
	if i < 0 {
		return north.Type{}, &missingError{fmt.Sprintf("North connector of type \"%s\" not installed", id)}
	}
	return s.o.Norths[i], nil
}

// northOptions is what a North is started with. One that cannot run is started all the same, so that its cache can be
// seen: problem says why. While its secrets cannot be read it takes content, and sends it once they were entered again.
func (s *Service) northOptions(e entity.North) (o north.Options, problem error) {
	o = north.Options{
		North: e, DataDir: s.o.DataDir, Host: s.o.Host, Transformer: s.o.Transformer, Store: s.o.Store, Log: s.o.NorthLog(e.ID, e.Name), Now: s.now,
		OnIncident: func(i store.Incident) { s.o.Store.Report(i.File, i.Reason, i.Action) },
	}
	if o.Type, problem = s.northType(e.Type); problem != nil {
		o.North.Enabled = false
		return o, onlyWhen(e.Enabled, problem)
	}
	var err error
	if o.Settings, err = s.openNorth(e); err != nil {
		problem = &missingError{fmt.Sprintf("north %q cannot be started: %v", e.Name, err)}
		o.Type.New = func(north.Env) (north.Connector, error) { return nil, err }
	}
	return o, onlyWhen(e.Enabled, problem)
}

// onlyWhen is the error when it matters.
func onlyWhen(matters bool, err error) error {
	if matters {
		return err
	}
	return nil
}

// openNorth opens the secrets of a North.
func (s *Service) openNorth(e entity.North) (json.RawMessage, error) {
	form, ok := manifest.FindNorth(s.o.Dialect, e.Type)
	if !ok {
		return nil, fmt.Errorf("its type %q is not known", e.Type)
	}
	return form.Settings.Open(raw(e.Settings), s.o.Open)
}
