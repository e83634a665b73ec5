package history

import (
	"slices"
	"testing"
	"time"

	"oibus/agent/entity"
)

func hours(t *testing.T, values ...float64) []time.Time {
	t.Helper()
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	list := make([]time.Time, len(values))
	for i, v := range values {
		list[i] = start.Add(time.Duration(v * float64(time.Hour)))
	}
	return list
}

func TestWhatIsReadNext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		batch     bool
		positions []float64 // hours of a day that is read in intervals of six
		passed    []int
		members   []int
		from, to  float64
	}{
		"the first item first":                  {positions: []float64{0, 0}, members: []int{0}, to: 6},
		"then the next one":                     {positions: []float64{24, 6}, members: []int{1}, from: 6, to: 12},
		"one that failed is passed":             {positions: []float64{6, 12}, passed: []int{0}, members: []int{1}, from: 12, to: 18},
		"from within an interval to its end":    {positions: []float64{7}, members: []int{0}, from: 7, to: 12},
		"nothing after the end":                 {positions: []float64{24, 25}},
		"nothing without items":                 {},
		"together when equally far":             {batch: true, positions: []float64{6, 6, 24}, members: []int{0, 1}, from: 6, to: 12},
		"the ones behind alone":                 {batch: true, positions: []float64{12, 0, 12}, members: []int{1}, to: 6},
		"but no further than where others are":  {batch: true, positions: []float64{12, 6, 8}, members: []int{1}, from: 6, to: 8},
		"and together again once they are even": {batch: true, positions: []float64{12, 8, 8}, members: []int{1, 2}, from: 8, to: 12},
	} {
		p, err := newPlan(entity.HistoryRange{Start: "2024-01-01T00:00:00.000Z", End: "2024-01-02T00:00:00.000Z", MaxReadInterval: 6 * 3600}, c.batch)
		if err != nil {
			t.Fatal(err)
		}
		passed := map[int]bool{}
		for _, i := range c.passed {
			passed[i] = true
		}
		members, w, ok := p.next(hours(t, c.positions...), passed, 0)
		bounds := hours(t, c.from, c.to)
		if ok != (c.members != nil) || !slices.Equal(members, c.members) || ok && (!w.Start.Equal(bounds[0]) || !w.End.Equal(bounds[1])) {
			t.Errorf("%s: got %v %v %v", name, members, w, ok)
		}
	}
}

func TestProgressCountsIntervalsOfAllItems(t *testing.T) {
	t.Parallel()
	p, err := newPlan(entity.HistoryRange{Start: "2024-01-01T00:00:00.000Z", End: "2024-01-02T00:00:00.000Z", MaxReadInterval: 7 * 3600}, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.grid.Len(); n != 4 {
		t.Errorf("%d intervals", n)
	}
	for _, c := range []struct {
		at   []float64
		want float64
	}{{nil, 1}, {[]float64{0, 0}, 0}, {[]float64{24, 0}, 0.5}, {[]float64{6.9}, 0}, {[]float64{7}, 0.25}, {[]float64{23}, 0.75}, {[]float64{30}, 1}} {
		if got := p.progress(hours(t, c.at...)); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	whole, err := newPlan(entity.HistoryRange{Start: "2024-01-01T00:00:00.000Z", End: "2024-01-02T00:00:00.000Z"}, false)
	if err != nil || whole.grid.Len() != 1 || whole.slot(hours(t, 5)[0]) != 0 {
		t.Errorf("%+v %v", whole, err)
	}
}

func FuzzPlanCoversEverythingOnce(f *testing.F) {
	f.Add(uint16(24), uint16(7), uint16(3), true)
	f.Add(uint16(1), uint16(0), uint16(0), false)
	f.Fuzz(func(t *testing.T, span, step, first uint16, batch bool) {
		start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		end := start.Add(time.Duration(span%500+1) * time.Minute)
		p, err := newPlan(entity.HistoryRange{Start: entity.Milli(start), End: entity.Milli(end), MaxReadInterval: float64(step%60) * 60}, batch)
		if err != nil {
			t.Fatal(err)
		}
		positions := []time.Time{start.Add(time.Duration(first%500) * time.Minute), start, start}
		for rounds := 0; ; rounds++ {
			members, w, ok := p.next(positions, nil, 0)
			if !ok {
				break
			}
			if rounds > 10_000 || !w.End.After(w.Start) || w.End.After(end) {
				t.Fatalf("%v after %d rounds", w, rounds)
			}
			for _, i := range members {
				if !positions[i].Equal(w.Start) {
					t.Fatalf("item %d is at %v, %v is read", i, positions[i], w)
				}
				positions[i] = w.End
			}
		}
		if p.progress(positions) != 1 {
			t.Fatalf("ended at %v of %v", positions, end)
		}
	})
}
