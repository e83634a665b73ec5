package launcher

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"strings"

	"oibus/launcher/handover"
	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/launcher/upgrade"
	"oibus/platform"
	"oibus/platform/task"
)

// An upgrade may bring a newer launcher. The one of the factory release, which the service manager starts and which is
// never modified, then runs the newer one as its child, as it would an agent: it expects the same signs of life, and
// takes back control when they fail. The newer launcher supervises the agent and goes on with the upgrade that brought
// it, from where launcher.json says it is.

// The environment by which the factory launcher tells a newer one on whose behalf it works.
const (
	folderVariable         = "OIBUS_LAUNCHER_FOLDER"
	factoryAgentVariable   = "OIBUS_FACTORY_AGENT"
	factoryVersionVariable = "OIBUS_FACTORY_VERSION"
)

// maxLauncherFailures is how often in a row a newer launcher may fail before the factory release's takes its place.
const maxLauncherFailures = 3

// delegateJournal keeps what the factory launcher notes of a newer one: launcher.json is that one's.
const delegateJournal = "launcher.delegate.json"

// errHandOver says that another launcher is to go on.
var errHandOver = errors.New("another launcher goes on")

// origin says which launcher this is.
type origin struct {
	folder         string // of its version; "" is the factory release
	factoryAgent   string
	factoryVersion string
}

// takeOrigin reads and removes what the factory launcher left in the environment.
func takeOrigin() (origin, error) {
	o := origin{
		folder: os.Getenv(folderVariable), factoryAgent: os.Getenv(factoryAgentVariable), factoryVersion: os.Getenv(factoryVersionVariable),
	}
	err := errors.Join(os.Unsetenv(folderVariable), os.Unsetenv(factoryAgentVariable), os.Unsetenv(factoryVersionVariable))
	if o.factoryVersion == "" {
		o.factoryVersion = platform.Version
	}
	return o, err
}

// delegation runs a newer launcher until it fails for good or gives back control in order.
type delegation struct {
	noUpgrades
	data     string
	healthy  options.Duration
	failures int
	failed   string // why it is not started again
}

func (d *delegation) next(ctx context.Context, last *ending) (run, bool) {
	if last != nil && last.err == nil && last.exit.Code == handshake.ExitUpgrade {
		return run{}, false
	}
	if last != nil {
		d.count(*last)
	}
	return run{path: d.path}, d.failed == "" && ctx.Err() == nil
}

func (d *delegation) pressing(e ending) bool {
	return e.err == nil && e.exit.Code == handshake.ExitUpgrade
}

// count takes note of an end that was not wanted. While an upgrade is on trial one is enough.
func (d *delegation) count(last ending) {
	if last.healthyFor() >= d.healthy.Std() {
		d.failures = 0
	}
	d.failures++
	limit := maxLauncherFailures
	if s, err := handover.ReadStatus(d.data); err == nil && (s.Phase == string(upgrade.Switched) || s.Phase == string(upgrade.OnTrial)) {
		limit = 1
	}
	if d.failures >= limit {
		d.failed = strings.ReplaceAll(last.why(), "the agent", "it")
	}
}

// delegate lets the launcher of an installed version work. It returns why that failed, "" when it did not.
func delegate(ctx context.Context, a arguments, o options.Options, r handover.Release, agent string, m *manager,
	lines io.Writer, log *slog.Logger) string {
	path, err := upgrade.LauncherProgram(ctx, a.config, r)
	if err != nil {
		return err.Error()
	}
	log.Info("a newer launcher takes over", "version", r.Version, "program", path)
	d := &delegation{noUpgrades: noUpgrades{path: path}, data: a.config, healthy: o.HealthyAfter}
	j, err := openNamed(a.config, delegateJournal, log)
	if err != nil {
		return err.Error()
	}
	// One that a killed launcher left behind holds the data folder.
	if endOrphans(ctx, j.now.Mark, o, m, log); ctx.Err() != nil {
		return ""
	}
	j.begin(rand.Text(), platform.Version)
	s := supervisor{options: o, upgrades: d, journal: j, manager: m, random: mathrand.Float64, log: log}
	// The newer launcher itself grants its agent the stop limit, and some time to be killed.
	s.options.StopLimit += options.Duration(abortGrace + 2*killAgain)
	p := program{
		args: a.forLauncher(), mark: j.now.Mark, interval: o.HeartbeatInterval.Std(), plain: true,
		env: []string{
			folderVariable + "=" + r.Folder, factoryAgentVariable + "=" + agent, factoryVersionVariable + "=" + platform.Version,
		},
	}
	s.start = func(r run) (process, error) {
		p.path = r.path
		return startChild(p, lines, log)
	}
	s.run(ctx)
	return d.failed
}

// forLauncher is the command line for a newer launcher.
func (a arguments) forLauncher() []string {
	args := append([]string{}, a.rest...)
	args = append(args, "--config", a.config)
	if a.settings != "" {
		args = append(args, "--settings", a.settings)
	}
	return args
}

// reportTo makes the manager of a newer launcher, which reports to that of the factory release. The service manager is
// told that the service is ready only when the agent is.
func reportTo(r *handshake.Reporter, log *slog.Logger) *manager {
	r.Waiting(platform.Version)
	return &manager{log: log, watchdog: 3 * r.Interval(), send: func(state string) error {
		switch {
		case strings.HasPrefix(state, "READY=1"):
			r.Ready(platform.Version)
		case strings.HasPrefix(state, "STATUS=Starting"):
			r.Waiting(platform.Version)
		case strings.Contains(state, "STOPPING=1"):
			r.Stopping("the agent is stopped first")
		default:
			r.Heartbeat()
		}
		return nil
	}}
}

// untilAsked is ctx until the launcher of the factory release asks for the end.
func untilAsked(ctx context.Context, r *handshake.Reporter) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if r == nil {
		return ctx, cancel
	}
	tasks := task.New(ctx, nil)
	tasks.Go("stop request", func(ctx context.Context) error {
		select {
		case <-r.StopRequested():
			cancel()
		case <-ctx.Done():
		}
		return nil
	})
	return ctx, cancel
}

func wantedLauncher(dataDir string) handover.Release {
	s, err := handover.ReadStatus(dataDir)
	if err != nil {
		return handover.Release{}
	}
	return s.Upgrades.Launcher
}

// takeBack makes the factory release's launcher the one that works, when a newer one has failed.
func (u *upgrader) takeBack(why string) {
	if why == "" {
		return
	}
	if err := u.machine.LauncherFailed(why); err != nil {
		u.log.Warn("cannot record that a launcher has failed", "reason", why, "error", err)
		u.keep = true
	}
}

// elsewhere says whether another launcher than this one should work.
func (u *upgrader) elsewhere() bool {
	return !u.keep && u.machine.State().Launcher.Folder != u.me
}

func (o origin) String() string {
	if o.folder == "" {
		return "factory"
	}
	return fmt.Sprintf("version %s", o.folder)
}
