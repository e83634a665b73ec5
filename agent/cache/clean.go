package cache

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// retryCleaning is after how long what could not be deleted is tried again: on Windows a file that somebody reads
// cannot.
const retryCleaning = time.Minute

// deadBytes is how much of the finished segments may be dead, besides a quarter of what lives, before one is copied.
const deadBytes = 64 << 20

// keepClean deletes and copies in the background, so that no sender waits for it.
func (c *Cache) keepClean(ctx context.Context) error {
	for {
		left := c.clean(ctx)
		var again <-chan time.Time
		if left {
			timer := time.NewTimer(retryCleaning)
			defer timer.Stop()
			again = timer.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		case <-again:
		}
	}
}

// throwAway has files deleted, in order. mu is held.
func (c *Cache) throwAway(paths ...string) {
	if len(paths) > 0 {
		c.garbage = append(c.garbage, paths...)
		c.wakeUp()
	}
}

// clean deletes what nothing needs, writes indexes that could not be written, and copies segments that are mostly dead.
// It says whether something is left to do that nothing will wake it for.
func (c *Cache) clean(ctx context.Context) (left bool) {
	c.cleaning.Lock()
	defer c.cleaning.Unlock()
	c.tell()
	left = c.deleteGarbage()
	left = c.dropDead() || left
	left = c.writeIndexes() || left
	for ctx.Err() == nil && c.compactOne(ctx) {
		c.deleteGarbage()
	}
	return left
}

// deleteGarbage deletes files. The journal goes only after everything in front of it, because it is what would have
// that deleted after a crash.
func (c *Cache) deleteGarbage() (left bool) {
	c.mu.Lock()
	garbage := c.garbage
	c.garbage = nil
	leased := c.leasedFiles()
	c.mu.Unlock()
	kept := slices.DeleteFunc(garbage, func(path string) bool {
		if leased[path] || left && strings.HasPrefix(filepath.Base(path), "journal-") {
			left = true
			return false
		}
		if c.disk.Remove(path) != nil {
			left = true
			return false
		}
		return true
	})
	c.mu.Lock()
	c.garbage = append(kept, c.garbage...)
	c.mu.Unlock()
	return left
}

// leasedFiles are the files of their own of the contents that are being sent.
func (c *Cache) leasedFiles() map[string]bool {
	if c.lease == nil {
		return nil
	}
	files := map[string]bool{}
	for n := range c.lease.items {
		if i := &c.lease.items[n]; i.slot.flags&flagOwnFile != 0 {
			files[c.blobPath(i.seq)] = true
		}
	}
	return files
}

// dropDead deletes the segments without live contents.
func (c *Cache) dropDead() (left bool) {
	c.mu.Lock()
	var dead []*segment
	for _, g := range c.segs {
		if g.sum.live() == 0 && !g.open && g.pins == 0 && g.data.readers == 0 {
			dead = append(dead, g)
		}
	}
	c.mu.Unlock()
	for _, g := range dead {
		if c.disk.Remove(g.data.path) != nil {
			left = true // without its data removed first, its contents could come back
			continue
		}
		c.mu.Lock()
		c.segs = slices.DeleteFunc(c.segs, func(o *segment) bool { return o == g })
		c.resident = slices.DeleteFunc(c.resident, func(o *segment) bool { return o == g })
		c.throwAway(c.indexPath(g.first), c.statePath(g.first))
		c.mu.Unlock()
	}
	return left
}

// writeIndexes writes the indexes of full segments that could not be written before.
func (c *Cache) writeIndexes() (left bool) {
	c.mu.Lock()
	var waiting []*segment
	for _, g := range c.resident {
		if !g.sealed && !g.open && g.sum.live() > 0 {
			waiting = append(waiting, g)
		}
	}
	c.mu.Unlock()
	for _, g := range waiting {
		left = c.writeIndex(g) != nil || left
	}
	return left
}
