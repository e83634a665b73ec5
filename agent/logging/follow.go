package logging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"time"
)

// bell tells everybody who waits that the journal has grown, or that it will not grow any more.
type bell struct {
	mu     sync.Mutex
	next   chan struct{} // closed by the next ring; nil while nobody waits
	silent bool
}

// wait returns a channel that the next ring closes, and whether there will be one.
func (b *bell) wait() (<-chan struct{}, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		return nil, false
	}
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next, true
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// close rings for the last time.
func (b *bell) close() {
	b.mu.Lock()
	b.silent = true
	b.mu.Unlock()
	b.ring()
}

// Follower reads the journal as it grows. It holds no entries but those of one piece of the journal: who reads slowly
// is behind, and misses nothing that the journal still has.
type Follower struct {
	hub   *Hub
	match *matcher
	pos   position
	buf   []byte // from chunks, while chunk is not empty
	chunk []byte // what of buf was not looked at yet
	read  uint64 // number of the last line that was looked at
}

// chunks are lent to followers while they read.
var chunks = sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }}

// Now is for Follow: only what is logged from now on.
const Now = math.MaxUint64

// Follow returns a reader of the entries that q asks for, from the one after the number after on. It goes no further back than a search does. Times and page of q are not looked at.
func (h *Hub) Follow(q Query, after uint64) *Follower {
	q.From, q.To = time.Time{}, time.Time{}
	newest := h.queue.last()
	f := &Follower{hub: h, match: newMatcher(q, h.visible()), pos: h.journal.end(), read: newest}
	if after < newest {
		oldest := newest - min(newest, uint64(max(0, h.maxEntries.Load())))
		f.read, f.pos = after, h.journal.seek(max(after, oldest)+1)
	}
	return f
}

// Next returns the next entry. It waits for one until ctx is done; io.EOF says that the hub is closed. Where the
// journal no longer has what comes next, the entry says how many are missing; its number is that of the last of them.
func (f *Follower) Next(ctx context.Context) (Entry, error) {
	for {
		rung, more := f.hub.grown.wait()
		for len(f.chunk) > 0 || f.readChunk() {
			if e, ok := f.take(); ok {
				return e, nil
			}
		}
		if !more {
			return Entry{}, io.EOF
		}
		select {
		case <-rung:
		case <-ctx.Done():
			return Entry{}, ctx.Err()
		}
	}
}

// Read is the number after which the next entry comes: with it, another follower goes on where this one stands.
func (f *Follower) Read() uint64 { return f.read }

// readChunk reads the next piece of the journal. A journal that cannot be read is tried again when it has grown.
func (f *Follower) readChunk() bool {
	if f.buf == nil {
		f.buf = *chunks.Get().(*[]byte)
	}
	if f.pos.first == 0 {
		f.pos = f.hub.journal.seek(f.read + 1)
	}
	n, next, err := f.hub.journal.read(f.pos, f.buf)
	if errors.Is(err, errRotatedAway) {
		f.pos = f.hub.journal.seek(f.read + 1)
		n, next, err = f.hub.journal.read(f.pos, f.buf)
	}
	if err != nil || n == 0 {
		buf := f.buf
		f.buf, f.chunk = nil, nil
		chunks.Put(&buf)
		return false
	}
	f.chunk, f.pos = f.buf[:n], next
	return true
}

// take looks at the next line of the chunk.
func (f *Follower) take() (Entry, bool) {
	line := f.chunk
	if i := bytes.IndexByte(f.chunk, '\n'); i >= 0 {
		line = f.chunk[:i+1]
	}
	r, err := parseRecord(line)
	if err == nil && r.seq > f.read+1 { // the line itself comes with the next call
		missing := r.seq - f.read - 1
		f.read = r.seq - 1
		return Entry{Seq: f.read, Time: f.hub.now(), Level: slog.LevelWarn, Scope: Scope{Type: Internal},
			Message: fmt.Sprintf("%d log entries are not shown here: they are too old, or the journal no longer holds them", missing)}, true
	}
	f.chunk = f.chunk[len(line):]
	if err != nil || r.seq <= f.read {
		return Entry{}, false
	}
	f.read = r.seq
	if !f.match.may(&glance{line, r.level, r.time}) || !f.match.match(&r) {
		return Entry{}, false
	}
	return r.entry(), true
}
