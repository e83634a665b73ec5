package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/manifest"
	"oibus/agent/south"
	"oibus/platform/task"
)

// failedItems is how many items in a row may fail before it is the source that fails.
const failedItems = 3

// farewell is how long a connector may take to disconnect.
const farewell = 10 * time.Second

// pass connects the South, reads what is left, and says whether anything was read.
func (r *run) pass(ctx context.Context) (moved bool, err error) {
	if r.problem != nil {
		return false, r.problem
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	conn, historian, items, batch, err := r.makeSouth(lose)
	if err != nil {
		return false, err
	}
	if len(items) == 0 {
		return false, &finalError{errors.New("no item is enabled: there is nothing to read")}
	}
	p, err := newPlan(r.q.Range, batch)
	if err != nil {
		return false, &finalError{err}
	}
	start := r.s.now()
	defer func() { r.meter.Ran(start, r.s.now().Sub(start)) }()
	r.begins()
	defer r.rests()
	if err := task.Protect("connect", func() error { return conn.Connect(ctx) }); err != nil {
		return false, cause(ctx, err)
	}
	defer r.disconnect(ctx, conn)
	r.meter.Connected()
	moved, err = r.readAll(ctx, historian, p, items)
	return moved, cause(ctx, err)
}

// cause is why ctx ended, when that is why err happened.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

func (r *run) disconnect(ctx context.Context, conn south.Connector) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := task.Protect("disconnect", func() error { return conn.Disconnect(ctx) }); err != nil {
		r.log.Warn("The South did not disconnect in order", "error", err)
	}
}

// makeSouth makes the South, and the items that are enabled.
func (r *run) makeSouth(lose context.CancelCauseFunc) (conn south.Connector, h south.Historian, items []south.Item, batch bool, err error) {
	at := slices.IndexFunc(r.s.o.Souths, func(t south.Type) bool { return t.ID == r.q.South.Type })
	if at < 0 {
		return nil, nil, nil, false, &finalError{entity.Invalid("South connector of type \"%s\" not installed", r.q.South.Type)}
	}
	settings, items, err := r.open()
	if err != nil {
		return nil, nil, nil, false, &finalError{fmt.Errorf("the settings of the South cannot be used: %w", err)}
	}
	temp := r.s.tempDir(r.q.ID)
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o700)); err != nil {
		return nil, nil, nil, false, fmt.Errorf("cannot empty the temporary folder of history query %q: %w", r.q.Name, err)
	}
	env := south.Env{
		Env: connector.Env{ID: r.q.ID, Name: r.q.Name, Type: r.q.South.Type, Settings: settings, Log: r.log, TempDir: temp, Host: r.s.o.Host,
			Memory: r.s.o.Host.MemoryOf(r.q.ID)},
		Emit: func(context.Context, content.Content, []south.Item) error {
			return errors.New("a history query does not listen")
		},
		Lost: func(reason error, _ time.Duration) { lose(reason) },
	}
	t := r.s.o.Souths[at]
	err = task.Protect("new "+t.ID, func() (err error) {
		conn, err = t.New(env)
		return err
	})
	if err != nil {
		return nil, nil, nil, false, &finalError{err}
	}
	h, ok := conn.(south.Historian)
	if !ok {
		return nil, nil, nil, false, &finalError{entity.Invalid("South connectors of type \"%s\" cannot read the past", t.ID)}
	}
	return conn, h, items, t.Batch, nil
}

// open opens the secrets of the South and of the items that are enabled.
func (r *run) open() (settings json.RawMessage, items []south.Item, err error) {
	form, ok := manifest.FindSouth(r.s.o.Dialect, r.q.South.Type)
	if !ok {
		return nil, nil, fmt.Errorf("its type %q is not known", r.q.South.Type)
	}
	if settings, err = form.Settings.Open(r.q.South.Settings, r.s.o.Open); err != nil {
		return nil, nil, err
	}
	itemForm := form.ItemSettings()
	for i := range r.q.South.Items {
		item := r.q.South.Items[i]
		if !item.Enabled {
			continue
		}
		clear, err := itemForm.Open(item.Settings, r.s.o.Open)
		if err != nil {
			return nil, nil, fmt.Errorf("item %q: %w", item.Name, err)
		}
		zero, oldest, maxRead, delay := 0.0, entity.Oldest, r.q.Range.MaxReadInterval, r.q.Range.ReadDelay
		item.History = entity.History{MaxReadInterval: &maxRead, ReadDelay: &delay, StartTimeOffset: &zero, EndTimeOffset: &zero, RecoveryStrategy: &oldest}
		items = append(items, south.Describe(&item, clear))
	}
	return settings, items, nil
}

// readAll reads interval after interval. An item that fails does not hold up the others.
func (r *run) readAll(ctx context.Context, h south.Historian, p plan, items []south.Item) (moved bool, err error) {
	passed, failures := map[int]bool{}, 0
	delay := interval.Milliseconds(&r.q.Range.ReadDelay)
	positions, from := r.positions(p, items), 0
	for first := true; ; first = false {
		members, w, ok := p.next(positions, passed, from)
		if !ok {
			return moved, err
		}
		if !first && task.Sleep(ctx, delay) != nil {
			return moved, context.Cause(ctx)
		}
		from = members[0]
		r.reads(p, w)
		failure := r.readOne(ctx, h, choose(items, members), w)
		if failure == nil {
			moved, failures = true, 0
			for _, at := range members {
				positions[at] = w.End
			}
		}
		if ctx.Err() != nil {
			return moved, context.Cause(ctx)
		}
		if failure == nil {
			continue
		}
		if len(members) == 1 && len(items) > 1 && !p.batch {
			failure = fmt.Errorf("item \"%s\": %w", items[members[0]].Name, failure)
		}
		err = errors.Join(err, failure)
		if failures++; p.batch || failures >= failedItems || isFinal(failure) {
			return moved, err
		}
		passed[members[0]] = true
	}
}

func isFinal(err error) bool {
	var final *finalError
	return errors.As(err, &final)
}

func choose(items []south.Item, places []int) []south.Item {
	if len(places) == len(items) {
		return items
	}
	chosen := make([]south.Item, len(places))
	for i, at := range places {
		chosen[i] = items[at]
	}
	return chosen
}

// positions says how far each item has been read.
func (r *run) positions(p plan, items []south.Item) []time.Time {
	positions := make([]time.Time, len(items))
	for i := range items {
		positions[i] = p.start
		if row, ok := r.book.Row(south.ItemUnit(items[i].ID)); ok && row.Tracked.After(p.start) {
			positions[i] = row.Tracked
		}
	}
	return positions
}

// readOne reads one interval, and notes that it was read once it is durable in the cache. That is noted also when the
// query is stopped at that moment: then it is not read again.
func (r *run) readOne(ctx context.Context, h south.Historian, items []south.Item, w interval.Window) error {
	o := &outlet{r: r, items: items, sources: south.Sources(items), window: w, query: r.s.now()}
	err := task.Protect("read an interval", func() error {
		_, err := h.ReadWindow(ctx, south.WindowQuery{Items: items, Window: w, Emit: o.emit})
		return err
	})
	if err = o.told(err); err != nil {
		return err
	}
	if r.left.Load() {
		return errors.New("it ended too late")
	}
	rows := make(map[string]south.Row, len(items))
	for i := range items {
		rows[south.ItemUnit(items[i].ID)] = south.Row{Position: interval.Position{Tracked: w.End}, QueryTime: entity.Milli(o.query)}
	}
	return r.book.Save(rows)
}
