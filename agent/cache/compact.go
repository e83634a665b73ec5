package cache

import (
	"context"
	"errors"
	"fmt"
)

// spareBytes is what copying a segment leaves of the disk. It may use what new content may not.
const spareBytes = 8 << 20

// compactOne copies one segment without what is dead in it, when there is too much of that. It says whether it did.
func (c *Cache) compactOne(ctx context.Context) bool {
	c.mu.Lock()
	g := c.mostlyDead()
	if g != nil {
		g.pins++
	}
	c.mu.Unlock()
	if g == nil {
		return false
	}
	if free, err := c.disk.Free(c.dir); err == nil && free < uint64(g.data.length)+spareBytes {
		c.mu.Lock()
		g.pins--
		c.mu.Unlock()
		return false
	}
	err := c.compact(ctx, g)
	c.mu.Lock()
	defer c.mu.Unlock()
	g.pins--
	if err != nil && ctx.Err() == nil {
		g.stuck = true
		c.report(g.data.path, err.Error(), "left it as it is")
	}
	return err == nil
}

// dead is how many bytes of the data of g nobody needs.
func (g *segment) dead() int64 { return g.data.length - dataHead - int64(g.sum.Stored) }

// mostlyDead is the finished segment that is most worth copying, or nil. Those that are being sent, at the head of the
// queue, will be deleted as a whole soon.
func (c *Cache) mostlyDead() (worst *segment) {
	var dead, live int64
	for _, g := range c.segs {
		if !g.sealed || g.stuck || g.sum.live() == 0 {
			continue
		}
		dead, live = dead+g.dead(), live+int64(g.sum.Stored)
		if g.pins == 0 && g.dead() > g.data.length/4 && (worst == nil || g.dead() > worst.dead()) {
			worst = g
		}
	}
	if dead <= c.o.tune.deadBytes+live/4 || worst == nil || c.load(worst) != nil {
		return nil
	}
	return worst
}

// compact writes the live contents of g, which is pinned, to a new data file, and an index that names it.
func (c *Cache) compact(ctx context.Context, g *segment) error {
	c.mu.Lock()
	old, gen := g.data, g.gen+1
	c.pin(old)
	var live []slot
	for pos, w := range g.state.words {
		if w.place() != gone {
			live = append(live, g.index.at(pos))
		}
	}
	names := *g.index
	c.mu.Unlock()
	x, length, err := c.copyLive(ctx, old, c.dataPath(g.first, gen), g.first, &names, live)
	if err == nil {
		err = c.swap(g, x, gen, length)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpin(old)
	if err != nil {
		c.throwAway(c.dataPath(g.first, gen))
		return fmt.Errorf("cannot copy a segment: %w", err)
	}
	return nil
}

// copyLive copies the records of live from one data file to a new one, as they are.
func (c *Cache) copyLive(ctx context.Context, from *dataFile, path string, first uint64, names *index, live []slot) (x *index, length int64, err error) {
	in, err := c.disk.Open(from.path)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	out, err := c.begin(path, appendSheet(nil, dataMagic, &dataFacts{Key: c.key, First: first}, nil))
	if err != nil {
		return nil, 0, err
	}
	x, length = &index{}, dataHead
	buf := make([]byte, recordHead+nameLimit+inlineLimit)
	for i := range live {
		s := &live[i]
		part := buf[:s.stored()]
		if err = ctx.Err(); err == nil {
			err = readFull(in, part, int64(s.offset))
		}
		if err == nil {
			_, err = out.WriteAt(part, length)
		}
		if err != nil {
			return nil, 0, errors.Join(err, out.Close())
		}
		x.copySlot(names, s, length)
		length += int64(len(part))
	}
	return x, length, errors.Join(out.Sync(), out.Close())
}

// swap makes x and generation gen of the data those of g.
func (c *Cache) swap(g *segment, x *index, gen uint32, length int64) error {
	path := c.indexPath(g.first)
	temp, err := stage(c.disk, path, c.encodeIndex(x, g.first, gen, length))
	if err != nil {
		return err
	}
	c.mu.Lock()
	if err := c.disk.Rename(temp, path); err != nil { // under mu, so that nobody reads the file that is replaced
		c.mu.Unlock()
		return errors.Join(err, c.disk.Remove(temp))
	}
	st := newStates(x)
	for pos := range x.len() {
		ordinal := x.ordinal(pos)
		if before, ok := g.index.find(ordinal); ok {
			st.set(pos, ordinal, g.state.words[before]&^wordExtra, g.state.extra(before, ordinal))
		}
	}
	old := g.data
	g.index, g.state, g.gen, g.from = x, st, gen, 0
	g.dirty = true // the state file counts what the index had before
	g.data = &dataFile{path: c.dataPath(g.first, gen), length: length}
	c.mu.Unlock()
	if err := c.disk.SyncDir(c.dir); err != nil {
		return nil // the old data stay until the next start, which takes either
	}
	c.mu.Lock()
	c.doom(old)
	c.mu.Unlock()
	return nil
}
