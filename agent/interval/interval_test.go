package interval

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

var day = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return day.Add(time.Duration(hours * float64(time.Hour))) }

func windows(t *testing.T, r *Run) []Window {
	t.Helper()
	var all []Window
	for i, w := range r.All() {
		if i != len(all) {
			t.Fatalf("window %d comes as number %d", len(all), i)
		}
		all = append(all, w)
	}
	return all
}

func plan(t *testing.T, now time.Time, from Position, s Settings) *Run {
	t.Helper()
	r, err := Plan(now, from, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALongWindowIsReadInPiecesThatTouch(t *testing.T) {
	t.Parallel()
	s := Settings{MaxRead: time.Hour}
	want := []Window{{at(0), at(1)}, {at(1), at(2)}, {at(2), at(2.5)}}
	if got := windows(t, plan(t, at(2.5), Position{Tracked: at(0)}, s)); !slices.Equal(got, want) {
		t.Errorf("oldest first: %v", got)
	}
	s.Newest = true
	slices.Reverse(want)
	if got := windows(t, plan(t, at(2.5), Position{Tracked: at(0)}, s)); !slices.Equal(got, want) {
		t.Errorf("newest first: %v", got)
	}
}

func TestWithoutMaximumThereIsOneWindow(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{0, -time.Second} {
		got := windows(t, plan(t, at(50), Position{Tracked: at(0)}, Settings{MaxRead: length}))
		if !slices.Equal(got, []Window{{at(0), at(50)}}) {
			t.Errorf("length %s: %v", length, got)
		}
	}
}

func TestTheFirstRunLooksBackAsFarAsOneWindowOrAnHour(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		s    Settings
		want Window
	}{
		{Settings{MaxRead: 2 * time.Hour}, Window{at(8), at(10)}},
		{Settings{}, Window{at(9), at(10)}},
		{Settings{StartOffset: -time.Hour, EndOffset: -time.Minute}, Window{at(8), at(10).Add(-time.Minute)}},
	} {
		r := plan(t, at(10), Position{}, test.s)
		if got := windows(t, r); len(got) != 1 || got[0] != test.want {
			t.Errorf("%+v: %v", test.s, got)
		}
	}
}

func TestOffsetsApplyToTheWholeWindowOnly(t *testing.T) {
	t.Parallel()
	s := Settings{MaxRead: time.Hour, StartOffset: -30 * time.Minute, EndOffset: time.Hour}
	got := windows(t, plan(t, at(2), Position{Tracked: at(1)}, s))
	want := []Window{{at(.5), at(1.5)}, {at(1.5), at(2.5)}, {at(2.5), at(3)}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestAWindowThatDoesNotExtendIsSkippedWithTheReferencesWarning(t *testing.T) {
	t.Parallel()
	_, err := Plan(at(1), Position{Tracked: at(1)}, Settings{StartOffset: 1500 * time.Millisecond, EndOffset: -2 * time.Second})
	const want = "Skipping history query: effective window [2024-01-01T01:00:01.500Z, 2024-01-01T00:59:58.000Z] does not extend past the tracked instant or the query start " +
		"2024-01-01T01:00:00.000Z (startTimeOffset: 1500 ms, endTimeOffset: -2000 ms)"
	var skipped *SkippedError
	if !errors.As(err, &skipped) || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestTheTrackedInstantOnlyMovesForwardWithinARun(t *testing.T) {
	t.Parallel()
	r := plan(t, at(3), Position{Tracked: at(0)}, Settings{MaxRead: time.Hour})
	if p, moved := r.Read(at(.75), at(3)); !moved || p.Tracked != at(.75) {
		t.Fatalf("%v %v", p, moved)
	}
	if p, moved := r.Read(at(.5), at(3)); moved || p.Tracked != at(.75) {
		t.Fatalf("went back to %v", p)
	}
	if p, moved := r.Read(time.Time{}, at(3)); moved || p.Tracked != at(.75) {
		t.Fatalf("an empty window moved to %v", p)
	}
	if p, moved := r.End(); moved || p.Tracked != at(.75) {
		t.Fatalf("the end moved to %v", p)
	}
}

func TestNewestFirstKeepsTheGreatestInstantWhateverWindowHadIt(t *testing.T) {
	t.Parallel()
	r := plan(t, at(3), Position{Tracked: at(0)}, Settings{MaxRead: time.Hour, Newest: true})
	for _, tracked := range []time.Time{{}, at(1.5), at(.5)} { // the most recent window is empty
		if _, moved := r.Read(tracked, at(3)); moved {
			t.Fatal("moved before all was read")
		}
	}
	if p, moved := r.End(); !moved || p.Tracked != at(1.5) {
		t.Fatalf("%v %v", p, moved)
	}
}

func TestNewestFirstDoesNotMoveWhenARunIsCutShort(t *testing.T) {
	t.Parallel()
	r := plan(t, at(3), Position{Tracked: at(0)}, Settings{MaxRead: time.Hour, Newest: true})
	r.Read(at(2.5), at(3))
	if p, moved := r.End(); moved || p.Tracked != at(0) {
		t.Fatalf("%v %v: the older windows would never be read", p, moved)
	}
}

func TestAnInstantOf1970DoesNotSendTheNextRunBack(t *testing.T) {
	t.Parallel()
	for _, newest := range []bool{false, true} {
		r := plan(t, at(3), Position{}, Settings{Newest: newest})
		r.Read(time.Unix(0, 0), at(3))
		if p, _ := r.End(); !p.Tracked.IsZero() {
			t.Errorf("newest %v: tracked %v", newest, p.Tracked)
		}
	}
}

func TestADateInTheFutureDoesNotStopReading(t *testing.T) {
	t.Parallel()
	r := plan(t, at(3), Position{Tracked: at(2)}, Settings{})
	if p, _ := r.Read(at(1e6), at(3.1)); p.Tracked != at(3.1) {
		t.Errorf("tracked %v", p.Tracked)
	}
}

func TestAnAnswerBeyondItsWindowDoesNotPassOverTheNextWindow(t *testing.T) {
	t.Parallel()
	r := plan(t, at(3), Position{Tracked: at(0)}, Settings{MaxRead: time.Hour})
	if p, _ := r.Read(at(2.5), at(3)); p.Tracked != at(1) {
		t.Errorf("tracked %v although only one hour was read", p.Tracked)
	}
}

func TestAFirstRunThatFailsIsRepeatedFromItsStart(t *testing.T) {
	t.Parallel()
	s := Settings{MaxRead: time.Hour}
	p, save := plan(t, at(10), Position{}, s).Begin()
	if !save {
		t.Fatal("where the first run began is not remembered")
	}
	if got := plan(t, at(15), p, s).At(0); got.Start != at(9) {
		t.Errorf("five hours later it starts at %v", got.Start)
	}
}

func TestASlowScanModeLeavesNoGapWhileNothingIsTracked(t *testing.T) {
	t.Parallel()
	p := Position{}
	for tick := range 4 { // daily, looking back one hour
		r := plan(t, at(24*float64(tick+1)), p, Settings{MaxRead: time.Hour})
		r.Begin()
		if tick > 0 && r.At(0).Start != at(24*float64(tick)) {
			t.Fatalf("tick %d starts at %v", tick, r.At(0).Start)
		}
		for range r.Len() {
			r.Read(time.Time{}, at(24*float64(tick+1)))
		}
		p, _ = r.End()
	}
}

func TestAFastScanModeLooksBackForLateDataWhileNothingIsTracked(t *testing.T) {
	t.Parallel()
	s := Settings{MaxRead: time.Hour}
	r := plan(t, at(10), Position{}, s)
	r.Read(time.Time{}, at(10))
	p, _ := r.End()
	if got := plan(t, at(10.1), p, s).At(0); !got.Start.Equal(at(9.1)) {
		t.Errorf("starts at %v", got.Start)
	}
}

func TestSettingsOfItemsBecomeDurations(t *testing.T) {
	t.Parallel()
	n := func(v float64) *float64 { return &v }
	for _, test := range []struct {
		got, want time.Duration
	}{
		{Seconds(nil), 0}, {Seconds(n(3600)), time.Hour}, {Seconds(n(0.5)), 500 * time.Millisecond}, {Milliseconds(n(-1000)), -time.Second},
		{Seconds(n(1e300)), limit}, {Milliseconds(n(math.Inf(-1))), -limit}, {Seconds(n(math.NaN())), 0},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
}
