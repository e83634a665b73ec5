package upgrade

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/platform/task"
)

func TestTheVerdictIsWhatHappened(t *testing.T) {
	t.Parallel()
	const rollback = "OIBus has not been updated. Rollback to version 3.8.8: "
	for name, c := range map[string]struct {
		runs     string // version that runs now
		result   handover.Result
		launcher bool // was asked for
		want     string
		failed   bool
	}{
		"updated":                      {"3.9.0", handover.Result{Outcome: handover.Committed, Version: "3.9.0"}, false, "OIBus updated to version 3.9.0, launcher updated to version 3.5.0", false},
		"with its launcher":            {"3.9.0", handover.Result{Outcome: handover.Committed, UpdateLauncher: true, LauncherUpdated: true}, true, "OIBus updated to version 3.9.0, launcher updated to version 3.5.0", false},
		"without the launcher":         {"3.9.0", handover.Result{Outcome: handover.Committed, UpdateLauncher: true}, true, "OIBus updated to version 3.9.0, launcher updated to version 3.5.0 (the launcher was not replaced)", false},
		"the same version":             {"3.9.0", handover.Result{Outcome: handover.Committed, Reason: "version 3.9.0 was asked for: it runs already"}, false, "OIBus updated to version 3.9.0, launcher updated to version 3.5.0 (version 3.9.0 was asked for: it runs already)", false},
		"rolled back after a crash":    {"3.8.8", handover.Result{Outcome: handover.RolledBack, Reason: "the agent ended: exit status 1"}, false, rollback + "the agent ended: exit status 1", true},
		"rolled back without a reason": {"3.8.8", handover.Result{Outcome: handover.RolledBack}, false, rollback + "the launcher does not say why", true},
		"a wrong version":              {"3.8.8", handover.Result{Outcome: handover.Refused, Reason: "its program says that it is version 3.9.1, but version 3.9.0 was asked for"}, false, "OIBus has not been updated: its program says that it is version 3.9.1, but version 3.9.0 was asked for", true},
		"not a release":                {"3.8.8", handover.Result{Outcome: handover.Refused, Reason: `package "staged-x.zip": invalid signature: 0x73696874`}, false, "invalid signature: 0x73696874", true},
		"committed and gone back from": {"3.8.8", handover.Result{Outcome: handover.Committed}, false, rollback + "version 3.9.0 passed its trial, but is not the one that runs now", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, place := range []string{"result.json", "launcher.json"} {
				r := newRig(t, serves(t))
				r.o.Version = c.runs
				c.result.CommandID = commandID
				if place == "result.json" {
					if err := handover.WriteResult(r.dir, c.result); err != nil {
						t.Fatal(err)
					}
				} else {
					r.launcherSays("idle", handover.Versions{Last: &c.result})
				}
				r.restart()
				command := content("v3.9.0")
				if c.launcher {
					command = []byte(strings.Replace(string(command), `"updateLauncher":false`, `"updateLauncher":true`, 1))
				}
				text, err := r.Run(t.Context(), commandID, command, nil)
				if err != nil {
					text = err.Error()
				}
				if text != c.want || (err != nil) != c.failed {
					t.Errorf("from %s: %q, %v", place, text, err)
				}
				if r.server.asked() > 0 {
					t.Error("it was downloaded again")
				}
				r.Settled("another command")
				if _, there, _ := handover.ReadResult(r.dir); there != (place == "result.json") {
					t.Error("another command has removed the answer")
				}
				r.Settled(commandID)
				if _, there, _ := handover.ReadResult(r.dir); there {
					t.Error("the answer is still there")
				}
			}
		})
	}
}

// eventually answers the request after a while, as the launcher does that has restarted the agent meanwhile.
func (r *rig) eventually(steps ...func()) (stop func()) {
	tasks := task.New(r.t.Context(), nil)
	tasks.Go("launcher", func(context.Context) error {
		for _, step := range steps {
			time.Sleep(5 * time.Millisecond)
			step()
		}
		return nil
	})
	return func() {
		if err := tasks.Wait(context.WithoutCancel(r.t.Context())); err != nil {
			r.t.Error(err)
		}
	}
}

func TestTheNextProcessWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	r.stopped()
	r.o.Version = "3.9.0"
	r.restart()
	attempt := handover.Versions{}
	if err := decodeInto(`{"commandId":"c-101","asked":"3.9.0","target":{"version":"3.9.0"}}`, &attempt.Attempt); err != nil {
		t.Fatal(err)
	}
	wait := r.eventually(
		func() {
			r.launcherSays("on-trial", attempt)
			for !strings.Contains(r.notes.String(), "is on trial") && t.Context().Err() == nil {
				time.Sleep(time.Millisecond)
			}
		},
		func() {
			if err := handover.RemoveRequest(r.dir); err != nil {
				t.Error(err)
			}
			r.clock.move(time.Hour) // a long trial is no reason to give up
		},
		func() {
			if !r.OnTrial() {
				t.Error("it is on trial")
			}
		},
		func() {
			if err := handover.WriteResult(r.dir, handover.Result{CommandID: commandID, Outcome: handover.Committed, Version: "3.9.0"}); err != nil {
				t.Error(err)
			}
		})
	text, err := r.runs(t.Context())
	wait()
	if err != nil || text != "OIBus updated to version 3.9.0, launcher updated to version 3.5.0" {
		t.Errorf("%q, %v", text, err)
	}
	if !strings.Contains(r.notes.String(), "Version 3.9.0 is on trial") {
		t.Errorf("the journal says\n%s", r.notes)
	}
}

func TestARefusalEndsTheCommandWhileTheAgentRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	wait := r.eventually(func() {
		for {
			if _, there, _ := handover.ReadRequest(r.dir); there {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := handover.WriteResult(r.dir, handover.Result{CommandID: commandID, Outcome: handover.Refused, Reason: "cannot save the data folder: no room"}); err != nil {
			t.Error(err)
		}
	})
	_, err := r.runs(t.Context())
	wait()
	if err == nil || err.Error() != "OIBus has not been updated: cannot save the data folder: no room" {
		t.Error(err)
	}
}

func TestALauncherThatDoesNotAnswerIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(r *rig) error
		want    string
	}{
		"it leaves the request": {func(*rig) error { return nil }, "the launcher did not take the request within 1m0s"},
		"the request is gone":   {func(r *rig) error { return handover.RemoveRequest(r.dir) }, "the request to the launcher has disappeared"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, serves(t))
			r.stopped()
			r.restart()
			o, err := parseOrder(commandID, content("v3.9.0"))
			if err := errors.Join(err, c.happens(r)); err != nil {
				t.Fatal(err)
			}
			clocks := task.New(t.Context(), nil)
			clocks.Go("clock", func(ctx context.Context) error {
				for ctx.Err() == nil {
					r.clock.move(time.Second)
					time.Sleep(time.Millisecond)
				}
				return nil
			})
			_, err = r.await(t.Context(), o, r.report(o, nil))
			clocks.Stop()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
			r.Settled(commandID)
			if names := r.left(); len(names) > 0 {
				t.Errorf("left %q", names)
			}
		})
	}
}

func TestWithoutALauncherARequestIsTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	r.stopped()
	r.o.Managed = false
	r.restart()
	if _, err := r.runs(t.Context()); !errors.Is(err, errUnmanaged) {
		t.Error(err)
	}
	if names := r.left(); len(names) > 0 {
		t.Errorf("left %q", names)
	}
}
