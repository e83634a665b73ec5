package launcher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"oibus/launcher/upgrade"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
)

// screen is a console that a test can read while it is written.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// launched is a launcher inside the test process, with real agents.
type launched struct {
	site
	screen
	stop  context.CancelFunc
	ended chan int
}

func launch(t *testing.T, s site, mode string) *launched {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &launched{site: s, stop: cancel, ended: make(chan int, 1)}
	a, err := parseArguments([]string{"--fake=" + mode, "--config", s.dir, "--ignoreIpFilters", "true"})
	if err != nil {
		t.Fatal(err)
	}
	go func() { l.ended <- serveUntil(ctx, a, agentForTests, &l.screen, nil) }()
	t.Cleanup(func() { cancel(); l.code() })
	return l
}

// code waits for the end of the launcher.
func (l *launched) code() int {
	l.t.Helper()
	select {
	case code := <-l.ended:
		l.ended <- code
		return code
	case <-time.After(30 * time.Second):
		l.t.Fatalf("the launcher does not end:\n%s", l.screen.String())
		return -1
	}
}

func (l *launched) expectScreen(want ...string) {
	l.t.Helper()
	for _, text := range want {
		if !strings.Contains(l.screen.String(), text) {
			l.t.Errorf("the console should show %q:\n%.4000s", text, l.screen.String())
		}
	}
}

func (s site) journal() record {
	s.t.Helper()
	text, err := platform.ReadShared(filepath.Join(s.dir, journalName), maxJournal)
	var r record
	if err := errors.Join(err, json.Unmarshal(text, &r)); err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestAnAgentIsStartedServedAndStopped(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "good")
	l.awaitEvents("ready", 1)
	l.eventually("the record of the agent", func() bool { return l.journal().Agent != nil })
	l.eventually("output", func() bool { return strings.Contains(l.screen.String(), "OIBus stdout: beat") })
	if r := l.journal(); r.Phase != upgrade.Idle || r.Agent.Version != "3.9.0" || r.Agent.PID == 0 || r.Launcher != platform.Version {
		t.Errorf("got %+v", r)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := "start " + wd + "|--fake=good|--ignoreIpFilters|true|--config|" + l.dir + "|--launcherVersion|" + platform.Version + "\n"
	if !strings.Contains(l.events(), want) {
		t.Errorf("the agent should have been started by %q, got %q", want, l.events())
	}
	l.stop()
	if code := l.code(); code != handshake.ExitStopped {
		t.Errorf("got code %d", code)
	}
	if !strings.Contains(l.events(), "stopped") {
		t.Errorf("the agent should have stopped in order, got %q", l.events())
	}
	l.awaitFree("agent.lock")
	l.awaitFree(lockName)
	if r := l.journal(); r.Agent != nil || r.LastExit == nil || r.LastExit.Code != 0 {
		t.Errorf("got %+v", r)
	}
	l.expectScreen("the agent is ready", "asked to")
}

func TestAnAgentThatExitsAtOnceIsStartedAgainAndTheReasonGiven(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "exit 2")
	l.awaitEvents("start", 3)
	l.stop()
	l.code()
	l.expectScreen("OIBus stderr: oibus.toml:3: web.prot", "OIBus closed with code: 2", "settings or command line are wrong")
}

func TestASilentAgentIsReplaced(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t, "silence_limit=1s", "stop_limit=1s"), "silent")
	l.awaitEvents("ready", 2)
	l.expectScreen("was silent for more than launcher.silence_limit, 1s")
}

func TestAnAgentThatNeverGetsReadyIsReplaced(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t, "start_limit=1s", "stop_limit=1s"), "never ready")
	l.awaitEvents("start", 2)
	l.expectScreen("was not ready within 1s")
}

func TestAnAgentThatIgnoresTheStopIsKilled(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t, "stop_limit=7s"), "deaf")
	l.awaitEvents("ready", 1)
	l.stop()
	if code := l.code(); code != handshake.ExitStopped {
		t.Errorf("the launcher itself did what it was told, got code %d", code)
	}
	l.awaitFree("agent.lock")
	l.expectScreen("sending it a signal", "was asked to stop and did not within launcher.stop_limit, 7s")
}

func TestWhatTheAgentStartedEndsWithIt(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "grandchild")
	l.awaitEvents("sleeping", 1)
	l.awaitEvents("ready", 1)
	l.stop()
	l.code()
	if !strings.Contains(l.events(), "stopped") {
		t.Error("the agent should have stopped in order")
	}
	l.awaitFree("sleeper.lock")
}

func TestAnAgentThatFloodsItsOutputIsNotHeldUpAndLongLinesAreCut(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "spam")
	l.awaitEvents("ready", 1)
	l.eventually("the cut line", func() bool {
		return strings.Contains(l.screen.String(), "\nOIBus stdout: zzz") || strings.Contains(l.screen.String(), "beat")
	})
	for _, line := range strings.Split(l.screen.String(), "\n") {
		if len(line) > maxLine+len(stdoutPrefix) {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
}

func TestGarbageOnTheNotifyPipeDoesNotKeepAnAgentFromBeingReady(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "garbage")
	l.eventually("ready", func() bool { return strings.Contains(l.screen.String(), "the agent is ready") })
	l.stop()
	l.code()
	l.expectScreen("that are no messages")
}

func TestASecondLauncherOnTheSameFolderIsRefused(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t), "good")
	l.awaitEvents("ready", 1)
	second := l.program()
	out, err := second.Output()
	if code := second.ProcessState.ExitCode(); code != handshake.ExitInUse {
		t.Errorf("got code %d, %v, %s", code, err, out)
	}
	if !strings.Contains(string(out), "is another launcher running on this data folder?") {
		t.Errorf("it should say why: %s", out)
	}
	if strings.Count(l.events(), "start") != 1 {
		t.Error("no second agent should have been started")
	}
}

func TestNoAgentSurvivesALauncherThatIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.program("--fake=good")
	stdout, err := first.StdoutPipe() // nobody reads it
	if err == nil {
		err = first.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 1)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = stdout.Close()
	_ = first.Wait()
	s.awaitFree("agent.lock")
	// The next launcher takes over.
	l := launch(t, s, "good")
	l.awaitEvents("ready", 2)
}

func TestAnAgentThatAKilledLauncherLeftBehindAndThatDoesNotStopIsEndedByTheNextOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, "stop_limit=1s")
	first := s.program("--fake=abandoned")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 1)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	l := launch(t, s, "good")
	l.awaitEvents("ready", 2)
	if strings.Contains(l.events(), "cannot lock") {
		t.Error("the next agent should not be started before the old one is gone")
	}
}

func TestVersionAndPasswordAreQuestionsToTheAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		args   []string
		code   int
		stdout string
	}{
		"version":          {[]string{"--version"}, 0, "OIBus stdout: OIBus version: 3.9.0\n"},
		"version fails":    {[]string{"--version", "--fake=broken"}, 5, "OIBus stdout: OIBus version: 3.9.0\nLauncher version: " + platform.Version + "\n"},
		"password":         {[]string{"--reset-password"}, 6, "Admin user reset\n"},
		"password, a word": {[]string{"--reset-password", "yes"}, 6, "Admin user reset\n"},
	} {
		p := s.program(c.args...)
		out, err := p.Output()
		if got := strings.ReplaceAll(string(out), "\r", ""); p.ProcessState.ExitCode() != c.code || got != c.stdout {
			t.Errorf("%s: got code %d, %q, %v, want %d, %q", name, p.ProcessState.ExitCode(), got, err, c.code, c.stdout)
		}
	}
	if s.events() != "" {
		t.Error("no agent should have been started to stay")
	}
}

func TestWhatAPersonMustCorrectEndsTheLauncherWithAText(t *testing.T) {
	t.Parallel()
	bad := newSite(t)
	bad.settings("stop_limit = \"soon\"\n")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown word":     {[]string{"--version=perhaps"}, "--version"},
		"bad settings":     {nil, "launcher.stop_limit"},
		"missing settings": {[]string{"--settings", filepath.Join(bad.dir, "nothing.toml")}, "nothing.toml"},
		"missing folder":   {[]string{"--config", filepath.Join(bad.dir, "nothing")}, "nothing"},
		"no folder":        {[]string{"--config", filepath.Join(bad.dir, "oibus.toml")}, "not a folder"},
	} {
		p := bad.program(c.args...)
		p.Stderr = nil
		out, err := p.Output()
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			out = append(out, ended.Stderr...)
		}
		if p.ProcessState.ExitCode() != handshake.ExitBadSettings || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: got code %d, %q", name, p.ProcessState.ExitCode(), out)
		}
	}
}

func TestALauncherWithoutAnAgentSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, err := parseArguments([]string{"--config", s.dir})
	if err != nil {
		t.Fatal(err)
	}
	var out screen
	find := func() (string, error) { return platform.ExecutableNear(s.dir, "binaries/oibus", "oibus") }
	if code := serveUntil(t.Context(), a, find, &out, nil); code != handshake.ExitFailure {
		t.Errorf("got code %d", code)
	}
	if !strings.Contains(out.String(), "binaries") {
		t.Errorf("got %q", out.String())
	}
}

func TestAServiceWithoutAConsoleLogsToAFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, err := parseArguments([]string{"--config", s.dir, "--fake=exit 2"})
	if err != nil {
		t.Fatal(err)
	}
	var events screen
	report := func(text string) { _, _ = events.Write([]byte(text + "\n")) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- serveUntil(ctx, a, agentForTests, &screen{}, &platform.ServiceManager{Warn: report, Error: report})
	}()
	s.awaitEvents("start", 2)
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("got code %d", code)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "logs", "launcher.log"))
	if err != nil || !strings.Contains(string(log), "OIBus stderr: oibus.toml:3") {
		t.Errorf("got %q, %v", log, err)
	}
	if !strings.Contains(events.String(), "OIBus closed with code: 2") {
		t.Errorf("the event log should tell it, got %q", events.String())
	}
}
