// Package command executes what the cloud asks for. It promises that a command which was fetched is durable before
// anything is done about it, that commands run one at a time in the order they came, that each one ends exactly once
// in a terminal state which is told to the cloud until the cloud confirms, and that nothing the cloud sends, however
// unknown, malformed, long or repeated, holds up the others. It guards against the command that is lost, executed
// twice, or running for ever.
//
// A command costs two flushes of the journal: one when it is fetched, one when it ended. The mark that it runs, which
// must be durable before its first effect so that a command which kills the process is not executed at each start,
// is written with the flush before: that of the fetch when nothing else runs, else that of the end of the command
// before it. The price is that a crash right after such a flush ends a command as interrupted although it had not
// begun. What the cloud confirmed is journaled within a second, along with other records when there are any: a
// crash before that reports a state once more, which the cloud must bear anyway (protocol/control-plane.md, 3.6).
package command

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
	"oibus/platform/task"
)

// Times of the life of a command.
const (
	testDeadline    = 300 * time.Second  // of the eight test types (protocol/control-plane.md, section 3.8)
	workDeadline    = 30 * time.Minute   // of every other type: longer than any of them takes, short enough to get the site back
	patientDeadline = 7 * 24 * time.Hour // of one that goes on after a restart: it has a patience of its own
	holdPace        = time.Second        // between two looks whether the trial of this version is over
	retention       = 7 * 24 * time.Hour // of a command that ended and whose end the cloud confirmed
	cleanInterval   = time.Hour          // between two looks for commands whose retention is over
	abandonAfter    = time.Second        // past the deadline, for an operation that heeds it to say so
	flushDelay      = time.Second        // before what the cloud confirmed is journaled on its own
	lastWordsLimit  = 5 * time.Second    // for telling the cloud before the process ends
	journalRetry    = 5 * time.Second    // after a flush of the journal failed
	refusalNotice   = 3                  // refusals of the access token in a row until it is said aloud
)

// Cloud is what is asked of OIAnalytics.
type Cloud interface {
	Pending(ctx context.Context, conn cloud.Connection) ([]json.RawMessage, error)
	Cancelled(ctx context.Context, conn cloud.Connection, ids []string) ([]string, error)
	UpdateStatus(ctx context.Context, conn cloud.Connection, body []byte) error
}

// Registration is what is asked of the registration.
type Registration interface {
	Connection() (cloud.Connection, error)
	Registered() bool
	Allowed(permission string) bool
	Intervals() (refresh, retry, message time.Duration)
}

// Journal is an append-only log: *store.Log.
type Journal interface {
	Append(records ...any) error
	Rewrite(records []any) error
	Size() int64
	Close() error
}

// OpenJournal opens the journal and replays what is in it.
type OpenJournal func(replay func(record []byte) error) (Journal, error)

// Sealer keeps the contents that hold secrets in clear.
type Sealer interface {
	Seal(plain string) (string, error)
	Open(sealed string) (string, error)
}

// Options are what a Service stands on. Those without a comment are required.
type Options struct {
	Journal      OpenJournal
	Sealer       Sealer
	Cloud        Cloud
	Registration Registration
	Log          *slog.Logger
	Announced    string // version told to OIAnalytics, which targetVersion must equal
	Deps         Deps
	Now          func() time.Time // nil is time.Now

	table []row // nil is the table of all types; tests bring their own
}

// Service fetches, executes and acknowledges commands. It is safe for concurrent use.
type Service struct {
	o    Options
	rows map[string]*row
	book *book
	ack  *acker

	wake  chan struct{} // poll now
	kick  chan struct{} // something runs
	first chan struct{} // closed after the first cycle

	polls, work, acks *task.Group
	workers           *task.Group // one goroutine a command that runs

	mu       sync.Mutex
	unsaved  []parsed // fetched, but the journal could not take them yet
	contact  contact
	stopping bool
}

// Open replays the journal and resolves the command that was running when the process ended.
func Open(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.table == nil {
		o.table = table
	}
	s := &Service{
		o: o, rows: map[string]*row{},
		wake: make(chan struct{}, 1), kick: make(chan struct{}, 1), first: make(chan struct{}),
	}
	for i := range o.table {
		s.rows[o.table[i].name] = &o.table[i]
	}
	b, err := openBook(o.Journal)
	if err != nil {
		return nil, err
	}
	s.book, s.ack = b, newAcker(s)
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, b.journal.Close())
	}
	return s, nil
}

// Start begins to execute, to poll and to acknowledge, until Stop.
func (s *Service) Start(ctx context.Context) {
	ended := func(name string, err error) { s.o.Log.Error("command task ended", "task", name, "error", err) }
	s.polls, s.work = task.New(ctx, ended), task.New(context.WithoutCancel(ctx), ended)
	s.acks, s.workers = task.New(context.WithoutCancel(ctx), ended), task.New(context.WithoutCancel(ctx), nil)
	s.acks.Go("command acknowledgement", s.ack.loop)
	s.work.Go("command executor", s.executor)
	s.polls.Go("command poll", s.pollLoop)
	s.polls.Go("command retention", s.housekeeping)
}

// FirstCycle is closed after the first poll, or at once when there is nothing to poll: the configuration is sent
// after it (protocol/control-plane.md, section 2.5).
func (s *Service) FirstCycle() <-chan struct{} { return s.first }

// Wake polls now, and executes what waits: the registration has changed.
func (s *Service) Wake() { poke(s.wake) }

// Stop ends polling at once, gives the command that runs until limit to end, tells the cloud, and closes the journal.
func (s *Service) Stop(limit time.Duration) error {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	var errs []error
	if s.polls != nil {
		errs = append(errs, s.polls.StopAndWait(limit), s.stopWork(limit))
		ctx, cancel := context.WithTimeout(context.Background(), lastWordsLimit)
		s.ack.round(ctx, "")
		cancel()
		errs = append(errs, s.acks.StopAndWait(limit))
	}
	return errors.Join(append(errs, s.book.close())...)
}

func (s *Service) stopWork(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if c := s.running(); c != nil && s.rows[c.Type].resumes {
		s.workers.Stop() // it goes on at the next start
	}
	if s.workers.Wait(ctx) != nil {
		s.workers.Stop() // the command that runs is told to give up
	}
	return s.work.StopAndWait(lastWordsLimit)
}

func (s *Service) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// poke sends on a channel of capacity one without blocking.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// author of what commands change.
const author = entity.OIAnalytics
