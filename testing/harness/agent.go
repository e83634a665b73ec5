package harness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Limits on what an agent does, generous because several tests share the machine.
const (
	startLimit = 3 * time.Minute
	stopLimit  = 40 * time.Second // longer than the agent's own limit, and the launcher's
)

// Options say how an agent is started.
type Options struct {
	Dir          string // data folder; "" makes one that is removed with the test
	Settings     string // text of oibus.toml, without the table [web]
	Web          string // further lines of that table
	UnpinnedPort bool   // the port is not written in oibus.toml but given for the first start, so that it can be changed
	Launcher     bool   // start oibus-launcher instead of oibus
	Args, Env    []string
}

// Agent is an agent, or a launcher with its agent, on a data folder and a port of its own.
type Agent struct {
	*Client
	Dir  string
	Port int

	t       testing.TB
	o       Options
	output  *tail
	process *process
}

// New prepares the data folder of an agent without starting it. The test is skipped when the programs are not built.
func New(t testing.TB, o Options) *Agent {
	t.Helper()
	Program(t, programName(o))
	a := &Agent{t: t, o: o, Dir: o.Dir, Port: FreePort(t), output: &tail{}}
	if a.Dir == "" {
		a.Dir = t.TempDir()
	}
	a.Client = NewClient(a.baseURL(), "", "")
	t.Cleanup(a.HTTP.CloseIdleConnections)
	settings := o.Settings
	if !o.UnpinnedPort {
		settings += fmt.Sprintf("\n[web]\nport = %d\n%s\n", a.Port, o.Web)
	} else if o.Web != "" {
		settings += "\n[web]\n" + o.Web + "\n"
	}
	if err := os.WriteFile(filepath.Join(a.Dir, "oibus.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// Start prepares and starts an agent, and waits until it answers.
func Start(t testing.TB, o Options) *Agent {
	t.Helper()
	a := New(t, o)
	a.Start()
	return a
}

func programName(o Options) string {
	if o.Launcher {
		return "oibus-launcher"
	}
	return "oibus"
}

func (a *Agent) baseURL() string { return "http://127.0.0.1:" + strconv.Itoa(a.Port) }

// MovedTo tells that the agent was told to listen on another port.
func (a *Agent) MovedTo(port int) {
	a.Port = port
	a.URL = a.baseURL()
}

// Start starts the program and waits until the agent answers.
func (a *Agent) Start() {
	a.t.Helper()
	a.Launch()
	a.WaitReady()
}

// Launch starts the program without waiting for anything.
func (a *Agent) Launch() {
	a.t.Helper()
	if a.process != nil && a.process.running() {
		a.t.Fatal("the program runs already")
	}
	args := append([]string{"--config", a.Dir}, a.o.Args...)
	a.process = startProcess(a.t, a.output, a.environment(), "", Program(a.t, programName(a.o)), args...)
	a.t.Cleanup(a.process.endWith(a.o.Launcher))
}

// provisioning are the variables of a first start (protocol/control-plane.md, section 11.4): those of the person who
// runs the tests are none of the agent's business.
var provisioning = []string{"ENGINE_NAME", "ADMIN_USERNAME", "ADMIN_USERNAME_FILE", "ADMIN_PASSWORD", "ADMIN_PASSWORD_FILE", "DEFAULT_PORT"}

func (a *Agent) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(provisioning, name)
	})
	if a.o.UnpinnedPort {
		env = append(env, "DEFAULT_PORT="+strconv.Itoa(a.Port))
	}
	return append(env, a.o.Env...)
}

// WaitReady waits until the agent answers, and reads the first password when it has not been changed.
func (a *Agent) WaitReady() {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), startLimit)
	defer cancel()
	reached := UntilDone(ctx, func() bool { return !a.Running() || a.Answers(ctx) })
	if !reached || !a.Running() {
		a.t.Fatalf("%s did not answer on port %d:\n%s", programName(a.o), a.Port, a.Output())
	}
	if a.Login == "" {
		a.readPassword()
	}
}

// Answers tells whether the web server answers now.
func (a *Agent) Answers(ctx context.Context) bool {
	answer, err := (&Client{URL: a.URL, HTTP: a.HTTP}).Do(ctx, "GET", "/api/status", nil)
	return err == nil && answer.Status/100 == 2
}

func (a *Agent) readPassword() {
	a.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.Dir, "secrets", "first-password.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return // it was provisioned, or changed
	}
	if err != nil {
		a.t.Fatal(err)
	}
	login, password, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
	if !ok {
		a.t.Fatal("first-password.txt does not hold a login and a password")
	}
	a.Login, a.Password = login, password
}

// Running tells whether the process that was started runs.
func (a *Agent) Running() bool { return a.process != nil && a.process.running() }

// PID is the process that was started: that of the launcher when there is one.
func (a *Agent) PID() int { return a.process.cmd.Process.Pid }

// AgentPID asks the agent for its process.
func (a *Agent) AgentPID(ctx context.Context) (int, error) {
	var info struct {
		PID string `json:"processId"`
	}
	if err := a.JSON(ctx, "GET", "/api/engine/info", nil, &info); err != nil {
		return 0, err
	}
	return strconv.Atoi(info.PID)
}

// Kill ends the process that was started as SIGKILL does, without any warning, and waits until it is gone.
func (a *Agent) Kill() { a.process.kill() }

// KillAgent ends the agent itself likewise, whatever runs above it.
func (a *Agent) KillAgent(ctx context.Context) error {
	pid, err := a.AgentPID(ctx)
	if err != nil {
		return err
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("cannot find process %d: %w", pid, err)
	}
	return p.Kill()
}

// Interrupt asks the process that was started to stop.
func (a *Agent) Interrupt() { a.process.interrupt() }

// Stop asks the process to stop, waits until it has, and returns its exit code. The test fails when it does not stop.
func (a *Agent) Stop() int {
	a.t.Helper()
	a.Interrupt()
	return a.WaitExit(stopLimit)
}

// WaitExit waits until the process has ended and returns its exit code, -1 when a signal ended it.
func (a *Agent) WaitExit(limit time.Duration) int {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), limit)
	defer cancel()
	code, err := a.process.wait(ctx)
	if err != nil {
		a.t.Fatalf("%v\n%s", err, a.Output())
	}
	return code
}

// Output is what the programs printed, of all starts.
func (a *Agent) Output() string { return a.output.String() }
