package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/testing/harness"
)

// The versions of an upgrade, and its command.
const (
	oldVersion = "3.9.0"
	newVersion = "3.9.1"
	upgradeID  = "upgrade-1"
)

// settlesWithin bounds the time from the end of a fault to a quiet site: limits of start and stop, a trial or three, and
// a machine that does much else.
const settlesWithin = 60 * time.Second

// hasty are limits that keep an upgrade short.
const hasty = `[launcher]
start_limit = "5s"
heartbeat_interval = "100ms"
silence_limit = "2s"
stop_limit = "5s"
backoff_first = "100ms"
backoff_max = "500ms"
trial_window = "1s"
`

// programs are a launcher that can be held at a point of an upgrade, and agents that are none.
type programs struct {
	folder string // the factory release: launcher, and agent of the old version
	agent  string
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	p := programs{folder: t.TempDir()}
	p.agent = filepath.Join(p.folder, "binaries", "oibus")
	for path, of := range map[string]string{filepath.Join(p.folder, "oibus-launcher"): "./testing/fault/heldlauncher", p.agent: "./testing/fault/fakeagent"} {
		build(t, of, path, oldVersion)
	}
	if err := os.WriteFile(filepath.Join(p.folder, "binaries", "version"), []byte(oldVersion), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// build compiles a program of a version.
func build(t *testing.T, of, path, version string, flags ...string) {
	t.Helper()
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w -X oibus/platform.Version=" + version, "-o", path}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, of)...)
	cmd.Dir, cmd.Env = harness.Root(t), append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", of, err, text)
	}
}

// pack makes the package of a version: agent and launcher are programs, says is what the agent says it is.
func pack(t *testing.T, m release.Manifest, agent, launcher, says string) []byte {
	t.Helper()
	m.Platform, m.Architecture, m.Created = platform.Platform(), platform.Architecture(), time.Now()
	sources := []release.Source{
		release.FileSource(release.AgentPath(m.Platform), agent, true),
		release.FileSource(release.LauncherPath(m.Platform), launcher, true),
	}
	if says != "" {
		sources = append(sources, release.Source{Path: "binaries/version", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(says)), nil }})
	}
	var b bytes.Buffer
	if _, err := release.Write(t.Context(), &b, m, sources, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plant is a data folder with a launcher on it, and a folder by which launcher and agents are told what to do.
type plant struct {
	t        *testing.T
	launcher string
	dir, ctl string
	process  *exec.Cmd
	ended    chan struct{}
	mark     string       // of the launcher before, by which launcher.json of this one is told from an old one
	dead     map[int]bool // agents that were killed
}

// newPlant makes one in the folder dir, with more settings of the launcher.
func newPlant(t *testing.T, p programs, dir string, settings ...string) *plant {
	t.Helper()
	s := &plant{t: t, launcher: filepath.Join(p.folder, "oibus-launcher"), dir: dir, ctl: t.TempDir(), dead: map[int]bool{}}
	text := hasty
	for _, line := range settings {
		key, _, _ := strings.Cut(line, " ")
		at := strings.Index(text, key+" ")
		end := at + strings.Index(text[at:], "\n")
		text = text[:at] + line + text[end:]
	}
	if err := platform.WriteFile(filepath.Join(dir, "oibus.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// launch starts the launcher, as the service manager does.
func (s *plant) launch() {
	s.t.Helper()
	out, err := os.OpenFile(s.control("output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mark = s.markNow()
	s.process = exec.Command(s.launcher, "--config", s.dir)
	s.process.Env = append(os.Environ(), "OIBUS_FAULT_DIR="+s.ctl)
	s.process.Stdout, s.process.Stderr = out, out
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(s.process.Start(), out.Close()); err != nil {
		s.t.Fatal(err)
	}
	ended, process := make(chan struct{}), s.process
	s.ended = ended
	go func() {
		_ = process.Wait() // how it ended is told by what it did
		close(ended)
	}()
}

func (s *plant) runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return s.process != nil
	}
}

// kill ends the launcher as SIGKILL does.
func (s *plant) kill() {
	_ = s.process.Process.Kill() // it may have ended
	<-s.ended
}

// stop asks the launcher to stop, and waits until it has.
func (s *plant) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		s.t.Errorf("the launcher does not stop\n%s", s.report())
		s.kill()
	}
}

// end leaves no process behind.
func (s *plant) end() {
	s.release()
	if s.process != nil && s.runs() {
		s.stop()
	}
	s.killAgents()
}

// agents are the processes of this plant but its launchers.
func (s *plant) agents() []int {
	var pids []int
	want := []byte("OIBUS_FAULT_DIR=" + s.ctl + "\x00")
	for _, pid := range processes(s.t) {
		folder := filepath.Join("/proc", strconv.Itoa(pid))
		env, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil || !bytes.Contains(env, want) {
			continue // it is none of ours, or gone
		}
		line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		words := strings.Split(string(line), "\x00")
		if err == nil && len(words) > 1 && filepath.Base(words[0]) == "oibus" && !slices.Contains(words, "--version") {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *plant) killAgents() (killed int) {
	for _, pid := range s.agents() {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			s.dead[pid] = true
			killed++
		}
	}
	return killed
}

func (s *plant) control(name string) string { return filepath.Join(s.ctl, name) }

func (s *plant) tell(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.control(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *plant) read(name string) string {
	text, err := os.ReadFile(s.control(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// play says how the agent of a version behaves.
func (s *plant) play(version, mode string) { s.tell("mode-"+version, mode) }

// holdAt makes the launcher wait at a point.
func (s *plant) holdAt(point string) { s.tell("hold", point) }

// release lets it go.
func (s *plant) release() {
	for _, name := range []string{"hold", "held"} {
		if err := os.Remove(s.control(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Error(err)
		}
	}
}

// held waits until the launcher waits at the point, or the upgrade is over without having come there.
func (s *plant) held() bool {
	s.t.Helper()
	held := func() bool {
		_, err := os.Stat(s.control("held"))
		return err == nil
	}
	s.until("the launcher is held, or the upgrade over", func() bool { return held() || s.settled() })
	if !held() {
		pause(time.Second) // the last point comes after the end
	}
	return held()
}

func (s *plant) until(what string, reached func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), settlesWithin)
	defer cancel()
	if !harness.UntilDone(ctx, reached) {
		s.t.Fatalf("waited in vain: %s\n%s", what, s.report())
	}
}

// awaitEvent waits until an agent has said something so often.
func (s *plant) awaitEvent(text string, times int) {
	s.t.Helper()
	s.until(text, func() bool { return strings.Count(s.read("events"), text) >= times })
}

// order leaves a package, and asks for it as the agent does.
func (s *plant) order(zip []byte, change ...func(*handover.Request)) {
	s.t.Helper()
	r := handover.Request{CommandID: upgradeID, Version: "v" + newVersion, Package: handover.StagedPrefix + newVersion + ".zip", At: time.Now()}
	for _, c := range change {
		c(&r)
	}
	err := os.MkdirAll(handover.Dir(s.dir), 0o755)
	if err == nil {
		err = platform.WriteFile(filepath.Join(handover.Dir(s.dir), r.Package), zip, 0o600)
	}
	if err == nil {
		err = platform.SyncDir(s.dir)
	}
	if err == nil {
		err = handover.WriteRequest(s.dir, r)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// settled says whether the upgrade is over, the command answered, and an agent runs.
func (s *plant) settled() bool {
	st, err := handover.ReadStatus(s.dir)
	if err != nil || s.markNow() == s.mark || st.Phase != "idle" || st.Upgrades.Last == nil || st.Agent == nil || st.Agent.Version != st.Upgrades.Running.Version {
		return false
	}
	if _, there, err := handover.ReadResult(s.dir); err != nil || st.Upgrades.Last.Source == "request" && !there {
		return false
	}
	return slices.Equal(s.agents(), []int{st.Agent.PID}) && !s.dead[st.Agent.PID]
}

// markNow is the mark of the launcher that has last written launcher.json.
func (s *plant) markNow() string {
	var journal struct {
		Mark string `json:"mark"`
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "launcher.json"))
	if err != nil || json.Unmarshal(text, &journal) != nil {
		return ""
	}
	return journal.Mark
}

// report is what is known, for the reader of a failure.
func (s *plant) report() string {
	journal, _ := os.ReadFile(filepath.Join(s.dir, "launcher.json")) // it is shown, whatever it is
	return fmt.Sprintf("events:\n%s\npoints: %s\n\nlauncher.json:\n%s\n\noutput:\n%s",
		s.read("events"), strings.ReplaceAll(s.read("points"), "\n", ", "), journal, s.read("output"))
}

// judged is what became of the upgrade, after all that must be true of it was checked.
func (s *plant) judged() handover.Result {
	s.t.Helper()
	s.until("the upgrade is over and an agent runs", s.settled)
	st, err := handover.ReadStatus(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	if pids := s.agents(); len(pids) != 1 || pids[0] != st.Agent.PID {
		s.t.Errorf("the agents %v run, the launcher knows of %d", pids, st.Agent.PID)
	}
	s.checkRelease(st)
	s.checkResult(st)
	s.checkData(st.Upgrades.Running.Version)
	if s.t.Failed() {
		s.t.Logf("%s", s.report())
	}
	return *st.Upgrades.Last
}

// checkRelease checks that what runs is complete and verified, and what the pointer names.
func (s *plant) checkRelease(st handover.Status) {
	s.t.Helper()
	running := st.Upgrades.Running
	if running.Version != oldVersion && running.Version != newVersion {
		s.t.Errorf("version %q runs", running.Version)
	}
	program, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(st.Agent.PID), "exe"))
	if err != nil {
		s.t.Errorf("the agent is gone: %v", err)
	}
	want := filepath.Join(filepath.Dir(s.launcher), "binaries", "oibus")
	if !running.IsFactory() {
		folder := filepath.Join(s.dir, "versions", running.Folder)
		want = filepath.Join(folder, "binaries", "oibus")
		if m, err := release.VerifyTree(s.t.Context(), folder); err != nil || m.Digest() != running.Digest {
			s.t.Errorf("what runs is not complete: %v", err)
		}
	}
	if program != want {
		s.t.Errorf("%s runs, not %s", program, want)
	}
}

// checkResult checks that the agent was told the truth.
func (s *plant) checkResult(st handover.Status) {
	s.t.Helper()
	r, there, err := handover.ReadResult(s.dir)
	if err != nil || !there {
		s.t.Errorf("there is no result: %v", err)
		return
	}
	running := st.Upgrades.Running.Version
	switch {
	case r.CommandID != upgradeID || r.Running != running || r.Previous != oldVersion:
		s.t.Errorf("version %s runs, the result is %+v", running, r)
	case (r.Outcome == handover.Committed) != (running == newVersion):
		s.t.Errorf("version %s runs, the result is %+v", running, r)
	case r.Outcome != handover.Committed && r.Reason == "":
		s.t.Errorf("the result does not say why: %+v", r)
	}
}

// checkData checks that the state is of one version, and that no content is lost.
func (s *plant) checkData(version string) {
	s.t.Helper()
	if events := s.read("events"); strings.Contains(events, "WRONG") {
		s.t.Error("an agent found its state wrong")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "state", "new-in-"+version+".json")); err != nil {
		s.t.Errorf("the state is not that of version %s: %v", version, err)
	}
	collected, kept := s.read("collected"), map[string]bool{} // the agent goes on collecting
	files, err := filepath.Glob(filepath.Join(s.dir, "cache", "n", "*.data"))
	blobs, blobErr := filepath.Glob(filepath.Join(s.dir, "cache", "n", "blobs", "*"))
	for _, path := range append(files, blobs...) {
		if strings.HasSuffix(path, ".oibus-tmp") {
			continue
		}
		text, readErr := os.ReadFile(path)
		err = errors.Join(err, readErr)
		for line := range strings.Lines(string(text)) {
			kept[strings.TrimSpace(line)] = true
		}
	}
	if err := errors.Join(err, blobErr); err != nil {
		s.t.Error(err)
	}
	lost, all := 0, 0
	for line := range strings.Lines(collected) {
		if all++; !kept[strings.TrimSpace(line)] {
			lost++
		}
	}
	if lost > 0 || all == 0 {
		s.t.Errorf("%d of %d contents are lost", lost, all)
	}
}
