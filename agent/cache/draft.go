package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// Bounds of what can become durable together: a record counts the contents in 16 bits, and where they are in a segment in
// 32.
const (
	groupLimit = 1 << 14
	groupBytes = 256 << 20
)

// Intake is contents that are being written, to become durable together: after a crash all of them are there or none.
// It is not safe for concurrent use, but a cache may have many. It ends with Commit or Discard.
type Intake struct {
	c      *Cache
	drafts []*Draft
	held   int
}

// Draft is one content of an Intake, written piece by piece. Up to 1 MB is held in memory, more goes to a file.
type Draft struct {
	in    *Intake
	p     *pending
	spill *spill // nil while all of it is in memory
	ended bool
	err   error // the first one
}

// Begin opens an Intake. A cache that has reached its limit refuses it, before anything is done in vain.
func (c *Cache) Begin() (*Intake, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, total := c.limits, c.total.size()
	switch {
	case c.closed:
		return nil, fmt.Errorf("cannot cache content: %w", ErrClosed)
	case l.MaxSize > 0 && l.Policy == RefuseNew && total >= l.MaxSize:
		c.done.Refused.add(0, 0)
		return nil, fmt.Errorf("cannot cache content: %w", &FullError{total, l.MaxSize})
	}
	return &Intake{c: c}, nil
}

// New adds a content. How many elements it has is said when it ends.
func (in *Intake) New(m Meta) (*Draft, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("cannot cache content: %w", err)
	}
	d := &Draft{in: in, p: in.c.newPut(m)}
	d.p.buf = buffers.Get().(*bytes.Buffer)
	d.p.buf.Reset()
	in.drafts = append(in.drafts, d)
	return d, nil
}

// Held is how many bytes of the contents are in memory, to commit in time.
func (in *Intake) Held() int { return in.held }

// Len is how many contents there are.
func (in *Intake) Len() int { return len(in.drafts) }

// Write appends to the content.
func (d *Draft) Write(b []byte) (int, error) {
	if d.ended {
		return 0, errors.New("the draft has ended")
	}
	if d.err != nil {
		return 0, d.err
	}
	if d.spill == nil && d.p.buf.Len()+len(b) <= d.in.c.o.tune.inline {
		d.in.held += len(b)
		return d.p.buf.Write(b)
	}
	n, err := d.toFile(b)
	if err != nil {
		d.err = fmt.Errorf("cannot cache content: %w", err)
	}
	return n, d.err
}

func (d *Draft) toFile(b []byte) (int, error) {
	if d.spill == nil {
		w, err := d.in.c.newSpill(d.p)
		if err != nil {
			d.p.r.flags &^= flagOwnFile
			return 0, err
		}
		d.spill = w
		if _, err := w.Write(d.p.buf.Bytes()); err != nil {
			return 0, err
		}
		d.dropBuffer()
	}
	return d.spill.Write(b)
}

func (d *Draft) dropBuffer() {
	if d.p.buf != nil {
		d.in.held -= d.p.buf.Len()
		buffers.Put(d.p.buf)
		d.p.buf, d.p.bytes = nil, nil
	}
}

// End says that the content is whole, and how many elements it has, 0 for a file.
func (d *Draft) End(elements int) error {
	if d.err != nil {
		return d.err
	}
	if elements < 0 || int64(elements) > 1<<32-1 {
		return fmt.Errorf("cannot cache content: impossible number of elements %d", elements)
	}
	d.p.r.elements = uint32(elements)
	if d.spill == nil {
		d.p.hold(d.p.buf.Bytes(), elements)
		d.ended = true
		return nil
	}
	return d.endFile()
}

func (d *Draft) endFile() error {
	w := d.spill
	d.spill = nil
	if err := w.finish(); err != nil {
		d.p.r.flags &^= flagOwnFile
		d.err, d.ended = fmt.Errorf("cannot cache content: %w", err), false
		return d.err
	}
	d.p.markArray(int(d.p.r.elements), w.array())
	d.ended = true
	return nil
}

// Spill writes the contents that are whole and in memory to files, when they are too many to hold and may not be
// committed yet.
func (in *Intake) Spill() error {
	for _, d := range in.drafts {
		if !d.ended || d.p.buf == nil {
			continue
		}
		if _, err := d.toFile(nil); err != nil {
			d.err, d.ended = fmt.Errorf("cannot cache content: %w", err), false
			return d.err
		}
		if err := d.endFile(); err != nil {
			return err
		}
	}
	return nil
}

// ID is the name of the content, once it was committed.
func (d *Draft) ID() string { return formatID(d.p.r.seq, d.in.c.key) }

// Discard takes the content out of the Intake.
func (d *Draft) Discard() {
	for i, other := range d.in.drafts {
		if other == d {
			d.in.drafts = append(d.in.drafts[:i:i], d.in.drafts[i+1:]...)
			break
		}
	}
	d.forget()
}

var errDiscarded = errors.New("discarded")

func (d *Draft) forget() {
	d.dropBuffer()
	if d.spill != nil {
		// What cannot be deleted now is deleted at the next start.
		_ = d.spill.abandon()
		d.spill = nil
	} else {
		d.in.c.release(d.p, errDiscarded)
	}
	d.ended = true
}

// Discard drops all contents.
func (in *Intake) Discard() {
	for _, d := range in.drafts {
		d.forget()
	}
	in.drafts = nil
}

// Commit makes the contents that have ended durable, all of them or none; the others stay in the Intake, which may be
// used on. More than 16,384, or more than 256 MB in memory, are committed in several groups.
func (in *Intake) Commit(ctx context.Context) error {
	puts := make([]*pending, 0, len(in.drafts))
	open := in.drafts[:0]
	for _, d := range in.drafts {
		if d.ended {
			in.held -= len(d.p.bytes)
			puts = append(puts, d.p)
		} else {
			open = append(open, d)
		}
	}
	clear(in.drafts[len(open):])
	in.drafts = open
	err := ctx.Err()
	for rest := puts; len(rest) > 0; {
		group := rest[:groupOf(rest)]
		rest = rest[len(group):]
		if err == nil {
			err = in.c.commitGroup(group)
		}
		for _, p := range group {
			in.c.release(p, err)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot cache content: %w", err)
	}
	return nil
}

// groupOf is how many of puts become durable together.
func groupOf(puts []*pending) int {
	bytes := 0
	for n, p := range puts {
		if bytes += len(p.bytes); n == groupLimit || n > 0 && bytes > groupBytes {
			return n
		}
	}
	return len(puts)
}

// commitGroup makes puts durable, all or none.
func (c *Cache) commitGroup(puts []*pending) error {
	elsewhere := false
	for i, p := range puts {
		p.r.more = uint16(len(puts) - 1 - i)
		elsewhere = elsewhere || p.r.place != queued
	}
	c.commit(puts...)
	if err := puts[0].err; err != nil || !elsewhere {
		return err
	}
	return c.wait()
}
