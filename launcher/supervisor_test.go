package launcher

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
)

// fakeAgent is an agent in a test's own time. play is its life; it returns how it ended.
type fakeAgent struct {
	number   int
	messages chan handshake.Message
	ended    chan platform.Exit
	stop     chan struct{}
	killed   chan struct{}
	once     sync.Once

	mu   sync.Mutex
	done []string // what the supervisor did to it
}

func (f *fakeAgent) pid() int                        { return 1000 + f.number }
func (f *fakeAgent) heard() <-chan handshake.Message { return f.messages }
func (f *fakeAgent) gone() <-chan platform.Exit      { return f.ended }
func (f *fakeAgent) requestStop()                    { f.note("stop"); close(f.stop) }
func (f *fakeAgent) interrupt()                      { f.note("interrupt") }
func (f *fakeAgent) abort()                          { f.note("abort") }
func (f *fakeAgent) kill()                           { f.note("kill"); f.once.Do(func() { close(f.killed) }) }
func (f *fakeAgent) ready()                          { f.say(handshake.Message{Kind: handshake.Ready, Version: "3.9.0"}) }
func (f *fakeAgent) say(m handshake.Message)         { f.messages <- m }
func (f *fakeAgent) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, what)
}
func (f *fakeAgent) beat(every, during time.Duration) { f.beatUnless(every, during, nil) }

// beatUnless sends heartbeats for a while or until it is interrupted by the channel.
func (f *fakeAgent) beatUnless(every, during time.Duration, unless <-chan struct{}) {
	for end := time.Now().Add(during); time.Now().Before(end); {
		select {
		case <-unless:
			return
		case <-f.killed:
			return
		case <-time.After(every):
			f.say(handshake.Message{Kind: handshake.Heartbeat})
		}
	}
}

// world is the supervisor with all that it acts on.
type world struct {
	supervisor
	begin  time.Time
	starts []time.Duration // since begin
	agents []*fakeAgent
	states []string // what the service manager was told
	log    strings.Builder
}

// supervised runs a supervisor whose agents live as play says, for a while.
func supervised(t *testing.T, during time.Duration, play func(f *fakeAgent) platform.Exit) *world {
	t.Helper()
	return supervisedWith(t, during, noUpgrades{}, play)
}

func supervisedWith(t *testing.T, during time.Duration, u upgrades, play func(f *fakeAgent) platform.Exit) *world {
	t.Helper()
	w := &world{begin: time.Now()}
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	j, err := openJournal(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{send: func(s string) error { w.states = append(w.states, s); return nil }, watchdog: 30 * time.Second, log: log}
	w.supervisor = supervisor{options: testOptions(), upgrades: u, journal: j, manager: m, random: func() float64 { return 0 }, log: log}
	w.start = func(run) (process, error) { return w.startFake(play) }
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	w.run(ctx)
	return w
}

func (w *world) startFake(play func(f *fakeAgent) platform.Exit) (process, error) {
	w.starts = append(w.starts, time.Since(w.begin))
	if play == nil {
		return nil, errors.New("cannot start it")
	}
	f := &fakeAgent{number: len(w.starts), messages: make(chan handshake.Message), ended: make(chan platform.Exit, 1),
		stop: make(chan struct{}), killed: make(chan struct{})}
	w.agents = append(w.agents, f)
	go func() {
		exit := play(f)
		close(f.messages)
		f.ended <- exit
	}()
	return f, nil
}

func (w *world) expectStarts(t *testing.T, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(w.starts, want) {
		t.Errorf("the agent was started at %v, want %v", w.starts, want)
	}
}

func (w *world) expectDone(t *testing.T, agent int, want ...string) {
	t.Helper()
	if got := w.agents[agent].done; !slices.Equal(got, want) {
		t.Errorf("agent %d: the supervisor did %q, want %q", agent, got, want)
	}
}

func (w *world) expectLog(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(w.log.String(), text) {
			t.Errorf("the log should say %q:\n%s", text, w.log.String())
		}
	}
}

const ms = time.Millisecond

func TestAnAgentThatFailsAtOnceIsRestartedWithBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 3*time.Minute, func(*fakeAgent) platform.Exit {
			return platform.Exit{Code: handshake.ExitBadSettings, Text: "exit status 2"}
		})
		w.expectStarts(t, 0, 500*ms, 1500*ms, 3500*ms, 7500*ms, 15500*ms, 31500*ms, 63500*ms, 123500*ms)
		w.expectLog(t, "OIBus closed with code: 2", "settings or command line are wrong")
		if r := w.journal.now; r.Restarts != 9 || r.LastExit == nil || r.LastExit.Code != 2 || r.Agent != nil {
			t.Errorf("the record should tell it: %+v", r)
		}
	})
}

func TestAnAgentThatCannotBeStartedIsTriedAgainWithBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 2*time.Second, nil)
		w.expectStarts(t, 0, 500*ms, 1500*ms)
		w.expectLog(t, "cannot start it")
	})
}

func TestAHealthyRunMakesTheBackoffStartAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 70*time.Second, func(f *fakeAgent) platform.Exit {
			if f.number == 3 {
				f.ready()
				f.beat(2*time.Second, 62*time.Second)
			}
			return platform.Exit{Code: 1, Text: "exit status 1"}
		})
		w.expectStarts(t, 0, 500*ms, 1500*ms, 64*time.Second, 65*time.Second, 67*time.Second)
	})
}

func TestAnAgentThatAsksForARestartGetsItAtOnceButNotInALoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 23*time.Second, func(f *fakeAgent) platform.Exit {
			f.ready()
			if f.number <= 2 {
				f.beat(time.Second, 10*time.Second)
			}
			return platform.Exit{Code: handshake.ExitRestart, Text: "exit status 10"}
		})
		w.expectStarts(t, 0, 10*time.Second, 20*time.Second, 20500*ms, 21500*ms)
	})
}

func TestASilentAgentIsEndedAndStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 16*time.Second, func(f *fakeAgent) platform.Exit {
			f.ready()
			if f.number > 1 {
				f.beatUnless(time.Second, time.Hour, f.stop)
				return platform.Exit{Text: "exit status 0"}
			}
			<-f.killed
			return platform.Exit{Code: -1, Text: "signal: killed"}
		})
		w.expectStarts(t, 0, 13500*ms) // 10 s of silence, 3 s to print where it hangs, 0.5 s
		w.expectDone(t, 0, "abort", "kill")
		w.expectDone(t, 1, "stop")
		w.expectLog(t, "silent for more than launcher.silence_limit")
	})
}

func TestAnAgentThatDoesNotGetReadyIsEndedAndGetsMoreTimeThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 68*time.Second, func(f *fakeAgent) platform.Exit {
			<-f.killed
			return platform.Exit{Code: -1, Text: "signal: killed"}
		})
		w.expectStarts(t, 0, 23500*ms, (23500+43000+1000)*ms)
		w.expectDone(t, 0, "abort", "kill")
		w.expectLog(t, "was not ready within 20s", "was not ready within 40s")
	})
}

func TestAStopIsGracefulAndTheLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 10*time.Second, func(f *fakeAgent) platform.Exit {
			f.ready()
			f.beatUnless(time.Second, time.Hour, f.stop)
			f.say(handshake.Message{Kind: handshake.Stopping, Reason: "asked by the launcher"})
			time.Sleep(25 * time.Second)
			return platform.Exit{Text: "exit status 0"}
		})
		w.expectStarts(t, 0)
		w.expectDone(t, 0, "stop")
		if took := time.Since(w.begin); took != 35*time.Second {
			t.Errorf("the stop should last as long as the agent's, it took %v", took-10*time.Second)
		}
		if r := w.journal.now; r.Agent != nil || r.LastExit.Code != 0 || r.Restarts != 0 {
			t.Errorf("the record should tell it: %+v", r)
		}
	})
}

func TestAnAgentThatIgnoresTheStopIsNudgedThenKilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 10*time.Second, func(f *fakeAgent) platform.Exit {
			f.ready()
			f.beat(time.Second, time.Hour)
			return platform.Exit{Code: -1, Text: "signal: killed"}
		})
		w.expectDone(t, 0, "stop", "interrupt", "kill")
		if took := time.Since(w.begin); took != 40*time.Second {
			t.Errorf("it should be killed 30 s after the request, it took %v", took-10*time.Second)
		}
	})
}

func TestAStopDuringTheBackoffEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 40*time.Second, func(*fakeAgent) platform.Exit { return platform.Exit{Code: 1, Text: "exit status 1"} })
		if took := time.Since(w.begin); took != 40*time.Second || len(w.starts) != 7 {
			t.Errorf("the wait should be cut short, it took %v with %d starts", took, len(w.starts))
		}
	})
}

func TestAnAgentThatSaysItCannotGoOnIsQuoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 300*ms, func(f *fakeAgent) platform.Exit {
			f.say(handshake.Message{Kind: handshake.Fatal, Reason: "no disk"})
			return platform.Exit{Code: 1, Text: "exit status 1"}
		})
		if r := w.journal.now; !strings.Contains(r.LastExit.Reason, "no disk") {
			t.Errorf("the record should give the reason: %+v", r.LastExit)
		}
	})
}

func TestTheServiceManagerIsToldWhatHappens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, time.Minute, func(f *fakeAgent) platform.Exit {
			f.ready()
			if f.number == 1 {
				f.beat(time.Second, 12*time.Second)
				return platform.Exit{Code: 1, Text: "exit status 1"}
			}
			f.beatUnless(time.Second, time.Hour, f.stop)
			return platform.Exit{Text: "exit status 0"}
		})
		beats := 0
		states := slices.DeleteFunc(w.states, func(s string) bool {
			if s == "WATCHDOG=1" {
				beats++
				return true
			}
			return false
		})
		want := []string{
			"STATUS=Starting OIBus\nEXTEND_TIMEOUT_USEC=33000000",
			"READY=1\nSTATUS=OIBus 3.9.0 runs as process 1001",
			"STATUS=Restarting OIBus in 500ms: the agent ended: exit status 1",
			"STATUS=Starting OIBus",
			"STATUS=OIBus 3.9.0 runs as process 1002",
			"STOPPING=1\nSTATUS=Stopping OIBus\nEXTEND_TIMEOUT_USEC=43000000",
		}
		if !slices.Equal(states, want) {
			t.Errorf("got %q, want %q", states, want)
		}
		if beats != 6 { // every 10 s for a watchdog of 30 s
			t.Errorf("got %d signs of life in a minute", beats)
		}
	})
}

func TestTheServiceManagerIsToldThatALauncherServesOnlyWhenItsAgentDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits := handshake.Message{Kind: handshake.Ready, Version: "3.9.0", Waiting: true}
		w := supervised(t, 3*time.Minute, func(f *fakeAgent) platform.Exit {
			f.say(waits)
			f.beat(time.Second, 30*time.Second)
			f.say(waits) // its agent is started once more
			f.beat(time.Second, 30*time.Second)
			f.ready()
			f.beatUnless(time.Second, time.Hour, f.stop)
			return platform.Exit{Text: "exit status 0"}
		})
		states := slices.DeleteFunc(w.states, func(s string) bool { return s == "WATCHDOG=1" })
		want := []string{
			"STATUS=Starting OIBus\nEXTEND_TIMEOUT_USEC=33000000",
			"STATUS=Starting OIBus\nEXTEND_TIMEOUT_USEC=33000000",
			"STATUS=Starting OIBus\nEXTEND_TIMEOUT_USEC=33000000",
			"READY=1\nSTATUS=OIBus 3.9.0 runs as process 1001",
			"STOPPING=1\nSTATUS=Stopping OIBus\nEXTEND_TIMEOUT_USEC=43000000",
		}
		if !slices.Equal(states, want) || len(w.starts) != 1 {
			t.Errorf("got %q, want %q; %d starts", states, want, len(w.starts))
		}
	})
}

func TestReadyIsToldAgainUntilTheServiceManagerGetsIt(t *testing.T) {
	t.Parallel()
	var got []string
	deaf := true
	m := &manager{log: slog.New(slog.NewTextHandler(io.Discard, nil)), send: func(s string) error {
		if deaf {
			return errors.New("no buffer space")
		}
		got = append(got, s)
		return nil
	}}
	m.running("3.9.0", 1)
	m.waiting(time.Second, "it failed")
	m.sign(t0, true)
	deaf = false
	m.sign(t0, true)
	m.sign(t0, true)
	m.running("3.9.0", 2)
	want := []string{"READY=1\nSTATUS=Restarting OIBus in 1s: it failed", "STATUS=OIBus 3.9.0 runs as process 2"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestAnAgentThatCannotBeKilledIsLeftToTheWatchdogOfTheServiceManager(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := supervised(t, 3*time.Minute, func(f *fakeAgent) platform.Exit {
			time.Sleep(4 * time.Minute) // in the middle of a system call, say
			return platform.Exit{Code: -1, Text: "signal: killed"}
		})
		beats := 0
		for _, s := range w.states {
			if s == "WATCHDOG=1" {
				beats++
			}
		}
		// Killed after 23 s, given up 30 s later.
		if beats != 6 {
			t.Errorf("the signs of life should have ended after 53 s, got %d", beats)
		}
	})
}
