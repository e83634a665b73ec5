package cron

import (
	"math/bits"
	"time"
)

// horizon bounds the search for the next tick: 29 February is at most eight years away.
const horizon = 9

// everyHour is the hour field of a schedule that does not choose hours.
const everyHour = 1<<24 - 1

// Next returns the first tick after t, in the time zone of t, or the zero time when there is none.
//
// When clocks go forward, a schedule that chooses hours runs what falls in the skipped hour as much later as the
// clock jumped (02:30 at 03:30), so that a daily run is not lost. When they go back, a schedule of fixed times (it
// chooses hours, and runs at most once in each) runs in the first pass of the repeated hour only. All other
// schedules (every second, every 10 minutes, every hour) keep their rhythm in elapsed time through both.
func (s Schedule) Next(after time.Time) time.Time {
	at := after.Truncate(time.Second).Add(time.Second)
	limit := at.AddDate(horizon, 0, 0)
	for at.Before(limit) {
		p := periodOf(at)
		if next, ok := s.within(at, p); ok {
			return next
		}
		if p.end.IsZero() {
			break
		}
		at = p.end
	}
	return time.Time{}
}

// period is a stretch of time with one offset from UTC.
type period struct {
	start, end       time.Time // zero when unbounded
	offset, previous time.Duration
}

func periodOf(t time.Time) period {
	start, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) { // on the last day of leap years the library gives its beginning for the end
		end = t.Truncate(time.Hour).Add(time.Hour)
	}
	p := period{start: start, end: end, offset: offsetOf(t)}
	p.previous = p.offset
	if !start.IsZero() {
		p.previous = offsetOf(start.Add(-time.Second))
	}
	return p
}

func offsetOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// within looks for the first tick from at to the end of the period. Instants are searched as what a clock on the
// wall shows, written as if it were UTC.
func (s Schedule) within(at time.Time, p period) (time.Time, bool) {
	from, to := wall(at, p.offset), wall(at, p.offset).AddDate(horizon, 0, 0)
	if !p.end.IsZero() {
		to = wall(p.end, p.offset)
	}
	if p.previous > p.offset && s.fixed() {
		if passed := wall(p.start, p.previous); from.Before(passed) {
			from = passed
		}
	}
	next, ok := s.search(from, to)
	best := next.Add(-p.offset)
	if p.previous < p.offset && s.hour != everyHour {
		skipped, found := s.search(wall(at, p.previous), wall(p.start, p.offset))
		if late := skipped.Add(-p.previous); found && (!ok || late.Before(best)) {
			best, ok = late, true
		}
	}
	return best.In(at.Location()), ok
}

func wall(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

// fixed says whether s chooses hours and runs at most once in each.
func (s Schedule) fixed() bool {
	return s.hour != everyHour && bits.OnesCount64(s.minute) == 1 && bits.OnesCount64(s.second) == 1
}

// search returns the first tick from from on and before to, on a clock without jumps.
func (s Schedule) search(from, to time.Time) (time.Time, bool) {
	day := from.Truncate(24 * time.Hour)
	hour, minute, second := from.Clock()
	for day.Before(to) {
		switch {
		case s.month&(1<<day.Month()) == 0:
			day = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.onDay(day):
			day = day.AddDate(0, 0, 1)
		default:
			if clock, ok := s.clock(hour, minute, second); ok {
				tick := day.Add(clock)
				return tick, tick.Before(to)
			}
			day = day.AddDate(0, 0, 1)
		}
		hour, minute, second = 0, 0, 0
	}
	return time.Time{}, false
}

// onDay applies the either-day rule: when day of month and day of week are both restricted, one of them is enough.
func (s Schedule) onDay(day time.Time) bool {
	inMonth, inWeek := s.day&(1<<day.Day()) != 0, s.weekday&(1<<day.Weekday()) != 0
	if !s.anyDay && !s.anyWeekday {
		return inMonth || inWeek
	}
	return inMonth && inWeek
}

// clock is the first time of day from the given one on.
func (s Schedule) clock(hour, minute, second int) (time.Duration, bool) {
	if s.hour&(1<<hour) != 0 {
		if s.minute&(1<<minute) != 0 {
			if next, ok := lowest(s.second, second); ok {
				return clockTime(hour, minute, next), true
			}
		}
		if next, ok := lowest(s.minute, minute+1); ok {
			return clockTime(hour, next, bits.TrailingZeros64(s.second)), true
		}
	}
	if next, ok := lowest(s.hour, hour+1); ok {
		return clockTime(next, bits.TrailingZeros64(s.minute), bits.TrailingZeros64(s.second)), true
	}
	return 0, false
}

func clockTime(hour, minute, second int) time.Duration {
	return time.Duration(hour*3600+minute*60+second) * time.Second
}

// lowest is the lowest member of set that is at least low.
func lowest(set uint64, low int) (int, bool) {
	n := bits.TrailingZeros64(set &^ (1<<low - 1))
	return n, n < 64
}
