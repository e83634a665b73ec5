package httpclient

import (
	"context"
	"errors"
	"sync"
	"time"
)

// slowest is the rate, in bytes per second, below which an exchange counts as hanging although something moves.
const slowest = 1 << 10

// longest bounds an exchange whatever moves, so that an answer without end does not hold a connector for ever.
const longest = 24 * time.Hour

//lint:ignore ST1005 the reference's text
var errTimeout = errors.New("The operation was aborted due to timeout")

// pace ends an exchange in which nothing moves for a while, or that is slower than any line in use. A fixed limit, as
// the reference has it, can never send a large file over a slow line.
type pace struct {
	limit  time.Duration
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	start time.Time
	last  time.Time // when something moved
	moved int64     // bytes, in both directions
	timer *time.Timer
}

// withPace returns a context that ends when the exchange must, by its pace. stop releases it.
func withPace(ctx context.Context, limit time.Duration) (context.Context, *pace) {
	ctx, cancel := context.WithCancelCause(ctx)
	now := time.Now()
	p := &pace{limit: limit, cancel: cancel, start: now, last: now}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(limit, p.check)
	return ctx, p
}

func (p *pace) move(n int) {
	if n <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved += int64(n)
	p.last = time.Now()
}

func (p *pace) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := time.Until(deadline(p.start, p.last, p.moved, p.limit)); wait > 0 {
		p.timer.Reset(wait)
		return
	}
	p.cancel(errTimeout)
}

// deadline is when an exchange must end that began at start and moved its last byte at last.
func deadline(start, last time.Time, moved int64, limit time.Duration) time.Time {
	idle := last.Add(limit)
	slow := start.Add(limit + time.Duration(float64(moved)/slowest*float64(time.Second)))
	end := start.Add(max(longest, limit))
	for _, other := range []time.Time{slow, end} {
		if other.Before(idle) {
			idle = other
		}
	}
	return idle
}

func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	p.cancel(nil)
}
