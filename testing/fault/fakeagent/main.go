// Command fakeagent plays the agent in upgrades: healthy, or with one of the faults that a new version can have. It
// promises to treat its data as the agent does, in less time: it converts the state of the version before, changes it
// all the while, and collects content that it says to be safe only when it is. It guards against fault tests that
// need a broken agent for each fault.
//
// Which version it is stands in the file "version" beside it. How it behaves stands in the file "mode-<version>" in the
// folder that the environment names; what happens to it goes to the file "events" there.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
)

func main() { os.Exit(run(os.Args[1:])) }

// agent is one run.
type agent struct {
	version  string
	dir, ctl string
	report   *handshake.Reporter
	state    *state
	content  *content
}

func run(args []string) int {
	version, err := ownVersion()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return handshake.ExitFailure
	}
	if slices.Contains(args, "--version") {
		fmt.Println("OIBus version: " + version)
		return handshake.ExitStopped
	}
	a := &agent{version: version, ctl: os.Getenv("OIBUS_FAULT_DIR")}
	if i := slices.Index(args, "--config"); i >= 0 && i+1 < len(args) {
		a.dir = args[i+1]
	}
	code := a.live()
	a.event("ends with %d", code)
	return code
}

func ownVersion() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(self), "version"))
	return strings.TrimSpace(string(text)), err
}

// event notes what happens, outside of the data folder.
func (a *agent) event(format string, args ...any) {
	line := fmt.Sprintf("%s %d %s\n", a.version, os.Getpid(), fmt.Sprintf(format, args...))
	f, err := os.OpenFile(filepath.Join(a.ctl, "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line)
		_ = f.Close()
	}
	if err != nil {
		fmt.Fprint(os.Stderr, line, err)
	}
}

// mode is how it behaves, with the time after which, if that matters.
func (a *agent) mode() (mode string, after time.Duration) {
	text, err := os.ReadFile(filepath.Join(a.ctl, "mode-"+a.version))
	if err != nil {
		return "", 0
	}
	mode, limit, _ := strings.Cut(strings.TrimSpace(string(text)), " after ")
	after, _ = time.ParseDuration(limit)
	return mode, after
}

func (a *agent) live() int {
	unlock, err := platform.LockDir(a.dir)
	if err != nil {
		a.event("REFUSED: %v", err)
		return handshake.ExitInUse
	}
	defer func() { _ = unlock() }()
	a.event("start")
	if a.report, err = handshake.FromEnvironment(); err != nil || a.report == nil {
		a.event("WRONG: no launcher, %v", err)
		return handshake.ExitFailure
	}
	mode, after := a.mode()
	if code, ended := a.beforeReady(mode); ended {
		return code
	}
	if err := a.open(); err != nil {
		a.event("cannot start: %v", err)
		return handshake.ExitFailure
	}
	if mode == "never ready" {
		select {}
	}
	version := a.version
	if mode == "says another version" {
		version = "1.0.0"
	}
	a.report.Ready(version)
	a.event("ready")
	return a.work(mode, after)
}

func (a *agent) beforeReady(mode string) (code int, ended bool) {
	switch mode {
	case "exits 0":
		return handshake.ExitStopped, true
	case "exits 1":
		return handshake.ExitFailure, true
	case "cannot go on":
		a.report.Fatal("the licence of the compressor has run out")
		return handshake.ExitFailure, true
	}
	return 0, false
}

func (a *agent) open() (err error) {
	if a.state, err = openState(a); err != nil {
		return err
	}
	a.content, err = openContent(a)
	return err
}

// step is the time between two changes of the data.
const step = 40 * time.Millisecond

func (a *agent) work(mode string, after time.Duration) int {
	stop, begin := a.report.StopRequested(), time.Now()
	if mode == "deaf" {
		stop = nil
		signal.Ignore(os.Interrupt)
	}
	steps, beats := time.NewTicker(step), time.NewTicker(a.report.Interval())
	for {
		select {
		case <-stop:
			a.report.Stopping("asked to")
			a.state.leave()
			a.event("stopped")
			return handshake.ExitStopped
		case <-beats.C:
			if mode != "silent" {
				a.report.Heartbeat()
			}
		case <-steps.C:
			if code, ended := a.misbehave(mode, time.Since(begin) >= after); ended {
				return code
			}
			if err := a.change(); err != nil {
				a.event("cannot work: %v", err)
				return handshake.ExitFailure
			}
		}
	}
}

func (a *agent) change() error {
	if err := a.content.put(); err != nil {
		return err
	}
	return a.state.change()
}

// misbehave does, when it is time, what a sick agent does.
func (a *agent) misbehave(mode string, due bool) (code int, ended bool) {
	switch {
	case !due:
	case mode == "crashes":
		return handshake.ExitFailure, true
	case mode == "flaps":
		a.state.leave()
		return handshake.ExitRestart, true
	case mode == "fatal":
		a.report.Fatal("the state is broken")
		select {}
	case mode == "fills the disk":
		a.event("fills the disk: %v", fill(filepath.Join(a.dir, "state", "flood")))
		return handshake.ExitFailure, true
	case mode == "asks for the upgrade":
		if _, err := os.Stat(filepath.Join(a.dir, "update", "request.json")); err == nil {
			a.state.leave()
			return handshake.ExitUpgrade, true
		}
	}
	return 0, false
}

// fill writes until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for piece := make([]byte, 1<<20); ; {
		if _, err := f.Write(piece); err != nil {
			return err
		}
	}
}
