package cloudsim

import (
	"context"
	"sync"
)

// signal wakes whoever waits for something to change. Telling costs nothing while nobody waits.
type signal struct {
	mu      sync.Mutex
	ch      chan struct{}
	version uint64
}

func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// next returns a channel that is closed at the next change, and the number of changes so far.
func (s *signal) next() (<-chan struct{}, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch, s.version
}

// wait blocks until reached says true, which is asked at once and after each change, or until ctx is done.
func (s *signal) wait(ctx context.Context, reached func() bool) error {
	for {
		changed, _ := s.next() // before the question, so that a change during it is not missed
		if reached() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
