package launcher

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/handshake"
	"oibus/launcher/release"
	"oibus/launcher/upgrade"
	"oibus/platform"
)

// dieVariable makes a launcher of the tests end itself, as hard as kill -9, at the n-th point of an upgrade.
const dieVariable = "OIBUS_TEST_DIE_AT"

func dieAt(number string) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	points := 0
	Hook = func(string) {
		if points++; points == n {
			p, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = p.Kill()
			}
			panic(fmt.Sprint("still alive: ", err))
		}
	}
}

// work is what an agent does to its data before it is ready. The version that runs is in state/version.json; each one
// adds a content to the cache.
func (f fakeProgram) work(r *handshake.Reporter, mode string) (code int, ended bool) {
	if f.version != platform.Version {
		f.event("runs " + f.version)
	}
	if mode == "" {
		return 0, false
	}
	write := func(path, text string) {
		full := filepath.Join(f.dir, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), platform.WriteFile(full, []byte(text), 0o600)); err != nil {
			f.event("cannot write: " + err.Error())
		}
	}
	if f.version != platform.Version {
		write("state/version.json", f.version)
		write("cache/n/"+f.version, "collected by "+f.version)
	}
	switch mode {
	case "exits 0":
		return handshake.ExitStopped, true
	case "exits 1":
		return handshake.ExitFailure, true
	case "fatal":
		r.Fatal("no disk")
		return handshake.ExitFailure, true
	case "asks for an upgrade":
		if _, err := os.Stat(filepath.Join(f.dir, "update", "request.json")); err == nil {
			return handshake.ExitUpgrade, true
		}
	}
	return 0, false
}

// tick is what a ready agent does instead of living on.
func (f fakeProgram) tick(r *handshake.Reporter, mode string) (code int, ended bool) {
	switch mode {
	case "crashes on trial":
		return handshake.ExitFailure, true
	case "flaps":
		return handshake.ExitRestart, true
	case "restarts once":
		marker := filepath.Join(f.dir, "logs", "restarted")
		if _, err := os.Stat(marker); err != nil {
			f.event("asks for another start")
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				panic(err)
			}
			return handshake.ExitRestart, true
		}
	case "fatal on trial":
		r.Fatal("the state is broken")
		time.Sleep(time.Minute)
	case "asks for an upgrade":
		if _, err := os.Stat(filepath.Join(f.dir, "update", "request.json")); err == nil {
			f.event("wants to be upgraded")
			return handshake.ExitUpgrade, true
		}
	}
	return 0, false
}

// pack puts a package into the folder update. Its agent is the one of the tests, which plays mode as the version says.
func (s site) pack(name, version, says, mode string) {
	s.t.Helper()
	s.packWith(name, version, says, mode, brokenLauncher)
}

// How the launcher of a package behaves: as a good one does, unless it is one of these. One that is named after a file
// is broken once the file is there.
const (
	goodLauncher   = "works"
	brokenLauncher = "exits"
	hungLauncher   = "hangs"
	silentLauncher = "says that it is ready, then nothing"
)

// silent is the argument by which the agent of the tests plays a silent launcher.
func silent() string { return "--as=" + platform.Version + ",silent" }

// playLauncher ends or stays as the launcher of a package should, and returns for a good one.
func playLauncher(as string) {
	switch {
	case as == "" || as == goodLauncher:
	case as == hungLauncher:
		time.Sleep(time.Minute)
		os.Exit(1)
	case as == silentLauncher:
		os.Exit(playAgent(append([]string{silent()}, os.Args[1:]...)))
	default:
		if _, err := os.Stat(as); as == brokenLauncher || err == nil {
			os.Exit(1)
		}
	}
}

// scripts play agent and launcher of a package.
func scripts(t *testing.T, says, mode, launcher string) (agent, launching string) {
	t.Helper()
	program, err := agentForTests()
	if err != nil {
		t.Fatal(err)
	}
	real, err := platform.ExecutableNear(bin, "oibus-launcher")
	if err != nil {
		t.Fatal(err)
	}
	agent = fmt.Sprintf("#!/bin/sh\nexec %s '--as=%s,%s' \"$@\"\n", program, says, mode)
	exec := "exec " + real + ` "$@"`
	switch launcher {
	case goodLauncher:
	case brokenLauncher:
		exec = "exit 1"
	case hungLauncher:
		exec = "exec sleep 60"
	case silentLauncher:
		exec = "exec " + program + " '" + silent() + `' "$@"`
	default:
		exec = "test -e " + launcher + " && exit 1\n" + exec
	}
	return agent, "#!/bin/sh\n" + exec + "\n"
}

// sources are the files of a package: scripts, or copies of the programs with what they play beside them.
func sources(t *testing.T, system, says, mode, launcher string) []release.Source {
	t.Helper()
	text := func(path, text string) release.Source {
		return release.Source{Path: path, Executable: true, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	}
	if system == "linux" {
		agent, launching := scripts(t, says, mode, launcher)
		return []release.Source{text(release.AgentPath(system), agent), text(release.LauncherPath(system), launching)}
	}
	program, err := agentForTests()
	if err != nil {
		t.Fatal(err)
	}
	return []release.Source{
		release.FileSource(release.AgentPath(system), program, true), release.FileSource(release.LauncherPath(system), program, true),
		text(release.AgentPath(system)+asSuffix, "--as="+says+","+mode), text(release.LauncherPath(system)+asSuffix, launcher),
	}
}

func (s site) packWith(name, version, says, mode, launcher string) {
	s.t.Helper()
	m := release.Manifest{Version: version, Platform: platform.Platform(), Architecture: platform.Architecture(), Created: time.Now()}
	var b bytes.Buffer
	_, err := release.Write(s.t.Context(), &b, m, sources(s.t, m.Platform, says, mode, launcher), nil)
	if err := errors.Join(err, os.MkdirAll(handover.Dir(s.dir), 0o755), os.WriteFile(filepath.Join(handover.Dir(s.dir), name), b.Bytes(), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// order packs a version and asks for it.
func (s site) order(version, says, mode string) {
	s.t.Helper()
	name := handover.StagedPrefix + version + ".zip"
	s.pack(name, version, says, mode)
	err := handover.WriteRequest(s.dir, handover.Request{CommandID: "c-" + version, Version: "v" + version, Package: name, At: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s site) put(path, text string) {
	s.t.Helper()
	full := filepath.Join(s.dir, filepath.FromSlash(path))
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

func (s site) text(path string) string {
	text, err := os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(path)))
	if err != nil {
		return ""
	}
	return string(text)
}

// newUpgradeSite is a site whose trials are short.
func newUpgradeSite(t *testing.T, limits ...string) site {
	t.Helper()
	s := newSite(t, append([]string{"trial_window=1s"}, limits...)...)
	s.put("state/version.json", platform.Version)
	s.put("cache/n/1", "one")
	return s
}

// awaitIdle waits for the end of an upgrade, and that the version runs.
func (s site) awaitIdle(running string, outcome handover.Outcome) record {
	s.t.Helper()
	var r record
	s.eventually("idle with "+running, func() bool {
		r = s.journal()
		return r.Phase == upgrade.Idle && r.Upgrades.Last != nil && r.Agent != nil
	})
	if r.Upgrades.Running.Version != running || r.Agent.Version != running || r.Upgrades.Last.Outcome != outcome {
		s.t.Fatalf("%+v runs, agent %+v, last %+v; want %s %s", r.Upgrades.Running, r.Agent, r.Upgrades.Last, running, outcome)
	}
	return r
}

func TestAnAgentIsUpgradedAndTheNextOneToldSo(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	l := launch(t, s, "asks for an upgrade")
	l.awaitEvents("ready", 1)
	s.order("3.9.1", "3.9.1", "good")
	s.awaitIdle("3.9.1", handover.Committed)
	if got := s.text("state/version.json"); got != "3.9.1" {
		t.Errorf("the state is that of %q", got)
	}
	r, there, err := handover.ReadResult(s.dir)
	if err != nil || !there || r.Outcome != handover.Committed || r.CommandID != "c-3.9.1" || r.Running != "3.9.1" {
		t.Errorf("got %+v, %v", r, err)
	}
	l.stop()
	l.code()
	// The next launcher starts the new version, and answers questions with it.
	again := launch(t, s, "good")
	again.awaitEvents("ready", 3)
	again.eventually("the new version", func() bool { a := s.journal().Agent; return a != nil && a.Version == "3.9.1" })
	out, err := s.program("--version").Output()
	if err != nil || !strings.Contains(string(out), "OIBus version: 3.9.1") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestANewVersionThatIsNotWellIsRolledBack(t *testing.T) {
	t.Parallel()
	for mode, c := range map[string]struct{ want, limit string }{
		"exits 0":          {want: "before it was ready"},
		"exits 1":          {want: "before it was ready"},
		"fatal":            {want: "no disk"},
		"never ready":      {"was not ready within", "start_limit=5s"}, // the old version keeps it
		"silent":           {"was silent for more than", "silence_limit=5s"},
		"crashes on trial": {want: "exit status 1"},
		"fatal on trial":   {want: "the state is broken"},
		"flaps":            {want: "was started 3 times"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newUpgradeSite(t, "trial_window=3s", cmp.Or(c.limit, "start_limit=60s"))
			l := launch(t, s, "good")
			l.awaitEvents("ready", 1)
			s.order("3.9.1", "3.9.1", mode)
			s.awaitIdle(platform.Version, handover.RolledBack)
			r, there, err := handover.ReadResult(s.dir)
			if err != nil || !there || !strings.Contains(r.Reason, c.want) || r.Running != platform.Version {
				t.Errorf("the reason should have %q: %+v, %v", c.want, r, err)
			}
			if got := s.text("state/version.json"); got != platform.Version {
				t.Errorf("the state is that of %q", got)
			}
			if s.text("cache/n/3.9.1") == "" || s.text("cache/n/1") != "one" {
				t.Error("nothing that was collected may be lost")
			}
		})
	}
}

func TestAVersionThatSaysItIsAnotherIsNotStartedForGood(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	l := launch(t, s, "good")
	l.awaitEvents("ready", 1)
	s.order("3.9.1", "3.9.2", "good")
	s.awaitIdle(platform.Version, handover.Refused)
	if strings.Count(s.events(), "start ") != 1 {
		t.Errorf("the agent should not have been stopped: %s", s.events())
	}
}

func TestANewVersionMayAskToBeRestarted(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	l := launch(t, s, "good")
	l.awaitEvents("ready", 1)
	s.order("3.9.1", "3.9.1", "restarts once")
	s.awaitIdle("3.9.1", handover.Committed)
	if strings.Count(s.events(), "asks for another start") != 1 {
		t.Errorf("got %s", s.events())
	}
}

func TestAnAgentThatIgnoresTheStopIsUpgradedAllTheSame(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t, "stop_limit=1s")
	l := launch(t, s, "deaf")
	l.awaitEvents("ready", 1)
	s.order("3.9.1", "3.9.1", "good")
	s.awaitIdle("3.9.1", handover.Committed)
}

func TestAPackageThatAPersonDropsIsInstalledOrRejected(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	l := launch(t, s, "good")
	l.awaitEvents("ready", 1)
	s.put("update/garbage.zip", strings.Repeat("garbage", 100))
	rejected := "update/garbage.zip.rejected.txt"
	s.eventually("the rejection", func() bool { return s.text(rejected) != "" })
	if got := s.text(rejected); !strings.Contains(got, "invalid signature") {
		t.Errorf("got %s", got)
	}
	s.pack("oibus.zip", "3.9.1", "3.9.1", "good")
	s.eventually("the new version", func() bool { return s.journal().Upgrades.Running.Version == "3.9.1" })
	s.awaitIdle("3.9.1", handover.Committed)
	if _, err := os.Stat(filepath.Join(s.dir, "update", "oibus.zip")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it should be gone: %v", err)
	}
	if err := handover.WriteRollback(s.dir, handover.Rollback{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.eventually("the version before", func() bool {
		r := s.journal()
		return r.Phase == upgrade.Idle && r.Upgrades.Running.Version == platform.Version && r.Upgrades.Last.Source == "rollback"
	})
	s.awaitIdle(platform.Version, handover.Committed)
}

func TestASiteWhoseAgentKeepsCrashingCanBeUpgraded(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t, "backoff_first=1m")
	l := launch(t, s, "exits 1")
	l.awaitEvents("start", 1)
	s.order("3.9.1", "3.9.1", "good")
	s.awaitIdle("3.9.1", handover.Committed)
}

func TestALauncherThatIsStoppedDuringATrialGoesOnWithItLater(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t, "trial_window=3s")
	first := launch(t, s, "good")
	first.awaitEvents("ready", 1)
	s.order("3.9.1", "3.9.1", "good")
	first.awaitEvents("runs 3.9.1", 1)
	first.awaitEvents("ready", 2)
	first.stop()
	first.code()
	if r := s.journal(); r.Phase != upgrade.OnTrial || r.Upgrades.Attempt.Starts != 0 {
		t.Fatalf("got %s, %+v", r.Phase, r.Upgrades.Attempt)
	}
	launch(t, s, "good")
	s.awaitIdle("3.9.1", handover.Committed)
}

func TestALauncherThatIsKilledAtAnyPointOfAnUpgradeLeavesAWorkingSite(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes its time")
	}
	for n := 2; n <= 24; n += 2 { // package upgrade tests them all, with agents that are none
		mode, want, outcome := "good", "3.9.1", handover.Committed
		if n%4 == 0 {
			mode, want, outcome = "crashes on trial", platform.Version, handover.RolledBack
		}
		t.Run(fmt.Sprintf("point %d, %s", n, mode), func(t *testing.T) {
			t.Parallel()
			s := newUpgradeSite(t)
			p := s.program("--fake=good")
			p.Env = append(p.Environ(), dieVariable+"="+strconv.Itoa(n))
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			s.awaitEvents("ready", 1)
			s.order("3.9.1", "3.9.1", mode)
			ended := make(chan error, 1)
			go func() { ended <- p.Wait() }()
			select {
			case <-ended:
			case <-time.After(8 * time.Second): // there are not so many points
				_ = p.Process.Kill()
				<-ended
			}
			launch(t, s, "good")
			s.eventually("an outcome", func() bool { return s.journal().Upgrades.Last != nil })
			s.awaitIdle(want, outcome)
			if got := s.text("state/version.json"); got != want {
				t.Errorf("the state is that of %q", got)
			}
			if s.text("cache/n/3.9.1") == "" || s.text("cache/n/1") != "one" {
				t.Error("nothing that was collected may be lost")
			}
			if r, there, err := handover.ReadResult(s.dir); err != nil || !there || r.Outcome != outcome {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

// orderLauncher asks for a version together with its launcher.
func (s site) orderLauncher(version, mode, launcher string) {
	s.t.Helper()
	name := handover.StagedPrefix + version + ".zip"
	s.packWith(name, version, version, mode, launcher)
	err := handover.WriteRequest(s.dir, handover.Request{
		CommandID: "c-" + version, Version: version, Package: name, UpdateLauncher: true, At: time.Now(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestANewLauncherTakesOverAndIsTheOneAfterARestart(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	first := launch(t, s, "good")
	first.awaitEvents("ready", 1)
	s.orderLauncher("3.9.1", "good", goodLauncher)
	r := s.awaitIdle("3.9.1", handover.Committed)
	if !r.Upgrades.Last.LauncherUpdated || r.Upgrades.Launcher.Folder != "3.9.1" {
		t.Errorf("got %+v, %+v", r.Upgrades.Last, r.Upgrades.Launcher)
	}
	first.expectScreen("a newer launcher takes over")
	first.stop()
	if code := first.code(); code != handshake.ExitStopped {
		t.Errorf("got code %d", code)
	}
	s.awaitFree("agent.lock")
	if !strings.Contains(s.events(), "stopped") {
		t.Errorf("the agent should have stopped in order: %s", s.events())
	}
	again := launch(t, s, "good")
	again.awaitEvents("ready", 3)
	again.expectScreen("a newer launcher takes over")
	// The next upgrade is made by the newer launcher.
	s.order("3.9.2", "3.9.2", "crashes on trial")
	s.eventually("the rollback", func() bool {
		r := s.journal()
		return r.Phase == upgrade.Idle && r.Upgrades.Last.CommandID == "c-3.9.2" && r.Agent != nil
	})
	s.awaitIdle("3.9.1", handover.RolledBack)
	// Who goes back has the factory launcher.
	if err := handover.WriteRollback(s.dir, handover.Rollback{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.eventually("the version before", func() bool {
		r := s.journal()
		return r.Phase == upgrade.Idle && r.Upgrades.Last.Source == "rollback" && r.Agent != nil
	})
	if r := s.awaitIdle(platform.Version, handover.Committed); !r.Upgrades.Launcher.IsFactory() {
		t.Errorf("got %+v", r.Upgrades.Launcher)
	}
}

func TestANewLauncherThatFailsIsRolledBackWithItsVersion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ launcher, agent, limit string }{
		"exits":                        {brokenLauncher, "good", "start_limit=60s"},
		"does not report":              {hungLauncher, "good", "start_limit=5s"},
		"goes silent":                  {silentLauncher, "good", "silence_limit=5s"},
		"works, but its agent crashes": {goodLauncher, "crashes on trial", "start_limit=60s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newUpgradeSite(t, c.limit)
			launch(t, s, "good").awaitEvents("ready", 1)
			s.orderLauncher("3.9.1", c.agent, c.launcher)
			r := s.awaitIdle(platform.Version, handover.RolledBack)
			if r.Upgrades.Last.LauncherUpdated || !r.Upgrades.Launcher.IsFactory() {
				t.Errorf("got %+v, %+v", r.Upgrades.Last, r.Upgrades.Launcher)
			}
			if got := s.text("state/version.json"); got != platform.Version {
				t.Errorf("the state is that of %q", got)
			}
		})
	}
}

func TestALauncherThatBreaksLaterIsReplacedByThatOfTheFactoryRelease(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	first := launch(t, s, "good")
	first.awaitEvents("ready", 1)
	// It works until the file is there.
	s.orderLauncher("3.9.1", "good", filepath.Join(s.dir, "logs", "break"))
	s.awaitIdle("3.9.1", handover.Committed)
	first.stop()
	first.code()
	s.put("logs/break", "")
	again := launch(t, s, "good")
	again.awaitEvents("ready", 3)
	again.expectScreen("takes back control")
	s.eventually("the record", func() bool { r := s.journal(); return r.Upgrades.Launcher.IsFactory() && r.Agent != nil })
	s.awaitIdle("3.9.1", handover.Committed)
}
