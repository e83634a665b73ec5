package launcher

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/launcher/handover"
)

func TestASignalStopsTheLauncherInOrder(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := newSite(t)
		p := s.program("--fake=good")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		s.awaitEvents("ready", 1)
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("%v: the launcher should end well, got %v", signal, err)
		}
		if !strings.Contains(s.events(), "stopped") {
			t.Errorf("%v: the agent should have stopped in order, got %q", signal, s.events())
		}
		s.awaitFree("agent.lock")
	}
}

func TestTheAgentOfAKilledLauncherStopsInOrderAlthoughNobodyReadsItsOutput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.program("--fake=good")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 1)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	s.awaitEvents("stopped", 1)
}

func TestALauncherWhoseOutputNobodyReadsAnyMoreGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "silence_limit=1s", "stop_limit=1s")
	p := s.program("--fake=silent")
	stdout, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 1)
	if err := stdout.Close(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 2) // it still replaces a silent agent, and says so to nobody
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the launcher should end well, got %v", err)
	}
}

func TestASilentAgentPrintsWhereItHangs(t *testing.T) {
	t.Parallel()
	l := launch(t, newSite(t, "silence_limit=1s", "stop_limit=1s"), "silent")
	l.awaitEvents("ready", 2)
	l.expectScreen("OIBus stderr: SIGQUIT", "playAgent")
}

func TestSystemdIsToldOfTheAgentsLife(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, said := s.notifying()
	said("STATUS=Starting OIBus")
	said("READY=1")
	said("WATCHDOG=1")
	said("WATCHDOG=1")
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	said("STOPPING=1")
	if state, err := p.Wait(); err != nil || !state.Success() {
		t.Errorf("the launcher should end well, got %v, %v", state, err)
	}
}

func TestSystemdIsToldTheSameThroughANewerLauncher(t *testing.T) {
	t.Parallel()
	s := newUpgradeSite(t)
	first := launch(t, s, "good")
	first.awaitEvents("ready", 1)
	s.orderLauncher("3.9.1", "slow", goodLauncher)
	s.awaitIdle("3.9.1", handover.Committed)
	first.stop()
	first.code()
	before := strings.Count(s.events(), "works")
	p, said := s.notifying()
	said("READY=1")
	if strings.Count(s.events(), "works") == before {
		t.Error("systemd was told that the service is ready before its agent was")
	}
	said("WATCHDOG=1")
	said("WATCHDOG=1")
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	said("STOPPING=1")
	if state, err := p.Wait(); err != nil || !state.Success() {
		t.Errorf("the launcher should end well, got %v, %v", state, err)
	}
}

// notifying starts a launcher that finds the socket of systemd, and gives what waits until systemd was told something.
func (s site) notifying() (*os.Process, func(want string)) {
	t := s.t
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	p := s.program("--fake=good")
	p.Env = append(p.Environ(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=1500000")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // it has ended, unless the test failed
	})
	return p.Process, func(want string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		for {
			buffer := make([]byte, 4096)
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("systemd was never told %q: %v", want, err)
			}
			if slices.Contains(strings.Split(string(buffer[:n]), "\n"), want) {
				return
			}
		}
	}
}
