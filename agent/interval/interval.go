// Package interval decides which windows of time a South reads, and how far it has read (protocol/data-plane.md,
// section 1.6). It promises that the windows of a run touch each other and cover what was not read yet, that a tracked
// instant only moves forward, never past a window that was not read and never into the future, and that nothing here
// looks at a clock or a disk. It guards against gaps: after an error, an empty answer, a restart, or a scan mode that
// is slower than the window of an item that was never read.
package interval

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// defaultLookBack is how far the first run looks back when MaxRead does not say it.
const defaultLookBack = time.Hour

// Settings say how the window of a run is made.
type Settings struct {
	MaxRead     time.Duration // the longest window to read at once, 0 or less for no splitting
	StartOffset time.Duration // added to the start of the whole window
	EndOffset   time.Duration // added to the end of the whole window
	Newest      bool          // read the latest windows first
}

// Seconds and Milliseconds turn the settings of an item into durations; nil is 0, what does not fit is cut.
func Seconds(v *float64) time.Duration      { return scaled(v, time.Second) }
func Milliseconds(v *float64) time.Duration { return scaled(v, time.Millisecond) }

// limit keeps sums of an instant with some durations within what time.Time can subtract.
const limit = 100 * 365 * 24 * time.Hour

func scaled(v *float64, unit time.Duration) time.Duration {
	if v == nil || math.IsNaN(*v) {
		return 0
	}
	d := *v * float64(unit)
	return time.Duration(max(-float64(limit), min(float64(limit), d)))
}

func (s Settings) lookBack() time.Duration {
	if s.MaxRead > 0 {
		return s.MaxRead
	}
	return defaultLookBack
}

// Position is how far an item, or a group that is read as one, has been read. It outlives the process.
type Position struct {
	Tracked time.Time // the greatest instant that the source gave; zero when it gave none
	Seen    time.Time // up to where windows were read while nothing was tracked; zero before the first run
}

// base is where reading goes on.
//
// While nothing is tracked, a run looks back as far as the settings say, because late data has no other chance, but
// from no later than what was seen: otherwise the time of a failing source, or between two slow ticks, is never read.
func (p Position) base(now time.Time, s Settings) time.Time {
	if !p.Tracked.IsZero() {
		return p.Tracked
	}
	initial := now.Add(-s.lookBack())
	if !p.Seen.IsZero() && p.Seen.Before(initial) {
		return p.Seen
	}
	return initial
}

// Window is a span of time, both ends of which may be read twice.
type Window struct{ Start, End time.Time }

// Windows cut w into consecutive windows of at most length, the last of which may be shorter, or w alone when length
// is 0 or less.
func (w Window) Windows(length time.Duration) Split { return Split{whole: w, length: length} }

// Split is a window cut in pieces. It makes each piece when asked, because there can be millions.
type Split struct {
	whole  Window
	length time.Duration
	newest bool
}

// Reversed is the same pieces, the latest first.
func (s Split) Reversed() Split { s.newest = !s.newest; return s }

// Len is the number of pieces; a window that does not extend has none.
func (s Split) Len() int {
	span := s.whole.End.Sub(s.whole.Start)
	switch {
	case span <= 0:
		return 0
	case s.length <= 0:
		return 1
	}
	return int((span-1)/s.length) + 1
}

// At is the piece i, counted in the order of reading.
func (s Split) At(i int) Window {
	n := s.Len()
	if i < 0 || i >= n {
		panic(fmt.Sprintf("interval: piece %d of %d", i, n))
	}
	if s.newest {
		i = n - 1 - i
	}
	w := s.whole
	if n == 1 {
		return w
	}
	w.Start = s.whole.Start.Add(time.Duration(i) * s.length)
	if i < n-1 {
		w.End = w.Start.Add(s.length)
	}
	return w
}

// All yields the pieces in the order of reading.
func (s Split) All() iter.Seq2[int, Window] {
	return func(yield func(int, Window) bool) {
		for i := range s.Len() {
			if !yield(i, s.At(i)) {
				return
			}
		}
	}
}
