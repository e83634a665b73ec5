package south

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/store"
	"oibus/platform/task"
)

// Options are what a Runner is started with.
type Options struct {
	South    entity.South    // as configured, its secrets sealed; it must not change any more
	Settings json.RawMessage // its settings with secrets in clear
	Type     Type
	TempDir  string // of this South alone: it is emptied
	Host     connector.Host
	// OpenItem opens the secrets in the settings of an item; nil when there are none.
	OpenItem func(settings json.RawMessage) (json.RawMessage, error)
	ScanMode func(id string) (entity.ScanMode, bool)
	// Emit makes a content durable wherever it goes. An error of HeldError was told to people already.
	Emit     func(ctx context.Context, c content.Content, s content.Source) error
	Tracking *Tracking
	Store    *store.Store // where metrics are kept; nil keeps them in memory
	Log      *slog.Logger
}

// Runner runs one South: it keeps it connected, and reads its units when their scan modes are due. It is safe for
// concurrent use.
type Runner struct {
	o     Options
	id    string
	log   *slog.Logger
	now   func() time.Time
	conn  Connector
	book  *Book
	meter *meter
	saved saver
	group *task.Group
	open  *task.Group   // its context ends once nothing may arrive any more: later than that of group
	slots chan struct{} // one for each call of the connector that may run at once

	lost    chan lost
	changed chan struct{} // what is subscribed may have to change
	wake    chan struct{} // the queue is not empty

	updating  sync.Mutex   // held through an Update
	positions sync.RWMutex // held for writing while positions move between units

	mu        sync.Mutex
	plan      *plan
	describer *describer
	queue     []*unit
	running   []*unit
	connected bool
	state     State
	errors    uint64
	held      time.Time // when it was logged that content was not taken
}

// State says how a Runner is doing.
type State struct {
	Running     bool
	Connected   bool
	LastError   string    // "" when the last attempt succeeded
	LastErrorAt time.Time // of the last error there was
}

// TempDir is the folder for the temporary files of a South.
func TempDir(dataDir, id string) string { return filepath.Join(dataDir, "tmp", "south-"+id) }

// Start makes the connector and begins to connect it, in the background. The error is that of settings that nothing can
// be made from, or of the disk.
func Start(o Options) (*Runner, error) {
	if o.Host.Now == nil {
		o.Host.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{
		o: o, id: o.South.ID, log: o.Log, now: o.Host.Now, book: o.Tracking.Book(o.South.ID),
		lost: make(chan lost, 1), changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), slots: make(chan struct{}, parallel(o)),
	}
	if err := errors.Join(os.RemoveAll(o.TempDir), os.MkdirAll(o.TempDir, 0o700)); err != nil {
		return nil, fmt.Errorf("cannot empty the temporary folder of south %q: %w", o.South.Name, err)
	}
	r.open = task.New(context.Background(), nil)
	if err := r.make(); err != nil {
		return nil, err
	}
	r.plan = newPlan(&r.o.South, o.Type.Batch)
	r.describer = r.newDescriber(r.plan)
	if err := r.tidy(r.plan); err != nil {
		return nil, err
	}
	r.meter = newMeter(r.now, r.loadMetrics())
	r.group = task.New(context.Background(), func(name string, err error) {
		r.log.Error("a task of the south ended", "task", name, "error", err)
	})
	r.state.Running = true
	r.group.Go("south "+r.id, r.stayConnected)
	r.group.Go("metrics of south "+r.id, r.keepMetrics)
	return r, nil
}

// parallel is how many calls of the connector may run at once.
func parallel(o Options) int {
	if o.Type.Parallel == nil {
		return 1
	}
	return max(1, o.Type.Parallel(o.Settings))
}

// make makes the connector.
func (r *Runner) make() error {
	env := Env{Env: connector.Env{
		ID: r.id, Name: r.o.South.Name, Type: r.o.South.Type, Settings: r.o.Settings, Log: r.log, TempDir: r.o.TempDir, Host: r.o.Host,
		Memory: r.o.Host.MemoryOf(r.id),
	}, Emit: r.arrived, Lost: r.loseConnection}
	err := task.Protect("new "+r.o.South.Type, func() (err error) {
		r.conn, err = r.o.Type.New(env)
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot make south %q: %w", r.o.South.Name, err)
	}
	return nil
}

func (r *Runner) newDescriber(p *plan) *describer {
	return &describer{plan: p, open: r.o.OpenItem, modes: r.o.ScanMode}
}

// ScanModes are the ids of the scan modes that the South runs by.
func (r *Runner) ScanModes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id := range r.plan.modes {
		ids = append(ids, id)
	}
	return ids
}

// State of the South at this moment.
func (r *Runner) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Metrics of the South at this moment.
func (r *Runner) Metrics() Metrics { return r.meter.metrics() }

// ResetMetrics begins new ones.
func (r *Runner) ResetMetrics() { r.meter.reset() }

// Tally counts what Metrics, whose members are those of the reference, does not tell. It begins with each Runner.
type Tally struct {
	Contents, Bytes uint64 // handed on
	Errors          uint64
	LastSuccess     time.Time // of a run or of an arrival; zero when there was none
}

// Tally of the South at this moment.
func (r *Runner) Tally() Tally {
	t := r.meter.counted()
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Errors = r.errors
	return t
}

// failed notes an error for people.
func (r *Runner) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors++
	r.state.LastError, r.state.LastErrorAt = err.Error(), r.now()
}

// succeeded says that the last error is over.
func (r *Runner) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.LastError = ""
}

// Stop cancels what is being read, lets the connector hand on what it has received, and disconnects it. It waits until
// ctx is done at most; a connector that does not end is disconnected when it does.
func (r *Runner) Stop(ctx context.Context) error {
	r.group.Stop()
	err := errors.Join(r.group.Wait(ctx), r.saveMetrics())
	r.mu.Lock()
	r.state.Running, r.state.Connected = false, false
	r.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot stop south %q in order: %w", r.o.South.Name, err)
	}
	r.log.Info(fmt.Sprintf("South connector \"%s\" stopped", r.o.South.Name))
	return nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
