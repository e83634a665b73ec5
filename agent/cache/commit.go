package cache

import (
	"errors"
	"fmt"
)

// maxUnsealed is how many full segments may wait for their index, which they do when the disk refuses to write it.
const maxUnsealed = 4

// gather is how much is put together before it is written.
const gather = 256 << 10

// writer appends contents to the newest segment. Its fields are guarded by lock.
type writer struct {
	lock chan struct{} // holds one token; whoever writes takes it

	active *segment // nil: the next content begins one
	file   file
	buf    []byte

	pending *putBatch // guarded by Cache.mu: what is written next
}

// commit makes puts durable, together with what others put at the same time, and sets the error of each.
func (c *Cache) commit(puts ...*pending) {
	c.mu.Lock()
	b := c.writer.pending
	b.puts = append(b.puts, puts...)
	c.mu.Unlock()
	select {
	case <-b.done: // somebody else's flush took them along
		return
	case c.writer.lock <- struct{}{}:
	}
	defer func() { <-c.writer.lock }()
	select {
	case <-b.done:
	default:
		c.writePending()
	}
}

// writePending writes all that waits. The caller holds the lock of the writer.
func (c *Cache) writePending() {
	c.mu.Lock()
	b := c.writer.pending
	c.writer.pending = &putBatch{done: make(chan struct{})}
	c.mu.Unlock()
	defer close(b.done)
	puts := c.admitted(b.puts)
	for len(puts) > 0 {
		n := 0
		err := c.room()
		if err == nil {
			n = c.fitting(puts)
			err = c.appendPuts(puts[:n])
		} else {
			n = len(puts)
		}
		if err != nil {
			for _, p := range puts[:n] {
				p.err = err
			}
		}
		puts = puts[n:]
	}
}

// room sees to a segment that contents can be appended to.
func (c *Cache) room() error {
	w := &c.writer
	if w.active != nil && c.full(w.active) {
		if err := c.seal(); err != nil {
			return err
		}
	}
	if w.active != nil {
		return nil
	}
	c.mu.Lock()
	closed, first, unsealed := c.closed, c.next, c.countUnsealed()
	c.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if unsealed > maxUnsealed && c.retryIndexes() {
		return errors.New("the disk refuses to write the index of the segments before")
	}
	g := &segment{first: first, open: true, data: &dataFile{path: c.dataPath(first, 0), length: dataHead}, index: &index{}, state: &states{}}
	f, err := c.begin(g.data.path, appendSheet(nil, dataMagic, &dataFacts{Key: c.key, First: first}, nil))
	if err != nil {
		return fmt.Errorf("cannot begin a segment: %w", err)
	}
	c.mu.Lock()
	c.segs = append(c.segs, g)
	c.unload()
	c.resident = append(c.resident, g)
	c.mu.Unlock()
	w.active, w.file = g, f
	return nil
}

// emptiedBytes is how long a segment without any live content may be and still be appended to.
const emptiedBytes = 4 << 20

func (c *Cache) full(g *segment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return g.index.len() >= c.o.tune.segmentEntries || g.data.length >= c.o.tune.segmentBytes || g.data.length >= emptiedBytes && g.sum.live() == 0
}

// fitting is how many of puts still fit into the segment, at least one, or one group.
func (c *Cache) fitting(puts []*pending) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries, length := c.writer.active.index.len(), c.writer.active.data.length
	n := 0
	for n < len(puts) && (n == 0 || entries+n < c.o.tune.segmentEntries && length < c.o.tune.segmentBytes) {
		for range int(puts[n].r.more) + 1 { // what becomes durable together is in one segment
			length += puts[n].r.length()
			n++
		}
	}
	return n
}

// appendPuts writes and flushes puts, and takes them into memory. When it fails nothing of them is there.
func (c *Cache) appendPuts(puts []*pending) error {
	g := c.writer.active
	c.mu.Lock()
	start := g.data.length
	for _, p := range puts {
		p.r.seq = c.next
		c.next++
	}
	c.mu.Unlock()
	end, err := c.writeRecords(puts, start)
	if err == nil {
		err = c.writer.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write: %w", err), c.giveUp(start))
	}
	left := c.adoptAll(puts)
	c.mu.Lock()
	c.unadopted = append(c.unadopted, left...)
	at := start
	for _, p := range puts {
		g.index.add(&p.r, g.first, at)
		at += p.r.length()
		c.count(g, p)
	}
	g.data.length = end
	c.mu.Unlock()
	c.announce()
	return nil
}

// count takes the content added last to the index of g into account.
func (c *Cache) count(g *segment, p *pending) {
	s := g.index.at(g.index.len() - 1)
	w := initial(&s)
	before := g.sum
	g.state.words = append(g.state.words, w)
	g.sum.add(&s, w, extra{})
	c.total.merge(&before, ^uint64(0))
	c.total.merge(&g.sum, 1)
	if s.place != queued { // so that its time there begins now, whenever it was created
		c.move(g, g.index.len()-1, s.place, c.o.Now().UnixMilli(), 0)
	}
	if !p.exempt {
		c.done.Cached += p.r.size
	}
}

// writeRecords writes puts behind each other from offset at on.
func (c *Cache) writeRecords(puts []*pending, at int64) (end int64, err error) {
	w := &c.writer
	buf := w.buf[:0]
	flush := func(b []byte) error {
		n, err := w.file.WriteAt(b, at)
		at += int64(n)
		return err
	}
	for _, p := range puts {
		buf = p.r.appendHead(buf, c.key)
		if len(p.bytes) <= gather/4 {
			buf = append(buf, p.bytes...)
		} else {
			if err := flush(buf); err != nil {
				return at, err
			}
			buf = buf[:0]
			if err := flush(p.bytes); err != nil {
				return at, err
			}
		}
		if len(buf) > gather {
			if err := flush(buf); err != nil {
				return at, err
			}
			buf = buf[:0]
		}
	}
	w.buf = buf
	return at, flush(buf)
}
