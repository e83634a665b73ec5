package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/south"
)

// southSlot is one South, running or not.
type southSlot struct {
	s  *Service
	id string
	keeper

	runner atomic.Pointer[south.Runner]
	entity entity.South // what runner runs; only settle uses it

	mu     sync.Mutex
	broken south.State // why it is not running
}

func (l *southSlot) current() *south.Runner { return l.runner.Load() }

// settle makes the South run as it is configured.
func (l *southSlot) settle(ctx context.Context, restart bool) (gone bool, err error) {
	e, err := l.s.o.Connectors.South(l.id)
	var unknown *entity.NotFoundError
	if errors.As(err, &unknown) {
		return true, l.remove(ctx)
	}
	if err != nil {
		return false, err
	}
	defer l.s.reschedule()
	if r := l.current(); r != nil {
		if e.Enabled && !restart && sameConnector(&e.Connector, &l.entity.Connector) {
			if err := r.Update(e); err != nil {
				return false, l.failed(fmt.Errorf("the items of south %q cannot be changed: %w", e.Name, err))
			}
			l.entity = e
			return false, nil
		}
		l.halt(ctx, restartLimit)
	}
	if !e.Enabled || ctx.Err() != nil {
		l.works()
		return false, nil
	}
	return false, l.start(e)
}

// sameConnector says whether a running connector can go on after a change.
func sameConnector(a, b *entity.Connector) bool {
	return a.Name == b.Name && a.Type == b.Type && bytes.Equal(a.Settings, b.Settings)
}

func (l *southSlot) start(e entity.South) error {
	o, err := l.s.southOptions(e)
	if err != nil {
		return l.failed(err)
	}
	r, err := south.Start(o)
	if err != nil {
		return l.failed(err)
	}
	l.entity = e
	l.runner.Store(r)
	l.works()
	return nil
}

// failed notes and logs why the South cannot run. Something that only a person can put right is no error to try again.
func (l *southSlot) failed(err error) error {
	l.mu.Lock()
	known := l.broken.LastError == err.Error()
	l.broken = south.State{LastError: err.Error(), LastErrorAt: l.s.now()}
	l.mu.Unlock()
	if !known {
		name := l.id
		if e, err := l.s.o.Connectors.South(l.id); err == nil {
			name = e.Name
		}
		l.s.o.SouthLog(l.id, name).Error(err.Error())
	}
	var missing *missingError
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

func (l *southSlot) works() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = south.State{}
}

func (l *southSlot) state() south.State {
	if r := l.current(); r != nil {
		return r.State()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// remove ends a South that was deleted, and forgets it.
func (l *southSlot) remove(ctx context.Context) error {
	l.halt(ctx, restartLimit)
	l.s.mu.Lock()
	delete(l.s.souths, l.id)
	l.s.mu.Unlock()
	l.s.reschedule()
	if err := errors.Join(south.Remove(l.s.o.Store, l.s.tracking, l.id), os.RemoveAll(south.TempDir(l.s.o.DataDir, l.id))); err != nil {
		l.s.o.Log.Error("what is left of a south that was deleted cannot be removed", "south", l.id, "error", err)
	}
	return nil
}

// halt stops the runner, if there is one.
func (l *southSlot) halt(ctx context.Context, limit time.Duration) {
	r := l.runner.Swap(nil)
	if r == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		l.s.o.SouthLog(l.id, l.entity.Name).Error(err.Error())
	}
}

// stop is called once nobody settles any more.
func (l *southSlot) stop(ctx context.Context) error {
	r := l.runner.Swap(nil)
	if r == nil {
		return nil
	}
	return r.Stop(ctx)
}

// missingError says that nothing can be run before a person changes something.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

func (s *Service) southType(id string) (south.Type, error) {
	i := slices.IndexFunc(s.o.Souths, func(t south.Type) bool { return t.ID == id })
	if i < 0 {
		return south.Type{}, &missingError{fmt.Sprintf("South connector of type \"%s\" not installed", id)}
	}
	return s.o.Souths[i], nil
}

// southOptions is what a South is started with.
func (s *Service) southOptions(e entity.South) (south.Options, error) {
	t, err := s.southType(e.Type)
	if err != nil {
		return south.Options{}, err
	}
	settings, open, err := s.openSouth(e)
	if err != nil {
		return south.Options{}, &missingError{fmt.Sprintf("south %q cannot be started: %v", e.Name, err)}
	}
	return south.Options{
		South: e, Settings: settings, Type: t, TempDir: south.TempDir(s.o.DataDir, e.ID), Host: s.o.Host, OpenItem: open,
		ScanMode: s.scanMode, Tracking: s.tracking, Store: s.o.Store, Log: s.o.SouthLog(e.ID, e.Name),
		Emit: func(ctx context.Context, c content.Content, src content.Source) error {
			return s.emit(ctx, e.Name, c, src)
		},
	}, nil
}

// openSouth opens the secrets of a South, and returns what opens those of its items, nil when they have none.
func (s *Service) openSouth(e entity.South) (json.RawMessage, func(json.RawMessage) (json.RawMessage, error), error) {
	form, ok := manifest.FindSouth(s.o.Dialect, e.Type)
	if !ok {
		return nil, nil, fmt.Errorf("its type %q is not known", e.Type)
	}
	settings, err := form.Settings.Open(raw(e.Settings), s.o.Open)
	if err != nil {
		return nil, nil, err
	}
	items := form.ItemSettings()
	if !hasSecrets(&items) {
		return settings, nil, nil
	}
	return settings, func(settings json.RawMessage) (json.RawMessage, error) { return items.Open(settings, s.o.Open) }, nil
}

// hasSecrets says whether a form has a secret anywhere.
func hasSecrets(a *manifest.Attribute) bool {
	if a.Type == manifest.TypeSecret || a.Root != nil && hasSecrets(a.Root) {
		return true
	}
	return slices.ContainsFunc(a.Attributes, func(child manifest.Attribute) bool { return hasSecrets(&child) })
}
