package web

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// What the charts of the page begin with: who opens a list sees what went through it before. The page itself draws as far
// back.
const (
	flowPace = 2 * time.Second
	flowPast = 2 * time.Minute
)

// flowBook remembers what each connector had moved until some moments of the last minutes.
type flowBook struct {
	mu sync.Mutex
	by map[string][]flowSample
}

type flowSample struct {
	at    time.Time
	count uint64
}

// note takes down what each connector has moved until now. Those that are not among them are forgotten.
func (b *flowBook) note(now time.Time, moved map[string]uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := make(map[string][]flowSample, len(moved))
	for id, count := range moved {
		kept := b.by[id]
		for len(kept) > 0 && (now.Sub(kept[0].at) > flowPast || kept[0].at.After(now)) { // the clock may have been set back
			kept = kept[1:]
		}
		if n := len(kept); n > 0 && kept[n-1].count > count {
			kept = nil // it counts from 0 again
		}
		next[id] = append(kept, flowSample{now, count})
	}
	b.by = next
}

// past is what is remembered, by id: how many milliseconds ago, and the count then. The browser has another clock.
func (b *flowBook) past(now time.Time) map[string][][2]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string][][2]int64, len(b.by))
	for id, samples := range b.by {
		list := make([][2]int64, len(samples))
		for i, s := range samples {
			list[i] = [2]int64{now.Sub(s.at).Milliseconds(), int64(s.count)}
		}
		all[id] = list
	}
	return all
}

// noteFlow takes down what is moved until ctx is done.
func (s *Server) noteFlow(ctx context.Context) error {
	tick := time.NewTicker(flowPace)
	defer tick.Stop()
	for {
		s.flow.note(time.Now(), s.o.Engine.Moved())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) pastFlow(*http.Request) (map[string][][2]int64, error) {
	return s.flow.past(time.Now()), nil
}
