package south

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/platform/task"
)

// Times between two attempts to hand on what came in on a subscription, which nobody reads again.
const (
	firstHold = time.Second
	lastHold  = 30 * time.Second
)

// onItsWay is how long content may take to get where it goes once reading was cancelled.
const onItsWay = time.Second

// HeldError says that nobody can take content now, and that people were told. It stays where it comes from.
type HeldError struct{ Err error }

func (e *HeldError) Error() string { return e.Err.Error() }
func (e *HeldError) Unwrap() error { return e.Err }

// outlet is the Emit of one reading. It remembers that content was not taken, in case the connector does not.
type outlet struct {
	r      *Runner
	items  described
	query  time.Time
	window *interval.Window // nil when none is read
	failed error            // guarded by the mutex of the Runner
}

func (o *outlet) emit(ctx context.Context, c content.Content, items []Item) error {
	s := content.Source{Origin: content.FromSouth, SouthID: o.r.id, QueryTime: entity.Milli(o.query)}
	if s.Items = o.items.sources; len(items) != len(o.items.list) || len(items) > 0 && &items[0] != &o.items.list[0] {
		s.Items = sources(items)
	}
	if o.window != nil {
		s.QueryStart, s.QueryEnd = entity.Milli(o.window.Start), entity.Milli(o.window.End)
	}
	err := o.r.handOn(ctx, c, s)
	if err != nil {
		o.r.mu.Lock()
		defer o.r.mu.Unlock()
		if o.failed == nil {
			o.failed = err
		}
	}
	return err
}

// told is the error of the reading, whose connector returned err: content that was not taken is one, whatever the
// connector makes of it.
func (o *outlet) told(err error) error {
	o.r.mu.Lock()
	defer o.r.mu.Unlock()
	var held *HeldError
	if err == nil || errors.As(o.failed, &held) {
		return o.failed
	}
	return err
}

// handOn makes a content durable wherever it goes, and counts it. What is on its way when ctx ends has still a moment
// to get there: otherwise some would have it, and get it again later.
func (r *Runner) handOn(ctx context.Context, c content.Content, s content.Source) error {
	ctx, cancel := task.Grace(ctx, onItsWay)
	defer cancel()
	if err := r.o.Emit(ctx, c, s); err != nil {
		return err
	}
	r.meter.retrieved(c)
	return nil
}

// arrived hands on what came in on a subscription. It blocks while nothing can be taken, until the South is stopped.
func (r *Runner) arrived(ctx context.Context, c content.Content, items []Item) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.open.Context(), cancel)()
	s := content.Source{Origin: content.FromSouth, SouthID: r.id, QueryTime: entity.Milli(r.now()), Items: sources(items)}
	for wait := firstHold; ; wait = min(2*wait, lastHold) {
		err := r.handOn(ctx, c, s)
		var held *HeldError
		if err == nil || !errors.As(err, &held) {
			return err
		}
		if task.Sleep(ctx, wait) != nil {
			return fmt.Errorf("not taken before the end: %w", err)
		}
	}
}
