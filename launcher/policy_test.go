package launcher

import (
	"strings"
	"testing"
	"time"

	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/platform"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// at is t0 plus a number of seconds.
func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

func testOptions() options.Options {
	o := options.Default()
	o.StartLimit = options.Duration(20 * time.Second)
	o.SilenceLimit = options.Duration(10 * time.Second)
	o.StopLimit = options.Duration(30 * time.Second)
	return o
}

func TestWhatIsDoneToAnAgentFollowsFromWhatWasObserved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    observation
		now  float64
		want action
		why  string
	}{
		"it is starting":                     {observation{started: at(0)}, 19.9, leaveAlone, ""},
		"it starts too slowly":               {observation{started: at(0)}, 20, abort, "was not ready within 20s"},
		"it beats without being ready":       {observation{started: at(0), lastSign: at(19)}, 20, abort, "was not ready"},
		"it is healthy":                      {observation{started: at(0), ready: at(1), lastSign: at(100)}, 109.9, leaveAlone, ""},
		"it is silent":                       {observation{started: at(0), ready: at(1), lastSign: at(100)}, 110, abort, "silent for more than launcher.silence_limit, 10s"},
		"it said goodbye and is silent":      {observation{started: at(0), ready: at(1), lastSign: at(1), leaving: at(5)}, 34, leaveAlone, ""},
		"it said goodbye and stays":          {observation{started: at(0), ready: at(1), lastSign: at(1), leaving: at(5), reason: "restart"}, 35, abort, "(restart)"},
		"it fails before it is ready":        {observation{started: at(0), leaving: at(5), reason: "no disk"}, 21, leaveAlone, ""},
		"it was asked to stop":               {observation{started: at(0), ready: at(1), lastSign: at(1), asked: at(50)}, 54, leaveAlone, ""},
		"it does not answer":                 {observation{started: at(0), ready: at(1), lastSign: at(1), asked: at(50)}, 55, interrupt, ""},
		"it answered":                        {observation{started: at(0), ready: at(1), asked: at(50), leaving: at(51)}, 79, leaveAlone, ""},
		"it left before it was asked":        {observation{started: at(0), ready: at(1), leaving: at(49), asked: at(50)}, 79, leaveAlone, ""},
		"it was nudged":                      {observation{started: at(0), ready: at(1), asked: at(50), nudged: at(55)}, 79, leaveAlone, ""},
		"it does not stop":                   {observation{started: at(0), ready: at(1), asked: at(50), nudged: at(55)}, 80, kill, "asked to stop and did not within launcher.stop_limit, 30s"},
		"it answered and does not stop":      {observation{started: at(0), asked: at(50), leaving: at(51)}, 80, kill, "asked to stop"},
		"it prints where it hangs":           {observation{started: at(0), aborted: at(20), killedFor: "x"}, 22, leaveAlone, ""},
		"it has printed where it hangs":      {observation{started: at(0), aborted: at(20), killedFor: "was slow"}, 23, kill, "was slow"},
		"it was killed":                      {observation{started: at(0), aborted: at(20), killed: at(23), struck: at(23), killedFor: "x"}, 32, leaveAlone, ""},
		"it was killed and is still there":   {observation{started: at(0), killed: at(23), struck: at(23), killedFor: "was slow"}, 33, kill, "was slow"},
		"it was asked while it is aborted":   {observation{started: at(0), asked: at(21), aborted: at(20), killedFor: "x"}, 22, leaveAlone, ""},
		"it is asked and short of the limit": {observation{started: at(0), asked: at(1), nudged: at(6)}, 30.9, leaveAlone, ""},
	} {
		got, why := c.o.next(20*time.Second, testOptions(), at(c.now))
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %v because it %q, want %v because it %q", name, got, why, c.want, c.why)
		}
	}
}

func TestWhatTheAgentSaysIsRemembered(t *testing.T) {
	t.Parallel()
	o := observation{started: at(0)}
	o = o.hear(handshake.Message{Kind: handshake.Ready, Version: "3.9.0"}, at(1))
	o = o.hear(handshake.Message{Kind: handshake.Heartbeat}, at(3))
	o = o.hear(handshake.Message{Kind: handshake.Ready, Version: "3.9.0"}, at(4))
	o = o.hear(handshake.Message{Kind: handshake.Fatal, Reason: "no disk"}, at(5))
	o = o.hear(handshake.Message{Kind: handshake.Stopping, Reason: "because of it"}, at(6))
	want := observation{started: at(0), ready: at(1), version: "3.9.0", serves: true, lastSign: at(4), leaving: at(5), reason: "because of it", fatal: true}
	if o != want {
		t.Fatalf("got %+v, want %+v", o, want)
	}
}

func TestTheTimeThatTheLauncherWasHeldUpIsNotTheAgentsSilence(t *testing.T) {
	t.Parallel()
	o := observation{started: at(0), ready: at(1), lastSign: at(100)}
	// The machine was suspended for an hour.
	o = o.forgive(time.Hour)
	if got, why := o.next(20*time.Second, testOptions(), at(3600+101)); got != leaveAlone {
		t.Errorf("the agent should be left alone, got %v because it %q", got, why)
	}
	if got, _ := o.next(20*time.Second, testOptions(), at(3600+111)); got != abort {
		t.Errorf("a silence after that counts, got %v", got)
	}
	if !o.asked.IsZero() || !o.killed.IsZero() {
		t.Errorf("what has not happened stays so: %+v", o)
	}
}

func TestTheWatchdogIsFedUnlessTheAgentCannotBeEnded(t *testing.T) {
	t.Parallel()
	if o := (observation{started: at(0)}); !o.inHand(at(10000)) {
		t.Error("what is not killed is in hand")
	}
	o := observation{started: at(0), killed: at(0)}
	if !o.inHand(at(29)) || o.inHand(at(30)) {
		t.Error("a kill without effect is in hand for 30 s only")
	}
}

func exited(code int, seconds float64) ending {
	return ending{
		observation: observation{started: at(0), ready: at(0.5), lastSign: at(seconds)},
		exit:        platform.Exit{Code: code, Text: "exit status"},
		at:          at(seconds),
	}
}

func TestHowARunEndedDecidesWhenTheNextOneStarts(t *testing.T) {
	t.Parallel()
	slow := ending{observation: observation{started: at(0), killedFor: "was not ready"}, exit: platform.Exit{Code: 2}, at: at(23)}
	hung := exited(-1, 100)
	hung.killedFor, hung.lastSign = "was silent", at(30)
	hungLate := hung
	hungLate.lastSign = at(90)
	noProgram := ending{observation: observation{started: at(0)}, at: at(0), err: platform.ErrLocked}
	failing := exited(1, 1)
	failing.ready, failing.leaving = time.Time{}, at(0.5)
	for name, c := range map[string]struct {
		past  history
		run   ending
		want  history
		delay time.Duration
	}{
		"asked to be restarted":      {history{failures: 3}, exited(handshake.ExitRestart, 6), history{}, 0},
		"ended well, unasked":        {history{}, exited(handshake.ExitStopped, 6), history{}, 0},
		"asked to be upgraded":       {history{}, exited(handshake.ExitUpgrade, 3600), history{}, 0},
		"asked too soon":             {history{}, exited(handshake.ExitRestart, 1), history{failures: 1}, 500 * time.Millisecond},
		"asked too soon, again":      {history{failures: 1}, exited(handshake.ExitStopped, 1), history{failures: 2}, time.Second},
		"failed":                     {history{}, exited(handshake.ExitFailure, 1), history{failures: 1}, 500 * time.Millisecond},
		"failed after a while":       {history{failures: 4}, exited(handshake.ExitFailure, 30), history{failures: 5}, 8 * time.Second},
		"failed after a healthy run": {history{failures: 4}, exited(handshake.ExitFailure, 61), history{failures: 1}, 500 * time.Millisecond},
		"bad settings":               {history{failures: 1}, exited(handshake.ExitBadSettings, 1), history{failures: 2}, time.Second},
		"failed for the 100th time":  {history{failures: 99}, exited(handshake.ExitFailure, 1), history{failures: 100}, time.Minute},
		"was too slow":               {history{}, slow, history{failures: 1, slowStarts: 1}, 500 * time.Millisecond},
		"was too slow again":         {history{failures: 1, slowStarts: 1}, slow, history{failures: 2, slowStarts: 2}, time.Second},
		"was fast enough in the end": {history{failures: 2, slowStarts: 2}, exited(1, 1), history{failures: 3}, 2 * time.Second},
		"failed before it was ready": {history{slowStarts: 1}, failing, history{failures: 1, slowStarts: 1}, 500 * time.Millisecond},
		"hung":                       {history{failures: 2}, hung, history{failures: 3}, 2 * time.Second},
		"hung after a healthy run":   {history{failures: 2}, hungLate, history{failures: 1}, 500 * time.Millisecond},
		"could not be started":       {history{failures: 6}, noProgram, history{failures: 7}, 32 * time.Second},
	} {
		got := c.past.after(c.run, options.Default())
		if got != c.want || got.delay(options.Default(), 0) != c.delay {
			t.Errorf("%s: got %+v and a delay of %v, want %+v and %v", name, got, got.delay(options.Default(), 0), c.want, c.delay)
		}
	}
}

func TestTheBackoffDoublesFromHalfASecondToAMinuteAndIsSpread(t *testing.T) {
	t.Parallel()
	o := options.Default()
	want := []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}
	for i, ms := range want {
		h, longest := history{failures: i + 1}, ms*time.Millisecond
		if got := h.delay(o, 0); got != longest {
			t.Errorf("failure %d: got %v, want %v", i+1, got, longest)
		}
		if got, least := h.delay(o, 1), longest-longest/5; got != least {
			t.Errorf("failure %d: got at least %v, want %v", i+1, got, least)
		}
	}
	if got := (history{failures: 1 << 40}).delay(o, 0); got != time.Minute {
		t.Errorf("any number of failures gives a minute at most, got %v", got)
	}
}

func TestTheStartLimitGrowsForASlowMachine(t *testing.T) {
	t.Parallel()
	o := testOptions()
	for slow, want := range map[int]time.Duration{0: 20 * time.Second, 1: 40 * time.Second, 4: 320 * time.Second, 100: 320 * time.Second} {
		if got := (history{slowStarts: slow}).startLimit(o); got != want {
			t.Errorf("after %d slow starts: got %v, want %v", slow, got, want)
		}
	}
}

func TestTheReasonOfAnEndIsForAPerson(t *testing.T) {
	t.Parallel()
	fatal := exited(handshake.ExitFailure, 1)
	fatal.reason = "no disk"
	killed := exited(-1, 1)
	killed.killedFor = "was silent"
	for want, e := range map[string]ending{
		"settings or command line are wrong": exited(handshake.ExitBadSettings, 1),
		"in use by another OIBus":            exited(handshake.ExitInUse, 1),
		"newer version of OIBus":             exited(handshake.ExitNewerState, 1),
		"(no disk)":                          fatal,
		"the agent was silent":               killed,
		platform.ErrLocked.Error():           {err: platform.ErrLocked},
	} {
		if got := e.why(); !strings.Contains(got, want) {
			t.Errorf("got %q, want something with %q", got, want)
		}
	}
}

func TestTheTimesOfSupervisionFitEachOther(t *testing.T) {
	t.Parallel()
	d := options.Default()
	for name, ok := range map[string]bool{
		"tick < heartbeat":             tick < d.HeartbeatInterval.Std(),
		"late tick < silence limit":    lateTick < d.SilenceLimit.Std(),
		"interrupt before the limit":   interruptAfter < d.StopLimit.Std(),
		"abort < kill again":           abortGrace < killAgain,
		"short run < healthy run":      shortRun < d.HealthyAfter.Std(),
		"short run > several backoffs": shortRun > 2*d.BackoffFirst.Std(),
		"drain < kill again":           drainLimit < killAgain,
	} {
		if !ok {
			t.Errorf("broken: %s", name)
		}
	}
}
