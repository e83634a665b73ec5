package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/entity"
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
		if task.Sleep(ctx, pause) != nil {
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
		if task.Sleep(ctx, r.s.pace.look) != nil {
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
