// Package agent is the composition root: it builds every part of the agent, connects them, and starts and stops them
// in order. It promises that the page answers before anything waits for the cloud, that a part which fails to start
// leaves nothing running, and that a stop ends within its limit and says what held it up.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"oibus/agent/config"
	"oibus/agent/takeover"
	"oibus/launcher/handshake"
	"oibus/platform"
)

// Times of the life of the process.
const (
	stopLimit   = 20 * time.Second // for all parts to stop; less than the launcher's stop limit, so that it need not kill
	healthLimit = 2 * time.Second  // for the page to answer the agent itself before a heartbeat
)

// Reason is why the agent ended.
type Reason int

// The reasons.
const (
	Stopped Reason = iota
	Restart
)

// ErrSettings says that the command line asks for something impossible: correct it.
var ErrSettings = errors.New("wrong settings")

// Run runs the agent until ctx is done, the launcher asks it to stop, or it asks to be restarted. out shows what the
// person who started it needs to know.
func Run(ctx context.Context, line config.CommandLine, reporter *handshake.Reporter, out io.Writer) (Reason, error) {
	a, err := start(ctx, line, reporter != nil, out)
	if err != nil {
		return Stopped, err
	}
	reporter.Ready(platform.Version)
	reason := a.serve(ctx, reporter)
	reporter.Stopping("stop")
	return reason, a.stop()
}

// serve sends heartbeats until there is a reason to end.
func (a *agent) serve(ctx context.Context, reporter *handshake.Reporter) Reason {
	beat := time.NewTicker(reporter.Interval())
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			if err := a.health(ctx); err != nil {
				a.log.Error("OIBus is not well", "error", err)
				continue // the launcher ends an agent that stays silent
			}
			reporter.Heartbeat()
		case <-a.restart:
			return Restart
		case <-reporter.StopRequested():
			return Stopped
		case <-ctx.Done():
			return Stopped
		}
	}
}

// dataDir checks the data folder, which must exist, and takes its lock.
func dataDir(dir string) (release func() error, err error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: the data folder %q does not exist: create it, or name another one with --config", ErrSettings, dir)
	}
	release, err = platform.LockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the data folder %q cannot be used: %w", dir, err)
	}
	return release, nil
}

// ResetPassword gives the user admin a new random password, which stands in a file that only the owner reads.
func ResetPassword(line config.CommandLine, out io.Writer) (err error) {
	release, err := dataDir(line.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := takeover.Finish(line.DataDir); err != nil {
		return err
	}
	b, err := openBase(line)
	if err != nil {
		return err
	}
	password, err := b.settings.ResetAdmin()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Admin user reset to default credentials. The new password is in %s\n", b.settings.FirstPasswordFile())
	if isTerminal(out) {
		fmt.Fprintf(out, "Password: %s\n", password)
	}
	return nil
}

// isTerminal says whether a person sees out: what others see may be kept, so no secret goes there.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
