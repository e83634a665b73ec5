package south

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// quiet is how long a warning that repeats at each tick is not repeated.
const quiet = time.Hour

// levelTrace is below debug: what an expert wants when nothing else helps.
const levelTrace = -8

// Tick says that a scan mode is due: its units are put in the queue, except those that are there or running still. It
// does not block.
func (r *Runner) Tick(scanModeID string) {
	r.mu.Lock()
	if !r.connected {
		r.mu.Unlock()
		return
	}
	warn, skipped := false, false
	now := r.now()
	for _, u := range r.plan.modes[scanModeID] {
		if !u.busy && !r.overlaps(u) {
			u.busy = true
			r.queue = append(r.queue, u)
			continue
		}
		skipped = true
		warn = due(&u.warned, now) || warn
	}
	waiting := len(r.queue) > 0
	r.mu.Unlock()
	if waiting {
		signal(r.wake)
	}
	if skipped {
		r.logSkipped(scanModeID, warn)
	}
}

// due says whether a warning was not given for a while, and notes that it is given now.
func due(last *time.Time, now time.Time) bool {
	if age := now.Sub(*last); !last.IsZero() && age >= 0 && age < quiet {
		return false
	}
	*last = now
	return true
}

// logSkipped says once for all units of a tick that they were skipped: the text does not name them.
func (r *Runner) logSkipped(scanModeID string, warn bool) {
	mode, _ := r.o.ScanMode(scanModeID)
	const text = "Task job not added in South connector queue for cron \"%s\" (%s). The previous cron was still running."
	if warn {
		r.log.Warn(fmt.Sprintf(text+" The next occurrences will be logged as trace for the next hour", mode.Name, mode.Cron))
		return
	}
	r.trace(text, mode.Name, mode.Cron)
}

func (r *Runner) trace(format string, args ...any) {
	if ctx := context.Background(); r.log.Enabled(ctx, levelTrace) {
		r.log.Log(ctx, levelTrace, fmt.Sprintf(format, args...))
	}
}

// overlaps says whether an item of u is being read as part of a unit that is configured otherwise by now.
func (r *Runner) overlaps(u *unit) bool {
	for _, running := range r.running {
		if running.stale && running.shares(u) {
			return true
		}
	}
	return false
}

// work runs units until ctx is done.
func (r *Runner) work(ctx context.Context) error {
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		for ctx.Err() == nil {
			u := r.next()
			if u == nil {
				break
			}
			r.run(ctx, u)
			r.finished(u)
		}
	}
}

// next takes the unit that has waited longest.
func (r *Runner) next() *unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	u := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	r.running = append(r.running, u)
	if len(r.queue) > 0 {
		signal(r.wake) // for another worker
	}
	return u
}

func (r *Runner) finished(u *unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u.busy = false
	if u.next != nil {
		u.next.busy = false
	}
	r.running = slices.DeleteFunc(r.running, func(other *unit) bool { return other == u })
}
