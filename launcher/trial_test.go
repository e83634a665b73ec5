package launcher

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
)

func TestARunningAgentIsJudgedByWhatItShows(t *testing.T) {
	t.Parallel()
	ready := observation{started: at(0), ready: at(2), lastSign: at(2), version: "3.9.1"}
	with := func(change func(*observation)) observation {
		o := ready
		change(&o)
		return o
	}
	for name, c := range map[string]struct {
		o    observation
		want verdict
		why  string
	}{
		"starting":           {observation{started: at(0)}, undecided, ""},
		"ready":              {ready, undecided, ""},
		"beats":              {with(func(o *observation) { o.lastSign = at(31) }), undecided, ""},
		"window over":        {with(func(o *observation) { o.lastSign = at(32) }), passed, ""},
		"wrong version":      {with(func(o *observation) { o.version = "3.9.0" }), failed, `"3.9.0"`},
		"no version":         {with(func(o *observation) { o.version = "" }), failed, `"3.9.1" was expected`},
		"wrong for long":     {with(func(o *observation) { o.version, o.lastSign = "3.9.0", at(60) }), failed, `"3.9.0"`},
		"fatal":              {with(func(o *observation) { o.fatal, o.leaving, o.reason, o.lastSign = true, at(3), "no disk", at(60) }), failed, "no disk"},
		"too slow":           {observation{started: at(0), aborted: at(20), killedFor: "was not ready"}, failed, "was not ready"},
		"silent":             {with(func(o *observation) { o.aborted, o.killedFor = at(22), "was silent" }), failed, "was silent"},
		"leaves":             {with(func(o *observation) { o.leaving, o.lastSign = at(3), at(60) }), undecided, ""},
		"told to stop":       {with(func(o *observation) { o.asked, o.lastSign = at(3), at(60) }), undecided, ""},
		"fatal before ready": {observation{started: at(0), fatal: true, reason: "no port"}, failed, "no port"},
	} {
		if got, why := c.o.verdict("3.9.1", 30*time.Second); got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %v because %q, want %v because %q", name, got, why, c.want, c.why)
		}
	}
}

func TestAnAgentThatEndsOnTrialIsJudgedByHow(t *testing.T) {
	t.Parallel()
	ready := observation{started: at(0), ready: at(2), lastSign: at(2), version: "3.9.1"}
	silent, fatal, other := ready, ready, ready
	silent.killedFor, fatal.fatal, other.version = "was silent", true, "3.9.2"
	exit := func(code int) platform.Exit { return platform.Exit{Code: code, Text: "exit status"} }
	for name, c := range map[string]struct {
		e    ending
		want verdict
		why  string
	}{
		"does not start":          {ending{err: errors.New("permission denied")}, failed, "permission denied"},
		"exits 0 at once":         {ending{exit: exit(0), at: at(1)}, failed, "before it was ready"},
		"exits 1 at once":         {ending{exit: exit(1), at: at(1)}, failed, "before it was ready"},
		"refuses newer state":     {ending{exit: exit(handshake.ExitNewerState), at: at(1)}, failed, "newer version"},
		"crashes at 29 s":         {ending{observation: ready, exit: exit(1), at: at(31)}, failed, "29s after it was ready"},
		"killed":                  {ending{observation: ready, exit: exit(-1), at: at(31)}, failed, "29s"},
		"asks for a restart":      {ending{observation: ready, exit: exit(handshake.ExitRestart), at: at(5)}, undecided, ""},
		"asks as the reference":   {ending{observation: ready, exit: exit(0), at: at(5)}, undecided, ""},
		"silent":                  {ending{observation: silent, exit: exit(-1), at: at(5)}, failed, "was silent"},
		"fatal, then a restart":   {ending{observation: fatal, exit: exit(handshake.ExitRestart), at: at(5)}, failed, "cannot go on"},
		"another version, then 0": {ending{observation: other, exit: exit(0), at: at(5)}, failed, "3.9.2"},
	} {
		if got, why := c.e.verdict("3.9.1"); got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %v because %q, want %v because %q", name, got, why, c.want, c.why)
		}
	}
}

// fakeUpgrades puts each run on trial.
type fakeUpgrades struct {
	noUpgrades
	verdicts []string
	deaf     int // how often a verdict cannot be recorded
}

func (f *fakeUpgrades) next(ctx context.Context, _ *ending) (run, bool) {
	return run{version: "3.9.0", trial: true}, ctx.Err() == nil
}
func (f *fakeUpgrades) pass() error           { return f.record("pass") }
func (f *fakeUpgrades) fail(why string) error { return f.record("fail: " + why) }
func (f *fakeUpgrades) record(v string) error {
	if f.deaf > 0 {
		f.deaf--
		return errors.New("no space left on device")
	}
	f.verdicts = append(f.verdicts, v)
	return nil
}

func TestATrialIsPassedOnceWhenTheWindowIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeUpgrades{deaf: 2}
		supervisedWith(t, 2*time.Minute, f, func(a *fakeAgent) platform.Exit {
			a.ready()
			a.beatUnless(time.Second, time.Hour, a.stop)
			return platform.Exit{}
		})
		if len(f.verdicts) != 1 || f.verdicts[0] != "pass" {
			t.Errorf("got %q", f.verdicts)
		}
	})
}

func TestAnAgentThatFailsItsTrialIsEndedAfterThatIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeUpgrades{}
		w := supervisedWith(t, 10*time.Second, f, func(a *fakeAgent) platform.Exit {
			a.say(handshake.Message{Kind: handshake.Ready, Version: "3.8.0"})
			<-a.killed
			return platform.Exit{Code: -1, Text: "signal: killed"}
		})
		if len(f.verdicts) == 0 || !strings.Contains(f.verdicts[0], `"3.8.0"`) {
			t.Errorf("got %q", f.verdicts)
		}
		w.expectDone(t, 0, "abort", "kill")
	})
}
