package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Done ends the batch as delivered. Its contents are kept in the archive, or deleted. When it returns nil they will not
// be sent again, not after a power cut either. After an error some may be.
func (b *Batch) Done(archive bool) error {
	if archive {
		return b.finish(archived)
	}
	return b.finish(gone)
}

// Errored ends the batch as one that cannot be sent: its contents are moved to the folder error.
func (b *Batch) Errored() error { return b.finish(errored) }

func (b *Batch) finish(to place) error {
	c := b.c
	if b.ended.Load() {
		return errEnded
	}
	var errs error
	stays := map[int]bool{} // contents whose end could not be settled
	for n := range b.items {
		i := &b.items[n]
		if !i.part() {
			continue
		}
		err := b.settle(i, to)
		// Without the place where the rest begins nothing can be noted. Without a copy of what could not be sent it must
		// stay; what was sent is not sent again for want of a copy.
		if err != nil && (i.to < i.slot.elements && b.last.Load() == 0 || to == errored) {
			stays[n] = true
		}
		errs = errors.Join(errs, err)
	}
	now := c.o.Now().UnixMilli()
	c.mu.Lock()
	for n := range b.items {
		if !stays[n] {
			errs = errors.Join(errs, b.conclude(&b.items[n], to, now))
		}
	}
	c.tally(b, to)
	errs = errors.Join(errs, b.end(false))
	c.mu.Unlock()
	return errors.Join(errs, c.wait())
}

// settle finds the end of a part, and keeps a copy of it when the content it is of stays or has lost its beginning.
func (b *Batch) settle(i *item, to place) error {
	if i.to < i.slot.elements && b.last.Load() == 0 { // the sender did not read it all
		if err := b.skip(i); err != nil {
			return err
		}
	}
	if to == gone {
		return nil
	}
	r := &reader{b: b, items: []item{*i}}
	m := Meta{Kind: b.Kind, FileName: b.nameOf(i), Elements: int(i.to - i.extra.Consumed), Folder: to.folder()}
	p, err := b.c.prepare(context.Background(), m, r, true)
	err = errors.Join(err, r.Close())
	if err == nil {
		p.r.created = i.slot.created
		b.c.commit(p)
		err = p.err
		b.c.release(p, err)
	}
	if err != nil {
		return fmt.Errorf("cannot move a part of a content to %s: %w", to.folder(), err)
	}
	return nil
}

// skip reads over a part to find its end.
func (b *Batch) skip(i *item) error {
	r := &reader{b: b, items: []item{*i}}
	_, err := io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

func (b *Batch) nameOf(i *item) string {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	_, _, _, _ = b.c.find(i.seq) // to have its name in memory; without it the content is called after its id
	return b.c.fileOf(i).Metadata.ContentFile
}

// conclude does to the content of i what its end asks for, unless somebody moved or removed it meanwhile. mu is held.
func (b *Batch) conclude(i *item, to place, now int64) error {
	c := b.c
	g, pos, ok, err := c.unchanged(i)
	if err != nil || !ok {
		return err
	}
	rest := b.last.Load()
	switch {
	case i.part() && i.to < i.slot.elements && rest < i.slot.size:
		e := i.extra
		e.Consumed, e.Bytes, e.Attempts = i.to, rest, 0
		c.progress(g, pos, e)
	case i.part():
		c.move(g, pos, gone, 0, 0)
	default:
		c.move(g, pos, to, now, 0)
	}
	return nil
}

// tally counts the end of a batch.
func (c *Cache) tally(b *Batch, to place) {
	size, elements := uint64(b.File.Metadata.ContentSize), uint32(b.Elements)
	switch to {
	case errored:
		c.done.Errored.add(size, elements)
		return
	case archived:
		c.done.Archived.add(size, elements)
	}
	c.done.Sent.add(size, elements)
	c.done.LastSent = b.File.Metadata.ContentFile
}
