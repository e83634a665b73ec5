package cache

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"oibus/agent/content"
)

// Bounds of a batch of more than one content, whatever number of elements is asked for.
const (
	batchContents = 16384
	batchBytes    = 32 << 20
)

// Batch is what is to be sent next: one content, or elements of several contents of one kind, as one JSON array. It
// ends with exactly one of Done, Errored, Fail, Defer and Release, also while a reader that was given up still reads.
type Batch struct {
	c     *Cache
	items []item        // never changed, but that Begin notes that it was called
	data  []*dataFile   // that items are read from, each pinned
	ended atomic.Bool   // changed with Cache.mu held
	last  atomic.Uint64 // where the rest of the last content begins, when only a part of it is meant and that was read

	File     File         // how the batch is shown: id and name of its first content, size and elements of all
	Kind     content.Kind // of all contents
	Elements int          // 0 for a file
	Attempts int          // how many attempts to send the first content failed
	Created  time.Time    // when the first content came
	// Once says that Begin must be called before an attempt. Interrupted, that an attempt began before and that nobody
	// knows what became of it: the batch must not be sent again.
	Once, Interrupted bool
}

// item is a content, or a part of one, in a batch.
type item struct {
	slot   slot
	seq    uint64
	order  uint64
	word   word
	extra  extra
	data   *dataFile
	length int64  // of data, when the content was picked
	to     uint32 // the elements extra.Consumed … to-1 of the content, when it is one that can be joined
}

// part says whether only some of the elements of the content are meant, in this batch or in one before.
func (i *item) part() bool {
	return i.extra.Consumed > 0 || i.slot.joinable() && i.to < i.slot.elements
}

// Next returns what is to be sent next, or nil when nothing waits or a batch is out already. Elements of contents of
// the same kind that wait within reach are joined to the first content of the queue until there are max elements, 0
// for as many as the bounds of a batch allow; a content with more is sent in portions. After Fail or Release the
// same batch is next.
func (c *Cache) Next(max int) (*Batch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.lease != nil {
		return nil, nil
	}
	if err := c.forgetRequeued(); err != nil {
		return nil, err
	}
	items, err := c.again()
	if err == nil && len(items) == 0 {
		items, err = c.pick(max)
	}
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return c.leaseOut(items), nil
}

// again is what is left of the batch that was not sent.
func (c *Cache) again() (items []item, err error) {
	for _, i := range c.retry {
		g, pos, ok, err := c.unchanged(&i)
		if err != nil {
			return nil, err
		}
		if ok {
			i.data, i.length, i.slot = g.data, g.data.length, g.index.at(pos) // it may have been copied
			items = append(items, i)
		}
	}
	c.retry = nil
	return items, nil
}

// unchanged is where the content of i is, if nothing happened to it since it was picked.
func (c *Cache) unchanged(i *item) (g *segment, pos int, ok bool, err error) {
	g, pos, ok, err = c.find(i.seq)
	if err != nil || !ok {
		return nil, 0, false, err
	}
	return g, pos, g.state.words[pos] == i.word && g.state.extra(pos, i.slot.ordinal) == i.extra, nil
}

func (c *Cache) pick(limit int) ([]item, error) {
	head, ok, err := c.walkFrom(0, -1).next()
	if err != nil || !ok {
		return nil, err
	}
	if !head.slot.joinable() {
		return []item{head}, nil
	}
	room := min(batchContents, int(c.total.Kinds[head.slot.kind]))
	if limit > 0 {
		room = min(room, limit)
	}
	items := append(make([]item, 0, room), head)
	bytes, elements := left(&head.slot, head.extra)
	for w := c.walkFrom(head.order, int(head.slot.kind)); len(items) < batchContents && bytes < batchBytes && (limit <= 0 || int(elements) < limit); {
		i, ok, err := w.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		b, n := left(&i.slot, i.extra)
		if bytes+b > batchBytes || uint64(elements)+uint64(n) >= 1<<32 {
			break
		}
		items, bytes, elements = append(items, i), bytes+b, elements+n
	}
	if surplus := int(elements) - limit; limit > 0 && surplus > 0 {
		items[len(items)-1].to -= uint32(surplus)
	}
	return items, nil
}

var errEnded = errors.New("the batch has ended already")

// setEnd notes where the rest of the last content begins; at its size when nothing is left.
func (b *Batch) setEnd(at uint64) { b.last.Store(at) }

// leaseOut makes a batch of items and keeps what it is read from.
func (c *Cache) leaseOut(items []item) *Batch {
	b := &Batch{c: c, items: items}
	var size uint64
	for n := range items {
		i := &items[n]
		if len(b.data) == 0 || b.data[len(b.data)-1] != i.data {
			c.pin(i.data)
			b.data = append(b.data, i.data)
		}
		bytes, elements := left(&i.slot, i.extra)
		size += bytes
		b.Elements += int(elements - (i.slot.elements - i.to))
	}
	head := &items[0]
	b.Kind, b.Attempts = kindOf(head.slot.kind), int(head.extra.Attempts&^underway)
	b.Once, b.Interrupted = head.slot.flags&flagOnce != 0, head.extra.Attempts&underway != 0
	b.File = c.fileOf(head)
	b.Created = time.UnixMilli(head.slot.created)
	b.File.Metadata.ContentSize, b.File.Metadata.NumberOfElement = int64(size), b.Elements
	c.lease = b
	return b
}

// fileOf describes the content of an item, which is loaded.
func (c *Cache) fileOf(i *item) File {
	var name string
	if g := c.segmentOf(i.seq); g != nil && g.index != nil {
		if pos, ok := g.index.find(i.slot.ordinal); ok {
			s := g.index.at(pos)
			name = string(g.index.name(&s))
		}
	}
	return describe(formatID(i.seq, c.key), name, int64(i.slot.size), i.slot.created, i.slot.elements, i.slot.kind)
}

// isLeased says whether the content at pos of g is in the batch that is out.
func (c *Cache) isLeased(g *segment, pos int) bool {
	if c.lease == nil {
		return false
	}
	if c.leased == nil {
		c.leased = make(map[uint64]struct{}, len(c.lease.items))
		for _, i := range c.lease.items {
			c.leased[i.seq] = struct{}{}
		}
	}
	_, ok := c.leased[g.first+uint64(g.index.ordinal(pos))]
	return ok
}

// end gives the batch back. mu is held.
func (b *Batch) end(retry bool) error {
	if !b.ended.CompareAndSwap(false, true) {
		return errEnded
	}
	for _, d := range b.data {
		b.c.unpin(d)
	}
	if b.c.lease == b {
		b.c.lease, b.c.leased = nil, nil
		if retry {
			b.c.retry = b.items
		}
	}
	b.c.wakeUp() // files that were kept for it may go
	return nil
}

// Release gives the batch back unsent: it is next again.
func (b *Batch) Release() {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	_ = b.end(true) // a second end has no effect
}

// Begin notes, durably, that an attempt to send a batch of Once begins. Done, Errored, Fail and Defer end it; after
// Release, or a crash, nobody knows how it ended.
func (b *Batch) Begin() error {
	err := b.mark(underway)
	if err == nil {
		err = b.c.wait()
	}
	if err != nil {
		err = errors.Join(err, b.mark(0)) // nothing is sent
	}
	return err
}

// mark sets, in memory, whether an attempt is underway.
func (b *Batch) mark(bit uint32) error {
	c, head := b.c, &b.items[0]
	c.mu.Lock()
	defer c.mu.Unlock()
	g, pos, ok, err := c.unchanged(head)
	if err == nil && ok {
		head.extra.Attempts = head.extra.Attempts&^underway | bit
		c.progress(g, pos, head.extra)
		head.word = g.state.words[pos]
	}
	return err
}

// Fail gives the batch back after an attempt to send it that failed: it is next again. The number of failed attempts,
// which is returned, outlives a restart.
func (b *Batch) Fail() (attempts int, err error) {
	c := b.c
	c.mu.Lock()
	if err := b.end(true); err != nil {
		c.mu.Unlock()
		return b.Attempts, err
	}
	b.Attempts++
	c.done.Failed.add(uint64(b.File.Metadata.ContentSize), uint32(b.Elements))
	c.retry = slices.Clone(b.items)
	head := &c.retry[0]
	g, pos, ok, err := c.unchanged(head)
	if err == nil && ok {
		head.extra.Attempts = head.extra.Attempts&^underway + 1
		c.progress(g, pos, head.extra)
		head.word = g.state.words[pos]
	}
	c.mu.Unlock()
	return b.Attempts, errors.Join(err, c.wait())
}

// Defer gives the batch back after an attempt to send it that failed, behind everything else that waits, in its order. It
// may be joined with other contents then, and its failed attempts count no more.
func (b *Batch) Defer() error {
	c := b.c
	c.mu.Lock()
	if err := b.end(false); err != nil {
		c.mu.Unlock()
		return err
	}
	c.done.Failed.add(uint64(b.File.Metadata.ContentSize), uint32(b.Elements))
	var errs error
	for n := range b.items {
		i := &b.items[n]
		g, pos, ok, err := c.unchanged(i)
		errs = errors.Join(errs, err)
		if err != nil || !ok {
			continue
		}
		order := c.next
		c.next++
		c.move(g, pos, queued, g.state.words[pos].since(), order)
		c.requeued = append(c.requeued, requeue{order, i.seq})
	}
	c.mu.Unlock()
	c.announce()
	return errors.Join(errs, c.wait())
}
