package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/manifest"
	"oibus/agent/south"
	"oibus/platform/task"
)

// pace are the times and limits of runs; tests have others.
type pace struct {
	firstPause, lastPause time.Duration // after a pass that failed, doubled when it got no further
	untouchedPasses       int           // that fail without having read anything since the start
	stuckPasses           int           // that fail in a row without getting further, once anything was read
	look                  time.Duration // between two looks whether everything was sent
	firstHold, lastHold   time.Duration // between two attempts to hand on what the cache cannot take now
}

// usualPace gives up within half a minute on what never worked, and after some two hours on what did.
var usualPace = pace{
	firstPause: 5 * time.Second, lastPause: 5 * time.Minute, untouchedPasses: 5, stuckPasses: 30, look: time.Second, firstHold: 100 * time.Millisecond, lastHold: 30 * time.Second,
}

// failedItems is how many items in a row may fail before it is the source that fails.
const failedItems = 3

// farewell is how long a connector may take to disconnect.
const farewell = 10 * time.Second

// finalError says that nothing can be read before a person changes something.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// run is one stretch of a query that runs, from its start, or that of the agent, to its end or pause.
type run struct {
	l       *slot
	s       *Service
	q       snapshot
	north   northRunner
	problem error // why it cannot run
	log     *slog.Logger
	meter   *south.Meter
	book    *south.Book
	cancel  context.CancelFunc
	done    chan struct{}
	left    atomic.Bool // it did not stop in time: nothing that it does counts any more

	mu     sync.Mutex
	view   view
	events events
}

// events are what was said, so that it is not said again.
type events struct{ held bool }

// begin starts a run. l.mu is held.
func (l *slot) begin(q snapshot, n northRunner, problem error) *run {
	r := &run{l: l, s: l.s, q: q, north: n, problem: problem, log: l.s.log(&q.HistoryQuery), meter: l.meter, book: l.s.tracking.Book(l.id), done: make(chan struct{})}
	l.s.mu.RLock()
	tasks := l.s.tasks
	l.s.mu.RUnlock()
	ctx, cancel := context.WithCancel(tasks.Context())
	r.cancel = cancel
	tasks.Go("history query "+l.id, func(context.Context) error {
		defer close(r.done)
		defer cancel()
		err := task.Protect("history query "+l.id, func() error { return r.live(ctx) })
		if err != nil && ctx.Err() == nil {
			r.log.Error("a history query failed in a way that nobody foresaw", "error", err)
			l.again(openAgain)
		}
		return nil
	})
	tasks.Go("metrics of history query "+l.id, func(context.Context) error { return l.keepMetrics(ctx) })
	return r
}

// stop cancels the run and waits for it.
func (r *run) stop(ctx context.Context, limit time.Duration) error {
	r.cancel()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.done:
		return nil
	case <-timer.C:
	}
	r.left.Store(true)
	return fmt.Errorf("the South of type %q did not give up within %s", r.q.South.Type, limit)
}

// live reads, then waits until everything was sent.
func (r *run) live(ctx context.Context) error {
	status, reason := r.read(ctx)
	if status == "" {
		status, reason = r.drain(ctx)
	}
	if ctx.Err() != nil || status == "" {
		return nil
	}
	if err := r.s.ended(r.q, status, reason); errors.Is(err, errChanged) {
		return nil // somebody is about to stop this run
	} else if err != nil {
		return err
	}
	r.s.mu.RLock()
	tasks := r.s.tasks
	r.s.mu.RUnlock()
	tasks.Go("end history query "+r.q.ID, func(ctx context.Context) error { // which waits for this run
		r.l.settle(ctx)
		return nil
	})
	return nil
}

// read reads everything, in as many passes as it takes. It returns a status when that cannot be.
func (r *run) read(ctx context.Context) (status, reason string) {
	touched, stuck, pause := len(r.book.Units()) > 0, 0, r.s.pace.firstPause
	for ctx.Err() == nil {
		moved, err := r.pass(ctx)
		if err == nil || ctx.Err() != nil {
			r.says("")
			return "", ""
		}
		r.log.Error("Error while executing history query. " + err.Error())
		r.says(err.Error())
		if moved {
			touched, stuck, pause = true, 0, r.s.pace.firstPause
		} else {
			stuck++
		}
		var final *finalError
		if errors.As(err, &final) || !touched && stuck >= r.s.pace.untouchedPasses || stuck >= r.s.pace.stuckPasses {
			return entity.HistoryErrored, err.Error()
		}
		if sleep(ctx, pause) != nil {
			return "", ""
		}
		if touched {
			pause = min(2*pause, r.s.pace.lastPause)
		}
	}
	return "", ""
}

// drain waits until the North has sent everything.
func (r *run) drain(ctx context.Context) (status, reason string) {
	for {
		if _, _, waiting := r.north.Cache().Waiting(); waiting == 0 {
			break
		}
		r.log.Log(ctx, levelTrace, fmt.Sprintf("History query \"%s\" is still running", r.q.Name))
		if sleep(ctx, r.s.pace.look) != nil {
			return "", ""
		}
	}
	if n := r.north.Cache().Stats().Errored; n > 0 {
		return entity.HistoryErrored, fmt.Sprintf("everything was read, but %d contents could not be sent: they are in the folder error of the cache. "+
			"Pause the query, move them back to the cache, and start it again", n)
	}
	return entity.HistoryFinished, ""
}

// levelTrace is the level below debug.
const levelTrace = slog.LevelDebug - 4

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
		return nil, nil, nil, false, &finalError{fmt.Errorf("South connector of type \"%s\" not installed", r.q.South.Type)}
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
		Env: connector.Env{ID: r.q.ID, Name: r.q.Name, Type: r.q.South.Type, Settings: settings, Log: r.log, TempDir: temp, Host: r.s.o.Host},
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
		return nil, nil, nil, false, &finalError{fmt.Errorf("South connectors of type \"%s\" cannot read the past", t.ID)}
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
	for first := true; ; first = false {
		positions := r.positions(p, items)
		members, w, ok := p.next(positions, passed)
		if !ok {
			return moved, err
		}
		if !first && sleep(ctx, delay) != nil {
			return moved, context.Cause(ctx)
		}
		r.reads(p, w)
		failure := r.readOne(ctx, h, choose(items, members), w)
		if ctx.Err() != nil {
			return moved, context.Cause(ctx)
		}
		if failure == nil {
			moved, failures = true, 0
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
	var result south.WindowResult
	err := task.Protect("read an interval", func() (err error) {
		result, err = h.ReadWindow(ctx, south.WindowQuery{Items: items, Window: w, Emit: o.emit})
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
		unit := south.ItemUnit(items[i].ID)
		row, _ := r.book.Row(unit)
		row.Tracked, row.QueryTime = w.End, entity.Milli(o.query)
		if result.Last != nil {
			row.Value = south.Bounded(result.Last)
		}
		rows[unit] = row
	}
	return r.book.Save(rows)
}

// sleep waits, or returns the error of ctx when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
