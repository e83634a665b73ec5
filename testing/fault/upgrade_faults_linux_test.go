package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
)

const (
	// upgradeTakes is about how long an upgrade takes here: random moments are within.
	upgradeTakes = 5 * time.Second
	// faultLasts is how long a fault lasts that ends by itself.
	faultLasts = 2 * time.Second
)

// fate is what the new version does on its trial.
type fate struct {
	name, mode string
	points     []string
}

// The points of an upgrade, in order. A phase is written to launcher.json between the point before it and the one after.
var (
	onTheWay = []string{
		"before staged", "after staged", "unpacked", "before checked", "after checked", "saved", "before backed-up", "after backed-up",
		"before stopped", "after stopped", "completed", "before switched", "after switched", "before on-trial", "after on-trial",
	}
	atTheEnd = []string{"discarded", "before cleaned", "after cleaned", "before idle", "after idle"}
	fates    = []fate{
		{"a good version", "", append(append(append([]string{}, onTheWay...), "before committed", "after committed", "published"), atTheEnd...)},
		{"a bad version", "crashes after 300ms", append(append(append([]string{}, onTheWay...),
			"before rolling-back", "after rolling-back", "restored", "published", "before rolled-back", "after rolled-back"), atTheEnd...)},
	}
)

// fault is something that happens to a site.
type fault struct {
	name   string
	disk   string // of a kind of its own, "" is that of the temporary folder
	strike func(*struck)
}

// struck is a site to which a fault happens.
type struck struct {
	*plant
	volume *volume
	rng    *rand.Rand
}

var faults = []fault{
	{"kill of the launcher", "", (*struck).killLauncher},
	{"kill of the agent", "", func(s *struck) { s.killAgents() }},
	{"kill of both", "", func(s *struck) { s.kill(); s.killAgents(); s.release(); s.launch() }},
	{"power cut on ext4", "ext4", (*struck).powerCut},
	{"power cut on xfs", "xfs", (*struck).powerCut},
	{"full disk", "ext4", (*struck).fullDisk},
	{"failing disk", "", (*struck).failingDisk},
	{"read-only file", "ext4", (*struck).readOnlyFile},
}

func (s *struck) killLauncher() {
	s.kill()
	s.release()
	s.launch()
}

func (s *struck) powerCut() {
	s.tell("cut", "")
	s.volume.cutPower()
	s.kill()
	s.killAgents()
	s.volume.comeBack()
	if err := os.Remove(s.control("cut")); err != nil {
		s.t.Fatal(err)
	}
	s.release()
	s.launch()
}

func (s *struck) fullDisk() {
	free := s.volume.spaceFor(int64(s.rng.IntN(2)) * 64 << 10)
	s.release()
	pause(faultLasts)
	free()
}

// badCalls are system calls of launcher and agent that fail.
var badCalls = []string{
	"fsync,syncfs:error=EIO", "fsync,syncfs:error=EIO:when=1+2", "fsync:error=ENOSPC:when=2+3", "renameat,renameat2,rename:error=EIO",
	"renameat,renameat2,rename:error=EIO:when=2+2", "unlinkat:error=EIO:when=1+2", "linkat:error=EIO", "getdents64:error=EIO:when=2+3", "mkdirat:error=EROFS",
}

func (s *struck) failingDisk() {
	calls := badCalls[s.rng.IntN(len(badCalls))]
	s.t.Log(calls)
	detach := inject(s.t, s.process.Process.Pid, calls)
	s.release()
	pause(faultLasts)
	detach()
}

func (s *struck) readOnlyFile() {
	paths := []string{"launcher.json", "state/doc-3.json", "state", "update", "versions", "cache/n"}
	path := filepath.Join(s.dir, paths[s.rng.IntN(len(paths))])
	if _, err := os.Stat(path); err != nil {
		path = s.dir
	}
	s.t.Log(path)
	free := immutable(s.t, path)
	s.release()
	pause(faultLasts)
	free()
}

// plan is one upgrade and what goes wrong with it, at a point or, without one, at any moment.
type plan struct {
	fault fault
	fate  fate
	point string
}

func (p plan) String() string {
	if p.point == "" {
		return fmt.Sprintf("%s at any moment of %s", p.fault.name, p.fate.name)
	}
	return fmt.Sprintf("%s at %q of %s", p.fault.name, p.point, p.fate.name)
}

// tally counts what became of upgrades.
type tally struct{ committed, rolledBack, refused atomic.Int64 }

func (c *tally) add(o handover.Outcome) {
	switch o {
	case handover.Committed:
		c.committed.Add(1)
	case handover.RolledBack:
		c.rolledBack.Add(1)
	case handover.Refused:
		c.refused.Add(1)
	}
}

// carryOut makes the upgrade, strikes, and checks what everybody must find afterwards without having done anything.
func (p plan) carryOut(t *testing.T, with programs, zip []byte, rng *rand.Rand) handover.Result {
	s := &struck{rng: rng}
	dir := ""
	if p.fault.disk != "" {
		s.volume = newVolume(t, p.fault.disk, map[string]int64{"ext4": 256, "xfs": 384}[p.fault.disk])
		dir = filepath.Join(s.volume.dir, "data")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	} else {
		dir = t.TempDir()
	}
	s.plant = newPlant(t, with, dir)
	s.play(newVersion, p.fate.mode)
	s.launch()
	s.awaitEvent("ready", 1)
	if p.point != "" {
		s.holdAt(p.point)
	}
	s.order(zip)
	if p.point == "" {
		pause(between(rng, 0, upgradeTakes))
	} else if !s.held() {
		t.Fatalf("the upgrade never came to %q\n%s", p.point, s.report())
	}
	p.fault.strike(s)
	s.release()
	r := s.judged()
	if p.fate.mode != "" && r.Outcome == handover.Committed {
		t.Errorf("a bad version stays: %+v\n%s", r, s.report())
	}
	return r
}

func fakePackage(t *testing.T, p programs) []byte {
	t.Helper()
	m := release.Manifest{Version: newVersion, State: release.StateLevels{MinReadable: 1, Written: 1}}
	return pack(t, m, p.agent, filepath.Join(p.folder, "oibus-launcher"), newVersion)
}

// carryOutAll carries out plans side by side.
func carryOutAll(t *testing.T, plans []plan) {
	with, seeds, counts := buildPrograms(t), dice(t), &tally{}
	zip := fakePackage(t, with)
	t.Run("all", func(t *testing.T) {
		for i, p := range plans {
			rng := rand.New(rand.NewPCG(seeds.Uint64(), uint64(i)))
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				counts.add(p.carryOut(t, with, zip, rng).Outcome)
			})
		}
	})
	t.Logf("%d upgrades: %d committed, %d rolled back, %d refused", len(plans), counts.committed.Load(), counts.rolledBack.Load(), counts.refused.Load())
}

func TestAnUpgradeLeavesOneWholeVersionWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	var plans []plan
	for i, f := range faults {
		fate := fates[(i+rng.IntN(2))%2]
		plans = append(plans, plan{f, fate, fate.points[rng.IntN(len(fate.points))]})
		other := fates[0]
		if fate.name == other.name {
			other = fates[1]
		}
		plans = append(plans, plan{f, other, ""}, plan{f, other, other.points[rng.IntN(len(other.points))]})
	}
	carryOutAll(t, plans)
}

func TestSweepAnUpgradeLeavesOneWholeVersionWhateverGoesWrongInEachPhase(t *testing.T) {
	sweep(t)
	t.Parallel()
	var plans []plan
	for _, f := range faults {
		for _, fate := range fates {
			for _, point := range fate.points {
				plans = append(plans, plan{f, fate, point})
			}
		}
	}
	carryOutAll(t, plans)
}

func TestSweepAnUpgradeLeavesOneWholeVersionWhateverGoesWrongAtAnyMoment(t *testing.T) {
	sweep(t)
	t.Parallel()
	const each = 200
	var plans []plan
	for _, f := range faults {
		for i := range each {
			plans = append(plans, plan{f, fates[i%2], ""})
		}
	}
	carryOutAll(t, plans)
}
