package interval

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// plainSplit is the cutting of a window as one would do it by hand.
func plainSplit(w Window, length time.Duration, newest bool) []Window {
	var all []Window
	if length <= 0 {
		return []Window{w}
	}
	for start := w.Start; start.Before(w.End); start = start.Add(length) {
		end := start.Add(length)
		if end.After(w.End) {
			end = w.End
		}
		all = append(all, Window{start, end})
	}
	if newest {
		slices.Reverse(all)
	}
	return all
}

func TestSplittingIsThatOfThePlainModel(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		w := Window{Start: day, End: day.Add(time.Duration(1 + random.Int64N(int64(time.Hour))))}
		length := time.Duration(random.Int64N(int64(time.Hour))) - time.Minute
		if length > 0 && w.End.Sub(w.Start)/length > 2000 {
			length += w.End.Sub(w.Start) / 2000
		}
		newest := random.IntN(2) == 0
		split := w.Windows(length)
		if newest {
			split = split.Reversed()
		}
		var got []Window
		for _, piece := range split.All() {
			got = append(got, piece)
		}
		if want := plainSplit(w, length, newest); !slices.Equal(got, want) {
			t.Fatalf("%v by %s, newest %v:\n%v\nwant\n%v", w, length, newest, got, want)
		}
	}
}

// source is a historian whose rows all exist when their time has come, and which fails now and then.
type source struct {
	random *rand.Rand
	rows   []time.Time
	sent   map[time.Time]bool
}

var errDown = errors.New("down")

// read answers one window, and the greatest instant in it.
func (s *source) read(w Window, now time.Time, trouble float64) (tracked time.Time, err error) {
	if s.random.Float64() < trouble {
		return time.Time{}, errDown
	}
	for _, row := range s.rows {
		if row.Before(w.Start) || row.After(w.End) || row.After(now) {
			continue
		}
		s.sent[row] = true
		if row.After(tracked) {
			tracked = row
		}
	}
	return tracked, nil
}

// run plays one tick, and returns the position as it was saved.
func (s *source) run(t *testing.T, now time.Time, saved Position, set Settings, trouble float64) (after Position, ok bool) {
	r, err := Plan(now, saved, set)
	if err != nil {
		return saved, true // nothing to read
	}
	keep := func(p Position, moved bool) {
		if !moved && p != saved {
			t.Fatalf("the position %v differs from the saved %v, unsaid", p, saved)
		}
		if p.Tracked.Before(saved.Tracked) || p.Seen.Before(saved.Seen) {
			t.Fatalf("went back from %v to %v", saved, p)
		}
		if p.Tracked.After(now) {
			t.Fatalf("tracks the future %v at %v", p.Tracked, now)
		}
		saved = p
	}
	keep(r.Begin())
	ok = true
	for _, w := range r.All() {
		tracked, err := s.read(w, now, trouble)
		if err != nil {
			ok = false
			break
		}
		keep(r.Read(tracked, now))
	}
	keep(r.End())
	return saved, ok
}

func TestWhateverFailsEveryRowIsReadOnceTheSourceWorks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := &source{random: random, sent: map[time.Time]bool{}}
		set := Settings{
			MaxRead:     time.Duration(random.IntN(4)) * 20 * time.Minute,
			StartOffset: -time.Duration(random.IntN(3)) * time.Minute,
			EndOffset:   time.Duration(random.IntN(3)-1) * time.Minute,
			Newest:      random.IntN(2) == 0,
		}
		first := at(0)
		for range 1 + random.IntN(60) {
			s.rows = append(s.rows, first.Add(time.Duration(random.IntN(48*3600))*time.Second))
		}
		now, saved, trouble := first, Position{}, random.Float64()/2
		for now.Before(at(48)) {
			saved, _ = s.run(t, now, saved, set, trouble)
			now = now.Add(time.Duration(1+random.IntN(5*3600)) * time.Second)
		}
		// At last the source works, well after the last row.
		if _, ok := s.run(t, now.Add(time.Hour), saved, set, 0); !ok {
			t.Fatal("the last run failed")
		}
		for _, row := range s.rows {
			if !s.sent[row] {
				t.Fatalf("seed %d, %+v: the row of %s was never read", seed, set, row)
			}
		}
	}
}

func FuzzPlan(f *testing.F) {
	f.Add(int64(3600), int64(0), int64(1000), int64(-500), int64(0), true)
	f.Fuzz(func(t *testing.T, now, tracked, maxRead, start, end int64, newest bool) {
		within := func(v int64) float64 { return float64(v) }
		a, b, c := within(maxRead), within(start), within(end)
		s := Settings{MaxRead: Seconds(&a), StartOffset: Milliseconds(&b), EndOffset: Milliseconds(&c), Newest: newest}
		const span = 1 << 34 // seconds, up to the year 2514
		r, err := Plan(time.Unix(now%span, 0), Position{Tracked: time.Unix(tracked%span, 0)}, s)
		if err != nil {
			return
		}
		n := r.Len()
		if n < 1 {
			t.Fatalf("%d windows", n)
		}
		for _, i := range []int{0, n / 2, n - 1} {
			if w := r.At(i); !w.End.After(w.Start) {
				t.Fatalf("window %d of %d is %v", i, n, w)
			}
		}
	})
}
