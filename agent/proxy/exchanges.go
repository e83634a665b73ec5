package proxy

import (
	"context"
	"net/netip"
	"sync"
)

// exchange is a request or tunnel under way.
type exchange struct {
	client netip.Addr
	front  *front
	rules  *rules
	long   bool // a tunnel, or a request that becomes one: it has no end of its own
	cancel context.CancelFunc
}

// exchanges are all that are under way.
type exchanges struct {
	mu      sync.Mutex
	running map[*exchange]struct{}
	changed chan struct{}
}

func newExchanges() *exchanges {
	return &exchanges{running: map[*exchange]struct{}{}, changed: make(chan struct{})}
}

// begin notes x unless there are already limit of them.
func (e *exchanges) begin(x *exchange, limit int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.running) >= limit {
		return false
	}
	e.running[x] = struct{}{}
	return true
}

func (e *exchanges) done(x *exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, x)
	close(e.changed)
	e.changed = make(chan struct{})
}

// end breaks off those that which names.
func (e *exchanges) end(which func(*exchange) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for x := range e.running {
		if which(x) {
			x.cancel()
		}
	}
}

// wait blocks until none of those that which names is left, or ctx is done.
func (e *exchanges) wait(ctx context.Context, which func(*exchange) bool) {
	for {
		e.mu.Lock()
		left, changed := 0, e.changed
		for x := range e.running {
			if which(x) {
				left++
			}
		}
		e.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
