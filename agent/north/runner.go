package north

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/entity"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/platform/task"
)

// Options are what a Runner is started with.
type Options struct {
	North    entity.North    // as configured, its secrets sealed
	CacheID  string          // names its cache; "" is that of a North, "north-<id>"
	Settings json.RawMessage // its settings with secrets in clear; not needed when it is disabled
	Type     Type
	DataDir  string
	Host     connector.Host
	// Transformer finds a transformer, and its name, by its id. It is asked for each content.
	Transformer func(id string) (t transform.Transformer, name string, ok bool)
	Store       *store.Store // where metrics are kept; nil keeps them in memory
	Reserve     uint64       // bytes of the disk that new content leaves free, 0 for the default of the cache
	Log         *slog.Logger
	Now         func() time.Time     // nil is the clock of the machine
	OnIncident  func(store.Incident) // is told of what the cache found damaged; may be nil
}

// Errors of Accept.
var (
	ErrNotWanted = errors.New("the north has no use for this content: bind a transformer to its source")
	ErrStopped   = errors.New("the north is not running")
)

// Runner runs one North: it takes content into the cache, and sends what waits there. It is safe for concurrent use.
type Runner struct {
	o      Options
	id     string
	temp   string // folder for what need not outlive a restart
	log    *slog.Logger
	cache  *cache.Cache
	meter  *meter
	warn   warnings
	config atomic.Pointer[config]
	gate   *gate // of Accept; nil when the North is disabled
	large  turns // of large contents in Accept

	group  *task.Group
	sender *sender // nil when the North is disabled

	stop    sync.Once
	stopErr error
}

// config is a North as it is configured now.
type config struct {
	north entity.North
	table *table
}

func newConfig(n entity.North) *config { return &config{north: n, table: newTable(n.Transformers)} }

// maxElements is how many elements are sent at once, 0 for no limit.
func (c *config) maxElements() int {
	return max(0, int(c.north.Caching.Throttling.MaxNumberOfElements))
}

func (c *config) limits(reserve uint64) cache.Limits {
	return cache.Limits{MaxSize: int64(max(0, c.north.Caching.Throttling.MaxSize) * (1 << 20)), Reserve: reserve}
}

// cacheID is the name of the cache of a North.
func cacheID(id string) string { return "north-" + id }

// Folders in the temporary folder of a North, which is emptied at each start.
const (
	partsDir     = "parts"     // inputs of transformers
	connectorDir = "connector" // the connector's own
)

func tempDir(dataDir, cacheID string) string {
	return filepath.Join(dataDir, "tmp", filepath.FromSlash(cacheID))
}

// Start opens the cache of a North and, when it is enabled, begins to take and send content. A connector that cannot be
// made or connected is no error: it is tried again, and content is taken meanwhile. The error is that of the cache.
func Start(o Options) (*Runner, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.CacheID = cmp.Or(o.CacheID, cacheID(o.North.ID))
	r := &Runner{o: o, id: o.North.ID, temp: tempDir(o.DataDir, o.CacheID), log: o.Log, large: newTurns()}
	cfg := newConfig(o.North)
	r.config.Store(cfg)
	err := os.RemoveAll(r.temp)
	for _, dir := range []string{partsDir, connectorDir} {
		err = errors.Join(err, os.MkdirAll(filepath.Join(r.temp, dir), 0o700))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot empty the temporary folder of north %q: %w", o.North.Name, err)
	}
	c, err := cache.Open(o.DataDir, o.CacheID, cache.Options{Limits: cfg.limits(o.Reserve), Now: o.Now, OnIncident: r.onIncident})
	if err != nil {
		return nil, fmt.Errorf("cannot start north %q: %w", o.North.Name, err)
	}
	r.cache = c
	r.meter = newMeter(r, o.Store)
	r.group = task.New(context.Background(), func(name string, err error) {
		r.log.Error("a task of the north ended", "task", name, "error", err)
	})
	r.sayWhatWaits()
	r.group.Go("retention of north "+r.id, r.keepRetention)
	r.group.Go("metrics of north "+r.id, r.meter.keep)
	if o.North.Enabled {
		r.sender = newSender(r)
		r.gate = newGate()
		r.group.Go("sender of north "+r.id, r.sender.run)
	}
	return r, nil
}

func (r *Runner) onIncident(i store.Incident) {
	r.log.Error(fmt.Sprintf("Cache file %q: %s; %s", i.File, i.Reason, i.Action))
	if r.o.OnIncident != nil {
		r.o.OnIncident(i)
	}
}

// Cache is where the content of the North is. It stays open until Stop.
func (r *Runner) Cache() *cache.Cache { return r.cache }

// Tick says that a scan mode is due. It does not block.
func (r *Runner) Tick(scanModeID string) {
	if r.sender != nil && scanModeID != "" && scanModeID == r.config.Load().north.Caching.Trigger.ScanModeID {
		signal(r.sender.ticks)
	}
}

// Update makes another name, caching or other transformer links valid, without a new connection and without losing what
// is on its way. For other settings, or to switch it on or off, stop the Runner and start another one.
func (r *Runner) Update(north entity.North) error {
	if north.ID != r.id {
		return fmt.Errorf("cannot make north %q of north %q", north.ID, r.id)
	}
	cfg := newConfig(north)
	r.config.Store(cfg)
	r.cache.SetLimits(cfg.limits(r.o.Reserve))
	if r.sender != nil {
		signal(r.sender.changed)
	}
	return nil
}

// Stop ends taking and sending. What is being sent is given up and sent again after the next start, unless the target
// took it at that moment. It waits for the connector until ctx is done at most, and closes the cache in any case.
func (r *Runner) Stop(ctx context.Context) error {
	r.stop.Do(func() { r.stopErr = r.shutDown(ctx) })
	return r.stopErr
}

func (r *Runner) shutDown(ctx context.Context) error {
	r.group.Stop()
	var err error
	if r.gate != nil {
		r.gate.close()
		err = r.gate.wait(ctx)
	}
	err = errors.Join(err, r.group.Wait(ctx))
	if r.sender != nil && err == nil {
		err = r.sender.disconnect(ctx)
	}
	err = errors.Join(err, r.meter.save(), r.cache.Close())
	if err != nil {
		return fmt.Errorf("cannot stop north %q in order: %w", r.config.Load().north.Name, err)
	}
	if r.sender != nil {
		r.log.Info(fmt.Sprintf("North connector \"%s\" stopped", r.config.Load().north.Name))
	}
	return nil
}

// State says how a Runner is doing.
type State struct {
	Running     bool
	Connected   bool
	LastError   string    // "" when the last attempt succeeded
	LastErrorAt time.Time // of the last error there was
}

// Tally counts what Metrics, whose members are those of the reference, does not tell. It begins with each Runner.
type Tally struct {
	Errors      uint64    // of connecting, reading and sending
	LastSuccess time.Time // of sending; zero when there was none
}

// Tally of the North at this moment.
func (r *Runner) Tally() Tally {
	if r.sender == nil {
		return Tally{}
	}
	return r.sender.counted()
}

// State of the North at this moment.
func (r *Runner) State() State {
	if r.sender == nil {
		return State{}
	}
	return r.sender.state()
}

// Remove deletes everything of a North that is gone. s may be nil.
func Remove(s *store.Store, dataDir, id string) error {
	if id == "" || strings.ContainsAny(id, `/\:`) {
		return fmt.Errorf("cannot remove a north called %q", id)
	}
	err := RemoveCache(s, dataDir, cacheID(id))
	if s != nil {
		err = errors.Join(err, store.Remove(s, connector.MemoryName(id)))
	}
	return err
}

// RemoveCache deletes the cache of that id, which no Runner uses, with the metrics of the North. s may be nil.
func RemoveCache(s *store.Store, dataDir, cacheID string) error {
	if err := cache.Remove(dataDir, cacheID); err != nil {
		return err
	}
	err := os.RemoveAll(tempDir(dataDir, cacheID))
	if s != nil {
		err = errors.Join(err, store.Remove(s, metricsName(cacheID)))
	}
	return err
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
