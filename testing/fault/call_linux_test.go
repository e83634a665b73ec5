package fault

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// attachLimit bounds the time that strace takes to get hold of a process.
const attachLimit = 20 * time.Second

// failing are the system calls that fail, and how: as strace wants it. A failing write would also hit what the runtime
// of the program writes to itself; that a write finds no room is shown by a full disk.
var failing = []string{
	"fsync:error=EIO", "fsync:error=ENOSPC", "fsync:error=EIO:when=2+2", "fsync:error=EIO:when=1+3",
	"renameat,renameat2,rename:error=EIO", "renameat,renameat2,rename:error=ENOSPC", "renameat,renameat2,rename:error=EIO:when=2+2",
	"pwrite64:error=ENOSPC", "pwrite64:error=EIO:when=1+2",
}

func TestADiskThatFailsNowAndThenMakesNothingUntrue(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	for _, i := range rng.Perm(len(failing))[:3] {
		t.Run(failing[i], func(t *testing.T) {
			t.Parallel()
			failNowAndThen(t, failing[i])
		})
	}
}

func TestSweepADiskThatFailsInAnyWayMakesNothingUntrue(t *testing.T) {
	sweep(t)
	t.Parallel()
	for _, calls := range failing {
		t.Run(calls, func(t *testing.T) {
			t.Parallel()
			failNowAndThen(t, calls)
		})
	}
}

// failNowAndThen has commands executed and settings changed while system calls fail. In the end, what was told of each
// must be true, and a restart must change nothing.
func failNowAndThen(t *testing.T, calls string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*recoversWithin)
	defer cancel()
	s := site.Start(t, site.Options{})
	detach := inject(t, s.PID(), calls)
	ids := s.Queue(creations(12)...)
	told := byHand{name: site.Name, created: map[string]error{}}
	for i := range 6 {
		name := fmt.Sprint("by hand ", i)
		told.created[name] = s.JSON(ctx, "POST", "/api/scan-modes", scanMode(name, ""), nil)
		if err := s.JSON(ctx, "PUT", "/api/engine/name", map[string]any{"name": name}, nil); err == nil {
			told.name = name
		}
	}
	c := ailing{t: t, s: s}
	c.manageable(time.Second)
	detach()
	c.ended = s.Ended(ctx, ids...)
	settles(ctx, t, s)
	c.effects("without a restart")
	told.check(t, s)
	before := holds(t, s)
	s.Kill()
	s.Start()
	c.effects("after a restart")
	told.check(t, s)
	settles(ctx, t, s)
	if after := holds(t, s); !sameHolding(before, after) {
		t.Errorf("before a restart it was %v\nafterwards %v", before, after)
	}
	works(t, s)
	keepsSecrets(t, s)
}

// settles waits until the agent has told the cloud everything.
func settles(ctx context.Context, t *testing.T, s *site.Site) {
	t.Helper()
	if !harness.UntilDone(ctx, func() bool {
		state, err := overview(ctx, s.Client)
		return err == nil && state.Commands.Waiting+state.Commands.Running+state.Commands.Unacknowledged == 0
	}) {
		t.Errorf("it never has told everything\n%s", s.Output())
	}
}

func sameHolding(a, b holding) bool {
	for kind := range a {
		if !slices.Equal(a[kind], b[kind]) {
			return false
		}
	}
	return true
}

// byHand is what the REST API answered.
type byHand struct {
	name    string           // of the engine, as it was changed last
	created map[string]error // scan modes
}

// check checks that it was true.
func (b byHand) check(t *testing.T, s *site.Site) {
	t.Helper()
	h := holds(t, s)
	if h["engine"][1] != b.name {
		t.Errorf("the engine was named %q, and is %q", b.name, h["engine"][1])
	}
	for name, err := range b.created {
		if there := slices.Contains(h["scan-modes"], name); there != (err == nil) {
			t.Errorf("creating %q was answered %v, and it is there: %v", name, err, there)
		}
	}
}

// inject makes system calls of a running process fail until the result is called.
func inject(t *testing.T, pid int, calls string) (detach func()) {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace")
	}
	traced, _, _ := strings.Cut(calls, ":")
	var output strings.Builder
	cmd := exec.Command(path, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+traced, "-e", "inject="+calls, "-p", fmt.Sprint(pid))
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	detached := false
	detach = func() {
		if detached {
			return
		}
		detached = true
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended already
		select {
		case <-ended:
		case <-time.After(attachLimit):
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	t.Cleanup(detach)
	ctx, cancel := context.WithTimeout(t.Context(), attachLimit)
	defer cancel()
	gone := false
	if !harness.UntilDone(ctx, func() bool {
		gone = len(ended) > 0
		return gone || allTraced(pid)
	}) || gone {
		t.Skipf("strace cannot be used here: %s", output.String())
	}
	return detach
}

// allTraced tells whether each thread of a process is traced.
func allTraced(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "TracerPid:\t0\n") {
			return false
		}
	}
	return true
}
