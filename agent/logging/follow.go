package logging

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// followBuffer is how many entries wait for one who follows.
const followBuffer = 256

// follower gets the entries of a query as they are written.
type follower struct {
	match  *matcher
	out    chan Entry
	missed int
}

// followers are those who follow at the moment.
type followers struct {
	mu     sync.Mutex
	list   map[*follower]bool
	closed bool
}

// Follow sends each new entry that q asks for, until ctx is done or the hub is closed; then the channel is closed. One
// who reads too slowly misses entries, and gets an entry that says how many, without a number, in their place. Times
// and page of q are not looked at.
func (h *Hub) Follow(ctx context.Context, q Query) <-chan Entry {
	q.From, q.To = time.Time{}, time.Time{}
	f := &follower{match: newMatcher(q, h.visible()), out: make(chan Entry, followBuffer)}
	if !h.followers.add(f) {
		close(f.out)
		return f.out
	}
	context.AfterFunc(ctx, func() { h.followers.remove(f) })
	return f.out
}

func (fs *followers) add(f *follower) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.closed {
		return false
	}
	if fs.list == nil {
		fs.list = map[*follower]bool{}
	}
	fs.list[f] = true
	return true
}

func (fs *followers) remove(f *follower) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.list[f] {
		delete(fs.list, f)
		close(f.out)
	}
}

func (fs *followers) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.closed = true
	for f := range fs.list {
		delete(fs.list, f)
		close(f.out)
	}
}

// publish offers the lines of data to everybody, without waiting.
func (fs *followers) publish(data []byte, now time.Time) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.list) == 0 {
		return
	}
	for line := range bytes.Lines(data) {
		r, err := parseRecord(line)
		if err != nil {
			continue
		}
		for f := range fs.list {
			if f.match.match(&r) {
				f.offer(r.entry(), now)
			}
		}
	}
}

func (f *follower) offer(e Entry, now time.Time) {
	if f.missed > 0 {
		notice := Entry{Time: now, Level: slog.LevelWarn, Scope: Scope{Type: Internal},
			Message: fmt.Sprintf("%d log entries are not shown here because they came too fast", f.missed)}
		select {
		case f.out <- notice:
			f.missed = 0
		default:
		}
	}
	if f.missed > 0 {
		f.missed++
		return
	}
	select {
	case f.out <- e:
	default:
		f.missed++
	}
}
