package logging

import (
	"sync"
	"time"
)

// throttlePeriod is how often what anybody on the network can cause is logged.
const throttlePeriod = time.Minute

// Throttle keeps those who send many bad requests from filling the journal. The zero value is ready; it is safe for
// concurrent use.
type Throttle struct {
	mu   sync.Mutex
	last time.Time
	n    int
}

// Pass says whether to log now, and how many times, this one included, it was asked since it last said so.
func (t *Throttle) Pass(now time.Time) (times int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if !t.last.IsZero() && now.Sub(t.last) < throttlePeriod {
		return 0, false
	}
	times = t.n
	t.last, t.n = now, 0
	return times, true
}
