package launcher

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"oibus/launcher/backup"
	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/launcher/upgrade"
	"oibus/platform/task"
)

const (
	// lookEvery is how often the folder update is looked at.
	lookEvery = time.Second
	// againFirst is the pause after an upgrade could not go on, when the disk is full for example, while the agent runs.
	// It doubles each time, up to againMax.
	againFirst = 2 * time.Second
	againMax   = time.Minute
	// probeMark marks the processes of a probe, which must not be ended together with the agent's, nor the other way
	// around.
	probeMark = "-probe"
	// retryAfter is the same while no agent can run.
	retryAfter = 2 * time.Second
)

// run is what is to be started.
type run struct {
	path    string // of the program
	version string // that it must report, if it is on trial
	trial   bool
}

// upgrades is what the supervisor needs of upgrades.
type upgrades interface {
	// next says what to start, after it has done what is to be done while no agent runs. last is how the run before
	// ended, nil at the start of the launcher. It is false when ctx is done.
	next(ctx context.Context, last *ending) (run, bool)
	// wanted gives a value when the running agent should be stopped for an upgrade, if waiting confirms it.
	wanted() <-chan struct{}
	waiting() bool
	// pass and fail are the verdict of the trial of the running agent. An error means that it is not recorded yet.
	pass() error
	fail(why string) error
	// ended is told how a run ended.
	ended(ctx context.Context, r run, e ending)
	// pressing says whether next has something to do at once.
	pressing(e ending) bool
}

// noUpgrades always starts the same program.
type noUpgrades struct{ path string }

func (n noUpgrades) next(ctx context.Context, _ *ending) (run, bool) {
	return run{path: n.path}, ctx.Err() == nil
}
func (noUpgrades) wanted() <-chan struct{}            { return nil }
func (noUpgrades) waiting() bool                      { return false }
func (noUpgrades) pass() error                        { return nil }
func (noUpgrades) fail(string) error                  { return nil }
func (noUpgrades) ended(context.Context, run, ending) {}
func (noUpgrades) pressing(ending) bool               { return false }

// upgrader looks for orders and carries them out: what can be done while the agent runs in its own task, the rest in
// the supervisor's, between two runs.
type upgrader struct {
	machine *upgrade.Machine
	watcher *upgrade.Watcher
	log     *slog.Logger
	stop    chan struct{}
	events  chan struct{} // something has happened in the folder update
	me      string        // folder of the version that this launcher is of, "" for the factory release
	keep    bool          // go on although another launcher should

	mu    sync.Mutex    // held while orders are looked for
	pause time.Time     // until then nothing is tried
	again time.Duration // the last pause, 0 when all went well since
}

func newUpgrader(m *upgrade.Machine, w *upgrade.Watcher, log *slog.Logger) *upgrader {
	return &upgrader{machine: m, watcher: w, log: log, stop: make(chan struct{}, 1), events: make(chan struct{}, 1)}
}

// work does, until ctx is done, what can be done beside a running agent.
func (u *upgrader) work(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-u.events:
		}
		if err := task.Protect("upgrade", func() error { u.look(ctx); return nil }); err != nil {
			u.wait(err)
		}
	}
}

// look takes the next order and goes on with it as far as it gets while an agent runs.
func (u *upgrader) look(ctx context.Context) {
	if u.paused() {
		return
	}
	if err := u.machine.Tell(); err != nil {
		u.wait(err)
		return
	}
	u.take()
	need, done, err := u.machine.TryAdvance(ctx, false)
	switch {
	case err != nil && ctx.Err() == nil:
		u.wait(err)
	case done && need == upgrade.Nothing:
		u.wentOn()
	case done && need == upgrade.NoAgent:
		select {
		case u.stop <- struct{}{}:
		default:
		}
	}
}

// take begins the next order, if there is one and none is carried out.
func (u *upgrader) take() {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.machine.State()
	if s.Attempt != nil {
		return
	}
	o, found := u.watcher.Next(s, u.machine.Factory())
	if !found {
		return
	}
	if err := u.machine.Begin(o); err != nil {
		u.delay(err)
	}
}

func (u *upgrader) paused() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return time.Now().Before(u.pause)
}

// wait lets some time pass before anything is tried again.
func (u *upgrader) wait(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.delay(err)
}

// delay is wait with mu held. What is tried before a pause is over, because an agent has ended, does not make the next
// one longer: the pause measures how long the trouble lasts, not how often it shows.
func (u *upgrader) delay(err error) {
	if now := time.Now(); !now.Before(u.pause) {
		u.again = min(max(2*u.again, againFirst), againMax)
		u.pause = now.Add(u.again)
	}
	u.log.Warn("the upgrade cannot go on now", "error", err, "again", u.again)
}

// wentOn ends the pause: what stood in the way is gone.
func (u *upgrader) wentOn() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.again, u.pause = 0, time.Time{}
}

func (u *upgrader) wanted() <-chan struct{} { return u.stop }

func (u *upgrader) waiting() bool { return u.machine.State().Waits() }

func (u *upgrader) pass() error { return u.machine.Pass() }

func (u *upgrader) fail(why string) error { return u.machine.Fail(why) }

// ended judges an agent that ended on trial.
func (u *upgrader) ended(ctx context.Context, r run, e ending) {
	if !r.trial || u.machine.State().Phase() != upgrade.OnTrial {
		return
	}
	if ctx.Err() != nil {
		if err := u.machine.Forgive(); err != nil {
			u.log.Warn("cannot record that the trial was interrupted", "error", err)
		}
		return
	}
	v, why := e.verdict(r.version)
	for v == failed {
		err := u.machine.Fail(why)
		if err == nil || !u.rest(ctx, err) {
			return
		}
	}
}

// rest lets some time pass after an error. It is false when ctx is done.
func (u *upgrader) rest(ctx context.Context, err error) bool {
	u.log.Error("the upgrade cannot go on, and no agent can run until it does", "error", err, "again", retryAfter)
	due := time.NewTimer(retryAfter)
	defer due.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
		return true
	}
}

func (u *upgrader) pressing(e ending) bool { return e.forUpgrade() || u.machine.State().Holds() }

// forUpgrade says whether the agent stopped so that it can be upgraded.
func (e ending) forUpgrade() bool {
	return e.yielded || e.err == nil && e.killedFor == "" && e.exit.Code == handshake.ExitUpgrade
}

// next goes on with the upgrade that the agent has stopped for, or that was interrupted, then says what to start.
func (u *upgrader) next(ctx context.Context, last *ending) (run, bool) {
	select {
	case <-u.stop:
	default:
	}
	goingOn := u.due(last)
	for ctx.Err() == nil {
		if u.elsewhere() {
			return run{}, false
		}
		if !goingOn && !u.machine.State().Holds() {
			return u.usual(ctx), ctx.Err() == nil
		}
		r, ok, err := u.goOn(ctx)
		switch {
		case ok:
			return r, ctx.Err() == nil
		case err == nil:
			goingOn = u.machine.State().Holds()
		case u.machine.State().Holds():
			u.rest(ctx, err)
		case ctx.Err() == nil:
			u.wait(err)
			goingOn = false
		}
	}
	return run{}, false
}

// due says whether an upgrade is to be gone on with before an agent is started.
func (u *upgrader) due(last *ending) bool {
	s := u.machine.State()
	switch {
	case s.Waits():
		return true
	case last != nil && last.forUpgrade():
		u.take()
		return true
	case last != nil:
		return false
	}
	if o, newer := u.machine.Superseded(); newer {
		if err := u.machine.Begin(o); err != nil {
			u.log.Warn("cannot begin an upgrade", "error", err)
			return false
		}
		return true
	}
	if s.Attempt == nil && u.watcher.Requested(s) {
		u.take()
		return true
	}
	// An agent that has asked for an upgrade has stopped for it.
	return s.Attempt != nil && s.Attempt.Source == upgrade.FromRequest
}

// goOn advances; ok says that the run is what to start now: a trial.
func (u *upgrader) goOn(ctx context.Context) (r run, ok bool, err error) {
	need, err := u.machine.Advance(ctx, true)
	if err == nil {
		u.wentOn()
	}
	if err != nil || need != upgrade.Trial || u.elsewhere() {
		return run{}, false, err
	}
	path, release, err := u.machine.Program(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return run{}, false, err
		}
		return run{}, false, u.machine.Fail(err.Error())
	}
	ok, err = u.machine.StartTrial()
	return run{path: path, version: release.Version, trial: true}, ok, err
}

// usual is what runs when there is no upgrade.
func (u *upgrader) usual(ctx context.Context) run {
	path, release, err := u.machine.Program(ctx)
	if err != nil && ctx.Err() == nil {
		u.log.Error("no installed version is complete", "error", err)
	}
	return run{path: path, version: release.Version}
}

// startWorking runs the upgrader beside the supervisor until the returned function is called.
func (u *upgrader) startWorking(ctx context.Context) (stop func()) {
	tasks := task.New(ctx, func(name string, err error) { u.log.Error("a task has failed", "task", name, "error", err) })
	tasks.Go("upgrades", u.work)
	tasks.Go("events of the folder update", u.notice)
	return func() {
		if err := tasks.StopAndWait(retryAfter); err != nil {
			u.log.Warn("upgrades do not stop", "error", err)
		}
	}
}

// newUpgrades connects all that upgrades need. who says which launcher this is.
func newUpgrades(a arguments, who origin, o options.Options, j *journal, mark string, log *slog.Logger) (*upgrader, error) {
	policy, err := o.Policy()
	if err != nil {
		return nil, fmt.Errorf("%w, %w", err, errSettings)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot tell where the launcher is: %w", err)
	}
	machine := upgrade.New(upgrade.Config{
		DataDir: a.config, FactoryVersion: who.factoryVersion, FactoryAgent: who.factoryAgent, Policy: policy,
		Exclude: backup.Exclude(a.config, who.factoryAgent, self),
		Probe: func(ctx context.Context, path string) (string, error) {
			return upgrade.Probe(ctx, path, mark+probeMark)
		},
		Save: j.saveUpgrades, Log: log, Now: time.Now, Hook: Hook,
	}, j.now.Upgrades)
	u := newUpgrader(machine, &upgrade.Watcher{DataDir: a.config, Log: log, Now: time.Now}, log)
	u.me = who.folder
	return u, nil
}

// Hook, which may be nil, is told of each point of an upgrade. Tests hold or end the launcher there.
var Hook func(point string)
