package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"oibus/agent/store"
	"oibus/platform/task"
)

// stopLimit is how long Close waits for a copy of a segment to be given up.
const stopLimit = 30 * time.Second

// Options of Open.
type Options struct {
	Limits     Limits
	Now        func() time.Time     // nil is the clock of the machine
	OnIncident func(store.Incident) // is told of what was found damaged; nil when nobody wants to know

	disk disk // nil is that of the machine
	tune tune
}

// tune is when things happen that depend on size. What is 0 is as the constants say.
type tune struct {
	inline         int // inlineLimit
	segmentEntries int
	segmentBytes   int64
	journalBytes   int64
	deadBytes      int64
	lookAhead      int
}

func (t tune) orDefault() tune {
	return tune{cmp.Or(t.inline, inlineLimit), cmp.Or(t.segmentEntries, segmentEntries), cmp.Or(t.segmentBytes, segmentBytes),
		cmp.Or(t.journalBytes, journalBytes), cmp.Or(t.deadBytes, deadBytes),
		cmp.Or(t.lookAhead, lookAhead)}
}

// Cache is what one north has to send, could not send and has sent. It is safe for concurrent use.
type Cache struct {
	root, id, dir string // the data folder, the name of the cache, the folder of the cache
	o             Options
	disk          disk
	key           uint64
	group         *task.Group
	wake          chan struct{}
	notify        chan struct{}
	cleaning      sync.Mutex // held while cleaning up

	// Order of locks: writer.lock, journal.lock, mu. Nothing that waits for the disk's flush is done under mu.
	writer  writer
	journal journal

	mu           sync.Mutex
	closed       bool // nothing new is begun
	stopped      bool // and everything is written
	limits       Limits
	segs         []*segment // by first
	resident     []*segment // with index and state in memory
	uses         uint64
	next         uint64 // the next sequence number or place in the queue
	lastIncoming uint64
	unadopted    []incoming // files of their own that are not in their place yet
	total        summary
	requeued     []requeue // by order
	lease        *Batch    // the batch that is out
	leased       map[uint64]struct{}
	retry        []item // the batch that was out and is next again
	garbage      []string
	untold       []store.Incident
	incidents    int
	done         Totals
}

// Open uses the folder cache/<id> below the data folder dir, and creates it when it is missing. What a crash left
// there is put in order; what is damaged is put aside, reported, and no reason to fail. id is "north-<id>", or
// "history-<id>/north". Nobody else may use the folder.
func Open(dir, id string, o Options) (*Cache, error) {
	if !filepath.IsLocal(filepath.FromSlash(id)) || id == "." || strings.ContainsAny(id, `\:`) {
		return nil, fmt.Errorf("cannot use %q as the name of a cache", id)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnIncident == nil {
		o.OnIncident = func(store.Incident) {}
	}
	if o.disk == nil {
		o.disk = realDisk{}
	}
	o.tune = o.tune.orDefault()
	c := &Cache{root: dir, id: id, dir: filepath.Join(dir, folderName, filepath.FromSlash(id)), o: o, disk: o.disk,
		wake: make(chan struct{}, 1), notify: make(chan struct{}, 1)}
	c.writer.lock, c.writer.pending = make(chan struct{}, 1), &putBatch{done: make(chan struct{})}
	c.journal.lock, c.journal.written = make(chan struct{}, 1), make(chan struct{})
	c.SetLimits(o.Limits)
	if err := c.recover(); err != nil {
		return nil, fmt.Errorf("cannot open cache %q: %w", id, err)
	}
	c.group = task.New(context.Background(), func(name string, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.report(c.dir, err.Error(), "stopped cleaning up until the next start")
	})
	c.group.Go("clean cache "+id, c.keepClean)
	c.wakeUp()
	return c, nil
}

// Remove deletes a cache that is not in use, with everything in it.
func Remove(dir, id string) error {
	if !filepath.IsLocal(filepath.FromSlash(id)) || id == "." || id == "" || strings.ContainsAny(id, `\:`) {
		return fmt.Errorf("cannot use %q as the name of a cache", id)
	}
	if err := os.RemoveAll(filepath.Join(dir, folderName, filepath.FromSlash(id))); err != nil {
		return fmt.Errorf("cannot remove cache %q: %w", id, err)
	}
	return nil
}

// Close ends the use of the cache and leaves everything in order. A batch that is out is given back.
func (c *Cache) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	err := c.group.StopAndWait(stopLimit)

	c.writer.lock <- struct{}{}
	err = errors.Join(err, c.seal())
	<-c.writer.lock

	c.journal.lock <- struct{}{}
	defer func() { <-c.journal.lock }()
	flushErr := c.writeJournal()
	if flushErr == nil {
		flushErr = c.checkpoint()
	}
	err = errors.Join(err, flushErr)
	c.clean(context.Background())
	if c.journal.file != nil {
		err = errors.Join(err, c.journal.file.Close())
		c.journal.file = nil
	}
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot close cache %q: %w", c.id, err)
	}
	return nil
}

// Notify receives when content has come into the queue. One receiver may miss some of several at once, but not the
// last one.
func (c *Cache) Notify() <-chan struct{} { return c.notify }

func (c *Cache) announce() { signal(c.notify) }

func (c *Cache) wakeUp() { signal(c.wake) }

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
