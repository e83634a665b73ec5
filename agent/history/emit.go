package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/platform/task"
)

// onItsWay is how long a content may take to become durable once reading was cancelled.
const onItsWay = time.Second

// taker is the part of a North that takes content.
type taker interface {
	Accept(ctx context.Context, c content.Content, src content.Source, options ...north.Option) error
	Cache() *cache.Cache
}

// outlet is the Emit of one interval. It remembers that content was not taken, in case the connector does not.
type outlet struct {
	r       *run
	items   []south.Item
	sources []content.Item
	window  interval.Window
	query   time.Time

	mu     sync.Mutex
	failed error
}

func (o *outlet) emit(ctx context.Context, c content.Content, items []south.Item) error {
	src := content.Source{
		Origin: content.FromSouth, SouthID: o.r.q.ID, Items: o.sources, QueryTime: entity.Milli(o.query),
		QueryStart: entity.Milli(o.window.Start), QueryEnd: entity.Milli(o.window.End),
	}
	if len(items) != len(o.items) || len(items) > 0 && &items[0] != &o.items[0] {
		src.Items = south.Sources(items)
	}
	ctx, cancel := task.Grace(ctx, onItsWay)
	defer cancel()
	err := o.r.handOn(ctx, c, src)
	if err != nil {
		o.mu.Lock()
		o.failed = errors.Join(o.failed, err)
		o.mu.Unlock()
	}
	return err
}

// told is the error of the reading, whose connector returned err: content that was not taken is one, whatever the
// connector makes of it.
func (o *outlet) told(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return o.failed
	}
	return err
}

// handOn makes a content durable in the cache of the North. While that is full, or there is trouble with the disk, it
// waits: nothing is lost, and nothing has to be read again.
func (r *run) handOn(ctx context.Context, c content.Content, src content.Source) error {
	for wait := r.s.pace.firstHold; ; wait = min(2*wait, r.s.pace.lastHold) {
		err := r.north.Accept(ctx, c, src, north.ReportFailure)
		if err == nil {
			r.meter.Retrieved(c)
			r.holds(nil)
			return nil
		}
		var broken *north.TransformError
		switch {
		case errors.Is(err, north.ErrNotWanted):
			return &finalError{fmt.Errorf("the North has no use for what the South reads (%s): bind a transformer to the items", c.Kind)}
		case errors.Is(err, cache.ErrName):
			return &finalError{err}
		case errors.As(err, &broken), errors.Is(err, north.ErrStopped), ctx.Err() != nil, !readable(c):
			return err
		}
		r.holds(err)
		if task.Sleep(ctx, wait) != nil {
			return err
		}
	}
}

// holds says that content waits, and that it does no more.
func (r *run) holds(err error) {
	r.mu.Lock()
	held := r.events.held
	r.events.held = err != nil
	r.mu.Unlock()
	switch {
	case err != nil && !held:
		r.says(err.Error())
		r.log.Warn(fmt.Sprintf("History query \"%s\" waits for its cache: %s", r.q.Name, err))
	case err == nil && held:
		r.says("")
		r.log.Info(fmt.Sprintf("History query \"%s\" goes on", r.q.Name))
	}
}

// readable says whether a content can be read to its end: when it cannot, the trouble is at its source.
func readable(c content.Content) bool {
	r, err := c.Open()
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close()) == nil
}
