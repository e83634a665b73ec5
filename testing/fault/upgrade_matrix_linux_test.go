package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// nextVersion is that of the real programs that are built beside those of the distribution, and laterVersion that of
// ones that write a higher schema level.
const (
	nextVersion  = "99.1.0"
	laterVersion = "99.2.0"
)

// travel is a real agent, registered, that goes from one version to another.
type travel struct {
	*site.Site
	t     *testing.T
	first string // version of the distribution
	made  []string
}

func startTravel(t *testing.T) *travel {
	t.Helper()
	s := site.Start(t, site.Options{Options: harness.Options{Launcher: true, Settings: hasty}})
	v := &travel{Site: s, t: t}
	harness.Until(t, settlesWithin, "the launcher knows its agent", func() bool { return v.status().Agent != nil })
	v.first = v.status().Agent.Version
	return v
}

func (v *travel) status() handover.Status {
	v.t.Helper()
	st, err := handover.ReadStatus(v.Dir)
	if err != nil {
		v.t.Fatal(err)
	}
	return st
}

// packageOf builds the real programs of a version. flags go to the compiler.
func packageOf(t *testing.T, version string, level int, flags ...string) []byte {
	t.Helper()
	folder := t.TempDir()
	for name, of := range map[string]string{"oibus": "./agent/cmd/oibus", "oibus-launcher": "./launcher/cmd/oibus-launcher"} {
		build(t, of, filepath.Join(folder, name), version, flags...)
	}
	m := release.Manifest{Version: version, State: release.StateLevels{MinReadable: 1, Written: level}}
	return pack(t, m, filepath.Join(folder, "oibus"), filepath.Join(folder, "oibus-launcher"), "")
}

// drop puts a package there as a person does.
func (v *travel) drop(zip []byte) {
	v.t.Helper()
	err := os.MkdirAll(handover.Dir(v.Dir), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(handover.Dir(v.Dir), "from-a-person.zip"), zip, 0o644)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v *travel) goBack(version string) {
	v.t.Helper()
	if err := handover.WriteRollback(v.Dir, handover.Rollback{Version: version, At: time.Now()}); err != nil {
		v.t.Fatal(err)
	}
}

// ends waits for the end of the attempt that began after since, and that the version then runs and works.
func (v *travel) ends(since time.Time, version string, outcome handover.Outcome) handover.Result {
	v.t.Helper()
	last := v.over(since)
	if last.Outcome != outcome || last.Running != version {
		v.t.Fatalf("want %s %s: %+v\n%s", version, outcome, last, v.Output())
	}
	v.works(version)
	return last
}

// works checks that the agent is the version, knows all that it knew, and obeys the cloud.
func (v *travel) works(version string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), settlesWithin)
	defer cancel()
	v.WaitReady()
	var info struct {
		Version string `json:"version"`
	}
	if err := v.JSON(ctx, "GET", "/api/engine/info", nil, &info); err != nil || strings.TrimPrefix(info.Version, "v") != version {
		v.t.Errorf("the agent says that it is %+v, %v", info, err)
	}
	name := fmt.Sprintf("made by %s, number %d", version, len(v.made))
	ids := v.Queue(map[string]any{"type": "create-scan-mode", "commandContent": scanMode(name, "")})
	for _, c := range v.Ended(ctx, ids...) {
		if c.Status != cloudsim.CommandCompleted {
			v.t.Errorf("a command ended %s: %s", c.Status, text(c.Result))
		}
	}
	v.made = append(v.made, name)
	known := strings.Join(holds(v.t, v.Site)["scan-modes"], "\n")
	for _, name := range v.made {
		if !strings.Contains(known, name) {
			v.t.Errorf("version %s does not know %q", version, name)
		}
	}
}

func TestARealAgentGoesToTheNextVersionAndBackAndForthAgain(t *testing.T) {
	t.Parallel()
	v := startTravel(t)
	zip := packageOf(t, nextVersion, 1)
	v.works(v.first)
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { v.drop(zip) }, nextVersion}, {func() { v.goBack("") }, v.first}, {func() { v.drop(zip) }, nextVersion},
	} {
		begin := time.Now()
		c.do()
		v.ends(begin, c.want, handover.Committed)
	}
	endsInOrder(t, v.Site)
}

func TestSweepARealAgentIsNotTakenBackToAVersionThatCannotReadItsData(t *testing.T) {
	sweep(t)
	t.Parallel()
	v := startTravel(t)
	next, later := packageOf(t, nextVersion, 1), packageOf(t, laterVersion, 2, "-overlay", higherLevel(t))
	begin := time.Now()
	v.drop(next)
	v.ends(begin, nextVersion, handover.Committed)
	begin = time.Now()
	v.drop(later)
	v.ends(begin, laterVersion, handover.Committed) // which writes state
	begin = time.Now()
	v.goBack(nextVersion)
	if r := v.ends(begin, laterVersion, handover.Refused); !strings.Contains(r.Reason, "schema level 1 to 1, the one here has level 2") {
		t.Errorf("got %+v", r)
	}
	begin = time.Now()
	v.goBack(v.first) // of which only its program knows what it reads
	if r := v.ends(begin, laterVersion, handover.RolledBack); !strings.Contains(r.Reason, "written by a newer version") {
		t.Errorf("got %+v", r)
	}
	begin = time.Now()
	v.drop(next)
	if r := v.ends(begin, laterVersion, handover.Refused); !strings.Contains(r.Reason, "schema level 1 to 1") {
		t.Errorf("got %+v", r)
	}
	endsInOrder(t, v.Site)
}

func TestSweepARealAgentSurvivesEachDeathDuringItsUpgrades(t *testing.T) {
	sweep(t)
	t.Parallel()
	rng, v := dice(t), startTravel(t)
	zip := packageOf(t, nextVersion, 1)
	counts := map[handover.Outcome]int{}
	for range 20 {
		begin := time.Now()
		v.drop(zip)
		pause(between(rng, 3*time.Second, 8*time.Second)) // it is looked at once it has not changed for some seconds
		v.die(rng)
		last := v.over(begin)
		v.works(last.Running)
		counts[last.Outcome]++
		if last.Running == nextVersion {
			begin = time.Now()
			v.goBack("")
			v.ends(begin, v.first, handover.Committed)
		}
	}
	t.Logf("%v", counts)
	endsInOrder(t, v.Site)
}

// die kills the agent, or the launcher, which is then started again.
func (v *travel) die(rng *rand.Rand) {
	if rng.IntN(2) == 0 {
		signal(childrenOf(v.t, v.PID()), syscall.SIGKILL)
		return
	}
	v.Kill()
	v.Launch()
}

// over waits for the end of the attempt that began after since.
func (v *travel) over(since time.Time) handover.Result {
	v.t.Helper()
	var st handover.Status
	harness.Until(v.t, settlesWithin, "the end of an attempt", func() bool {
		st = v.status()
		return st.Phase == "idle" && st.Agent != nil && st.Upgrades.Last != nil && st.Upgrades.Last.StartedAt.After(since)
	})
	return *st.Upgrades.Last
}

// higherLevel makes the overlay of an agent that writes the next schema level.
func higherLevel(t *testing.T) string {
	t.Helper()
	source := filepath.Join(harness.Root(t), "agent", "store", "store.go")
	text, err := os.ReadFile(source)
	const level = "const SchemaLevel = 1\n"
	if err != nil || !strings.Contains(string(text), level) {
		t.Fatalf("%s has no %q: %v", source, level, err)
	}
	changed, overlay := filepath.Join(t.TempDir(), "store.go"), filepath.Join(t.TempDir(), "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err == nil {
		err = os.WriteFile(changed, []byte(strings.Replace(string(text), level, "const SchemaLevel = 2\n", 1)), 0o600)
	}
	if err == nil {
		err = platform.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return overlay
}
