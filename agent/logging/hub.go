package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/entity"
	"oibus/platform/task"
)

// lastWords is how long Close waits for goroutines after it cancelled them.
const lastWords = time.Second

// afterPanic is the pause before a part of logging that panicked starts again.
const afterPanic = 10 * time.Second

// Options are what a Hub cannot learn from the settings.
type Options struct {
	Dialect string    // of the wire with OIAnalytics: "N", also when empty, or "R"
	Console io.Writer // nil is standard error

	wrap func(*os.File) journalFile // puts a file that fails under the journal, in tests
}

// Hub is the one place where logs come together. Its methods may be called from any goroutine.
type Hub struct {
	queue      *queue
	journal    *journal
	writer     *writer
	console    *console
	grown      bell
	forwarders []*forwarder // OIAnalytics, Loki, syslog
	tasks      *task.Group  // writer and console
	sending    *task.Group  // forwarders

	lowest       atomic.Int64 // of the two below
	journalLevel atomic.Int64
	consoleLevel atomic.Int64
	searchLevel  atomic.Int64
	maxEntries   atomic.Int64
	password     atomic.Pointer[string] // of Loki: masked wherever it appears

	mu       sync.Mutex
	dialectR bool
	loki     lokiConfig
	syslog   syslogConfig
}

// Open opens the journal in dir, which it makes when needed, and starts writing with the default settings until Apply
// is called. It fails only when dir cannot be made or listed: a journal that cannot be opened or written is told on the
// console and tried again.
func Open(dir string, o Options) (*Hub, error) {
	j, err := openJournal(dir, o.wrap)
	if err != nil {
		return nil, err
	}
	if o.Console == nil {
		o.Console = os.Stderr
	}
	h := &Hub{journal: j, console: newConsole(o.Console), dialectR: o.Dialect == "R"}
	last, err := j.adopt(0)
	if err != nil {
		j.note("%v", err)
	}
	last = max(last, j.lastRotated())
	cursors := h.openCursors(dir, &last)
	h.queue = newQueue(last+1, queueLimit)
	h.writer = &writer{queue: h.queue, journal: j, flushes: make(chan chan struct{}), ended: make(chan struct{}),
		written: h.onWritten, alarm: h.alarm, now: h.now}
	h.forwarders = []*forwarder{
		h.newForwarder("OIAnalytics", "oia", cursors[0]),
		h.newForwarder("Loki", "loki", cursors[1]),
		h.newForwarder("syslog", "syslog", cursors[2]),
	}
	h.adopt(entity.DefaultEngineSettings().General.Name, entity.DefaultEngineSettings().Logger, "", true)
	h.start()
	return h, nil
}

// openCursors also raises last to the highest cursor: after a power cut the journal may have lost lines that were
// sent, and their numbers must not be used again. A cursor that cannot be read starts at the oldest line there is:
// what is sent twice is better than what is never sent.
func (h *Hub) openCursors(dir string, last *uint64) []*cursor {
	var cursors []*cursor
	for _, key := range []string{"oia", "loki", "syslog"} {
		c, err := openCursor(dir, key)
		if err != nil {
			h.journal.note("%v; log forwarding starts again with the oldest entry", err)
			if oldest := h.journal.locate(0).first; oldest > 0 {
				_ = c.start(oldest - 1) // it is made again when it advances
			}
		}
		*last = max(*last, c.seq)
		cursors = append(cursors, c)
	}
	return cursors
}

func (h *Hub) newForwarder(name, key string, c *cursor) *forwarder {
	f := &forwarder{name: name, key: key, journal: h.journal, now: h.now, wake: make(chan struct{}, 1), cursor: c,
		log: slog.New(h.handler(Scope{}, key))}
	f.rewind()
	return f
}

func (h *Hub) start() {
	failed := func(name string, err error) { h.alarm(fmt.Sprintf("Logging: %s ended: %v", name, err)) }
	h.tasks = task.New(context.Background(), failed)
	h.sending = task.New(context.Background(), failed)
	h.tasks.Go("log journal", func(ctx context.Context) error {
		defer close(h.writer.ended)
		return h.keep("log journal", h.writer.run)(ctx)
	})
	h.tasks.Go("log console", h.keep("log console", h.console.run))
	for _, f := range h.forwarders {
		name := "log forwarding to " + f.name
		h.sending.Go(name, h.keep(name, f.run))
	}
}

// keep runs f again, after a while, when it panics: logging goes on for as long as the agent does.
func (h *Hub) keep(name string, f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			var panicked *task.PanicError
			err := task.Protect(name, func() error { return f(ctx) })
			if !errors.As(err, &panicked) {
				return err
			}
			h.alarm(fmt.Sprintf("Logging: %v\n%s", err, panicked.Stack))
			if task.Sleep(ctx, afterPanic) != nil {
				return err
			}
		}
	}
}

func (h *Hub) now() time.Time { return time.Now() }

// alarm writes to the console whatever its level.
func (h *Hub) alarm(text string) {
	h.console.push(appendConsole(nil, h.now(), slog.LevelError, "", []byte(text)))
}

func (h *Hub) onWritten() {
	h.grown.ring()
	for _, f := range h.forwarders {
		signal(f.wake)
	}
}

// Logger returns a logger for s. Attributes are appended to the message as key=value; those whose key names a secret,
// such as password or authorization, are masked. With("itemId", id, "itemName", name), or the same of a group, narrows
// it to an item or group of s.
func (h *Hub) Logger(s Scope) *slog.Logger { return slog.New(h.handler(s, "")) }

// Flush waits until all that was logged before is in the journal.
func (h *Hub) Flush(ctx context.Context) error { return h.writer.flush(ctx) }

// Close writes what is left to the journal, gives each forwarder one chance to send what it has, and stops. What could
// not be sent before ctx is done is sent after the next start. Records that come later are dropped.
func (h *Hub) Close(ctx context.Context) error {
	err := h.writer.flush(ctx)
	for _, f := range h.forwarders {
		f.finish()
	}
	if waitErr := h.sending.Wait(ctx); waitErr != nil {
		err = errors.Join(err, waitErr, h.sending.StopAndWait(lastWords))
	}
	h.queue.close()
	err = errors.Join(err, h.tasks.StopAndWait(max(lastWords, untilDone(ctx))))
	h.grown.close()
	return err
}

func untilDone(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 10 * lastWords
	}
	return time.Until(deadline)
}
