package fault

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// impatient makes the launcher notice in a second what it otherwise takes for a slow machine.
const impatient = "[launcher]\nheartbeat_interval = \"100ms\"\nsilence_limit = \"2s\"\nbackoff_first = \"100ms\"\nbackoff_max = \"1s\"\nhealthy_after = \"1s\"\n"

// noticesWithin bounds the time from a silent agent to the next one: the limit of silence, the seconds that a hung
// agent gets to say where it hangs, and the start.
const noticesWithin = 30 * time.Second

func launched() site.Options {
	return site.Options{Options: harness.Options{Launcher: true, Settings: impatient}}
}

func TestCommandsSurviveTheDeathOfLauncherAndAgent(t *testing.T) {
	t.Parallel()
	o := &ordeal{t: t, total: 60, kills: 6, options: launched()}
	o.attack = o.killEither
	o.run(80 * time.Second)
	endsInOrder(t, o.s)
}

func TestSweepCommandsSurviveEachDeathOfLauncherAndAgent(t *testing.T) {
	sweep(t)
	t.Parallel()
	o := &ordeal{t: t, total: 500, kills: 60, options: launched()}
	o.attack = o.killEither
	o.run(20 * time.Minute)
	endsInOrder(t, o.s)
}

// killEither kills the agent, the launcher, or both, or makes the agent silent.
func (o *ordeal) killEither() {
	agents := childrenOf(o.t, o.s.PID())
	switch roll := o.rng.IntN(10); {
	case roll < 4:
		signal(agents, syscall.SIGKILL)
	case roll < 7:
		o.s.Kill()
		o.s.Launch()
	case roll < 9:
		o.s.Kill()
		signal(agents, syscall.SIGKILL)
		o.s.Launch()
	default:
		signal(agents, syscall.SIGSTOP)
	}
}

func signal(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // it may have ended
	}
}

// childrenOf lists the processes that pid started.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	var pids []int
	for _, p := range processes(t) {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		// After the name, in parentheses, come the state and the parent.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			pids = append(pids, p)
		}
	}
	return pids
}

func processes(t *testing.T) []int {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range folders {
		if pid, err := strconv.Atoi(filepath.Base(f)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// endsInOrder stops the site and checks that none of its processes is left.
func endsInOrder(t *testing.T, s *site.Site) {
	t.Helper()
	if code := s.Stop(); code != 0 {
		t.Errorf("the launcher ended with %d\n%s", code, s.Output())
	}
	for _, pid := range processes(t) {
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err == nil && bytes.Contains(line, []byte(s.Dir)) {
			t.Errorf("process %d is left behind: %q", pid, line)
		}
	}
}

func TestASilentAgentIsReplacedAndItsCommandEnds(t *testing.T) {
	t.Parallel()
	s := site.Start(t, launched())
	ctx, cancel := context.WithTimeout(t.Context(), 2*noticesWithin)
	defer cancel()
	before, err := s.AgentPID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	signal([]int{before}, syscall.SIGSTOP)
	end := s.Ended(ctx, s.Queue(creations(1)...)...)[0]
	if end.Status != cloudsim.CommandCompleted {
		t.Errorf("the command ended %s: %s", end.Status, text(end.Result))
	}
	after, err := s.AgentPID(ctx)
	if err != nil || after == before {
		t.Errorf("process %d was silent and was replaced by %d, error %v", before, after, err)
	}
	if !strings.Contains(s.Output(), "was silent for more than launcher.silence_limit, 2s") {
		t.Errorf("the launcher does not say why\n%s", s.Output())
	}
	endsInOrder(t, s)
}

func TestALauncherStartsWhateverBecameOfItsRecord(t *testing.T) {
	t.Parallel()
	s := site.Start(t, launched())
	rng := rand.New(rand.NewPCG(dice(t).Uint64(), 0))
	path := filepath.Join(s.Dir, "launcher.json")
	for _, d := range damages {
		if code := s.Stop(); code != 0 {
			t.Fatalf("the launcher ended with %d\n%s", code, s.Output())
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.do(rng, path, content); err != nil {
			t.Fatal(err)
		}
		s.Start()
		polls(t, s)
	}
	aside, err := filepath.Glob(path + ".corrupt-*")
	if err != nil || len(aside) < len(damages)-2 {
		t.Errorf("of %d damaged records, %d were put aside, error %v", len(damages), len(aside), err)
	}
	endsInOrder(t, s)
}

func TestAKilledLauncherLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	s := site.Start(t, launched())
	agents := childrenOf(t, s.PID())
	if len(agents) != 1 {
		t.Fatalf("the launcher has %d children", len(agents))
	}
	s.Kill()
	harness.Until(t, noticesWithin, "the agent of a killed launcher ends", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", agents[0]))
		return err != nil
	})
	s.Start()
	endsInOrder(t, s)
}
