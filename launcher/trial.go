package launcher

import (
	"fmt"
	"time"
)

// verdict is what a trial has shown.
type verdict int

const (
	undecided verdict = iota
	passed
	failed
)

// verdict judges a running agent on trial: it must report that it is ready, as the version that is wanted, and show
// that it lives until the window is over. Silence and slowness are judged by next, which then has it killed.
func (o observation) verdict(want string, window time.Duration) (verdict, string) {
	switch {
	case !o.ready.IsZero() && o.version != want:
		return failed, wrongVersion(o.version, want)
	case o.fatal:
		return failed, "the agent cannot go on: " + o.reason
	case o.killedFor != "":
		return failed, "the agent " + o.killedFor
	case !o.asked.IsZero() || !o.leaving.IsZero() || o.ready.IsZero():
		return undecided, "" // how it ends will show
	case o.lastSign.Sub(o.ready) >= window:
		return passed, ""
	}
	return undecided, ""
}

func wrongVersion(got, want string) string {
	return fmt.Sprintf("the agent says that it is version %q, version %q was expected", got, want)
}

// verdict judges an agent that ended while it was on trial. One that was ready and wished to be started again is
// undecided: it is, but not for ever.
func (e ending) verdict(want string) (verdict, string) {
	switch {
	case e.err != nil:
		return failed, e.err.Error()
	case !e.ready.IsZero() && e.version != want:
		return failed, wrongVersion(e.version, want)
	case e.fatal:
		return failed, "the agent cannot go on: " + e.reason
	case e.ready.IsZero():
		return failed, e.why() + ", before it was ready"
	case e.wishedRestart():
		return undecided, ""
	}
	return failed, fmt.Sprintf("%s, %s after it was ready", e.why(), e.at.Sub(e.ready).Round(time.Second))
}
