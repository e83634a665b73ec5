package command

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeUpgrades carries out update-version as a test says.
type fakeUpgrades struct {
	run func(ctx context.Context, content json.RawMessage, note func(string)) (string, error)

	mu      sync.Mutex
	runs    []string
	settled []string
	trial   bool
}

func (f *fakeUpgrades) Run(ctx context.Context, id string, content json.RawMessage, note func(string)) (string, error) {
	f.mu.Lock()
	f.runs = append(f.runs, id)
	f.mu.Unlock()
	return f.run(ctx, content, note)
}

func (f *fakeUpgrades) Settled(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled = append(f.settled, id)
}

func (f *fakeUpgrades) OnTrial() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.trial }

func (f *fakeUpgrades) onTrial(is bool) { f.mu.Lock(); defer f.mu.Unlock(); f.trial = is }

func (f *fakeUpgrades) seen() (runs, settled []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.runs), slices.Clone(f.settled)
}

const updateCommand = `{"id":"u","type":"update-version","targetVersion":"3.8.8","version":"v3.9.0","assetId":"a","updateLauncher":false,"backupFoldersPattern":"cache/*"}`

// untilStopped waits for the stop that an upgrade takes.
func untilStopped(ctx context.Context, _ json.RawMessage, note func(string)) (string, error) {
	note("waiting for the launcher")
	<-ctx.Done()
	return "", context.Cause(ctx)
}

func TestAnUpdateThatIsStoppedGoesOnAtTheNextStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := prepared(t)
		up := &fakeUpgrades{run: untilStopped}
		r.o.Deps.Upgrades = up
		r.cloud.add(updateCommand, general("next"))
		r.start()
		r.after(time.Second)
		views := r.Search(Query{Types: []string{"update-version"}}).Content
		if len(views) != 1 || views[0].Status != Running || views[0].Progress != "waiting for the launcher" {
			t.Errorf("before the stop: %+v", views)
		}
		before := time.Now()
		r.stop()
		if took := time.Since(before); took > time.Second {
			t.Errorf("the stop waited %s for the command", took)
		}
		up.run = func(_ context.Context, content json.RawMessage, _ func(string)) (string, error) {
			return "saw " + string(content), nil
		}
		r.start()
		r.after(2 * time.Minute)
		if got := r.cloud.last(); got["u"].result() != `saw {"assetId":"a","backupFolders":"cache/*","updateLauncher":false,"version":"v3.9.0"}` || got["next"].status() != Completed {
			t.Errorf("reported %v", r.cloud.history())
		}
		runs, settled := up.seen()
		if len(runs) != 2 || !slices.Equal(settled, []string{"u"}) {
			t.Errorf("ran %q, settled %q", runs, settled)
		}
		if v := r.Search(Query{Types: []string{"update-version"}}).Content[0]; v.Progress != "" {
			t.Errorf("a command that ended still says %q", v.Progress)
		}
		r.stop()
	})
}

func TestOnTrialNothingIsFetchedNorExecuted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := prepared(t)
		up := &fakeUpgrades{trial: true, run: untilStopped}
		r.o.Deps.Upgrades = up
		r.cloud.add(general("a"))
		r.start()
		r.after(30 * time.Second)
		if len(r.cloud.polled()) > 0 || len(r.effects.list()) > 0 {
			t.Errorf("on trial: %d polls, effects %q", len(r.cloud.polled()), r.effects.list())
		}
		select {
		case <-r.FirstCycle():
		default:
			t.Error("others wait for the first cycle")
		}
		up.onTrial(false)
		r.after(3 * time.Second)
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText)
		r.stop()
	})
}

func TestAnUpdateIsSettledOnlyOnceItsEndIsDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := prepared(t)
		up := &fakeUpgrades{run: func(context.Context, json.RawMessage, func(string)) (string, error) {
			r.journal.setFull(true)
			return "", errors.New("OIBus has not been updated. Rollback to version 3.8.8: it crashed")
		}}
		r.o.Deps.Upgrades = up
		r.cloud.add(updateCommand)
		r.start()
		r.after(20 * time.Second)
		if _, settled := up.seen(); len(settled) > 0 {
			t.Error("it is settled although its end is not journaled")
		}
		r.journal.setFull(false)
		r.after(20 * time.Second)
		if _, settled := up.seen(); len(settled) != 1 || !strings.Contains(r.cloud.last()["u"].result(), "it crashed") {
			t.Errorf("settled %q, reported %v", settled, r.cloud.history())
		}
		r.stop()
	})
}
