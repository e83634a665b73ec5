package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
)

// cutLimit bounds one cycle: a cut, a mount, a start, and the end of what was queued.
const cutLimit = 60 * time.Second

func TestWhatTheCloudWasToldSurvivesACutOfPower(t *testing.T) {
	t.Parallel()
	cutAgainAndAgain(t, 3)
}

func TestSweepWhatTheCloudWasToldSurvivesEachCutOfPower(t *testing.T) {
	sweep(t)
	t.Parallel()
	cutAgainAndAgain(t, 30)
}

// blackout is a site whose power is cut while commands are executed.
type blackout struct {
	t     *testing.T
	rng   *rand.Rand
	d     *disk
	s     *site.Site
	n     int
	all   []string // ids of the commands so far
	told  map[string]string
	risky int // commands that had not ended when the power was cut
}

func cutAgainAndAgain(t *testing.T, cycles int) {
	d := newDisk(t, 128)
	b := &blackout{t: t, rng: dice(t), d: d, s: startOn(t, d.dir), told: map[string]string{}}
	for range cycles {
		b.cycle()
	}
	b.check()
	t.Logf("%d cuts, %d commands, of which %d had not ended at the cut", cycles, len(b.all), b.risky)
}

// cycle queues commands, cuts the power while they are executed, and starts again.
func (b *blackout) cycle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), cutLimit)
	defer cancel()
	var commands []any
	for range 40 {
		b.n++
		commands = append(commands, map[string]any{"id": fmt.Sprintf("p-%04d", b.n), "type": "create-scan-mode", "commandContent": scanMode(fmt.Sprintf("power %04d", b.n), "")})
	}
	ids := b.s.Queue(commands...)
	b.all = append(b.all, ids...)
	first := ids[b.rng.IntN(len(ids))]
	err := b.s.Sim.Wait(ctx, func() bool {
		c, err := b.s.Sim.Command(first)
		return err == nil && c.Status != cloudsim.CommandPending
	})
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.s.Output())
	}
	pause(between(b.rng, 0, 150*time.Millisecond))
	b.cut()
	for _, id := range ids {
		if c := b.remember(id); !terminal(c.Status) {
			b.risky++
		}
	}
	b.d.unmount()
	b.d.mount()
	b.s.Start()
	b.check()
	b.s.Ended(ctx, ids...)
	for _, id := range ids {
		b.remember(id)
	}
}

// cut ends everything at once. The network goes first: a process outlives this cut of power by a moment, and the kernel
// tells it that a flush which was under way has succeeded, although nothing of it is on the disk.
func (b *blackout) cut() {
	b.t.Helper()
	gone, err := b.s.Sim.AddRule(cloudsim.Rule{Endpoint: "*", Drop: true})
	if err != nil {
		b.t.Fatal(err)
	}
	b.d.cutPower()
	b.s.Kill()
	b.s.Sim.RemoveRule(gone)
}

// remember keeps what the cloud was told of a command, and checks that it is never told otherwise.
func (b *blackout) remember(id string) cloudsim.Command {
	b.t.Helper()
	c, err := b.s.Sim.Command(id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range c.Anomalies {
		b.t.Errorf("%s: %s", id, a)
	}
	if terminal(c.Status) {
		b.told[id] = c.Status + " " + text(c.Result)
	}
	return c
}

// check looks at the disk, by way of the agent that was started from it.
func (b *blackout) check() {
	b.t.Helper()
	there := map[string]bool{}
	h := holds(b.t, b.s)
	for _, name := range h["scan-modes"] {
		there[name] = true
	}
	for id, end := range b.told {
		name := strings.Replace(id, "p-", "power ", 1)
		unclear := strings.Contains(end, interrupted)
		if done := strings.HasPrefix(end, cloudsim.CommandCompleted); !unclear && done != there[name] {
			b.t.Errorf("the cloud was told that %s is %s, and its scan mode is there: %v", id, end, there[name])
		}
	}
	if h["registration"][0] != "REGISTERED" || h["engine"][1] != site.Name {
		b.t.Errorf("after the cut it is %v", h)
	}
	state, err := overview(b.t.Context(), b.s.Client)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, i := range state.Incidents {
		if i.Reason != "missing" { // between the two renames of a save that had not returned
			b.t.Errorf("a cut of power leaves a file that is not whole: %+v", i)
		}
	}
}
