package launcher

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
)

// bin is a folder with the test binary under the names of the programs that it plays: TestMain looks at its own name.
var bin string

func TestMain(m *testing.M) {
	dieAt(os.Getenv(dieVariable))
	switch name, _, _ := strings.Cut(filepath.Base(os.Args[0]), "."); name {
	case "oibus-launcher":
		playLauncher(beside())
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	case "oibus":
		args := os.Args[1:]
		if as := beside(); as != "" {
			args = append([]string{as}, args...)
		}
		os.Exit(playAgent(args))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "oibus-launcher-test-"); err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(bin) }()
	suffix := filepath.Ext(os.Args[0])
	if suffix != ".exe" {
		suffix = ""
	}
	self, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.Mkdir(filepath.Join(bin, "binaries"), 0o755)
	}
	for _, name := range []string{"oibus-launcher", "binaries/oibus"} {
		if err == nil {
			err = os.WriteFile(filepath.Join(bin, filepath.FromSlash(name)+suffix), self, 0o755)
		}
	}
	if err != nil {
		panic(err)
	}
	return m.Run()
}

// asSuffix ends the name of the file beside a program of a package that says what it plays, where a script cannot.
const asSuffix = ".as"

func beside() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(self + asSuffix)
	if err != nil {
		return ""
	}
	return string(text)
}

func agentForTests() (string, error) { return platform.ExecutableNear(bin, "binaries/oibus") }

// playAgent is a stand-in for the agent. The argument --fake=... says how it behaves; what happens to it goes to the
// file logs/events in the data folder.
func playAgent(args []string) int {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintln(os.Stderr, v, string(debug.Stack()))
		}
	}()
	f := fakeProgram{version: platform.Version}
	mode := ""
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--fake="); ok && mode == "" {
			mode = v
		}
		if v, ok := strings.CutPrefix(arg, "--as="); ok { // the agent of a package, which knows what it is
			f.version, mode, _ = strings.Cut(v, ",")
		}
		if arg == "--config" {
			f.dir = args[i+1]
		}
		if arg == "--version" {
			fmt.Println("OIBus version: " + f.version)
			fmt.Fprintln(os.Stderr, "a warning")
			if mode == "broken" {
				return 5
			}
			return 0
		}
		if arg == "--reset-password" {
			fmt.Println("Admin user reset")
			return 6
		}
	}
	wd, _ := os.Getwd()
	f.event("start " + wd + "|" + strings.Join(args, "|"))
	return f.play(mode)
}

type fakeProgram struct{ dir, version string }

func (f fakeProgram) event(text string) {
	err := os.MkdirAll(filepath.Join(f.dir, "logs"), 0o755)
	if err != nil {
		panic(err)
	}
	file, err := os.OpenFile(filepath.Join(f.dir, "logs", "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(file, text)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		panic(err)
	}
}

// hold locks a file for as long as this process lives, so that a test can tell.
func (f fakeProgram) hold(name string) {
	if _, err := platform.LockFile(filepath.Join(f.dir, name)); err != nil {
		f.event("cannot lock " + name)
		os.Exit(handshake.ExitInUse)
	}
}

func (f fakeProgram) play(mode string) int {
	switch mode {
	case "sleeper":
		f.hold("sleeper.lock")
		f.event("sleeping")
		time.Sleep(time.Minute)
		return 0
	case "exit 2":
		fmt.Fprintln(os.Stderr, "oibus.toml:3: web.prot: there is no such key")
		return handshake.ExitBadSettings
	case "garbage":
		// FromEnvironment closes nothing, so that both write to the same pipe.
		pipe, err := platform.OpenInherited(os.Getenv(handshake.Variable))
		if err != nil {
			panic(err)
		}
		_, _ = pipe.WriteString("garbage\n\x00\x00\n" + strings.Repeat("x", 10000) + "\n{\"kind\":\"coffee\"}\n")
	case "spam":
		line := strings.Repeat("y", 1000) + "\n"
		for range 2000 {
			fmt.Print(line)
		}
		fmt.Print(strings.Repeat("z", 200_000))
	case "grandchild":
		c := exec.Command(os.Args[0], "--fake=sleeper", "--config", f.dir)
		detach(c)
		if err := c.Start(); err != nil {
			panic(err)
		}
	}
	f.hold("agent.lock")
	r, err := handshake.FromEnvironment()
	if err != nil || r == nil {
		f.event(fmt.Sprintf("no launcher: %v", err))
		return handshake.ExitFailure
	}
	if code, ended := f.work(r, mode); ended {
		return code
	}
	if mode == "never ready" {
		time.Sleep(time.Minute)
	}
	if mode == "slow" {
		time.Sleep(time.Second)
	}
	f.event("works")
	r.Ready(f.version)
	f.event("ready")
	if mode == "silent" {
		time.Sleep(time.Minute)
	}
	return f.live(r, mode)
}

func (f fakeProgram) live(r *handshake.Reporter, mode string) int {
	stop := r.StopRequested()
	if mode == "deaf" || mode == "abandoned" {
		ignoreSignals()
	}
	for {
		select {
		case <-time.After(r.Interval()):
			if code, ended := f.tick(r, mode); ended {
				return code
			}
			r.Heartbeat()
			fmt.Println("beat") // fails once the launcher is gone
		case <-stop:
			if mode == "deaf" || mode == "abandoned" {
				stop = nil
				f.event("deaf")
				continue
			}
			r.Stopping("asked to")
			f.event("stopped")
			return 0
		}
	}
}

// site is a data folder with a launcher on it.
type site struct {
	t   *testing.T
	dir string
}

// newSite makes a data folder with limits that an agent keeps on a busy machine too, but for those given, such as
// stop_limit=1s.
func newSite(t *testing.T, limits ...string) site {
	t.Helper()
	s := site{t: t, dir: t.TempDir()}
	all := map[string]string{"start_limit": "60s", "heartbeat_interval": "100ms", "silence_limit": "60s", "stop_limit": "30s", "backoff_first": "100ms"}
	for _, limit := range limits {
		key, value, _ := strings.Cut(limit, "=")
		all[key] = value
	}
	text := ""
	for key, value := range all {
		text += fmt.Sprintf("%s = %q\n", key, value)
	}
	s.settings(text)
	return s
}

func (s site) settings(text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "oibus.toml"), []byte("[launcher]\n"+text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s site) events() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "logs", "events"))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(text)
}

// eventually waits for a condition that must become true soon.
func (s site) eventually(what string, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never happened: %s; events:\n%s\n%s", what, s.events(), s.text(journalName))
		}
	}
}

func (s site) awaitEvents(text string, times int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d times %q", times, text), func() bool { return strings.Count(s.events(), text) >= times })
}

// awaitFree waits until no process holds the lock any more. A process that is just being started by another test holds
// a copy for a moment.
func (s site) awaitFree(lock string) {
	s.t.Helper()
	s.eventually("nobody holds "+lock, func() bool {
		release, err := platform.LockFile(filepath.Join(s.dir, lock))
		if err != nil {
			return false
		}
		return release() == nil
	})
}

// program runs the launcher as a process of its own.
func (s site) program(args ...string) *exec.Cmd {
	path, err := platform.ExecutableNear(bin, "oibus-launcher")
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(path, append([]string{"--config", s.dir}, args...)...)
	c.Stderr = io.Discard
	return c
}
