package north

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/entity"
	"oibus/platform/task"
)

// Times of a sender.
const (
	leastRetry = 10 * time.Millisecond // between two attempts, when the settings say less
	jitter     = 0.1                   // of a retry interval is added at random, so that a fleet does not come back at once
	mostWait   = time.Hour             // that a target can ask for
	complain   = time.Minute           // between two logs of the same failure
)

// sender is the one goroutine that uses the connector of a North.
type sender struct {
	r       *Runner
	ticks   chan struct{}
	changed chan struct{}
	lost    chan loss

	// What follows belongs to the goroutine of run.
	connector Connector
	schedule  schedule
	refused   refusals
	offline   complaint // of connecting
	sending   complaint // of sending
	disk      complaint // of the cache

	mu      sync.Mutex
	current State
	tally   Tally
}

// loss is a connection that is gone.
type loss struct {
	reason error
	after  time.Duration
}

func newSender(r *Runner) *sender {
	return &sender{r: r, ticks: make(chan struct{}, 1), changed: make(chan struct{}, 1), lost: make(chan loss, 1),
		current: State{Running: true}}
}

// run connects and sends until ctx is done.
func (s *sender) run(ctx context.Context) error {
	defer s.setState(func(st *State) { st.Running, st.Connected = false, false })
	for ctx.Err() == nil {
		caching := &s.r.config.Load().north.Caching
		w := s.waiting()
		if w.contents == 0 {
			s.schedule.end(time.Now())
		}
		todo, until := s.schedule.next(time.Now(), w, caching)
		switch todo {
		case connect:
			s.connect(ctx)
		case begin:
			s.schedule.begun(w)
			s.sendNext(ctx)
		case send:
			s.sendNext(ctx)
		default:
			s.sleep(ctx, until)
		}
		s.look()
	}
	return ctx.Err()
}

func (s *sender) waiting() waiting {
	files, elements, contents := s.r.cache.Waiting()
	return waiting{files, elements, contents}
}

// sleep waits until something happens or the moment until has come.
func (s *sender) sleep(ctx context.Context, until time.Time) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-s.r.cache.Notify():
	case <-s.changed:
	case <-s.ticks:
		s.schedule.ticked = true
	case l := <-s.lost:
		s.drop(l)
	case <-ctx.Done():
	}
}

// look takes notice of what has happened without waiting.
func (s *sender) look() {
	select {
	case <-s.ticks:
		s.schedule.ticked = true
	default:
	}
	select {
	case l := <-s.lost:
		s.drop(l)
	default:
	}
}

// retryIn is when the next attempt is due after a failure now; asked is what the target asked for.
func (s *sender) retryIn(asked time.Duration) time.Time {
	interval := max(clamp(s.r.config.Load().north.Caching.Error.RetryInterval, time.Millisecond), leastRetry)
	interval += time.Duration(rand.Float64() * jitter * float64(interval))
	return time.Now().Add(max(interval, min(asked, mostWait)))
}

// connect makes the connector, if need be, and connects it.
func (s *sender) connect(ctx context.Context) {
	select {
	case <-s.lost: // of a connection before
	default:
	}
	err := task.Protect("connect north "+s.r.id, func() error {
		if s.connector == nil {
			made, err := s.make()
			if err != nil {
				return err
			}
			s.connector = made
		}
		return s.connector.Connect(ctx)
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.schedule.lost(s.retryAt())
		s.failed(err)
		if s.offline.due(err.Error(), s.r.o.Now()) {
			s.r.log.Error(fmt.Sprintf("Error while connecting North \"%s\": %s", s.r.config.Load().north.Name, err.Error()))
		}
	default:
		s.offline = complaint{}
		s.schedule.connected = true
		s.r.meter.connected(s.r.o.Now())
		s.setState(func(st *State) { st.Connected, st.LastError = true, "" })
		s.r.log.Info(fmt.Sprintf("North connector \"%s\" of type %s started", s.r.config.Load().north.Name, s.r.o.North.Type))
	}
}

// retryAt is when to connect again: when the connector says so, otherwise as the settings of the cache say.
func (s *sender) retryAt() time.Time {
	select {
	case l := <-s.lost:
		return s.after(l)
	default:
		return s.retryIn(0)
	}
}

func (s *sender) after(l loss) time.Time {
	if l.after <= 0 {
		return s.retryIn(0)
	}
	return time.Now().Add(min(l.after, mostWait))
}

func (s *sender) make() (Connector, error) {
	n := s.r.o.North
	if s.r.o.Type.New == nil {
		return nil, entity.NotFound("North connector of type \"%s\" not installed", n.Type)
	}
	return s.r.o.Type.New(Env{Lost: s.noteLost, Env: connector.Env{ID: n.ID, Name: n.Name, Type: n.Type, Settings: s.r.o.Settings,
		Log: s.r.log, TempDir: filepath.Join(s.r.temp, connectorDir), Host: s.r.o.Host, Memory: s.r.o.Host.MemoryOf(n.ID)}})
}

// noteLost is Env.Lost.
func (s *sender) noteLost(reason error, after time.Duration) {
	select {
	case s.lost <- loss{reason, after}:
	default: // it is known already
	}
}

// drop ends a connection that is gone.
func (s *sender) drop(l loss) {
	if !s.schedule.connected {
		return
	}
	if l.reason == nil {
		l.reason = errors.New("connection lost")
	}
	at := s.after(l)
	s.schedule.lost(at)
	s.failed(l.reason)
	s.setState(func(st *State) { st.Connected = false })
	s.r.log.Error(fmt.Sprintf("Connection lost: %s. Reconnecting in %d ms", l.reason.Error(), time.Until(at).Milliseconds()))
	ctx, cancel := context.WithTimeout(context.Background(), disconnectLimit)
	defer cancel()
	if err := s.end(ctx); err != nil {
		s.r.log.Debug("disconnecting failed", "error", err)
	}
}

// disconnectLimit is how long a connector may take to leave a connection that is gone.
const disconnectLimit = 5 * time.Second

func (s *sender) end(ctx context.Context) error {
	return task.Protect("disconnect north "+s.r.id, func() error { return s.connector.Disconnect(ctx) })
}

// disconnect ends the connection for good, after run has ended.
func (s *sender) disconnect(ctx context.Context) error {
	if s.connector == nil {
		return nil
	}
	g := task.New(ctx, nil)
	g.Go("disconnect north "+s.r.id, s.connector.Disconnect)
	return g.Wait(ctx)
}

func (s *sender) setState(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.current)
}

func (s *sender) failed(err error) {
	at := s.r.o.Now()
	s.setState(func(st *State) {
		st.LastError, st.LastErrorAt = err.Error(), at
		s.tally.Errors++
	})
}

// delivered notes that an attempt succeeded.
func (s *sender) delivered() {
	at := s.r.o.Now()
	s.setState(func(st *State) {
		st.LastError = ""
		s.tally.LastSuccess = at
	})
}

func (s *sender) counted() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally
}

func (s *sender) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// complaint is a failure that was logged.
type complaint struct {
	text string
	at   time.Time
}

// due says whether text is to be logged: when it is another one, or the last time was long ago.
func (c *complaint) due(text string, now time.Time) bool {
	if age := now.Sub(c.at); c.text == text && age >= 0 && age < complain {
		return false
	}
	c.text, c.at = text, now
	return true
}
