package logging

import (
	"sync"
	"time"
)

const (
	// queueLimit bounds the lines that wait for the journal, in bytes: some 16,000 lines.
	queueLimit = 4 << 20
	// hurryAt is when the writer no longer waits for more lines.
	hurryAt = 256 << 10
	// patience is how long one who logs waits for room in a full queue, before lines are dropped: enough for a disk
	// that works, and no more than once for one that does not.
	patience = 50 * time.Millisecond
)

// queue holds numbered lines between those who log and the one writer. A line that finds no room is counted as lost.
type queue struct {
	mu      sync.Mutex
	data    []byte
	next    uint64 // sequence number of the next line
	first   uint64 // sequence number of the first line in data
	lost    uint64
	limit   int
	wait    time.Duration // patience
	stalled bool          // somebody waited in vain, and nothing was taken since
	closed  bool          // lines are dropped
	room    chan struct{} // closed when data is taken; nil when nobody waits

	arrived chan struct{} // there is a first line
	hurry   chan struct{} // it should not wait for others
}

func newQueue(next uint64, limit int) *queue {
	return &queue{next: next, limit: limit, wait: patience, arrived: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// push numbers body, as appendLine made it, and adds it.
func (q *queue) push(body []byte, urgent bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if len(q.data)+len(body) > q.limit && !q.waitForRoom(len(body)) {
		q.lost++
		return
	}
	q.add(body)
	if urgent || len(q.data) >= hurryAt {
		signal(q.hurry)
	}
}

// force adds body whatever the limit: the writer cannot wait for the room that only it makes.
func (q *queue) force(body []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(body)
}

func (q *queue) add(body []byte) {
	if len(q.data) == 0 {
		q.first = q.next
		signal(q.arrived)
	}
	q.data = appendNumbered(q.data, q.next, body)
	q.next++
}

// waitForRoom is called, and returns, with the lock held.
func (q *queue) waitForRoom(size int) bool {
	if q.stalled {
		return false
	}
	timer := time.NewTimer(q.wait)
	defer timer.Stop()
	for !q.closed && len(q.data)+size > q.limit {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
			q.mu.Lock()
		case <-timer.C:
			q.mu.Lock()
			q.stalled = true
			return len(q.data)+size <= q.limit
		}
	}
	return !q.closed
}

// batch is what the writer writes at once: whole lines, numbered from first on.
type batch struct {
	data  []byte
	first uint64
	lost  uint64 // lines that found no room before this batch was taken
}

// take empties the queue. used is the data of an earlier batch, to be filled again.
func (q *queue) take(used []byte) batch {
	if cap(used) > hurryAt*2 {
		used = nil // a burst should not hold its memory for ever
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := batch{data: q.data, first: q.first, lost: q.lost}
	q.data, q.lost, q.stalled = used[:0], 0, false
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return b
}

// last is the sequence number of the newest line.
func (q *queue) last() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next - 1
}

// close makes the queue drop what comes from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// signal tells a channel of capacity one, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
