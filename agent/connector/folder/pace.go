package folder

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// How fast the other side must be at least: it answers within Patience, and moves leastMoved bytes in each Patience while
// it sends or takes something long.
const (
	Patience   = 30 * time.Second
	leastMoved = 8 << 10
)

// Pace watches one exchange with another machine, and ends it when it stands still or its context ends. It guards
// against servers that hang or trickle for ever.
type Pace struct {
	ended    func() error // of the context
	end      func()
	patience time.Duration
	release  func() bool
	moved    atomic.Int64

	mu    sync.Mutex
	timer *time.Timer // nil once it has ended
	slow  bool
}

// Watch begins to watch. stop makes the exchange fail at once, it closes its connection for example. A patience of 0 is
// Patience.
func Watch(ctx context.Context, patience time.Duration, stop func()) *Pace {
	patience = cmp.Or(patience, Patience)
	p := &Pace{ended: ctx.Err, end: stop, patience: patience, release: context.AfterFunc(ctx, stop)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(patience, p.look)
	return p
}

func (p *Pace) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer == nil {
		return
	}
	if p.moved.Swap(0) >= leastMoved {
		p.timer.Reset(p.patience)
		return
	}
	p.slow = true
	p.end()
}

// Moved says that n bytes have come or gone.
func (p *Pace) Moved(n int) {
	if p != nil {
		p.moved.Add(int64(n))
	}
}

// Progress says that the exchange has made a step that counts as much as many bytes.
func (p *Pace) Progress() { p.Moved(leastMoved) }

// Done ends watching. It returns why the exchange was ended, if it was, or else err.
func (p *Pace) Done(err error) error {
	p.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	switch {
	case err == nil:
		return nil
	case p.slow:
		return fmt.Errorf("the server stands still: fewer than %d bytes came or went in %v", leastMoved, p.patience)
	case p.ended() != nil:
		return p.ended()
	}
	return err
}
