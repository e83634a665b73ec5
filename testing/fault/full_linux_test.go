package fault

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// fullFor is how long the disk stays full: several retries of everything.
const fullFor = 4 * time.Second

func TestAFullDiskLeavesTheAgentManageableAndHealsByItself(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 32) // too small for a reserve
	c := ailing{t: t, s: startOn(t, d.dir)}
	c.endure(func() func() { return fill(t, d.dir) })
	if said := strings.Join(written(t, c.s.Dir), "") + c.s.Output(); !strings.Contains(said, "no space left on device") {
		t.Error("neither log nor console say that the disk was full")
	}
	for _, end := range c.ended {
		if end.Status == cloudsim.CommandErrored && !strings.Contains(text(end.Result), "no space left") {
			t.Errorf("%s failed with %q, which does not say that the disk is full", end.Type, text(end.Result))
		}
	}
}

func TestADiskWithoutFreeFilesLeavesTheAgentManageable(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,nr_inodes=200"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := ailing{t: t, s: startOn(t, dir)}
	c.endure(func() func() { return fillFiles(t, dir) })
}

func TestTheReserveKeepsCommandsGoingOnAFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 160)
	s := startOn(t, d.dir)
	reserve := filepath.Join(s.Dir, "state", "reserve")
	harness.Until(t, recoversWithin, "the reserve is made", func() bool {
		var stat unix.Stat_t
		return unix.Stat(reserve, &stat) == nil && stat.Size > 1<<20
	})
	free := fill(t, d.dir)
	ctx, cancel := context.WithTimeout(t.Context(), recoversWithin)
	defer cancel()
	for _, end := range s.Ended(ctx, s.Queue(creations(50)...)...) {
		if end.Status != cloudsim.CommandCompleted {
			t.Errorf("with a reserve, a command ended %s: %s", end.Status, text(end.Result))
		}
	}
	free()
	s.Kill()
	s.Start()
	if modes := holds(t, s)["scan-modes"]; len(modes) < 50 {
		t.Errorf("of 50 scan modes made on a full disk, these are there after a restart: %q", modes)
	}
}

func startOn(t *testing.T, dir string) *site.Site {
	t.Helper()
	var o site.Options
	o.Dir = filepath.Join(dir, "data")
	s := site.New(t, o)
	unix.Sync() // the copy was not made by the agent, and nothing promises that it is on the disk
	s.Start()
	t.Cleanup(s.Kill) // before the file system is unmounted
	return s
}

// creations are n commands that make scan modes "new 0" and so on.
func creations(n int) []any {
	var list []any
	for i := range n {
		list = append(list, map[string]any{"id": fmt.Sprint("new-", i), "type": "create-scan-mode", "commandContent": scanMode(fmt.Sprint("new ", i), "")})
	}
	return list
}

// ailing is an agent on a disk that does not do what it should.
type ailing struct {
	t     *testing.T
	s     *site.Site
	ended []cloudsim.Command
}

func (c *ailing) endure(fill func() (free func())) {
	t, s := c.t, c.s
	before := holds(t, s)
	free := fill()
	ids := s.Queue(creations(10)...)
	c.manageable(fullFor)
	s.Kill()
	s.Start() // on the full disk
	c.manageable(fullFor / 2)
	before["commands"] = nil
	now := holds(t, s)
	now["commands"] = nil
	for _, name := range now["scan-modes"] {
		if !strings.HasPrefix(name, "new ") {
			continue
		}
		before["scan-modes"] = append(before["scan-modes"], name) // what found room
	}
	before.compare(t, now, "scan-modes")
	free()
	ctx, cancel := context.WithTimeout(t.Context(), recoversWithin)
	defer cancel()
	c.ended = s.Ended(ctx, ids...)
	c.effects("without a restart")
	s.Kill()
	s.Start()
	c.effects("after a restart")
	works(t, s)
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d\n%s", code, s.Output())
	}
}

// manageable checks for a while that the page answers with all that it has.
func (c *ailing) manageable(d time.Duration) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), d)
	defer cancel()
	for ctx.Err() == nil {
		if !c.s.Running() || !c.s.Answers(c.t.Context()) {
			c.t.Fatalf("on a full disk the agent is gone\n%s", c.s.Output())
		}
		if _, err := overview(c.t.Context(), c.s.Client); err != nil {
			c.t.Fatal(err)
		}
		pause(200 * time.Millisecond)
	}
}

// effects checks that what the cloud was told is true.
func (c *ailing) effects(when string) {
	c.t.Helper()
	names := map[string]bool{}
	for _, name := range holds(c.t, c.s)["scan-modes"] {
		names[name] = true
	}
	counts := map[string]int{}
	for _, end := range c.ended {
		counts[end.Status]++
		there := names[strings.Replace(end.ID, "-", " ", 1)]
		if unclear := strings.HasPrefix(text(end.Result), interrupted); !unclear && there != (end.Status == cloudsim.CommandCompleted) {
			c.t.Errorf("%s: %s ended %s (%s), and its scan mode is there: %v", when, end.ID, end.Status, text(end.Result), there)
		}
		for _, a := range end.Anomalies {
			c.t.Errorf("%s: %s", end.ID, a)
		}
	}
	c.t.Logf("%s: %v", when, counts)
}
