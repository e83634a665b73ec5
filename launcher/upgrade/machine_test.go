package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
)

func (p *place) begin(o Order) {
	p.t.Helper()
	if err := p.m.Begin(o); err != nil {
		p.t.Fatal(err)
	}
}

func TestAnUpgradeThatPassesItsTrialStays(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(true)
	p.expect(before, "3.9.1", handover.Committed)
	r, there := p.result()
	if !there || r.Outcome != handover.Committed || r.CommandID != "c1" || r.Running != "3.9.1" || r.Previous != factoryVersion || r.Version != "3.9.1" {
		t.Errorf("got %+v", r)
	}
	if s := p.m.State(); s.Previous == nil || !s.Previous.IsFactory() || s.Previous.Version != factoryVersion {
		t.Errorf("the version before should be kept: %+v", s.Previous)
	}
	left, err := filepath.Glob(filepath.Join(p.dir, "*", "*.zip"))
	backups, _ := os.ReadDir(filepath.Join(p.dir, "backup"))
	if err != nil || len(left) != 0 || len(backups) != 0 {
		t.Errorf("package and backup should be gone: %v, %v", left, backups)
	}
}

func TestAnUpgradeThatFailsItsTrialIsUndone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(false)
	p.expect(before, factoryVersion, handover.RolledBack)
	if got := p.snapshot()["cache/north/3.json"]; got != "three" {
		t.Errorf("what was collected on trial should stay, got %q", got)
	}
	if r, there := p.result(); !there || r.Outcome != handover.RolledBack || r.Reason != "it failed" || r.Running != factoryVersion {
		t.Errorf("got %+v", r)
	}
	if len(p.versions()) != 0 {
		t.Errorf("the bad version should be gone: %v", p.versions())
	}
}

func TestAVersionWhoseTrialCannotBeRecordedIsNotStarted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("state/engine.json", `{"schema": 1}`)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	if need, err := p.m.Advance(t.Context(), true); need != Trial || err != nil {
		t.Fatal(need, err)
	}
	p.full = true
	if ok, err := p.m.StartTrial(); ok || err == nil || p.m.State().Phase() != Switched || !p.m.State().Holds() {
		t.Errorf("%v %v in %s", ok, err, p.m.State().Phase())
	}
	p.full = false
	if ok, err := p.m.StartTrial(); !ok || err != nil || p.m.State().Phase() != OnTrial || p.m.State().Attempt.Starts != 1 {
		t.Errorf("then %v %v %+v", ok, err, p.m.State().Attempt)
	}
}

func TestContentInTheFormatOfANewVersionIsKeptAsideWhenThatOneIsUndone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.write("state/engine.json", `{"schema": 1}`)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	if need, err := p.m.Advance(t.Context(), true); need != Trial || err != nil {
		t.Fatal(need, err)
	}
	if ok, err := p.m.StartTrial(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.newVersionRuns()
	p.write("state/engine.json", `{"schema": 2}`)
	if err := p.m.Fail("it failed"); err != nil {
		t.Fatal(err)
	}
	p.live(false)
	after := p.snapshot()
	aside := 0
	for path, text := range after {
		if strings.HasPrefix(path, "rescued/") && strings.HasSuffix(path, "/cache/north/3.json") && text == "three" {
			aside++
		}
	}
	maps.DeleteFunc(after, func(path, _ string) bool { return strings.HasPrefix(path, "rescued") })
	if !maps.Equal(after, before) || aside != 1 {
		t.Errorf("the data should be as before:\n got %v\nwant %v\n%d kept aside", sorted(after), sorted(before), aside)
	}
}

func TestAVersionThatCannotReadTheDataIsNotGoneBackTo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.levels = release.StateLevels{MinReadable: 1, Written: 1}
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(true)
	p.levels.Written = 2
	p.pack("staged-3.9.2.zip", "3.9.2", "3.9.2")
	p.begin(request("3.9.2"))
	p.live(true)
	p.write("state/engine.json", `{"schema": 2}`)
	target, ok := rollbackTarget(p.m.State(), p.m.Factory(), "")
	if !ok || target.Version != "3.9.1" {
		t.Fatalf("got %+v", target)
	}
	p.begin(Order{Source: FromRollback, Key: "rollback", Target: &target, Version: target.Version})
	if need, err := p.m.Advance(t.Context(), false); need != Nothing || err != nil {
		t.Fatalf("the agent need not stop: %v, %v", need, err)
	}
	s := p.m.State()
	if want := "schema level 1 to 1, the one here has level 2"; s.Running.Version != "3.9.2" || s.Last.Outcome != handover.Refused || !strings.Contains(s.Last.Reason, want) {
		t.Errorf("got %+v, %+v", s.Running, s.Last)
	}
}

func TestWhatIsWrongWithAPackageChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(p *place)
		order   Order
		want    string
	}{
		"another version than asked": {func(p *place) { p.pack("staged-3.9.1.zip", "3.9.2", "3.9.2") }, request("3.9.1"), "3.9.1 was asked for"},
		"program of another version": {func(p *place) { p.pack("staged-3.9.1.zip", "3.9.1", "3.9.2") }, request("3.9.1"), "says that it is version 3.9.2"},
		"program that does not run":  {func(p *place) { p.pack("staged-3.9.1.zip", "3.9.1", "broken") }, request("3.9.1"), "does not run"},
		"missing":                    {func(*place) {}, request("3.9.1"), "cannot open package"},
		"garbage":                    {func(p *place) { p.write("update/staged-3.9.1.zip", strings.Repeat("garbage", 100)) }, request("3.9.1"), "invalid signature"},
		"changed": {func(p *place) { p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1") }, func() Order {
			o := request("3.9.1")
			o.SHA256 = strings.Repeat("0", 64)
			return o
		}(), "SHA-256"},
		"refused by policy": {func(p *place) {
			p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
			p.tweak = func(c *Config) { c.Policy.Unproven = release.UnprovenRefuse }
			p.open()
		}, request("3.9.1"), "policy of this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			c.prepare(p)
			before := p.snapshot()
			p.begin(c.order)
			p.live(true)
			p.expect(before, factoryVersion, handover.Refused)
			if r, there := p.result(); !there || !strings.Contains(r.Reason, c.want) {
				t.Errorf("the reason should have %q: %+v", c.want, r)
			}
			if len(p.versions()) != 0 {
				t.Errorf("nothing should be left: %v", p.versions())
			}
		})
	}
}

func TestARefusedPackageDoesNotNeedTheAgentToStop(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.begin(request("3.9.1"))
	if need, err := p.m.Advance(t.Context(), false); need != Nothing || err != nil || p.m.State().Attempt != nil {
		t.Errorf("got %v, %v, %s", need, err, p.m.State().Phase())
	}
}

func TestTheAgentIsAskedToStopOnlyWhenEverythingIsPrepared(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	need, err := p.m.Advance(t.Context(), false)
	if s := p.m.State(); need != NoAgent || err != nil || s.Phase() != BackedUp || !s.Running.IsFactory() || s.Holds() {
		t.Fatalf("got %v, %v, %+v", need, err, s)
	}
	p.write("state/engine.json", "changed while the agent still ran")
	before := p.snapshot()
	p.live(false)
	p.expect(before, factoryVersion, handover.RolledBack)
}

func TestTheVersionThatRunsIsNotInstalledAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(true)
	entries := p.snapshot()
	p.repack()
	o := request("3.9.1")
	o.Key, o.CommandID = "request c2", "c2"
	p.begin(o)
	if need, err := p.m.Advance(t.Context(), false); need != Nothing || err != nil {
		t.Fatalf("the agent need not stop: %v, %v", need, err)
	}
	p.expect(entries, "3.9.1", handover.Committed)
	if r, _ := p.result(); r.CommandID != "c2" || !strings.Contains(r.Reason, "runs already") || r.Version != "3.9.1" {
		t.Errorf("got %+v", r)
	}
}

// repack makes the package of the installed version 3.9.1 again.
func (p *place) repack() {
	p.t.Helper()
	folder := filepath.Join(p.dir, versionsFolder, "3.9.1")
	m, err := release.VerifyTree(p.t.Context(), folder)
	if err != nil {
		p.t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(handover.Dir(p.dir), "staged-3.9.1.zip"))
	if err != nil {
		p.t.Fatal(err)
	}
	var sources []release.Source
	for _, file := range m.Files {
		sources = append(sources, release.FileSource(file.Path, filepath.Join(folder, filepath.FromSlash(file.Path)), file.Executable))
	}
	if _, err := release.Write(p.t.Context(), f, m, sources, nil); errors.Join(err, f.Close()) != nil {
		p.t.Fatal(err)
	}
}

func TestABadVersionIsRefusedUntilANewCommandAsks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for i, c := range []struct {
		command string
		pass    bool
		want    handover.Outcome
	}{{"c1", false, handover.RolledBack}, {"c1", true, handover.Refused}, {"c2", true, handover.Committed}} {
		p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
		o := request("3.9.1")
		o.Key, o.CommandID = fmt.Sprint("request ", i), c.command
		p.begin(o)
		p.live(c.pass)
		if last := p.m.State().Last; last.Outcome != c.want {
			t.Fatalf("%d: got %+v, want %s", i, last, c.want)
		}
	}
	if bad := p.m.State().Bad; len(bad) != 0 {
		t.Errorf("a version that passed is not bad any more: %+v", bad)
	}
}

func TestOneCanGoBackToTheVersionBeforeAndForwardAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(true)
	for i, want := range []string{factoryVersion, "3.9.1", factoryVersion} {
		target, ok := rollbackTarget(p.m.State(), p.m.Factory(), "")
		if !ok || target.Version != want {
			t.Fatalf("%d: got %+v, %v, want %s", i, target, ok, want)
		}
		p.begin(Order{Source: FromRollback, Key: fmt.Sprint("rollback ", i), Target: &target, Version: target.Version})
		p.live(true)
		if s := p.m.State(); s.Running.Version != want || !slices.Equal(p.versions(), []string{"3.9.1"}) {
			t.Fatalf("%d: got %+v, %v", i, s.Running, p.versions())
		}
	}
}

func TestOnlyWhatRunsAndWhatRanBeforeIsKept(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, v := range []string{"3.9.1", "3.9.2", "3.9.3"} {
		p.pack("staged-"+v+".zip", v, v)
		p.begin(request(v))
		p.live(true)
	}
	if got := p.versions(); !slices.Equal(got, []string{"3.9.2", "3.9.3"}) {
		t.Errorf("got %v", got)
	}
}

func TestAPackageWithoutAManifestIsInstalledByWhatItsProgramSays(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.snapshot()
	p.bare("dropped.zip", "3.9.4")
	p.begin(Order{Source: FromPackage, Key: "package", Package: "dropped.zip"})
	p.live(true)
	p.expect(before, "3.9.4", handover.Committed)
	if _, there := p.result(); there {
		t.Error("nobody asked by a command, so there is no answer to one")
	}
	if got := p.versions(); !slices.Equal(got, []string{"3.9.4"}) {
		t.Errorf("got %v", got)
	}
}

func TestADamagedVersionIsReplacedByTheOneBeforeOrTheFactoryRelease(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, v := range []string{"3.9.1", "3.9.2"} {
		p.pack("staged-"+v+".zip", v, v)
		p.begin(request(v))
		p.live(true)
	}
	for i, c := range []struct{ damage, want string }{{"", "3.9.2"}, {"3.9.2", "3.9.1"}, {"3.9.1", factoryVersion}} {
		if c.damage != "" {
			files, err := filepath.Glob(filepath.Join(p.dir, versionsFolder, c.damage, "binaries", "*"))
			if err != nil || len(files) != 1 || os.WriteFile(files[0], []byte("xxxxx\nagent"), 0o755) != nil { // the size is the same
				t.Fatal(files, err)
			}
		}
		p.open()
		_, running, err := p.m.Program(t.Context())
		if err != nil || running.Version != c.want || p.m.State().Running.Version != c.want {
			t.Fatalf("%d: got %+v, %v, want %s", i, running, err, c.want)
		}
	}
	// Sizes are looked at each time.
	if _, _, err := p.m.Program(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestATrialThatIsInterruptedTooOftenFails(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	starts := 0
	for range 20 {
		need, err := p.m.Advance(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if need != Trial {
			break
		}
		if ok, err := p.m.StartTrial(); err != nil || !ok {
			continue
		}
		starts++
		p.newVersionRuns()
		if starts == 1 {
			if err := p.m.Forgive(); err != nil { // the launcher was asked to stop
				t.Fatal(err)
			}
		}
		p.open() // the machine loses power
	}
	p.live(true)
	p.expect(before, factoryVersion, handover.RolledBack)
	if starts != maxTrialStarts+1 {
		t.Errorf("it was started %d times", starts)
	}
}

func TestALauncherThatCannotRecordDoesNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.full = true
	if err := p.m.Begin(request("3.9.1")); err == nil || p.m.State().Attempt != nil {
		t.Fatalf("got %v, %+v", err, p.m.State())
	}
	p.full = false
	p.begin(request("3.9.1"))
	p.full = true
	if _, err := p.m.Advance(t.Context(), true); err == nil || p.m.State().Phase() != Staged || p.m.State().Holds() {
		t.Fatalf("got %v, %s", err, p.m.State().Phase())
	}
	p.full = false
	if need, err := p.m.Advance(t.Context(), true); need != Trial || err != nil {
		t.Fatal(need, err)
	}
	if ok, err := p.m.StartTrial(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.newVersionRuns()
	p.full = true
	if err := p.m.Fail("bad"); err == nil || p.m.State().Phase() != OnTrial {
		t.Fatalf("a verdict that is not recorded is none: %v, %s", err, p.m.State().Phase())
	}
	p.full = false
	p.live(false)
	p.expect(before, factoryVersion, handover.RolledBack)
}

func TestANewerFactoryReleaseTakesOverOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	p.live(true)
	if _, newer := p.m.Superseded(); newer {
		t.Error("the factory release is older")
	}
	p.tweak = func(c *Config) {
		c.FactoryVersion = "3.10.0"
		c.Probe = func(context.Context, string) (string, error) { return "3.10.0", nil }
	}
	p.open()
	o, newer := p.m.Superseded()
	if !newer {
		t.Fatal("the factory release is newer")
	}
	p.begin(o)
	p.live(false)
	if s := p.m.State(); s.Running.Version != "3.9.1" || s.Last.Outcome != handover.RolledBack {
		t.Errorf("got %+v, %+v", s.Running, s.Last)
	}
	p.open()
	if _, newer := p.m.Superseded(); newer {
		t.Error("it was tried already")
	}
}

func TestWhatCannotBeUndoneDoesNotKeepTheSiteWithoutAnAgent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	p.begin(request("3.9.1"))
	if need, err := p.m.Advance(t.Context(), true); need != Trial || err != nil {
		t.Fatal(need, err)
	}
	if _, err := p.m.StartTrial(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.m.Fail("bad"), os.RemoveAll(filepath.Join(p.dir, "backup"))); err != nil {
		t.Fatal(err)
	}
	failures := 0
	for {
		if _, err := p.m.Advance(t.Context(), true); err == nil {
			break
		}
		if failures++; failures > undoTries {
			t.Fatal("it is tried for ever")
		}
	}
	p.live(true)
	r, _ := p.result()
	if r.Outcome != handover.RolledBack || !strings.Contains(r.Reason, "not everything could be undone") || r.Running != factoryVersion {
		t.Errorf("got %+v", r)
	}
	if s := p.m.State(); !s.Running.IsFactory() || s.Last == nil || s.Last.Outcome != handover.RolledBack {
		t.Errorf("got %+v", s)
	}
}

func TestAResultThatCannotBeToldAtOnceIsToldLater(t *testing.T) {
	t.Parallel()
	for _, pass := range []bool{true, false} {
		p := newPlace(t)
		p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
		p.begin(request("3.9.1"))
		result := filepath.Join(handover.Dir(p.dir), "result.json")
		p.hook = func(string) {
			if err := os.MkdirAll(filepath.Join(result, "x"), 0o755); err != nil {
				t.Error(err)
			}
		}
		p.live(pass)
		p.hook = func(string) {}
		if s := p.m.State(); !s.Untold || s.Last == nil || (s.Last.Outcome == handover.Committed) != pass {
			t.Fatalf("got %+v", s)
		}
		if err := p.m.Tell(); err == nil {
			t.Error("it cannot be told yet")
		}
		if err := os.RemoveAll(result); err != nil {
			t.Fatal(err)
		}
		p.open()
		if err := p.m.Tell(); err != nil {
			t.Fatal(err)
		}
		if r, there := p.result(); !there || r.Outcome != p.m.State().Last.Outcome || r.CommandID != "c1" || p.m.State().Untold {
			t.Errorf("got %+v", r)
		}
	}
}

// crash is the panic that plays the death of the launcher.
type crash struct{}

// dies runs do until the n-th point, if there are so many.
func (p *place) dies(n int, do func()) (died bool) {
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(crash); !ok {
				panic(v)
			}
			died = true
			p.hook = func(string) {}
			// Whoever held the lock is dead.
			p.open()
		}
	}()
	points := 0
	p.hook = func(string) {
		if points++; points == n {
			panic(crash{})
		}
	}
	do()
	p.hook = func(string) {}
	return false
}

func TestALauncherThatDiesAtAnyPointLeavesOneWholeVersionAndOneWholeDataFolder(t *testing.T) {
	t.Parallel()
	for _, pass := range []bool{true, false} {
		for _, second := range []int{0, 2} { // and dies again so many points later
			t.Run(fmt.Sprintf("passes %v, again after %d", pass, second), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n++ {
					if !dieAt(t, n, second, pass) {
						if n < 15 {
							t.Errorf("there were only %d points", n)
						}
						return
					}
				}
			})
		}
	}
}

func dieAt(t *testing.T, n, second int, pass bool) (died bool) {
	p := newPlace(t)
	before := p.snapshot()
	p.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
	died = p.dies(n, func() { p.begin(request("3.9.1")); p.live(pass) })
	if died && second > 0 && p.m.State().Attempt != nil {
		p.dies(second, func() { p.live(pass) })
	}
	if p.m.State().Attempt == nil && p.m.State().Last == nil {
		p.begin(request("3.9.1")) // it died before the order was recorded, and finds it again
	}
	if r := p.m.State().Running; !r.IsFactory() {
		if _, err := release.VerifyTree(t.Context(), p.m.folder(r)); err != nil {
			t.Fatalf("point %d: what is to run is not complete: %v", n, err)
		}
	}
	if p.m.State().Attempt != nil {
		p.live(pass)
	}
	if pass {
		p.expect(before, "3.9.1", handover.Committed)
	} else {
		p.expect(before, factoryVersion, handover.RolledBack)
	}
	if r, there := p.result(); !there || r.Outcome != p.m.State().Last.Outcome {
		t.Errorf("point %d: the agent was told %+v", n, r)
	}
	if _, err := os.Stat(filepath.Join(handover.Dir(p.dir), "staged-3.9.1.zip")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("point %d: the package is left, %v", n, err)
	}
	if t.Failed() {
		t.Fatalf("point %d", n)
	}
	return died
}

func TestEveryPhaseLeadsToIdleWhateverFails(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for choices := range 1 << 14 {
		a := Attempt{Phase: Staged}
		steps := 0
		for ; a.Phase != Idle; steps++ {
			if steps > 30 {
				t.Fatalf("choices %b: it goes on for ever, now %+v", choices, a)
			}
			var err error
			if choices>>min(steps, 13)&1 == 1 {
				err = failed
			}
			from := a.Phase
			a = transition(a, err)
			if from.before(Committed) && err != nil && a.Phase != RollingBack {
				t.Fatalf("a failure in %s leads to %s", from, a.Phase)
			}
			if from == RollingBack && a.Phase != RollingBack && a.Phase != RolledBack {
				t.Fatalf("an attempt that is undone becomes %s", a.Phase)
			}
			if a.Phase == RollingBack && a.Outcome == handover.Refused != a.Reached.before(Switched) {
				t.Fatalf("an attempt that reached %s is %s", a.Reached, a.Outcome)
			}
		}
	}
}

func TestTheTimesFitEachOther(t *testing.T) {
	t.Parallel()
	if settleFor >= truncatedFor || settleFor < 2*time.Second || maxTrialStarts < 2 {
		t.Error("a package must settle before it is taken for cut off, and a trial may be started again once")
	}
}
