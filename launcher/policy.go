package launcher

import (
	"fmt"
	"time"

	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/platform"
)

// The constants of supervision that are no settings.
const (
	// tick is how often the running agent is looked at: fine enough for limits of a second and more.
	tick = 500 * time.Millisecond
	// lateTick is how much later than planned a tick may come before the launcher concludes that it was itself held
	// up, by a suspended machine for example, and not the agent silent.
	lateTick = 2 * time.Second
	// interruptAfter is how long the agent may leave a closed standard input unanswered before it also gets a signal.
	interruptAfter = 5 * time.Second
	// abortGrace is how long a hung agent gets to print where it hangs.
	abortGrace = 3 * time.Second
	// killAgain is how often the end of a process tree that does not end is tried.
	killAgain = 10 * time.Second
	// shortRun is what an agent that asks to be restarted must have run not to be taken for one in a loop.
	shortRun = 5 * time.Second
	// startDoublings bounds how often the start limit doubles for a machine that is too slow for it.
	startDoublings = 4
)

// observation is what is known of a running agent. Times are zero until the thing has happened.
type observation struct {
	started   time.Time
	ready     time.Time
	version   string    // that it reported when it was ready
	serves    bool      // it does not only wait for what it has started
	lastSign  time.Time // ready or heartbeat
	leaving   time.Time // it said that it is about to exit
	reason    string    // why it said so
	asked     time.Time // it was asked to stop
	nudged    time.Time // and got a signal too, since it did not answer
	aborted   time.Time // it was told to say where it hangs
	killed    time.Time // its tree was killed, for the first time
	struck    time.Time // and the last time
	killedFor string
	fatal     bool // it said that it cannot go on
	yielded   bool // it was asked to stop for an upgrade
	judged    bool // its trial is over
}

// action is what the launcher should do to the agent now.
type action int

const (
	leaveAlone action = iota
	interrupt         // send it a signal
	abort             // let it print where it hangs, then kill it
	kill              // end its process tree
)

// next decides what to do to the agent and, for abort and kill, says why in words that follow "the agent".
func (o observation) next(startLimit time.Duration, limits options.Options, now time.Time) (action, string) {
	switch {
	case !o.killed.IsZero():
		return ifOver(now.Sub(o.struck), killAgain, kill, o.killedFor)
	case !o.aborted.IsZero():
		return ifOver(now.Sub(o.aborted), abortGrace, kill, o.killedFor)
	case !o.asked.IsZero():
		waited := now.Sub(o.asked)
		if waited < limits.StopLimit.Std() && o.leaving.IsZero() && o.nudged.IsZero() {
			return ifOver(waited, interruptAfter, interrupt, "")
		}
		return ifOver(waited, limits.StopLimit.Std(), kill,
			fmt.Sprintf("was asked to stop and did not within launcher.stop_limit, %s", limits.StopLimit))
	case !o.leaving.IsZero():
		return ifOver(now.Sub(o.leaving), limits.StopLimit.Std(), abort,
			fmt.Sprintf("said that it would exit (%s) and did not within launcher.stop_limit, %s", o.reason, limits.StopLimit))
	case o.ready.IsZero():
		return ifOver(now.Sub(o.started), startLimit, abort, fmt.Sprintf("was not ready within %s", startLimit))
	default:
		return ifOver(now.Sub(o.lastSign), limits.SilenceLimit.Std(), abort,
			fmt.Sprintf("was silent for more than launcher.silence_limit, %s", limits.SilenceLimit))
	}
}

func ifOver(waited, limit time.Duration, a action, why string) (action, string) {
	if waited < limit {
		return leaveAlone, ""
	}
	return a, why
}

// inHand says whether the launcher does its duty: the agent is healthy, or what is to be done about it has just been
// done. It is false for an agent that cannot be ended; then the watchdog of the service manager may take over.
func (o observation) inHand(now time.Time) bool {
	return o.killed.IsZero() || now.Sub(o.killed) < 3*killAgain
}

// strike returns what is known after the process tree was killed, once more.
func (o observation) strike(why string, now time.Time) observation {
	if o.killed.IsZero() {
		o.killed = now
	}
	o.struck, o.killedFor = now, why
	return o
}

// hear returns what is known after message m.
func (o observation) hear(m handshake.Message, now time.Time) observation {
	switch m.Kind {
	case handshake.Ready:
		if o.ready.IsZero() {
			o.ready = now
		}
		o.version, o.lastSign, o.serves = m.Version, now, o.serves || !m.Waiting
	case handshake.Heartbeat:
		o.lastSign = now
	case handshake.Fatal, handshake.Stopping:
		if o.leaving.IsZero() {
			o.leaving = now
		}
		o.reason = m.Reason
		o.fatal = o.fatal || m.Kind == handshake.Fatal
	}
	return o
}

// forgive returns what is known once the time that the launcher itself was held up is taken out of account.
func (o observation) forgive(lost time.Duration) observation {
	for _, t := range []*time.Time{&o.started, &o.ready, &o.lastSign, &o.leaving, &o.asked, &o.nudged, &o.aborted,
		&o.killed, &o.struck} {
		if !t.IsZero() {
			*t = t.Add(lost)
		}
	}
	return o
}

// ending is how a run of the agent ended: with err if it could not even be started.
type ending struct {
	observation
	exit platform.Exit
	at   time.Time
	err  error
}

// history is what earlier runs mean for the next one.
type history struct {
	failures   int // in a row
	slowStarts int // in a row
}

// startLimit is how long the next start may take.
func (h history) startLimit(o options.Options) time.Duration {
	return o.StartLimit.Std() << min(h.slowStarts, startDoublings)
}

// after returns the history with one more run.
func (h history) after(e ending, o options.Options) history {
	switch {
	case !e.ready.IsZero():
		h.slowStarts = 0
	case e.killedFor != "" && e.leaving.IsZero():
		h.slowStarts++
	}
	if e.healthyFor() >= o.HealthyAfter.Std() {
		h.failures = 0
	}
	if e.yielded || e.wishedRestart() && e.at.Sub(e.started) >= shortRun {
		h.failures = 0
		return h
	}
	h.failures++
	return h
}

// healthyFor is how long the agent ran well: ready, up to its last sign of life.
func (e ending) healthyFor() time.Duration {
	if e.ready.IsZero() {
		return 0
	}
	return e.lastSign.Sub(e.ready)
}

// wishedRestart says whether the agent ended by itself, in order, so that it wants to be started again.
func (e ending) wishedRestart() bool {
	if e.err != nil || e.killedFor != "" {
		return false
	}
	switch e.exit.Code {
	case handshake.ExitStopped, handshake.ExitRestart, handshake.ExitUpgrade:
		return true
	default:
		return false
	}
}

// why says in words why the run ended.
func (e ending) why() string {
	switch {
	case e.err != nil:
		return e.err.Error()
	case e.killedFor != "":
		return "the agent " + e.killedFor
	}
	text := "the agent ended: " + e.exit.Text
	if meaning := handshake.Meaning(e.exit.Code); meaning != "" {
		text += ", " + meaning
	}
	if e.reason != "" {
		text += " (" + e.reason + ")"
	}
	return text
}

// delay is the time to wait before the next start: none after a run that ended in order, else one that doubles with
// each failure in a row. random, from 0 to 1, takes up to a fifth off, so that agents that failed together do not
// come back together.
func (h history) delay(o options.Options, random float64) time.Duration {
	if h.failures == 0 {
		return 0
	}
	d := o.BackoffFirst.Std()
	for range h.failures - 1 {
		if d = 2 * d; d >= o.BackoffMax.Std() {
			break
		}
	}
	d = min(d, o.BackoffMax.Std())
	return d - time.Duration(random*float64(d)/5)
}
