package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"oibus/launcher/handover"
)

// step is what is done in a phase.
type step struct {
	in, next Phase
	when     when
	do       func(m *Machine, ctx context.Context, s *State) error
}

// when says whether an agent may run while a step is done.
type when int

const (
	anytime when = iota
	stopped      // only while none runs
	later        // rather while one runs: nobody should wait for it
)

// steps is the whole machine, in order. do changes the state that is then saved together with the next phase. After
// an error or a crash it is done again from the beginning, or the attempt goes to rolling-back. Between Switched and
// Committed stands the trial, which is not a step: the new version decides it.
func steps() []step {
	return []step{
		{Staged, Checked, anytime, (*Machine).examine},
		{Checked, BackedUp, anytime, (*Machine).save},
		{BackedUp, Stopped, stopped, nothing},
		{Stopped, Switched, stopped, (*Machine).switchOver},
		{Switched, OnTrial, stopped, nothing},
		{OnTrial, Committed, stopped, nothing},
		{Committed, Cleaned, later, (*Machine).tidy},
		{RollingBack, RolledBack, stopped, (*Machine).undo},
		{RolledBack, Cleaned, later, (*Machine).tidy},
		{Cleaned, Idle, later, nothing},
	}
}

func nothing(*Machine, context.Context, *State) error { return nil }

func stepIn(p Phase) step {
	i := slices.IndexFunc(steps(), func(s step) bool { return s.in == p })
	if i < 0 {
		return step{in: p, next: Idle, do: nothing}
	}
	return steps()[i]
}

// before says whether phase p comes before q on the way to Committed.
func (p Phase) before(q Phase) bool {
	index := func(p Phase) int { return slices.IndexFunc(steps(), func(s step) bool { return s.in == p }) }
	return index(p) < index(q)
}

// decided says that the attempt is over but for what is to be tidied up: that this fails changes nothing of how it ended.
func (p Phase) decided() bool { return p == Committed || p == RolledBack || p == Cleaned }

// needsStop says whether the next step is only for the time that no agent runs. To undo what the agent did not notice
// is not.
func (a Attempt) needsStop() bool {
	if a.Phase == RollingBack {
		return !a.Reached.before(Stopped)
	}
	return stepIn(a.Phase).when == stopped
}

// undoTries is how often it is tried to undo an upgrade before the site goes on with what could be undone: any agent
// is better than none.
const undoTries = 5

// errRunsAlready says that there is nothing to do.
var errRunsAlready = errors.New("it runs already")

// transition is the attempt after its step ended, well or with an error. It is the only place that decides this.
func transition(a Attempt, err error) Attempt {
	switch {
	case err == nil:
		a.Phase = stepIn(a.Phase).next
	case errors.Is(err, errRunsAlready):
		a.Phase, a.Reached, a.Outcome, a.Reason = Committed, a.Phase, handover.Committed, err.Error()
	case a.Phase == RollingBack && a.Tries+1 < undoTries:
		a.Tries++
	case a.Phase == RollingBack:
		a.Tries++
		a.Reason += fmt.Sprintf("; not everything could be undone: %v", err)
		a.Phase = RolledBack
	case a.Phase.decided():
		a.Phase = stepIn(a.Phase).next // what is not tidied up now is when the next one is
	default:
		a = a.fail(err.Error())
	}
	return a
}

// fail is the attempt that goes back.
func (a Attempt) fail(reason string) Attempt {
	a.Outcome = handover.RolledBack
	if a.Phase.before(Switched) {
		a.Outcome = handover.Refused
	}
	a.Reached, a.Phase, a.Reason = a.Phase, RollingBack, reason
	return a
}
