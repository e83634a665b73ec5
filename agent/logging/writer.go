package logging

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"oibus/agent/entity"
	"oibus/platform/task"
)

const (
	// linger is how long a line waits for others, so that one write takes many. An error does not wait.
	linger = 200 * time.Millisecond
	// retryWrite is how often a disk that failed is tried again.
	retryWrite = time.Second
)

// writer moves lines from the queue to the journal. It is the only one that writes there.
type writer struct {
	queue   *queue
	journal *journal
	flushes chan chan struct{}
	ended   chan struct{}     // closed when run is over
	written func()            // called after each batch that is in the journal
	alarm   func(text string) // tells on the console what the journal cannot tell
	now     func() time.Time

	failedAt time.Time // of the first failure of the current outage
	failure  error
	lost     uint64 // not yet told
}

func (w *writer) run(ctx context.Context) error {
	w.tell() // what opening the journal found
	for ctx.Err() == nil {
		done := w.collect(ctx)
		w.drain(ctx)
		if done != nil {
			close(done)
		}
	}
	w.drain(ctx)
	return w.journal.close()
}

// collect waits until there is something to write, and then for what comes with it. The result, if any, is to be
// closed when all is written.
func (w *writer) collect(ctx context.Context) chan struct{} {
	select {
	case <-w.queue.arrived:
	case done := <-w.flushes:
		return done
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-w.queue.hurry:
	case <-timer.C:
	case done := <-w.flushes:
		return done
	case <-ctx.Done():
	}
	return nil
}

// drain writes until the queue is empty.
func (w *writer) drain(ctx context.Context) {
	var used []byte
	for {
		b := w.queue.take(used)
		w.lost += b.lost
		if len(b.data) == 0 && w.lost == 0 && len(w.journal.notes) == 0 {
			return
		}
		if len(b.data) > 0 && !w.persist(ctx, b) {
			return
		}
		used = b.data
		w.tell()
	}
}

// persist writes b however long the disk fails; only a stop makes it give up.
func (w *writer) persist(ctx context.Context, b batch) bool {
	for {
		err := w.journal.write(b)
		if err == nil {
			w.written()
			return true
		}
		if w.failure == nil {
			w.failedAt = w.now()
			w.alarm(fmt.Sprintf("The log journal cannot be written, log lines wait in memory: %v", err))
		}
		w.failure = err
		if task.Sleep(ctx, retryWrite) != nil {
			w.alarm("Log lines are lost because the log journal could not be written before the stop")
			return false
		}
	}
}

// tell logs what happened to the journal itself, once each.
func (w *writer) tell() {
	if w.failure != nil {
		w.logf("The log journal could not be written from %s to %s: %v",
			entity.Milli(w.failedAt), entity.Milli(w.now()), w.failure)
		w.failure = nil
	}
	if w.lost > 0 {
		w.logf("%d log lines were lost because they came faster than the journal could be written", w.lost)
		w.lost = 0
	}
	for _, note := range w.journal.takeNotes() {
		w.logf("Log journal: %s", note)
	}
}

func (w *writer) logf(format string, args ...any) {
	text := fmt.Appendf(nil, format, args...)
	w.queue.force(appendLine(nil, w.now(), slog.LevelWarn, appendScope(nil, Scope{Type: Internal}, ""), text))
}

// flush waits until all that was logged before is in the journal, or ctx is done.
func (w *writer) flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case w.flushes <- done:
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot flush the log journal: %w", ctx.Err())
	}
	select {
	case <-done:
		return nil
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot flush the log journal: %w", ctx.Err())
	}
}
