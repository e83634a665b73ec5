package cache

import (
	"fmt"
)

// journalBytes is how long the journal may become before the states are saved and a new one begins: 80,000 records,
// which are read in some milliseconds at the next start.
const journalBytes = 4 << 20

// journal is the file that changes are appended to.
type journal struct {
	lock   chan struct{} // holds one token; whoever writes takes it. Guards the next fields.
	file   file
	number uint64
	size   int64
	old    []string // earlier ones, of which the states were not saved yet

	// What follows is guarded by Cache.mu.
	pending  flush         // what is appended next
	recorded uint64        // how many changes were recorded
	durable  uint64        // how many of them are written
	written  chan struct{} // closed when durable grows
}

// flush is a part of the journal that becomes durable at once.
type flush struct {
	data    []byte
	last    change   // the last change in data, which may still be extended
	garbage []string // files that nothing needs any more when this is durable
}

type journalFacts struct{ Key, Next uint64 }

func (c *Cache) journalPath(n uint64) string { return c.path(fmt.Sprintf("journal-%016x", n)) }

// record adds a change that was made in memory, or will be before mu is released.
func (c *Cache) record(ch change) {
	c.journal.recorded++
	f := &c.journal.pending
	if len(f.data) > 0 && c.segmentOf(f.last.first) == c.segmentOf(ch.first) && f.last.extend(&ch) {
		f.data = f.last.append(f.data[:len(f.data)-changeSize])
		return
	}
	f.last = ch
	f.data = ch.append(f.data)
}

// wait returns when everything that was recorded until now is durable, or writing it has failed: then it stays pending
// and is tried again with the next change, and at Close.
func (c *Cache) wait() error {
	c.mu.Lock()
	mark := c.journal.recorded
	c.mu.Unlock()
	for {
		c.mu.Lock()
		done, written := c.journal.durable >= mark, c.journal.written
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-written: // somebody else's flush may have taken it along
		case c.journal.lock <- struct{}{}:
			err := c.lead(mark)
			<-c.journal.lock
			return err
		}
	}
}

// lead writes what is pending, unless somebody has written up to mark. The caller holds the lock of the journal.
func (c *Cache) lead(mark uint64) error {
	c.mu.Lock()
	done := c.journal.durable >= mark
	c.mu.Unlock()
	if done {
		return nil
	}
	if err := c.writeJournal(); err != nil {
		return err
	}
	if err := c.checkpointIfDue(); err != nil {
		// What was asked for is durable all the same. The journal grows, and the next change tries again.
		c.mu.Lock()
		c.report(c.dir, err.Error(), "saved nothing, the journal goes on")
		c.mu.Unlock()
	}
	return nil
}

// writeJournal makes what is pending durable. The caller holds the lock of the journal.
func (c *Cache) writeJournal() error {
	j := &c.journal
	c.mu.Lock()
	f, mark := j.pending, j.recorded
	j.pending = flush{}
	c.mu.Unlock()
	err := c.appendJournal(f.data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.putBack(f)
		return err
	}
	j.durable = mark
	close(j.written)
	j.written = make(chan struct{})
	c.throwAway(f.garbage...)
	return nil
}

// putBack puts what could not be written in front of what came since.
func (c *Cache) putBack(f flush) {
	later := c.journal.pending
	if len(later.data) > 0 {
		f.last = later.last
	}
	f.data = append(f.data, later.data...)
	f.garbage = append(f.garbage, later.garbage...)
	c.journal.pending = f
}

func (c *Cache) appendJournal(data []byte) error {
	j := &c.journal
	if len(data) == 0 {
		return nil
	}
	if j.file == nil {
		if err := c.newJournal(); err != nil {
			return err
		}
	}
	_, err := j.file.WriteAt(data, j.size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// The next attempt writes over it. If the agent ends before, what is whole of it was at least wanted.
		return fmt.Errorf("cannot write the journal of the cache: %w", err)
	}
	j.size += int64(len(data))
	return nil
}

// readJournal returns the changes in the journal path, oldest first. Damaged ones between whole ones are reported and
// left out.
func (c *Cache) readJournal(path string) (facts journalFacts, changes []change, err error) {
	f, err := c.disk.Open(path)
	if err != nil {
		return facts, nil, err
	}
	defer f.Close()
	size, err := c.disk.Size(path)
	if err != nil {
		return facts, nil, err
	}
	facts, _, err = readHead[journalFacts](f, journalMagic)
	if err != nil && !isDamage(err) {
		return facts, nil, err
	}
	start := int64(sheetSize[journalFacts]())
	if err != nil && size > start {
		c.report(path, err.Error(), "used its records")
	}
	damaged := extent{from: -1}
	buf := make([]byte, changeSize)
	for at := start; at+changeSize <= size; at += changeSize {
		var ch change
		err := asDamage(readFull(f, buf, at))
		if err == nil {
			ch, err = parseChange(buf)
		}
		if err != nil {
			if damaged.from < 0 {
				damaged.from = at
			}
			continue
		}
		if damaged.from >= 0 {
			c.keepAside(path, f, extent{damaged.from, at})
			damaged.from = -1
		}
		changes = append(changes, ch)
	}
	return facts, changes, nil
}
