package cache

import (
	"errors"
	"io/fs"
	"slices"
)

// retryIndexes writes the indexes that could not be written, and says whether that failed again.
func (c *Cache) retryIndexes() (left bool) {
	c.cleaning.Lock()
	defer c.cleaning.Unlock()
	return c.writeIndexes()
}

func (c *Cache) countUnsealed() (n int) {
	for _, g := range c.resident {
		if !g.sealed && g.sum.live() > 0 {
			n++
		}
	}
	return n
}

// adopt gives the file of its own of a content its place.
func (c *Cache) adopt(seq, number uint64) error {
	return c.disk.Rename(c.incomingPath(number), c.blobPath(seq))
}

// adoptAll gives the files of their own of puts their place, and returns those that it could not.
func (c *Cache) adoptAll(puts []*pending) (left []incoming) {
	for _, p := range puts {
		if p.r.flags&flagOwnFile != 0 && c.adopt(p.r.seq, p.r.incoming) != nil {
			left = append(left, incoming{p.r.seq, p.r.incoming})
		}
	}
	return left
}

// adoptLeft tries again to give files of their own their place. Until then they are found where they are, and the
// segment stays without an index, so that the next start tries it too.
func (c *Cache) adoptLeft() error {
	c.mu.Lock()
	left := slices.DeleteFunc(c.unadopted, func(i incoming) bool {
		_, _, there, err := c.find(i.seq)
		if err == nil && !there {
			c.throwAway(c.incomingPath(i.number))
		}
		return err == nil && !there
	})
	c.unadopted = nil
	c.mu.Unlock()
	var errs error
	left = slices.DeleteFunc(left, func(i incoming) bool {
		err := c.adopt(i.seq, i.number)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // else it was removed meanwhile
			errs = errors.Join(errs, err)
		}
		return err == nil || errors.Is(err, fs.ErrNotExist)
	})
	c.mu.Lock()
	c.unadopted = append(left, c.unadopted...)
	c.mu.Unlock()
	return errs
}

// giveUp ends the segment after a write or flush that failed: what the disk has of it from offset start on is not
// known, so nothing more is appended to it.
func (c *Cache) giveUp(start int64) error {
	w := &c.writer
	err := w.file.Truncate(start)
	if err == nil {
		err = w.file.Sync()
	}
	if sealErr := c.seal(); sealErr != nil {
		// Its index, which says where its contents end, is written later.
		err = errors.Join(err, sealErr)
	}
	return err
}

// seal ends the newest segment by writing its index. Without one it stays in memory, and the index is tried again.
func (c *Cache) seal() error {
	w := &c.writer
	g := w.active
	if g == nil {
		return nil
	}
	err := w.file.Close()
	w.active, w.file = nil, nil
	err = errors.Join(err, c.writeIndex(g))
	c.mu.Lock()
	g.open = false // from here on it is cleaned up
	c.mu.Unlock()
	c.wakeUp()
	return err
}

// writeIndex makes g a finished segment, or deletes it when it is empty.
func (c *Cache) writeIndex(g *segment) error {
	c.mu.Lock()
	if g.sum.live() == 0 {
		c.mu.Unlock()
		return nil
	}
	data := c.encodeIndex(g.index, g.first, g.gen, g.data.length)
	c.mu.Unlock()
	if err := c.adoptLeft(); err != nil {
		return err
	}
	if err := c.disk.SyncDir(c.path("blobs")); err != nil {
		return err
	}
	if err := c.disk.SyncDir(c.path("incoming")); err != nil {
		return err
	}
	if err := replace(c.disk, c.indexPath(g.first), data); err != nil {
		return err
	}
	if err := c.disk.SyncDir(c.dir); err != nil {
		return err
	}
	c.mu.Lock()
	g.sealed = true
	g.dirty = g.dirty || g.saved // the state file counts what the index had before
	c.mu.Unlock()
	return nil
}
