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
	"path/filepath"

	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/platform"
	"oibus/platform/task"
)

const (
	// serviceName is what the launcher is called by the Windows service manager and in its event log.
	serviceName = "OIBus"
	lockName    = "launcher.lock"
)

// errSettings marks what only a person can put right: the command line or oibus.toml.
var errSettings = errors.New("correct the command line or oibus.toml")

// Main is the program oibus-launcher: it returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	a, err := parseArguments(args)
	if err != nil {
		fmt.Fprintf(stderr, "oibus-launcher: %v\n", err)
		return handshake.ExitBadSettings
	}
	switch {
	case a.help:
		_, _ = io.WriteString(stdout, usage) // the console is all there is to report to
		return handshake.ExitStopped
	case a.resetPassword:
		return resetPassword(a, stdout, stderr)
	case a.version:
		return showVersion(a, stdout, stderr)
	default:
		return platform.RunService(serviceName, a.service, func(m *platform.ServiceManager) platform.Running {
			return serve(a, agentPath, stdout, m)
		})
	}
}

// agentPath finds the agent beside the launcher: in binaries/ as the archive and the packages have it, or in the same
// folder as a build leaves it. A link to the launcher is followed.
func agentPath() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("cannot tell where the launcher is: %w", err)
	}
	return platform.ExecutableNear(filepath.Dir(self), "binaries/oibus", "oibus")
}

// serve starts to supervise, in the background, the agent that find gives.
func serve(a arguments, find func() (string, error), stdout io.Writer, m *platform.ServiceManager) platform.Running {
	ended := make(chan int, 1)
	tasks := task.New(context.Background(), nil)
	tasks.Go("launcher", func(ctx context.Context) error {
		ended <- serveUntil(ctx, a, find, stdout, m)
		return nil
	})
	return platform.Running{Ended: ended, Stop: tasks.Stop}
}

func serveUntil(ctx context.Context, a arguments, find func() (string, error), stdout io.Writer,
	m *platform.ServiceManager) int {
	out, closeOut := output(a, stdout, m)
	lines := newConsole(out)
	log := newLogger(lines, m)
	err := task.Protect("supervisor", func() error { return supervise(ctx, a, find, lines, log) })
	code := exitCode(err)
	if err != nil && code != handshake.ExitUpgrade {
		log.Error("the launcher ends", "error", err, "code", code)
	}
	// Nobody is left to be told that the output cannot be closed.
	_ = errors.Join(lines.close(), closeOut())
	return code
}

// output is the console, or a file for a service that has none.
func output(a arguments, stdout io.Writer, m *platform.ServiceManager) (out io.Writer, closeOut func() error) {
	nothing := func() error { return nil }
	if m == nil {
		return stdout, nothing
	}
	file, err := openLogFile(a.config)
	if err != nil {
		m.Error(err.Error())
		return io.Discard, nothing
	}
	return file, file.close
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return handshake.ExitStopped
	case errors.Is(err, errHandOver):
		return handshake.ExitUpgrade
	case errors.Is(err, platform.ErrLocked):
		return handshake.ExitInUse
	case errors.Is(err, errNewerJournal):
		return handshake.ExitNewerState
	case errors.Is(err, errSettings):
		return handshake.ExitBadSettings
	default:
		return handshake.ExitFailure
	}
}

// supervise keeps the agent running until ctx is done, by itself or through a newer launcher.
func supervise(ctx context.Context, a arguments, find func() (string, error), lines io.Writer, log *slog.Logger) error {
	who, err := takeOrigin()
	if err != nil {
		return err
	}
	o, err := readSettings(a)
	if err != nil {
		return err
	}
	if who.folder != "" {
		return superviseFor(ctx, a, who, o, lines, log)
	}
	if who.factoryAgent, err = find(); err != nil {
		return err
	}
	m := &manager{send: platform.NotifyManager, watchdog: platform.ManagerWatchdog(), log: log}
	for ctx.Err() == nil {
		why := ""
		if newer := wantedLauncher(a.config); !newer.IsFactory() {
			if why = delegate(ctx, a, o, newer, who.factoryAgent, m, lines, log); why == "" {
				continue
			}
		}
		if err := superviseHere(ctx, a, who, o, m, why, lines, log); !errors.Is(err, errHandOver) {
			return err
		}
	}
	return nil
}

// superviseFor is the work of a newer launcher for that of the factory release.
func superviseFor(ctx context.Context, a arguments, who origin, o options.Options, lines io.Writer, log *slog.Logger) error {
	reporter, err := handshake.FromEnvironment()
	if err != nil {
		return err
	}
	ctx, cancel := untilAsked(ctx, reporter)
	defer cancel()
	return superviseHere(ctx, a, who, o, reportTo(reporter, log), "", lines, log)
}

// superviseHere keeps the agent running until ctx is done or, which errHandOver says, another launcher is to go on.
// failed is why a newer launcher has failed, if one has.
func superviseHere(ctx context.Context, a arguments, who origin, o options.Options, m *manager, failed string,
	lines io.Writer, log *slog.Logger) error {
	release, err := platform.LockFile(filepath.Join(a.config, lockName))
	if err != nil {
		return fmt.Errorf("is another launcher running on this data folder? %w", err)
	}
	j, err := openJournal(a.config, log)
	if err != nil {
		return errors.Join(err, release())
	}
	log.Info("the launcher has started", "version", platform.Version, "data", a.config, "agent", who.factoryAgent, "of", who)
	if endOrphans(ctx, j.now.Mark, o, m, log); ctx.Err() != nil {
		return release()
	}
	mark := rand.Text()
	j.begin(mark, who.factoryVersion)
	u, err := newUpgrades(a, who, o, j, mark, log)
	if err != nil {
		return errors.Join(err, release())
	}
	u.takeBack(failed)
	s := supervisor{options: o, upgrades: u, journal: j, manager: m, random: mathrand.Float64, log: log}
	p := program{args: a.forAgent(platform.Version), mark: mark, interval: o.HeartbeatInterval.Std()}
	s.start = func(r run) (process, error) {
		p.path = r.path
		return startChild(p, lines, log)
	}
	stop := u.startWorking(ctx)
	s.run(ctx)
	stop()
	switch {
	case ctx.Err() != nil:
	case u.elsewhere():
		err = errHandOver
	default:
		err = errors.New("it cannot tell what to start: see above")
	}
	return errors.Join(err, release())
}

func readSettings(a arguments) (options.Options, error) {
	info, err := os.Stat(a.config)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return options.Options{}, fmt.Errorf("cannot use data folder %q: %w, %w", a.config, err, errSettings)
	}
	if a.settings != "" {
		if _, err := os.Stat(a.settings); err != nil {
			return options.Options{}, fmt.Errorf("cannot read the settings: %w, %w", err, errSettings)
		}
	}
	o, err := options.Load(a.settingsFile())
	if err != nil {
		return options.Options{}, fmt.Errorf("%w, %w", err, errSettings)
	}
	return o, nil
}
