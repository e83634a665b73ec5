package cache

// Totals count what has happened since Open.
type Totals struct {
	Cached   uint64 // bytes put into the cache
	Sent     Tally  // batches delivered, whether they are archived or not
	Failed   Tally  // attempts to send that failed
	Errored  Tally  // batches moved to error
	Archived Tally  // batches delivered and archived
	Refused  Tally  // contents refused for want of room
	Evicted  Tally  // contents deleted to make room
	LastSent string // visible file name of what was delivered last
}

// Stats is what a cache holds, and what has happened to it since Open. Sizes are in bytes.
type Stats struct {
	Files       int   // contents without elements that wait
	Elements    int64 // elements that wait
	Cached      int   // contents that wait
	Errored     int   // contents in error
	Archived    int   // contents in archive
	CacheSize   int64
	ErrorSize   int64
	ArchiveSize int64
	DiskSize    int64 // what all this takes on the disk
	DeadSize    int64 // of which this is not needed any more
	Incidents   int   // how much was found damaged
	Totals      Totals
}

// Stats says what there is. It reads nothing from the disk.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.total
	s := Stats{Files: int(t.Files), Elements: int64(t.Elements), Cached: int(t.Count[queued]), Errored: int(t.Count[errored]),
		Archived: int(t.Count[archived]), CacheSize: int64(t.Bytes[queued]), ErrorSize: int64(t.Bytes[errored]),
		ArchiveSize: int64(t.Bytes[archived]), Incidents: c.incidents, Totals: c.done}
	s.DiskSize = int64(t.OwnBytes)
	for _, g := range c.segs {
		s.DiskSize += g.data.length
		s.DeadSize += g.dead()
	}
	return s
}

// Waiting says what waits in the queue: contents without elements, elements, and contents in all.
func (c *Cache) Waiting() (files int, elements int64, contents int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.total.Files), int64(c.total.Elements), int(c.total.Count[queued])
}
