package cache

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"oibus/agent/store"
)

// recover puts in order what is in the folder and takes it into memory.
func (c *Cache) recover() error {
	f, err := c.look()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = 1
	for _, name := range f.temps {
		if err := c.disk.Remove(c.path(name)); err != nil {
			return err
		}
	}
	changes, err := c.readJournals(f.journals)
	if err != nil {
		return err
	}
	if err := c.openIndexed(&f); err != nil {
		return err
	}
	if err := c.openUnindexed(&f); err != nil {
		return err
	}
	if c.key == 0 {
		c.key = newKey()
	}
	if err := c.replay(changes); err != nil {
		return err
	}
	c.mourn()
	if err := c.collectRequeued(); err != nil {
		return err
	}
	c.dropOrphans(&f)
	return c.settleDown()
}

// dropOrphans deletes what belongs to no content: of segments that were deleted, and of contents that were not finished.
func (c *Cache) dropOrphans(f *found) {
	for _, first := range f.states {
		if g := c.segmentOf(first); g == nil || g.first != first {
			c.throwAway(c.statePath(first))
		}
	}
	for _, name := range f.incomings { // those that belong to a content were moved
		if _, ok := parseHex(name, 16); ok {
			c.throwAway(filepath.Join(c.path("incoming"), name))
		}
	}
}

func newKey() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return le.Uint64(b[:]) | 1
}

// readJournals returns the changes of all journals, oldest first.
func (c *Cache) readJournals(numbers []uint64) (all []change, err error) {
	slices.Sort(numbers)
	for _, n := range numbers {
		facts, changes, err := c.readJournal(c.journalPath(n))
		if err != nil {
			return nil, err
		}
		if facts.Key != 0 {
			c.key = facts.Key
		}
		c.next = max(c.next, facts.Next)
		for i := range changes {
			ch := &changes[i]
			c.next = max(c.next, ch.first+uint64(ch.count))
			if ch.order != 0 {
				c.next = max(c.next, ch.order+uint64(ch.count))
			}
		}
		all = append(all, changes...)
		c.journal.number = n
		c.journal.old = append(c.journal.old, c.journalPath(n))
	}
	return all, nil
}

// openIndexed takes the finished segments into memory, their summaries that is.
func (c *Cache) openIndexed(f *found) error {
	for _, first := range f.indexes {
		facts, err := sheetFacts[indexFacts](c.disk, c.indexPath(first), indexMagic)
		if err != nil && !lost(err) {
			return err
		}
		if err == nil && facts.First != first {
			err = fmt.Errorf("%w: it belongs to another segment", ErrDamaged)
		}
		if err == nil && !slices.Contains(f.data[first], facts.Gen) && len(f.data[first]) > 0 {
			err = fmt.Errorf("%w: there are other data", ErrDamaged)
		}
		if err != nil {
			c.putAside(c.indexPath(first), err, "read the contents of the segment again")
			continue
		}
		g := &segment{first: first, gen: facts.Gen, sealed: true, sum: facts.Sum,
			data: &dataFile{path: c.dataPath(first, facts.Gen), length: facts.DataLen}}
		for _, gen := range f.data[first] {
			if gen != facts.Gen { // a copy that was not finished, or the original of one that was
				c.throwAway(c.dataPath(first, gen))
			}
		}
		delete(f.data, first)
		c.key = cmp.Or(c.key, facts.Key)
		counted, err := c.openState(g, facts.Count)
		if err != nil {
			return err
		}
		c.segs = append(c.segs, g)
		c.total.merge(&g.sum, 1)
		if !counted {
			if err := c.load(g); err != nil {
				return err
			}
			c.recount(g)
		}
		c.next = max(c.next, first+uint64(facts.Count), g.sum.Top+1)
	}
	return c.checkSegments()
}

// openState takes the summary of the state file of g, if it has one, and says whether it is about all that the index
// has: after a crash the state file may be older.
func (c *Cache) openState(g *segment, entries uint32) (counted bool, err error) {
	facts, err := sheetFacts[stateFacts](c.disk, c.statePath(g.first), stateMagic)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err == nil && facts.First == g.first:
		g.saved = true
		g.sum = facts.Sum
		return facts.Entries == entries && facts.Gen == g.gen, nil
	case err != nil && !lost(err):
		return false, err
	}
	c.putAside(c.statePath(g.first), cmp.Or(err, fmt.Errorf("%w: it belongs to another segment", ErrDamaged)), "its contents are sent again")
	return true, nil
}

// checkSegments reads those of the finished segments whose data are shorter than they should be again, and finds the
// end of the last one.
func (c *Cache) checkSegments() error {
	slices.SortFunc(c.segs, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	for _, g := range c.segs {
		size, err := c.disk.Size(g.data.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && size < g.data.length {
			if err := c.rescan(g, fmt.Errorf("%w: it is %d bytes shorter than it was", ErrDamaged, g.data.length-size)); err != nil {
				return err
			}
		}
	}
	if len(c.segs) == 0 {
		return nil
	}
	last := c.segs[len(c.segs)-1]
	if err := c.load(last); err != nil {
		return err
	}
	if n := last.index.len(); n > 0 {
		c.next = max(c.next, last.first+uint64(last.index.ordinal(n-1))+1)
	}
	return nil
}

// rescan makes a new index of g, because the data are not what the old one says.
func (c *Cache) rescan(g *segment, reason error) error {
	c.report(g.data.path, reason.Error(), "kept the contents that are whole")
	x, _, err := c.scan(g, false)
	if err != nil {
		return err
	}
	st, _, err := c.loadState(g, x)
	if err != nil {
		return err
	}
	g.index, g.state, g.sealed = x, st, false
	c.resident = append(c.resident, g)
	c.recount(g)
	return nil
}

// openUnindexed reads the segments that have no index: the newest one after a crash, and those whose index was put
// aside.
func (c *Cache) openUnindexed(f *found) error {
	var open []*segment
	for first, gens := range f.data {
		slices.Sort(gens)
		gen := gens[0] // a later one is a copy that was not finished, or else there would be an index
		for _, other := range gens[1:] {
			c.throwAway(c.dataPath(first, other))
		}
		open = append(open, &segment{first: first, gen: gen, data: &dataFile{path: c.dataPath(first, gen)}})
	}
	c.segs = append(c.segs, open...)
	slices.SortFunc(c.segs, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	for _, g := range open {
		if err := c.openScanned(g, f); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) openScanned(g *segment, f *found) error {
	facts, err := sheetFacts[dataFacts](c.disk, g.data.path, dataMagic)
	switch {
	case errors.Is(err, store.ErrNewerState):
		return err
	case err == nil:
		c.key = cmp.Or(c.key, facts.Key)
	case !lost(err):
		return err
	}
	damaged := err
	x, adopted, err := c.scan(g, g.gen == 0 && !slices.Contains(f.indexes, g.first))
	if err != nil {
		return err
	}
	if size, err := c.disk.Size(g.data.path); damaged != nil && x.len() == 0 && err == nil && size > 0 {
		c.putAside(g.data.path, damaged, "nothing in it is a content")
	}
	for _, a := range adopted {
		i := slices.Index(f.incomings, fmt.Sprintf("%016x", a.number))
		if i < 0 {
			continue // it has its place already
		}
		f.incomings = slices.Delete(f.incomings, i, i+1)
		if c.adopt(a.seq, a.number) != nil {
			c.unadopted = append(c.unadopted, a)
		}
	}
	st, _, err := c.loadState(g, x)
	if err != nil {
		return err
	}
	g.index, g.state = x, st
	c.resident = append(c.resident, g)
	c.recount(g)
	c.next = max(c.next, g.first+1, g.sum.Top+1)
	if n := x.len(); n > 0 {
		c.next = max(c.next, g.first+uint64(x.ordinal(n-1))+1)
	}
	return nil
}

// replay applies the changes of the journal, segment by segment.
func (c *Cache) replay(changes []change) error {
	bySegment := map[*segment][]change{}
	for _, ch := range changes {
		if g := c.segmentOf(ch.first); g != nil {
			bySegment[g] = append(bySegment[g], ch)
		}
	}
	for _, g := range c.segs {
		if len(bySegment[g]) == 0 || g.sum.live() == 0 {
			continue
		}
		if err := c.load(g); err != nil {
			return err
		}
		for _, ch := range bySegment[g] {
			c.apply(g, &ch)
		}
		if c.countDirty() > dirtySegments && g.sealed {
			if err := replace(c.disk, c.statePath(g.first), c.encodeState(g)); err != nil {
				return err
			}
			g.dirty = false
		}
	}
	return nil
}

// mourn reports the segments whose data are missing though there should be contents, and forgets them: else what their
// index lists would come back as contents that cannot be read.
func (c *Cache) mourn() {
	for _, g := range slices.Clone(c.segs) {
		if _, err := c.disk.Size(g.data.path); g.sum.live() == 0 || err == nil {
			continue
		}
		c.report(g.data.path, "missing", fmt.Sprintf("%d contents are lost", g.sum.live()))
		c.total.merge(&g.sum, ^uint64(0))
		c.segs = slices.DeleteFunc(c.segs, func(o *segment) bool { return o == g })
		c.resident = slices.DeleteFunc(c.resident, func(o *segment) bool { return o == g })
		c.throwAway(c.indexPath(g.first), c.statePath(g.first))
	}
}

// collectRequeued finds the contents that were put at the tail of the queue.
func (c *Cache) collectRequeued() error {
	for _, g := range c.segs {
		if g.sum.Requeued == 0 {
			continue
		}
		if err := c.load(g); err != nil {
			return err
		}
		for ordinal, e := range g.state.extras {
			if pos, ok := g.index.find(ordinal); ok && e.Order != 0 && c.stands(g, pos, e.Order) {
				c.requeued = append(c.requeued, requeue{e.Order, g.first + uint64(ordinal)})
			}
		}
	}
	slices.SortFunc(c.requeued, func(a, b requeue) int { return cmp.Compare(a.order, b.order) })
	return nil
}

// settleDown writes the indexes that are missing, saves the states and begins a new journal, so that the next start has
// little to do. mu is held, but nobody else is there.
func (c *Cache) settleDown() error {
	segs := slices.Clone(c.segs)
	c.mu.Unlock()
	defer c.mu.Lock()
	for _, g := range segs {
		if !g.sealed && g.sum.live() > 0 {
			if err := c.writeIndex(g); err != nil {
				c.mu.Lock()
				c.report(c.indexPath(g.first), err.Error(), "goes on without it")
				c.mu.Unlock()
			}
		}
	}
	if err := c.checkpoint(); err != nil {
		// A full disk is no reason not to start: what is there can be sent, which makes room.
		c.mu.Lock()
		defer c.mu.Unlock()
		c.report(c.dir, err.Error(), "goes on without a journal until there is room")
	}
	return nil
}
