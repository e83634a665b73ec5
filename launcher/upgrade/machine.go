package upgrade

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"oibus/launcher/backup"
	"oibus/launcher/handover"
	"oibus/launcher/release"
)

const (
	// maxTrialStarts is how often a new version may be started before it has passed its trial: it may ask for a
	// restart, and the launcher or the machine may be stopped hard meanwhile, but not for ever.
	maxTrialStarts = 3
	// maxBad is how many bad versions are remembered.
	maxBad = 20
)

// Config is what a machine works with.
type Config struct {
	DataDir        string
	FactoryVersion string
	FactoryAgent   string // path of its program
	Policy         release.Policy
	Exclude        []string // what in the data folder is not data, see backup.Exclude
	// Probe asks the program at path for its version. It must not change anything.
	Probe func(ctx context.Context, path string) (version string, err error)
	// Save writes the state to launcher.json for good.
	Save func(State) error
	Log  *slog.Logger
	Now  func() time.Time
	// Hook, which may be nil, is told what was just done. Tests kill the launcher there.
	Hook func(point string)
}

// Machine carries out one upgrade after the other. Its methods may be called from several goroutines: each waits for
// the one before.
type Machine struct {
	cfg Config

	work     sync.Mutex // held while something is done
	checked  string     // folder that was verified whole by this process
	saveData saver      // for the attempt under way

	mu    sync.Mutex // guards state
	state State
}

// saver is what the machine needs of a backup.
type saver interface {
	Prepare(ctx context.Context) error
	Complete(ctx context.Context) error
	Restore(ctx context.Context, rule backup.Content) error
	Discard() error
}

// New returns a machine in the state that launcher.json holds.
func New(cfg Config, s State) *Machine {
	if cfg.Hook == nil {
		cfg.Hook = func(string) {}
	}
	m := &Machine{cfg: cfg, state: s.clone()}
	// The factory release may have been replaced by another since.
	for _, r := range m.state.named() {
		if r.IsFactory() {
			*r = m.Factory()
		}
	}
	return m
}

// named are the releases that are known to be the factory release when they have no folder.
func (s *State) named() []*Release {
	list := []*Release{&s.Running, &s.Launcher}
	if s.Previous != nil {
		list = append(list, s.Previous)
	}
	if s.Attempt != nil {
		list = append(list, &s.Attempt.From, &s.Attempt.Launcher)
	}
	return list
}

// State is what is, or will be once it is saved, in launcher.json.
func (m *Machine) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.clone()
}

// commit saves s and makes it the state.
func (m *Machine) commit(s State) error {
	m.cfg.Hook("before " + string(s.Phase()))
	if err := m.cfg.Save(s); err != nil {
		return fmt.Errorf("cannot record the upgrade: %w", err)
	}
	m.mu.Lock()
	m.state = s.clone()
	m.mu.Unlock()
	m.cfg.Hook("after " + string(s.Phase()))
	return nil
}

// Begin takes an order. It is refused while another one is carried out.
func (m *Machine) Begin(o Order) error {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if s.Attempt != nil {
		return fmt.Errorf("cannot begin an upgrade: another one is under way, %s", s.Attempt.Phase)
	}
	now := m.cfg.Now().UTC()
	s.Factory = m.cfg.FactoryVersion
	s.Attempt = &Attempt{
		Phase: Staged, ID: now.Format("20060102T150405.000Z"), Order: o, From: s.Running, StartedAt: now,
		Source: o.Source, CommandID: o.CommandID, Asked: o.Version,
	}
	m.cfg.Log.Info("an upgrade is wanted", "source", o.Source, "version", o.Version, "package", o.Package, "command", o.CommandID)
	return m.commit(s)
}

// Need is what must happen before the machine can go on.
type Need int

// The needs.
const (
	Nothing Need = iota // it is idle
	NoAgent             // the agent must stop
	Trial               // the version to run must be started, and its trial judged with Pass or Fail
)

// Advance does one step after the other as far as it gets; noAgent says that no agent runs, nor will while this lasts:
// then what can be done later is left for later. An error means that nothing more can be recorded now, or that ctx is done: call it again later.
func (m *Machine) Advance(ctx context.Context, noAgent bool) (Need, error) {
	m.work.Lock()
	defer m.work.Unlock()
	return m.advance(ctx, noAgent)
}

// TryAdvance is Advance unless something is being done already, which ok says.
func (m *Machine) TryAdvance(ctx context.Context, noAgent bool) (need Need, ok bool, err error) {
	if !m.work.TryLock() {
		return Nothing, false, nil
	}
	defer m.work.Unlock()
	need, err = m.advance(ctx, noAgent)
	return need, true, err
}

func (m *Machine) advance(ctx context.Context, noAgent bool) (Need, error) {
	for {
		s := m.State()
		switch {
		case s.Attempt == nil:
			return Nothing, nil
		case s.Phase() == OnTrial || s.Phase() == Switched:
			return Trial, nil
		case s.Attempt.needsStop() && !noAgent:
			return NoAgent, nil
		case noAgent && stepIn(s.Phase()).when == later:
			return Nothing, nil
		}
		err := stepIn(s.Phase()).do(m, ctx, &s)
		if ctx.Err() != nil {
			return Nothing, context.Cause(ctx)
		}
		if err := m.move(s, err); err != nil {
			return Nothing, err
		}
		if tries := m.State().Attempt; tries != nil && err != nil && tries.Phase == RollingBack && tries.Tries > 0 {
			return Nothing, err
		}
	}
}

// move saves the state after a step.
func (m *Machine) move(s State, err error) error {
	from := s.Attempt.Phase
	if err != nil && !from.decided() {
		// What a failed step has changed does not count.
		s = m.State()
	}
	a := transition(*s.Attempt, err)
	m.note(from, a, err)
	s.Attempt = &a
	if from == RollingBack && a.Phase == RolledBack && err != nil {
		m.setBack(&s) // with what could be undone
	}
	if a = *s.Attempt; a.Phase == Idle {
		s.LastKey, s.Attempt, s.Untold = a.Order.Key, nil, a.Source == FromRequest && !a.Published
	}
	return m.commit(s)
}

func (m *Machine) note(from Phase, a Attempt, err error) {
	switch {
	case err == nil:
		m.cfg.Log.Info("upgrade: "+string(a.Phase), "version", a.Target.Version)
	case a.Phase == RollingBack && from != RollingBack:
		m.cfg.Log.Error("the upgrade fails and is undone", "phase", from, "version", a.name(), "reason", err)
	default:
		m.cfg.Log.Warn("upgrade: "+string(from), "version", a.name(), "error", err)
	}
}

// name is the best name for the version that is or was to be run.
func (a Attempt) name() string {
	if a.Target.Version != "" {
		return a.Target.Version
	}
	return a.Asked
}

// Holds says that no agent may be started but by a trial: an upgrade is between two versions.
func (s State) Holds() bool {
	switch s.Phase() {
	case Switched, OnTrial:
		return true
	case RollingBack:
		return s.Attempt.needsStop()
	}
	return false
}

// Waits says that an upgrade only waits for the agent to stop.
func (s State) Waits() bool {
	switch s.Phase() {
	case Switched, OnTrial:
		return false
	}
	return s.Attempt != nil && s.Attempt.needsStop()
}

// StartTrial records that the new version is about to be started. It returns false when it was started too often: the
// attempt then goes back.
func (m *Machine) StartTrial() (bool, error) {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if s.Phase() != Switched && s.Phase() != OnTrial {
		return false, nil
	}
	a := s.Attempt
	if a.Starts >= maxTrialStarts {
		why := fmt.Sprintf("version %s was started %d times and did not pass its trial", a.name(), a.Starts)
		return false, m.fail(s, why)
	}
	a.Phase = OnTrial
	a.Starts++
	err := m.commit(s)
	return err == nil, err // what is not recorded must not be started: nobody would judge it
}

// Forgive takes back the last StartTrial: the launcher itself was asked to stop.
func (m *Machine) Forgive() error {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if s.Phase() != OnTrial || s.Attempt.Starts == 0 {
		return nil
	}
	s.Attempt.Starts--
	return m.commit(s)
}

// Pass ends the trial well: the new version stays.
func (m *Machine) Pass() error {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if s.Phase() != OnTrial {
		return nil
	}
	a := *s.Attempt
	a.Outcome = handover.Committed
	a = transition(a, nil)
	s.Attempt = &a
	s.Previous = &a.From
	s.Bad = slices.DeleteFunc(s.Bad, func(b handover.Bad) bool { return b.Version == a.Target.Version })
	m.cfg.Log.Info("the new version has passed its trial", "version", a.Target.Version, "before", a.From.Version)
	return m.commit(s)
}

// Fail ends the trial: the new version is undone once it has stopped.
func (m *Machine) Fail(why string) error {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if s.Phase() != OnTrial && s.Phase() != Switched {
		return nil
	}
	return m.fail(s, why)
}

func (m *Machine) fail(s State, why string) error {
	m.cfg.Log.Error("the new version has failed its trial", "version", s.Attempt.name(), "reason", why)
	a := s.Attempt.fail(why)
	s.Attempt = &a
	s.Bad = append(s.Bad, handover.Bad{
		Version: a.Target.Version, Digest: a.Target.Digest, CommandID: a.CommandID, Reason: why, At: m.cfg.Now().UTC(),
	})
	if extra := len(s.Bad) - maxBad; extra > 0 {
		s.Bad = s.Bad[extra:]
	}
	return m.commit(s)
}

// Expected is the version that the trial waits for.
func (m *Machine) Expected() string { return m.State().Running.Version }

func (m *Machine) packagePath(name string) string {
	return filepath.Join(handover.Dir(m.cfg.DataDir), name)
}

// backupOf is the backup of an attempt.
func (m *Machine) backupOf(a *Attempt) saver {
	if m.saveData != nil {
		return m.saveData
	}
	scope, err := backup.NewScope(a.Order.Pattern, m.cfg.Exclude...)
	if err != nil && !slices.Contains(a.Warnings, err.Error()) {
		a.Warnings = append(a.Warnings, err.Error())
		m.cfg.Log.Warn("upgrade", "warning", err)
	}
	return backup.New(m.cfg.DataDir, a.ID, scope)
}
