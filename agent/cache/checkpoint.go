package cache

import (
	"errors"
	"fmt"
	"path/filepath"
)

// checkpointIfDue saves the states when the journal has become long or much of what is in memory is not saved. The
// caller holds the lock of the journal.
func (c *Cache) checkpointIfDue() error {
	c.mu.Lock()
	due := c.journal.size > c.o.tune.journalBytes || c.countDirty() > dirtySegments
	c.mu.Unlock()
	if !due {
		return nil
	}
	return c.checkpoint()
}

func (c *Cache) countDirty() (n int) {
	for _, g := range c.resident {
		if g.dirty {
			n++
		}
	}
	return n
}

// checkpoint saves the states and begins a new journal. The caller holds the lock of the journal, and everything that
// was recorded is written.
func (c *Cache) checkpoint() error {
	for _, g := range c.dirty() {
		if err := c.saveState(g); err != nil {
			return err
		}
	}
	if err := c.disk.SyncDir(c.dir); err != nil {
		return err
	}
	if err := c.newJournal(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.throwAway(c.journal.old...)
	c.journal.old = nil
	return nil
}

func (c *Cache) dirty() (found []*segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.resident {
		if g.dirty {
			found = append(found, g)
		}
	}
	return found
}

// saveState writes the state file of g, if it is still there.
func (c *Cache) saveState(g *segment) error {
	c.mu.Lock()
	if !g.dirty || c.segmentOf(g.first) != g {
		c.mu.Unlock()
		return nil
	}
	g.dirty = false
	g.pins++
	data := c.encodeState(g)
	c.mu.Unlock()
	path := c.statePath(g.first)
	temp, err := stage(c.disk, path, data)
	c.mu.Lock()
	defer c.mu.Unlock()
	g.pins--
	if err == nil { // under mu, so that nobody reads the file that is replaced
		err = c.disk.Rename(temp, path)
	}
	if err != nil {
		g.dirty = true
		return fmt.Errorf("cannot write %q: %w", filepath.Base(path), err)
	}
	g.saved = true
	return nil
}

// newJournal begins a new journal. The one before is still needed, until the states are saved.
func (c *Cache) newJournal() error {
	j := &c.journal
	c.mu.Lock()
	facts := journalFacts{Key: c.key, Next: c.next}
	stopped := c.stopped
	c.mu.Unlock()
	if stopped {
		return fmt.Errorf("cannot begin a journal: %w", ErrClosed)
	}
	head := appendSheet(nil, journalMagic, &facts, nil)
	f, err := c.begin(c.journalPath(j.number+1), head)
	if err != nil {
		return fmt.Errorf("cannot begin a journal: %w", err)
	}
	before := j.file
	if before != nil {
		j.old = append(j.old, c.journalPath(j.number))
	}
	j.file, j.number, j.size = f, j.number+1, int64(len(head))
	if before != nil {
		err = before.Close()
	}
	return err
}

// begin makes a new file that begins with head, and makes both durable.
func (c *Cache) begin(path string, head []byte) (file, error) {
	if err := c.disk.Remove(path); err != nil { // of an attempt that failed
		return nil, err
	}
	f, err := c.disk.Create(path)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = c.disk.SyncDir(c.dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), c.disk.Remove(path))
	}
	return f, nil
}
