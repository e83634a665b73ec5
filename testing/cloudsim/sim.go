package cloudsim

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"oibus/platform/task"
)

// Sim is a simulator. Its methods may be called from any goroutine.
type Sim struct {
	o       Options
	started time.Time
	handler http.Handler
	tasks   *task.Group

	events  signal // an agent, a registration, a command, a configuration, a log, data changed
	traffic signal // a request was answered

	mu             sync.Mutex // guards the fields down to the next blank line
	agents         map[string]*agent
	order          []*agent
	tokens         map[string]*agent
	registrations  map[string]*Registration // by id
	latest         map[string]*Registration // by oibusId
	history        ring[*Registration]
	commands       map[string][]*command
	commandCount   int
	commandBytes   int64
	ended          []*command // in the order in which they ended
	nextCommand    uint64
	configurations ring[*Configuration]

	logs    logBook
	data    dataBook
	journal journal
	rules   ruleSet
	assets  assetStore
	metrics metrics
	saver   saver

	serving struct {
		sync.Mutex
		server *http.Server
		url    string
		pem    []byte
	}
	closing sync.Once
}

// New makes a simulator and reads its state. Close must be called.
func New(o Options) (*Sim, error) {
	o = o.withDefaults()
	s := &Sim{o: o, started: o.Now(), agents: map[string]*agent{}, tokens: map[string]*agent{}, commands: map[string][]*command{},
		registrations: map[string]*Registration{}, latest: map[string]*Registration{}}
	s.tasks = task.New(context.Background(), func(name string, err error) { o.Log.Error("task failed", "task", name, "error", err) })
	s.history = ring[*Registration]{maxCount: o.Limits.Registrations, maxBytes: 1 << 62, onEvict: s.forgetRegistration}
	s.configurations = ring[*Configuration]{maxCount: 1 << 30, maxBytes: o.Limits.ConfigurationBytes, onEvict: dropContent}
	s.logs.init(o.Limits)
	s.data.init(o.Limits)
	s.journal.init(o.Limits, o.Record)
	if err := s.assets.open(o.State, o.Limits.AssetBytes); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.assets.close())
	}
	s.handler = s.routes()
	s.startSaving()
	return s, nil
}

// Handler answers the endpoints, the control API and the page.
func (s *Sim) Handler() http.Handler { return s.handler }

// Wait blocks until reached says true or ctx is done. It is asked at once, and after each change of an agent, a
// registration, a command, a configuration, the logs or the data.
func (s *Sim) Wait(ctx context.Context, reached func() bool) error {
	return s.events.wait(ctx, reached)
}

// changed tells those who wait, and the saver when the change belongs to the state.
func (s *Sim) changed(state bool) {
	if state {
		s.saver.mark()
	}
	s.events.notify()
}

// Close stops serving, saves the state a last time and forgets the uploaded packages unless there is a state file.
func (s *Sim) Close() error {
	var err error
	s.closing.Do(func() {
		err = errors.Join(s.stopServing(), s.tasks.StopAndWait(stopLimit), s.save(), s.assets.close())
	})
	return err
}
