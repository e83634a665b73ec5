package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// purpose says what to do with a cursor.
type purpose int

const (
	undecided purpose = iota // the settings are not known yet
	off                      // forget it: the level is silent, or there is no address
	on
)

// route is what a forwarder is told to do.
type route struct {
	purpose  purpose
	level    slog.Level
	interval time.Duration
	target   target // nil when there is nowhere to send to for the moment
	start    uint64 // the newest line when the target was set
}

// forwarder reads the journal from its cursor on and sends what reaches its level.
type forwarder struct {
	name    string // for people
	key     string // in file names
	journal *journal
	log     *slog.Logger // writes lines that this forwarder does not forward
	now     func() time.Time
	wake    chan struct{}
	cursor  *cursor

	mu    sync.Mutex
	told  route
	fresh bool // told was not looked at yet
	last  bool // send what there is, and end

	// Used by its own goroutine only.
	route   route
	buf     []byte // a chunk of the journal
	chunk   []byte // what of buf was not looked at yet
	pos     position
	read    uint64 // last line that was looked at
	mourned uint64 // last line whose loss was logged
	pending []record
	size    int // of the pending ones, in bytes
	due     time.Time
	chance  int // how many records the next batch may have; less than the target's limit after a refusal
	retry   backoff
	trouble trouble
}

// tell changes the route at once, without waiting for anything.
func (f *forwarder) tell(r route) {
	f.mu.Lock()
	f.told, f.fresh = r, true
	f.mu.Unlock()
	signal(f.wake)
}

// instructed is the route that was told last.
func (f *forwarder) instructed() route {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told
}

// finish makes run send what there is, once, and return.
func (f *forwarder) finish() {
	f.mu.Lock()
	f.last = true
	f.mu.Unlock()
	signal(f.wake)
}

func (f *forwarder) orders() (r route, fresh, last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh, f.fresh = f.fresh, false
	return f.told, fresh, f.last
}

func (f *forwarder) run(ctx context.Context) error {
	defer f.cleanUp()
	for ctx.Err() == nil {
		r, fresh, last := f.orders()
		if fresh {
			f.adopt(r)
		}
		if f.ready() {
			f.fill()
		}
		wait := f.plan(last)
		if wait == 0 {
			f.send(ctx)
			if last && f.retry.failing() {
				return nil
			}
			continue
		}
		if last {
			return nil
		}
		f.sleep(ctx, wait)
	}
	return nil
}

func (f *forwarder) ready() bool {
	return f.route.purpose == on && f.route.target != nil && f.cursor.known
}

// plan says how long to wait before the next send: 0 for now, negative for until something happens.
func (f *forwarder) plan(last bool) time.Duration {
	if !f.ready() || len(f.pending) == 0 {
		return -1
	}
	if last {
		return 0
	}
	now, at := f.now(), f.due
	if f.full() {
		at = now
	}
	if until := f.retry.until; until.After(at) {
		at = until
	}
	return max(0, at.Sub(now))
}

func (f *forwarder) sleep(ctx context.Context, wait time.Duration) {
	var alarm <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-f.wake:
	case <-alarm:
	case <-ctx.Done():
	}
}

// adopt makes r the route. What was read for the route before it is read again, because the level may differ.
func (f *forwarder) adopt(r route) {
	if f.route.target != nil && f.route.target != r.target {
		f.route.target.close()
	}
	f.route, f.retry = r, backoff{}
	var err error
	switch {
	case r.purpose == off && f.cursor.known:
		err = f.cursor.forget()
	case r.purpose == on && r.target != nil && !f.cursor.known:
		err = f.cursor.start(r.start)
	}
	if err != nil {
		f.log.Warn(f.name+" log forwarding", "error", err)
	}
	if r.target != nil {
		f.chance, _ = r.target.limit()
	}
	f.rewind()
}

// rewind forgets what was read and not sent.
func (f *forwarder) rewind() {
	f.pending, f.size, f.chunk = nil, 0, nil
	f.pos, f.read = position{}, f.cursor.seq
}

func (f *forwarder) cleanUp() {
	if f.cursor.known {
		seq := f.cursor.seq
		if len(f.pending) == 0 {
			seq = max(seq, f.read)
		}
		if err := f.cursor.advance(seq, f.now(), true); err != nil {
			f.log.Warn("Log forwarding to "+f.name+" may repeat entries", "error", err)
		}
	}
	f.cursor.close()
	if f.route.target != nil {
		f.route.target.close()
	}
}
