package cache

// Policy is what happens when the cache has reached its limit.
type Policy int

// The policies.
const (
	RefuseNew   Policy = iota // new content is refused, as the reference does
	OldestFirst               // the oldest content makes room: first of archive, then of error, then of the queue
)

// Limits can be changed while the cache is in use.
type Limits struct {
	MaxSize int64 // of all contents in bytes, 0 for none. Content is refused when it is reached, so it is exceeded by one content at most.
	Policy  Policy
	Reserve uint64 // bytes of the disk that new content leaves free, 0 for DefaultReserve
}

// DefaultReserve leaves room for the journal, for copying segments, and for the state of the agent.
const DefaultReserve = 64 << 20

// SetLimits changes the limits.
func (c *Cache) SetLimits(l Limits) {
	if l.Reserve == 0 {
		l.Reserve = DefaultReserve
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = l
}

// admit says whether there is room for more of a content of which size bytes are written already.
func (c *Cache) admit(size int64, exempt bool) error {
	c.mu.Lock()
	l, total := c.limits, c.total.size()
	c.mu.Unlock()
	if err := c.checkSpace(l, uint64(checkEvery)); err != nil {
		return err
	}
	if !exempt && l.MaxSize > 0 && l.Policy == RefuseNew && total >= l.MaxSize {
		return &FullError{total, l.MaxSize}
	}
	return nil
}

// checkSpace says whether need bytes leave the reserve of the disk alone. When the system does not tell, they do.
func (c *Cache) checkSpace(l Limits, need uint64) error {
	free, err := c.disk.Free(c.dir)
	if err == nil && free < l.Reserve+need {
		return &SpaceError{free, l.Reserve, c.dir}
	}
	return nil
}

// admitted returns those of puts for which there is room, makes it if that is the policy, and sets the error of the
// others.
func (c *Cache) admitted(puts []*pending) []*pending {
	var need, own uint64
	for _, p := range puts {
		need += uint64(p.r.length())
	}
	c.mu.Lock()
	l := c.limits
	c.mu.Unlock()
	space := c.checkSpace(l, need)
	fit := puts[:0:0]
	for len(puts) > 0 {
		n := int(puts[0].r.more) + 1 // a group is admitted or refused as one
		group := puts[:n]
		puts = puts[n:]
		var size uint64
		for _, p := range group {
			size += p.r.size
		}
		err := space
		if err == nil && !group[0].exempt {
			err = c.makeRoom(l, own, size)
		}
		if err != nil {
			c.refuse(group, err)
			continue
		}
		own += size
		fit = append(fit, group...)
	}
	return fit
}

func (c *Cache) refuse(puts []*pending, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range puts {
		p.err = err
		c.done.Refused.add(p.r.size, p.r.elements)
	}
}

// makeRoom says whether size bytes may be added to what there is and to own bytes that are being added.
func (c *Cache) makeRoom(l Limits, own, size uint64) error {
	if l.MaxSize <= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	total := c.total.size() + int64(own)
	if l.Policy == OldestFirst {
		for _, p := range []place{archived, errored, queued} {
			if err := c.evict(p, total+int64(size)-l.MaxSize); err != nil {
				return err
			}
			total = c.total.size() + int64(own)
		}
	}
	if total >= l.MaxSize {
		return &FullError{total, l.MaxSize}
	}
	return nil
}

// evict removes the oldest contents of p until bytes are gone, but none that is being sent. The changes become durable
// with the next ones: at worst the limit is exceeded after a crash.
func (c *Cache) evict(p place, bytes int64) error {
	for _, g := range c.segs {
		if bytes <= 0 {
			return nil
		}
		if g.sum.Count[p] == 0 {
			continue
		}
		if err := c.load(g); err != nil {
			return err
		}
		for pos := 0; pos < g.index.len() && bytes > 0 && g.sum.Count[p] > 0; pos++ {
			if g.state.words[pos].place() != p || c.isLeased(g, pos) {
				continue
			}
			s := g.index.at(pos)
			size, elements := left(&s, g.state.extra(pos, s.ordinal))
			c.done.Evicted.add(size, elements)
			bytes -= int64(size)
			c.move(g, pos, gone, 0, 0)
		}
	}
	c.wakeUp()
	return nil
}

// Tally counts contents.
type Tally struct {
	Contents, Elements, Bytes uint64
}

func (t *Tally) add(bytes uint64, elements uint32) {
	t.Contents++
	t.Elements += uint64(elements)
	t.Bytes += bytes
}
