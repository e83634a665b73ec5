package harness

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
)

func TestFreePortsDifferAndCanBeUsed(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d was handed out twice", port)
		}
		seen[port] = true
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t))))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfTheOutputIsKept(t *testing.T) {
	t.Parallel()
	var w tail
	for range 1000 {
		if _, err := w.Write([]byte(strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if s := w.String(); len(s) != outputLimit || !strings.HasSuffix(s, "the end") {
		t.Errorf("%d bytes are kept, which end with %q", len(s), s[max(0, len(s)-10):])
	}
}

func TestUntilDoneLooksOnceMoreAtTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	reached := UntilDone(ctx, func() bool {
		looks++
		cancel()
		return looks == 2
	})
	if !reached || looks != 2 {
		t.Errorf("reached %v after %d looks", reached, looks)
	}
}

func TestSettingsOfTheTestsAreNotThoseOfThePerson(t *testing.T) {
	t.Setenv("ENGINE_NAME", "of somebody else")
	t.Setenv("DEFAULT_PORT", "1")
	a := &Agent{Port: 12345, o: Options{UnpinnedPort: true, Env: []string{"MINE=1"}}}
	env := strings.Join(a.environment(), "\n") + "\n"
	if strings.Contains(env, "ENGINE_NAME") || strings.Count(env, "DEFAULT_PORT=12345\n") != 1 || strings.Contains(env, "DEFAULT_PORT=1\n") || !strings.Contains(env, "MINE=1\n") {
		t.Errorf("the environment is\n%s", env)
	}
}

func TestAnAgentIsStartedKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{})
	if a.Login != "admin" || a.Password == "" {
		t.Fatalf("the first password is not known: %q", a.Login)
	}
	pid, err := a.AgentPID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if pid != a.PID() {
		t.Errorf("the agent is process %d, and says %d", a.PID(), pid)
	}
	a.Kill()
	if a.Running() || a.Answers(t.Context()) {
		t.Error("it survived")
	}
	if code := a.WaitExit(time.Second); code != -1 {
		t.Errorf("a killed process ended with code %d", code)
	}
	a.Start()
	var engine struct{ WebServer struct{ Port int } }
	if err := a.JSON(t.Context(), "GET", "/api/engine", nil, &engine); err != nil {
		t.Fatal(err)
	}
	if engine.WebServer.Port != a.Port {
		t.Errorf("it listens on port %d, not %d", engine.WebServer.Port, a.Port)
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("it stopped with code %d:\n%s", code, a.Output())
	}
}

func TestAnAgentThatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	a := New(t, Options{Settings: "[general]\nnmae = \"x\"\n"})
	a.Launch()
	if code := a.WaitExit(startLimit); code != 2 {
		t.Errorf("it ended with code %d", code)
	}
	if text := a.Output(); !strings.Contains(text, "nmae") {
		t.Errorf("it said:\n%s", text)
	}
}

func TestALauncherStartsItsAgentAgain(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{Launcher: true})
	first, err := a.AgentPID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first == a.PID() {
		t.Fatal("the launcher is the agent")
	}
	if err := a.KillAgent(t.Context()); err != nil {
		t.Fatal(err)
	}
	Until(t, startLimit, "the launcher starts the agent again", func() bool {
		pid, err := a.AgentPID(t.Context())
		return err == nil && pid != first
	})
	if code := a.Stop(); code != 0 {
		t.Errorf("the launcher stopped with code %d:\n%s", code, a.Output())
	}
	if a.Answers(t.Context()) {
		t.Error("the agent outlived its launcher")
	}
}

func TestAnAgentRegistersWithTheSimulator(t *testing.T) {
	t.Parallel()
	a := Start(t, Options{})
	sim := Simulator(t, cloudsim.Options{})
	known := a.RegisterWith(sim, RegistrationForm(sim.URL()))
	if known.ID == "" || known.Name != "OIBus" {
		t.Errorf("the simulator knows %+v", known)
	}
}

func TestSharedMaterialIsBesideTheModule(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(Root(t), "go.mod")); err != nil {
		t.Error(err)
	}
}
