package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
)

// How large a segment may become. Its index, when it is in memory, takes less than 1 MB.
const (
	segmentEntries = 8192
	segmentBytes   = 32 << 20
)

// loadedSegments is of how many segments index and states stay in memory when they need not, dirtySegments how many
// may differ from their state files.
const (
	loadedSegments = 6
	dirtySegments  = 16
)

// segment is a part of the sequence of contents: those from first up to the first of the next one. Its fields are
// guarded by Cache.mu.
type segment struct {
	first  uint64
	gen    uint32
	data   *dataFile
	open   bool    // contents are appended to it
	sealed bool    // it has an index file
	sum    summary // of the contents where they are

	index *index  // nil when it is not in memory
	state *states // nil when it is not in memory; by the positions of index
	saved bool    // it has a state file
	dirty bool    // state is newer than the state file: it stays in memory
	used  uint64  // when index or state were used last, by Cache.uses
	from  int     // no content before this position is in the queue in its turn
	pins  int     // as long as it is not 0, index and state stay in memory
	stuck bool    // copying it failed: not tried again
}

// dataFile is one generation of the data of a segment. It is deleted when it is doomed and nobody reads it.
type dataFile struct {
	path    string
	length  int64 // up to where contents are
	readers int
	doomed  bool
}

const folderName = "cache"

func (c *Cache) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Cache) dataPath(first uint64, gen uint32) string {
	return c.path(fmt.Sprintf("%016x-%08x.data", first, gen))
}

func (c *Cache) indexPath(first uint64) string { return c.path(fmt.Sprintf("%016x.index", first)) }

func (c *Cache) statePath(first uint64) string { return c.path(fmt.Sprintf("%016x.state", first)) }

func (c *Cache) blobPath(seq uint64) string {
	return filepath.Join(c.dir, "blobs", fmt.Sprintf("%016x", seq))
}

func (c *Cache) incomingPath(n uint64) string {
	return filepath.Join(c.dir, "incoming", fmt.Sprintf("%016x", n))
}

// segmentOf is the segment that content seq belongs to, if there is one.
func (c *Cache) segmentOf(seq uint64) *segment {
	i := sort.Search(len(c.segs), func(i int) bool { return c.segs[i].first > seq })
	if i == 0 {
		return nil
	}
	return c.segs[i-1]
}

// find is where content seq is, when it is anywhere.
func (c *Cache) find(seq uint64) (g *segment, pos int, ok bool, err error) {
	if g = c.segmentOf(seq); g == nil || seq-g.first > 1<<32-1 || g.sum.live() == 0 {
		return nil, 0, false, nil
	}
	if err := c.load(g); err != nil {
		return nil, 0, false, err
	}
	pos, ok = g.index.find(uint32(seq - g.first))
	return g, pos, ok && g.state.words[pos].place() != gone, nil
}

// load brings index and state of g into memory. What is damaged is put aside and replaced by what can be had:
// afterwards g may hold fewer contents than its summary said, and its summary is right. An error is one that may not
// come again, as too many open files.
func (c *Cache) load(g *segment) error {
	c.uses++
	g.used = c.uses
	if g.index != nil {
		return nil
	}
	c.unload()
	x, whole, err := c.loadIndex(g)
	if err != nil {
		return fmt.Errorf("cannot read the index of the cache: %w", err)
	}
	st, asSaved, err := c.loadState(g, x)
	if err != nil {
		return fmt.Errorf("cannot read the state of the cache: %w", err)
	}
	g.index, g.state = x, st
	g.sealed = g.sealed && whole
	c.resident = append(c.resident, g)
	if exact := summarize(x, st); !whole || !asSaved || exact.counts() != g.sum.counts() {
		c.recount(g)
	}
	return nil
}

// lost says whether a file is not usable, and will not be: it is damaged, unreadable or missing.
func lost(err error) bool { return isDamage(err) || errors.Is(err, fs.ErrNotExist) }

// loadIndex returns the index of g, and says whether it is the one on disk.
func (c *Cache) loadIndex(g *segment) (x *index, whole bool, err error) {
	if x, err = c.readIndex(g); err == nil {
		return x, true, nil
	}
	if !lost(err) {
		return nil, false, err
	}
	x, _, scanErr := c.scan(g, false)
	if scanErr != nil && !lost(scanErr) {
		return nil, false, scanErr
	}
	c.putAside(c.indexPath(g.first), err, "read the contents of the segment again")
	if scanErr != nil {
		c.putAside(g.data.path, scanErr, "its contents are lost")
		x = &index{}
	}
	return x, false, nil
}

func (c *Cache) readIndex(g *segment) (*index, error) {
	facts, body, err := sheetFile[indexFacts](c.disk, c.indexPath(g.first), indexMagic)
	if err != nil {
		return nil, err
	}
	x := &index{}
	if uint64(facts.Count)*slotSize > uint64(len(body)) || facts.First != g.first || facts.Gen != g.gen {
		return nil, fmt.Errorf("%w: not the index of this segment", ErrDamaged)
	}
	x.slots, x.names = body[:facts.Count*slotSize], body[facts.Count*slotSize:]
	if !x.valid(g.data.length) {
		return nil, fmt.Errorf("%w: impossible slots", ErrDamaged)
	}
	return x, nil
}

// loadState returns the states of the contents in x, and says whether they are those saved last.
func (c *Cache) loadState(g *segment, x *index) (st *states, saved bool, err error) {
	facts, body, err := sheetFile[stateFacts](c.disk, c.statePath(g.first), stateMagic)
	if errors.Is(err, fs.ErrNotExist) {
		return newStates(x), true, nil
	}
	if err == nil {
		if st, ok := decodeStates(x, body, facts.Count, facts.Extras); ok {
			return st, true, nil
		}
		err = fmt.Errorf("%w: impossible length", ErrDamaged)
	}
	if !lost(err) {
		return nil, false, err
	}
	c.putAside(c.statePath(g.first), err, "its contents are sent again")
	return newStates(x), false, nil
}

// recount makes the summary of g that of what is in memory.
func (c *Cache) recount(g *segment) {
	c.total.merge(&g.sum, ^uint64(0))
	g.sum = summarize(g.index, g.state)
	c.total.merge(&g.sum, 1)
	g.dirty, g.from = true, 0
}

// unload drops what was not used for the longest time, so that one more segment may be loaded.
func (c *Cache) unload() {
	for len(c.resident) >= loadedSegments {
		oldest := -1
		for i, g := range c.resident {
			if g.sealed && g.pins == 0 && !g.dirty && (oldest < 0 || g.used < c.resident[oldest].used) {
				oldest = i
			}
		}
		if oldest < 0 {
			return
		}
		g := c.resident[oldest]
		g.index, g.state = nil, nil
		c.resident = slices.Delete(c.resident, oldest, oldest+1)
	}
}

// set gives the content at pos of g, which is loaded, a new state.
func (c *Cache) set(g *segment, pos int, w word, e extra) {
	s := g.index.at(pos)
	old, oldExtra := g.state.words[pos], g.state.extra(pos, s.ordinal)
	before := g.sum
	g.sum.remove(&s, old, oldExtra)
	g.state.set(pos, s.ordinal, w, e)
	w = g.state.words[pos]
	g.sum.add(&s, w, e)
	c.total.merge(&before, ^uint64(0))
	c.total.merge(&g.sum, 1)
	g.dirty = true
	if w.place() == queued && w&wordRequeued == 0 {
		g.from = min(g.from, pos)
	}
}

// encodeState is the state file of g.
func (c *Cache) encodeState(g *segment) []byte {
	body, count, extras := g.state.encode(g.index)
	return appendSheet(nil, stateMagic, &stateFacts{Key: c.key, First: g.first, Count: count, Extras: extras, Entries: uint32(g.index.len()), Gen: g.gen, Sum: g.sum}, body)
}

// encodeIndex is the index file of a segment whose data is generation gen.
func (c *Cache) encodeIndex(x *index, first uint64, gen uint32, dataLen int64) []byte {
	facts := indexFacts{Key: c.key, First: first, Gen: gen, Count: uint32(x.len()), DataLen: dataLen, Sum: summarize(x, newStates(x))}
	return appendSheet(nil, indexMagic, &facts, slices.Concat(x.slots, x.names))
}

// pin keeps a generation of data on disk while it is read.
func (c *Cache) pin(d *dataFile) { d.readers++ }

func (c *Cache) unpin(d *dataFile) {
	if d.readers--; d.readers == 0 && d.doomed {
		c.throwAway(d.path)
	}
}

// doom deletes a generation of data as soon as nobody reads it.
func (c *Cache) doom(d *dataFile) {
	if d.doomed = true; d.readers == 0 {
		c.throwAway(d.path)
	}
}
