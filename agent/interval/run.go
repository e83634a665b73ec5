package interval

import (
	"fmt"
	"time"
)

// SkippedError says why a run has nothing to read. Its text is that of the reference's warning.
type SkippedError struct{ Text string }

func (e *SkippedError) Error() string { return e.Text }

// Run is one reading of an item or group: the windows to read, in order, and what becomes of its position. Save the
// position of Begin before reading. Call Read after each window whose content is durable, and End once no more is
// read, whether or not all was; save the positions that come with true.
type Run struct {
	Split
	position Position
	started  bool // the position was made by this run
	base     time.Time
	newest   bool
	toNow    bool      // the whole window ends at now or later
	done     int       // windows read
	best     time.Time // the greatest instant, when the latest windows are read first
}

// Plan makes the run of an item whose position is from, at now. It returns a *SkippedError when the window does not
// extend.
func Plan(now time.Time, from Position, s Settings) (*Run, error) {
	base := from.base(now, s)
	w := Window{Start: base.Add(s.StartOffset), End: now.Add(s.EndOffset)}
	if !w.End.After(w.Start) {
		return nil, &SkippedError{fmt.Sprintf("Skipping history query: effective window [%s, %s] does not extend past the tracked instant or the query start %s"+
			" (startTimeOffset: %d ms, endTimeOffset: %d ms)", instant(w.Start), instant(w.End), instant(base), s.StartOffset.Milliseconds(), s.EndOffset.Milliseconds())}
	}
	r := &Run{Split: w.Windows(s.MaxRead), position: from, base: base, newest: s.Newest, toNow: s.EndOffset >= 0}
	if s.Newest {
		r.Split = r.Reversed()
	}
	if from == (Position{}) {
		r.position.Seen, r.started = base, true
	}
	return r, nil
}

// instant formats t as instants are written everywhere.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Begin is the position before the first window, and whether it must be saved: where the very first run starts is
// remembered, so that nothing is lost when it fails.
func (r *Run) Begin() (Position, bool) { return r.position, r.started }

// Read notes that the next window was read wholly, at at, and that tracked was the greatest instant in it; zero for
// none. It returns the position, and whether it moved. After a window that failed nothing more may be read.
func (r *Run) Read(tracked, at time.Time) (Position, bool) {
	w := r.At(r.done)
	r.done++
	tracked = r.covered(tracked, w, at)
	if !r.newest {
		return r.advance(tracked)
	}
	if tracked.After(r.best) {
		r.best = tracked
	}
	return r.position, false
}

// End returns the position after the run, and whether it moved. A run that reads the latest windows first moves only
// when it read them all, because the ones it read last are those that come next.
func (r *Run) End() (Position, bool) {
	if r.done < r.Len() {
		return r.position, false
	}
	_, moved := r.advance(r.best)
	if r.position.Tracked.IsZero() && r.whole.End.After(r.position.Seen) {
		r.position.Seen, moved = r.whole.End, true
	}
	return r.position, moved
}

// covered is how much of tracked was really read: a source may answer more than it was asked for, and dates in the
// future. What came in while the window that ends now was read counts.
func (r *Run) covered(tracked time.Time, w Window, at time.Time) time.Time {
	end := w.End
	if r.toNow && end.Equal(r.whole.End) && at.After(end) {
		end = at
	}
	if tracked.After(end) {
		return end
	}
	return tracked
}

// advance moves the tracked instant forward, never back, and never to before where reading went on.
func (r *Run) advance(to time.Time) (Position, bool) {
	if !to.After(r.base) || !to.After(r.position.Tracked) {
		return r.position, false
	}
	r.position.Tracked = to
	return r.position, true
}
