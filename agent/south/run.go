package south

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/platform/task"
)

// valueLimit bounds what is kept as a last value, in bytes. It is shown to people, and written to the disk.
const valueLimit = 64 << 10

// run reads a unit once.
func (r *Runner) run(ctx context.Context, u *unit) {
	start := r.now()
	r.mu.Lock()
	d := r.describer
	r.mu.Unlock()
	items, err := u.describe(d)
	if err != nil {
		r.failed(err)
		r.logOf(u).Error(err.Error())
		return
	}
	good := true
	if direct, ok := r.conn.(Direct); ok {
		good = r.ended(ctx, u, "Error when querying items with direct access", r.readDirect(ctx, direct, u, items))
	}
	if historian, ok := r.conn.(Historian); ok {
		good = r.ended(ctx, u, "Error when querying items with history capabilities", r.readHistory(ctx, historian, u, items)) && good
	}
	if good {
		r.succeeded()
		r.meter.succeeded()
	}
	r.meter.ran(start, r.now().Sub(start))
}

// ended logs why reading failed, and says whether it did not.
func (r *Runner) ended(ctx context.Context, u *unit, what string, err error) bool {
	var held *HeldError
	var skipped *interval.SkippedError
	switch {
	case err == nil:
		return true
	case ctx.Err() != nil: // stopped, or the connection is lost: that is logged elsewhere
		return false
	case errors.As(err, &skipped):
		r.logNothingToRead(u, skipped)
		return true
	}
	r.failed(err)
	if errors.As(err, &held) && !r.holdDue() {
		r.trace("%s: %s", what, err)
		return false
	}
	r.logOf(u).Error(fmt.Sprintf("%s: %s", what, err))
	return false
}

// logOf is the log of the item or group that a unit reads: a search of the log finds what went wrong with it.
func (r *Runner) logOf(u *unit) *slog.Logger {
	if u.group == "" {
		return r.log.With("itemId", u.members[0].ID, "itemName", u.members[0].Name)
	}
	name := ""
	r.mu.Lock()
	if group := r.plan.groups[u.group]; group != nil {
		name = group.Name
	}
	r.mu.Unlock()
	return r.log.With("groupId", u.group, "groupName", name)
}

// holdDue says whether it is time to log again that content cannot be taken: each unit would say the same.
func (r *Runner) holdDue() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return due(&r.held, r.now())
}

func (r *Runner) logNothingToRead(u *unit, skipped *interval.SkippedError) {
	r.mu.Lock()
	warn := due(&u.passed, r.now())
	r.mu.Unlock()
	if warn {
		r.logOf(u).Warn(skipped.Text)
		return
	}
	r.trace("%s", skipped.Text)
}

// readDirect reads the current state of a unit.
func (r *Runner) readDirect(ctx context.Context, direct Direct, u *unit, items described) error {
	out := &outlet{r: r, items: items, query: r.now()}
	var last json.RawMessage
	err := r.call(ctx, "read", func(ctx context.Context) (err error) {
		last, err = direct.Read(ctx, DirectQuery{Items: items.list, Emit: out.emit, Memory: r.book.Memory(items.list[0].ID)})
		return err
	})
	if err = out.told(err); err == nil {
		r.note(u, u.key, out.query, last)
	}
	return err
}

// note shows the last value of a unit that still exists.
func (r *Runner) note(u *unit, key string, query time.Time, last json.RawMessage) {
	r.mu.Lock()
	stale := u.stale
	r.mu.Unlock()
	if !stale {
		r.book.Note(key, entity.Milli(query), bounded(last))
	}
}

// bounded is a value, or as much of its beginning as is kept, as a text.
func bounded(value json.RawMessage) json.RawMessage {
	if len(value) <= valueLimit {
		return value
	}
	cut := string(value[:valueLimit])
	var text string
	if json.Unmarshal(value, &text) == nil {
		cut = text[:min(len(text), valueLimit)]
	}
	raw, err := json.Marshal(cut + "…")
	if err != nil {
		return nil
	}
	return raw
}

// readHistory reads what a unit has missed: first what items that joined its group lately have still to catch up.
func (r *Runner) readHistory(ctx context.Context, h Historian, u *unit, items described) error {
	if u.group != "" {
		if err := r.catchUp(ctx, h, u, items); err != nil {
			return err
		}
	}
	return r.readWindows(ctx, h, reading{unit: u, key: u.key, items: items, now: r.now()})
}

// catchUp reads items that were behind when they joined a group, each alone, up to where the group was.
func (r *Runner) catchUp(ctx context.Context, h Historian, u *unit, items described) error {
	if !r.book.anyLate() {
		return nil
	}
	for i := range items.list {
		key := itemKey(items.list[i].ID)
		row, ok := r.book.Row(key)
		if !ok || row.Until.IsZero() {
			continue
		}
		err := r.readWindows(ctx, h, reading{unit: u, key: key, items: items.one(i), now: row.Until})
		var skipped *interval.SkippedError
		if err != nil && !errors.As(err, &skipped) {
			return err
		}
		if r.isStale(u) {
			return nil
		}
		if row, ok = r.book.Row(key); ok {
			row.Until = time.Time{}
			if err := r.book.Save(map[string]Row{key: row}); err != nil {
				return err
			}
		}
	}
	return nil
}

// reading is what readWindows reads, as part of a run of unit: items, whose position has the key.
type reading struct {
	unit  *unit
	key   string
	items described
	now   time.Time
}

// readWindows reads all windows since the last time. The position is saved once a window is durable where it goes.
func (r *Runner) readWindows(ctx context.Context, h Historian, what reading) error {
	row, _ := r.book.Row(what.key)
	run, err := interval.Plan(what.now, row.Position, what.unit.timing)
	if err != nil {
		return err
	}
	if position, first := run.Begin(); first {
		if err := r.save(what, position, r.now(), nil); err != nil {
			return err
		}
	}
	for i, window := range run.All() {
		if i > 0 && task.Sleep(ctx, what.unit.delay) != nil {
			return ctx.Err()
		}
		if r.isStale(what.unit) {
			return nil // the rest is read as it is configured now
		}
		query, result, err := r.readWindow(ctx, h, what.items, window)
		if err != nil {
			return err
		}
		position, moved := run.Read(result.Tracked, r.now())
		switch {
		case moved:
			err = r.save(what, position, query, result.Last)
		default:
			r.note(what.unit, what.key, query, result.Last)
		}
		if err != nil {
			return err
		}
	}
	if position, moved := run.End(); moved {
		return r.save(what, position, r.now(), nil)
	}
	return nil
}

func (r *Runner) readWindow(ctx context.Context, h Historian, items described, window interval.Window) (query time.Time, result WindowResult, err error) {
	out := &outlet{r: r, items: items, query: r.now(), window: &window}
	err = r.call(ctx, "read a window", func(ctx context.Context) (err error) {
		result, err = h.ReadWindow(ctx, WindowQuery{Items: items.list, Window: window, Emit: out.emit})
		return err
	})
	return out.query, result, out.told(err)
}

// save makes a position durable, also for items that left the group while it was read.
func (r *Runner) save(what reading, position interval.Position, query time.Time, last json.RawMessage) error {
	r.positions.RLock()
	defer r.positions.RUnlock()
	row, _ := r.book.Row(what.key)
	row.Position, row.QueryTime = position, entity.Milli(query)
	if last != nil {
		row.Value = bounded(last)
	}
	rows := map[string]Row{what.key: row}
	r.mu.Lock()
	if what.unit.stale && r.gone(what.key) {
		delete(rows, what.key)
	}
	if what.key == what.unit.key {
		for _, heir := range what.unit.heirs {
			rows[heir] = Row{Position: position, QueryTime: row.QueryTime}
		}
	}
	r.mu.Unlock()
	if err := r.book.Save(rows); err != nil {
		// It was read, so it is not read again by this process. It is written together with the next notes.
		r.book.keep(rows)
		r.failed(err)
		r.log.Error(err.Error())
	}
	return nil
}

func (r *Runner) isStale(u *unit) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return u.stale
}
