package history

import (
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
)

// plan says what is read next: a pure function of how far each item has been read. All intervals lie on one grid, so an
// item that goes on after a stop reads the intervals that it would have read.
type plan struct {
	start, end time.Time
	grid       interval.Split
	batch      bool // items that are equally far are read together
}

func newPlan(r entity.HistoryRange, batch bool) (plan, error) {
	start, err := time.Parse(time.RFC3339Nano, r.Start)
	if err != nil {
		return plan{}, err
	}
	end, err := time.Parse(time.RFC3339Nano, r.End)
	if err != nil {
		return plan{}, err
	}
	w := interval.Window{Start: start, End: end}
	return plan{start: start, end: end, grid: w.Windows(interval.Seconds(&r.MaxReadInterval)), batch: batch}, nil
}

// slot is the number of the interval that begins at an instant or holds it, from 0; that of no interval at the end.
func (p plan) slot(at time.Time) int {
	n := p.grid.Len()
	switch {
	case !at.Before(p.end):
		return n
	case !at.After(p.start) || n <= 1:
		return 0
	}
	return int(at.Sub(p.start) / p.grid.At(0).End.Sub(p.start))
}

// window is what is read of an item that was read up to an instant before the end: the rest of the interval of that.
func (p plan) window(at time.Time) interval.Window {
	w := p.grid.At(p.slot(at))
	if at.After(w.Start) {
		w.Start = at
	}
	return w
}

// next chooses what is read next: the places of some items, none of which is among passed, and their interval. There is
// nothing when ok is false. Items that are read alone come one after the other, each to its end. Of those that are read
// together the ones that are behind come first, up to where the next ones are. Of items that are read alone, those before
// the place from have been chosen already.
func (p plan) next(positions []time.Time, passed map[int]bool, from int) (members []int, w interval.Window, ok bool) {
	if p.batch {
		from = 0
	}
	for i := from; i < len(positions); i++ {
		at := positions[i]
		if passed[i] || !at.Before(p.end) {
			continue
		}
		switch {
		case len(members) == 0 || at.Before(w.Start):
			members, w = []int{i}, p.window(at)
		case at.Equal(w.Start):
			members = append(members, i)
		}
		if !p.batch {
			return members, w, true
		}
	}
	if len(members) == 0 {
		return nil, w, false
	}
	for i, at := range positions {
		if !passed[i] && at.After(w.Start) && at.Before(w.End) {
			w.End = at
		}
	}
	return members, w, true
}

// progress is the part of everything that was read.
func (p plan) progress(positions []time.Time) float64 {
	all := p.grid.Len() * len(positions)
	if all == 0 {
		return 1
	}
	done := 0
	for _, at := range positions {
		done += p.slot(at)
	}
	return float64(done) / float64(all)
}
