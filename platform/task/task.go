// Package task starts goroutines that have a name and an owner. A Group waits for what it started, turns a panic
// into an error instead of the end of the process, and can say who is still running when a stop takes too long.
// It guards against the leaked or silently dead goroutine.
package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"
)

// PanicError is what a task that panicked ended with.
type PanicError struct {
	Task  string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("task %q panicked: %v", e.Task, e.Value) }

// Group owns the goroutines that it started. The zero value is not usable: call New.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	onFail func(name string, err error)

	mu      sync.Mutex
	running map[string]int
	errs    []error
	changed chan struct{}
}

// New returns a group whose tasks get a context derived from parent. onFail, which may be nil, is called with
// the name and error of each task that ends with an error other than the cancellation of its context.
func New(parent context.Context, onFail func(name string, err error)) *Group {
	ctx, cancel := context.WithCancelCause(parent)
	return &Group{ctx: ctx, cancel: cancel, onFail: onFail, running: map[string]int{}, changed: make(chan struct{})}
}

// Context is done when the group was told to stop.
func (g *Group) Context() context.Context { return g.ctx }

// Go runs f in a goroutine under name. Names need not be unique.
func (g *Group) Go(name string, f func(ctx context.Context) error) {
	g.mu.Lock()
	g.running[name]++
	g.mu.Unlock()
	go func() {
		g.finish(name, protect(name, func() error { return f(g.ctx) }))
	}()
}

func protect(name string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Task: name, Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Protect runs f in the calling goroutine and returns a panic of f as a *PanicError.
func Protect(name string, f func() error) error { return protect(name, f) }

func (g *Group) finish(name string, err error) {
	failed := err != nil && !(errors.Is(err, context.Canceled) && g.ctx.Err() != nil)
	if failed && g.onFail != nil {
		g.onFail(name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if failed {
		g.errs = append(g.errs, err)
	}
	if g.running[name]--; g.running[name] == 0 {
		delete(g.running, name)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// Stop cancels the context of the tasks without waiting.
func (g *Group) Stop() { g.cancel(context.Canceled) }

// Running returns the names of the tasks that have not ended, sorted.
func (g *Group) Running() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.names()
}

func (g *Group) names() []string {
	names := make([]string, 0, len(g.running))
	for name := range g.running {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Wait blocks until every task has ended, or until ctx is done: then the error names the tasks that block.
// Otherwise it returns the errors that tasks ended with, joined.
func (g *Group) Wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		left, changed, errs := len(g.running), g.changed, g.errs
		names := g.names()
		g.mu.Unlock()
		if left == 0 {
			return errors.Join(errs...)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("still running: %s: %w", strings.Join(names, ", "), ctx.Err())
		}
	}
}

// StopAndWait cancels the tasks and waits at most limit for them.
func (g *Group) StopAndWait(limit time.Duration) error {
	g.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return g.Wait(ctx)
}
