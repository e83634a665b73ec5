package sql

import (
	"time"

	"oibus/agent/interval"
	"oibus/agent/transform/datetime"
)

// When clocks go back, an hour comes twice on them, and a column that shows clocks without an offset cannot say which
// of the two it means. A window is then widened so that it covers what its clocks show, and a date that the window did
// not ask for is taken for the second of the two, so that reading goes on. Rows of that hour may be read twice; without
// this those of its second passing would never be read.

// fold is a time zone whose clocks go back now and then. nil never does.
type fold struct{ zone *time.Location }

// foldOf is that of the clocks that a column shows, nil for one that shows instants.
func foldOf(spec datetime.Spec) *fold {
	switch spec.Type {
	case datetime.String, datetime.Date, datetime.SmallDateTime, datetime.DateTime, datetime.DateTime2, datetime.Timestamp:
	default:
		return nil
	}
	zone := time.Local
	if spec.Timezone != "" {
		var err error
		if zone, err = time.LoadLocation(spec.Timezone); err != nil {
			return nil // NewInput says so
		}
	}
	return &fold{zone}
}

// back is the next instant after at when clocks go back, and how far; zero when the next change is none of that kind.
func (f *fold) back(at time.Time) (change time.Time, by time.Duration) {
	_, end := at.In(f.zone).ZoneBounds()
	if end.IsZero() || !end.After(at) {
		return time.Time{}, 0
	}
	_, before := end.Add(-time.Millisecond).Zone()
	_, after := end.Zone()
	if before <= after {
		return time.Time{}, 0
	}
	return end, time.Duration(before-after) * time.Second
}

// wall is what clocks show, as if it were UTC.
func (f *fold) wall(at time.Time) int64 {
	_, offset := at.In(f.zone).Zone()
	return at.UnixMilli() + int64(offset)*1000
}

// widen is the window whose bounds, on the clocks, have all of w between them.
func (f *fold) widen(w interval.Window) interval.Window {
	if f == nil {
		return w
	}
	change, _ := f.back(w.Start)
	if change.IsZero() || change.After(w.End) {
		return w
	}
	if f.wall(change) < f.wall(w.Start) {
		w.Start = change
	}
	if last := change.Add(-time.Millisecond); f.wall(last) > f.wall(w.End) {
		w.End = last
	}
	return w
}

// choose is the passing of the repeated hour that lies in w, of a date that was taken for the first.
func (f *fold) choose(ms int64, w interval.Window) int64 {
	if f == nil || ms >= w.Start.UnixMilli() {
		return ms
	}
	at := time.UnixMilli(ms)
	change, by := f.back(at)
	if second := at.Add(by); !change.IsZero() && change.Sub(at) <= by && !second.Before(w.Start) && !second.After(w.End) {
		return second.UnixMilli()
	}
	return ms
}
