package north

import (
	"context"
	"sync"
)

// gate lets callers in until it is closed, and says when the last one has left. The zero value is closed.
type gate struct {
	mu     sync.Mutex
	open   bool
	inside int
	empty  chan struct{} // closed when nobody is inside of a closed gate
}

func newGate() *gate { return &gate{open: true, empty: make(chan struct{})} }

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.inside++
	}
	return g.open
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && !g.open {
		close(g.empty)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		return
	}
	if g.open = false; g.inside == 0 {
		close(g.empty)
	}
}

// wait returns when everybody has left a closed gate, or with the error of ctx.
func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
